"""Export a hand-in as the `results.json` of a Gradescope autograder."""

from typing import Any

from grader.model.record import Record
from grader.model.score import ItemResult, Verdict
from grader.model.text import Language, Text, printable, tr
from grader.reports.json import indented


def to_gradescope(record: Record, language: Language) -> str:
    """Return what Gradescope shows the student: a test per rubric item with its message, never the assistants' detail.

    While an item is ungraded, `score` is missing from that test and from the total. Gradescope then reports that the
    autograder failed, and gives no points.
    """
    report = record.report
    document = {
        "score": record.final_score,
        "execution_time": round(report.seconds, 2),
        "output": "\n".join(printable(line.in_(language), 1000) for line in _lines(record)),
        "output_format": "text",
        "test_output_format": "text",
        "test_name_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": [_test(n, item, language) for n, item in enumerate(report.items, 1)],
        "extra_data": {"sha256": report.sha256, "isolation": report.isolation},
    }
    return indented(_without_none(document))


def _lines(record: Record) -> list[Text]:
    lines = list(record.report.notes)
    if record.report.ungraded:
        lines.insert(0, tr("some items couldn't be graded, so there is no score yet"))
    if record.penalty:
        lines.append(tr("late penalty: {points} points", points=f"{record.penalty:g}"))
    lines += [
        tr("adjusted by {points} points: {reason}", points=f"{a.points:+g}", reason=a.reason)
        for a in record.adjustments
    ]
    lines += [tr("Comment: {words}", words=each.words) for each in record.comments]
    return lines


def _test(position: int, item: ItemResult, language: Language) -> dict[str, Any]:
    graded = item.verdict is not Verdict.UNGRADED
    passed = item.verdict is Verdict.PASSED
    words = [item.verdict.text.in_(language), item.message.in_(language)]
    return _without_none(
        {
            "name": printable(item.title.in_(language)),
            "number": str(position),
            "score": item.points,
            "max_score": item.max_points,
            "status": ("passed" if passed else "failed") if graded else None,
            "output": printable(": ".join(filter(None, words)), 1000),
            "visibility": "visible",
            "extra_data": {"id": item.id, "verdict": item.verdict},
        }
    )


def _without_none(document: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if value is not None}
