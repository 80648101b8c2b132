"""A class of students: every submission gets exactly the verdicts that the contract gives it.

The variants and mistakes beside each solution belong to the class: they lose exactly the items that they say.
"""

import re
import shutil
import tomllib
from pathlib import Path

import pytest

from grader.authoring.audit import MISTAKES, VARIANTS, lost_items, read_samples
from grader.model.assignment import load_assignment, load_assignments
from grader.model.score import Verdict
from grader.model.submission import read_submission

CLASS = Path(__file__).parent / "class"
EXPECTED = {
    f"{path.parent.name}/{name}": (path.parent / entry["file"], entry["lost"])
    for path in sorted(CLASS.glob("*/expected.toml"))
    for name, entry in tomllib.loads(path.read_text(encoding="utf-8")).items()
}
SAMPLES = {
    f"{assignment.name}/{sample.name}": sample
    for assignment in load_assignments(CLASS.parents[1] / "solutions").values()
    for sample in read_samples(assignment)
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SAMPLES)
def test_samples(name, grader, assignments):
    sample = SAMPLES[name]

    report = grader.grade(assignments[name.split("/")[0]], sample.submission, "x").report

    messages = "\n".join(f"{i.id}: {i.message.en}\n{i.detail}" for i in report.items)
    assert sample.loses == lost_items(report), messages
    assert not report.ungraded


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPECTED)
def test_verdicts(name, grader, assignments):
    path, lost = EXPECTED[name]
    assignment = assignments[path.parent.name]

    report = grader.grade(assignment, read_submission(path), "x").report

    verdicts = {i.id: str(i.verdict) for i in report.items if i.verdict is not Verdict.PASSED}
    messages = "\n".join(f"{i.id}: {i.message.en}\n{i.detail}" for i in report.items)
    assert lost == verdicts, messages
    kept = sum(item.points for item in assignment.items if item.id not in lost)
    assert kept == report.score


ADDED = """
@pytest.mark.item("model_shape")
def test_added(student, settings):
    net = model(student.seed(settings.seed + 1).build_model())
    require(net.is_module and net.parameters(), ko="모델이 아닙니다", en="no model")

@pytest.mark.item("convergence")
def test_added_to_what_is_shared(trained):
    require(len(trained.net.gradients()) > 2, ko="기울기가 없습니다", en="no gradients")
"""


@pytest.fixture(scope="module")
def changed(assignments, tmp_path_factory):
    """The assignments with other points, thresholds, messages, and some checks more."""

    def change(assignment):
        folder = tmp_path_factory.mktemp(assignment.name) / assignment.name
        shutil.copytree(assignment.folder, folder)
        settings, checks = folder / "assignment.toml", folder / f"test_{assignment.name}.py"
        text = re.sub(r"points = (\d+)", r"points = 3\1", settings.read_text("utf-8"))
        settings.write_text(re.sub(r"max_loss = [\d.]+", "max_loss = 0.2", text), "utf-8")
        text = checks.read_text("utf-8").replace("the last loss", "the loss at the end")
        checks.write_text(text + ADDED, "utf-8")
        return load_assignment(folder)

    return {name: change(assignment) for name, assignment in assignments.items()}


@pytest.mark.slow
@pytest.mark.sampled(4)
@pytest.mark.parametrize("name", list(EXPECTED)[::9])
def test_a_regrade_finds_what_a_run_finds(name, grader, assignments, changed):
    path, _ = EXPECTED[name]
    assignment, submission = path.parent.name, read_submission(path)
    first = grader.grade(assignments[assignment], submission, "x")
    again = grader.grade(assignments[assignment], submission, "x", first.recording)

    assert again.how == "replayed"
    assert without_measures(again.report) == without_measures(first.report)
    assert again.report.output == first.report.output

    run = grader.grade(changed[assignment], submission, "x")
    mixed = grader.grade(changed[assignment], submission, "x", first.recording)
    again = grader.grade(changed[assignment], submission, "x", mixed.recording)

    assert mixed.how != "run"
    assert without_measures(mixed.report) == without_measures(run.report)
    assert again.how == "replayed"
    assert without_measures(again.report) == without_measures(mixed.report)


def without_measures(report):
    return [(i.id, i.points, i.verdict, i.message, i.detail) for i in report.items], report.notes


def test_every_file_is_expected():
    files = {p for p in CLASS.glob("*/*") if p.suffix in (".py", ".ipynb")}

    assert files == {path for path, _ in EXPECTED.values()}


def test_every_assignment_is_tested_by_variants_and_mistakes(assignments):
    for name in assignments:
        assert sum(sample.startswith(f"{name}/{VARIANTS}/") for sample in SAMPLES) >= 10
        assert sum(sample.startswith(f"{name}/{MISTAKES}/") for sample in SAMPLES) >= 20


def test_there_are_right_and_wrong_ones_of_both_kinds():
    class_ = [(path.suffix, bool(lost)) for path, lost in EXPECTED.values()]
    class_ += [(".py", bool(sample.loses)) for sample in SAMPLES.values()]

    for suffix in (".py", ".ipynb"):
        assert class_.count((suffix, False)) >= 10
        assert class_.count((suffix, True)) >= 20
