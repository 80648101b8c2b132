"""A class of students: every submission gets exactly the verdicts that the contract gives it.

The variants and mistakes beside each solution belong to the class: they lose exactly the items that they say.
"""

import tomllib
from pathlib import Path

import pytest

from grader.assignment import load_assignments
from grader.audit import MISTAKES, VARIANTS, lost_items, read_samples
from grader.score import Verdict
from grader.submission import read_submission

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

    report = grader.grade(assignments[name.split("/")[0]], sample.submission, "x")

    messages = "\n".join(f"{i.id}: {i.message.en}\n{i.detail}" for i in report.items)
    assert sample.loses == lost_items(report), messages
    assert not report.ungraded


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPECTED)
def test_verdicts(name, grader, assignments):
    path, lost = EXPECTED[name]
    assignment = assignments[path.parent.name]

    report = grader.grade(assignment, read_submission(path), "x")

    verdicts = {i.id: str(i.verdict) for i in report.items if i.verdict is not Verdict.PASSED}
    messages = "\n".join(f"{i.id}: {i.message.en}\n{i.detail}" for i in report.items)
    assert lost == verdicts, messages
    kept = sum(item.points for item in assignment.items if item.id not in lost)
    assert kept == report.score


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
