"""A class of students: every submission gets exactly the verdicts that the contract gives it.

The variants and mistakes beside each solution belong to the class: they lose exactly the items that they say. Without
`--all` a part of them is graded, of which each item is lost by at least one, as alone as anywhere in the class.

What a submission answered is kept in pytest's cache: while neither it nor the sandbox changes, it is only judged again.
"""

import hashlib
import os
import re
import shutil
import time
import tomllib
from pathlib import Path

import pytest

from grader.authoring.audit import (
    CHEATS,
    MISTAKES,
    VARIANTS,
    busy_processors,
    lost_items,
    read_samples,
)
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


LOST = {name: set(lost) for name, (_, lost) in EXPECTED.items()}
LOST |= {name: set(sample.loses) for name, sample in SAMPLES.items()}
ITEMS = {
    name: {item.id for item in assignment.items}
    for name, assignment in load_assignments(CLASS.parents[1] / "solutions").items()
}


def part_of_the_class():
    """For each assignment a right notebook, and wrong ones that together lose each item, at most four at once."""
    part = set()
    for assignment, items in ITEMS.items():
        names = sorted(n for n in LOST if n.startswith(f"{assignment}/"))
        part.add(
            next(
                n
                for n in names
                if n in EXPECTED and not LOST[n] and EXPECTED[n][0].suffix == ".ipynb"
            )
        )
        wrong = [name for name in names if 0 < len(LOST[name]) <= 4]
        left = set(items)
        while left:
            chosen = max(wrong, key=lambda n: (len(LOST[n] & left), -len(LOST[n])))
            part.add(chosen)
            left -= LOST[chosen]
    return part


PART = part_of_the_class()


def parameters(names):
    return [pytest.param(n, marks=() if n in PART else pytest.mark.long) for n in names]


def sandbox_digest():
    code = sorted((CLASS.parents[1] / "grader" / "sandbox").glob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in code)).hexdigest()[:16]


@pytest.fixture
def grade(grader, assignments, pytestconfig):
    """Grade a submission, by what it answered the last time if nothing of it or of the sandbox has changed."""
    cache = pytestconfig.cache.mkdir(f"recordings-{sandbox_digest()}")

    def grade(assignment, submission):
        path = cache / f"{assignment}-{submission.sha256}"
        recording = path.read_bytes() if path.is_file() else None
        graded = grader.grade(assignments[assignment], submission, "x", recording)
        if graded.recording is not None and graded.how != "replayed":
            new = path.with_suffix(f".{os.getpid()}")
            new.write_bytes(graded.recording)
            new.replace(path)
        return graded

    return grade


@pytest.mark.slow
@pytest.mark.parametrize("name", parameters(SAMPLES))
def test_samples(name, grade):
    sample = SAMPLES[name]

    report = grade(name.split("/")[0], sample.submission).report

    messages = "\n".join(f"{i.id}: {i.message.en}\n{i.detail}" for i in report.items)
    assert sample.loses == lost_items(report), messages
    assert not report.ungraded


@pytest.mark.slow
@pytest.mark.parametrize("name", parameters(EXPECTED))
def test_verdicts(name, grade, assignments):
    path, lost = EXPECTED[name]
    assignment = assignments[path.parent.name]

    report = grade(assignment.name, read_submission(path)).report

    verdicts = {i.id: str(i.verdict) for i in report.items if i.verdict is not Verdict.PASSED}
    messages = "\n".join(f"{i.id}: {i.message.en}\n{i.detail}" for i in report.items)
    assert lost == verdicts, messages
    kept = sum(item.points for item in assignment.items if item.id not in lost)
    assert kept == report.score


@pytest.mark.long
@pytest.mark.load
@pytest.mark.parametrize("name", EXPECTED)
def test_graded_twice(name, grader, assignments):
    """`make test-twice`: on a loaded machine every item gets the points, verdict and message of a quiet one."""
    path, _ = EXPECTED[name]
    assignment, submission = assignments[path.parent.name], read_submission(path)

    first = grader.grade(assignment, submission, "x").report
    with busy_processors():
        second = grader.grade(assignment, submission, "x").report

    assert [(i.id, i.points, i.verdict, i.message) for i in second.items] == [
        (i.id, i.points, i.verdict, i.message) for i in first.items
    ]


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


@pytest.mark.long
@pytest.mark.sampled(8)
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


def test_the_part_covers_every_item_right_and_wrong():
    for assignment, items in ITEMS.items():
        part = [LOST[n] for n in PART if n.startswith(f"{assignment}/")]
        assert set() in part
        assert set().union(*part) == items
    assert len(PART) < len(LOST) / 20


@pytest.mark.slow
def test_what_is_kept_is_used_until_the_submission_or_the_sandbox_changes(
    grade, submit, pytestconfig, monkeypatch
):
    source = f"def weighted_sum(x, w, b):\n    return x @ w + b  # {time.time_ns()}\n"

    first, again = (grade("binary", submit(source)) for _ in range(2))
    other = grade("binary", submit(source.replace("+ b", "- b")))

    assert [each.how for each in (first, again, other)] == ["run", "replayed", "run"]
    assert without_measures(again.report) == without_measures(first.report)
    assert lost_items(other.report) > lost_items(first.report)
    folder = pytestconfig.cache.mkdir(f"recordings-{sandbox_digest()}")
    assert (folder / f"binary-{submit(source).sha256}").is_file()
    before = sandbox_digest()
    monkeypatch.setattr(Path, "read_bytes", lambda path: b"changed")
    assert sandbox_digest() != before


def test_every_file_is_expected():
    files = {p for p in CLASS.glob("*/*") if p.suffix in (".py", ".ipynb")}

    assert files == {path for path, _ in EXPECTED.values()}


def test_every_assignment_is_tested_by_variants_and_mistakes(assignments):
    for name in assignments:
        assert sum(sample.startswith(f"{name}/{VARIANTS}/") for sample in SAMPLES) >= 10
        assert sum(sample.startswith(f"{name}/{MISTAKES}/") for sample in SAMPLES) >= 20
        assert any(sample.startswith(f"{name}/{CHEATS}/") for sample in SAMPLES)


def test_there_are_right_and_wrong_ones_of_both_kinds():
    class_ = [(path.suffix, bool(lost)) for path, lost in EXPECTED.values()]
    class_ += [(".py", bool(sample.loses)) for sample in SAMPLES.values()]

    for suffix in (".py", ".ipynb"):
        assert class_.count((suffix, False)) >= 10
        assert class_.count((suffix, True)) >= 20
