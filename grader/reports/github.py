"""Export a hand-in to GitHub Classroom: the step's output, and the notices with the points."""

import base64
from typing import Any

import msgspec

from grader.model.record import Record
from grader.model.score import ItemResult, Verdict
from grader.model.text import Language, printable, tr


class GitHubResult(msgspec.Struct, frozen=True):
    """The output of a workflow step."""

    output: str
    """A line for the file `$GITHUB_OUTPUT`: `result=` followed by base64-encoded JSON."""
    commands: str
    """Lines for standard output."""


def to_github(record: Record, language: Language) -> GitHubResult:
    """Return the result of a hand-in. While an item is ungraded, there is no maximum and Classroom gets no points."""
    report = record.report
    score = record.final_score
    status = "error" if score is None else "pass" if score >= report.max_score else "fail"
    result: dict[str, Any] = {"version": 1, "status": status}
    if score is not None:
        result["max_score"] = report.max_score
    result["tests"] = [_test(item, language) for item in report.items]
    if score is not None and score != report.score:
        result["tests"].append(_difference(score - report.score, language))
    encoded = base64.b64encode(msgspec.json.encode(result)).decode()
    return GitHubResult(f"result={encoded}\n", _commands(score, report.max_score, language))


def _test(item: ItemResult, language: Language) -> dict[str, Any]:
    passed = item.verdict is Verdict.PASSED
    graded = item.verdict is not Verdict.UNGRADED
    test: dict[str, Any] = {
        "name": printable(item.title.in_(language)),
        "status": "pass" if passed else "fail" if graded else "error",
        "message": printable(item.message.in_(language), 1000),
        "execution_time": f"{item.seconds:.2f}s",
    }
    return test | ({"score": item.points} if graded else {})


def _difference(points: float, language: Language) -> dict[str, Any]:
    """The effect of late policy and adjustments, as a test, because Classroom adds up the tests' points."""
    name = tr("late penalty and adjustments").in_(language)
    status = "pass" if points >= 0 else "fail"
    return {"name": name, "status": status, "message": "", "score": round(points, 2)}


def _commands(score: float | None, maximum: float, language: Language) -> str:
    if score is None:
        words = tr("some items couldn't be graded, so there is no score yet").in_(language)
        return f"::error title=Autograding::{words}\n"
    points = msgspec.json.encode({"totalPoints": score, "maxPoints": maximum}).decode()
    return (
        f"::notice title=Autograding complete::Points {score:g}/{maximum:g}\n"
        f"::notice title=Autograding report::{points}\n"
    )
