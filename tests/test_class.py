"""A class of students: every submission gets exactly the verdicts that the contract gives it."""

import tomllib
from pathlib import Path

import pytest

from grader.score import Verdict
from grader.submission import read_submission

CLASS = Path(__file__).parent / "class"
EXPECTED = {
    f"{path.parent.name}/{name}": (path.parent / entry["file"], entry["lost"])
    for path in sorted(CLASS.glob("*/expected.toml"))
    for name, entry in tomllib.loads(path.read_text(encoding="utf-8")).items()
}


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


def test_every_file_is_expected():
    files = {p for p in CLASS.glob("*/*") if p.suffix in (".py", ".ipynb")}

    assert files == {path for path, _ in EXPECTED.values()}


def test_there_are_right_and_wrong_ones_of_both_kinds():
    for suffix in (".py", ".ipynb"):
        right = [p for p, lost in EXPECTED.values() if p.suffix == suffix and not lost]
        wrong = [p for p, lost in EXPECTED.values() if p.suffix == suffix and lost]

        assert len(right) >= 10
        assert len(wrong) >= 20
