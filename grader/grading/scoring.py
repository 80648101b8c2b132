"""Combine the results of checks into a score report with a result for every rubric item."""

import msgspec

from grader.model.assignment import Assignment, RubricItem
from grader.model.score import Curve, Flag, ItemResult, Measure, Place, ScoreReport, Verdict
from grader.model.submission import Submission
from grader.model.text import Text, tr


class CheckResult(msgspec.Struct, frozen=True, kw_only=True):
    """The result of one check, which is a pytest test."""

    item: str
    """The id of the rubric item that it belongs to."""
    name: str
    verdict: Verdict
    message: Text
    cause: str = ""
    detail: str = ""
    seconds: float = 0.0
    """CPU seconds of the student's process."""
    memory_bytes: int = 0
    place: Place | None = None
    """The line of the submission that `message` refers to."""
    curves: tuple[Curve, ...] = ()
    measures: tuple[Measure, ...] = ()


def make_report(
    assignment: Assignment,
    submission: Submission,
    student: str,
    checks: list[CheckResult],
    notes: tuple[Text, ...] = (),
    output: str = "",
    needs_python: str = "",
    flags: tuple[Flag, ...] = (),
) -> ScoreReport:
    """Return a report with every rubric item; an item without a check result is `ungraded`."""
    items = tuple(item_result(item, checks) for item in assignment.items)
    return ScoreReport(
        assignment=assignment.name,
        student=student,
        submission=submission.file,
        sha256=submission.sha256,
        items=items,
        gradable=submission.problem is None
        and all(item.verdict is not Verdict.UNGRADED for item in items),
        notes=submission.notes + notes,
        output=output,
        needs_python=needs_python,
        flags=flags,
    )


def no_submission(
    assignment: Assignment, submission: Submission, problem: Text, student: str
) -> ScoreReport:
    """Return the report on a file that isn't a submission: nothing ran, and an assistant must check it."""
    message = tr("this file can't be graded: {problem}", problem=problem)
    checks = [
        CheckResult(item=item.id, name="", verdict=Verdict.ERROR, message=message)
        for item in assignment.items
    ]
    return make_report(assignment, submission, student, checks, (message,))


def ungraded(
    assignment: Assignment, submission: Submission, student: str, reason: str
) -> ScoreReport:
    """Return the report on a submission that the grader failed to grade."""
    message = tr("this couldn't be graded. It isn't your fault, and it will be graded again")
    checks = [
        CheckResult(item=item.id, name="", verdict=Verdict.UNGRADED, message=message, detail=reason)
        for item in assignment.items
    ]
    return make_report(assignment, submission, student, checks)


def item_result(item: RubricItem, results: list[CheckResult]) -> ItemResult:
    """Return the result of a rubric item from those of its checks, which are among `results`."""
    checks = [check for check in results if check.item == item.id]
    lost = [check for check in checks if check.verdict is not Verdict.PASSED]
    points: float | None = item.points
    place, cause = None, ""
    if not checks:
        verdict, message = Verdict.UNGRADED, tr("no check of this item ran")
    elif not lost:
        verdict, message = Verdict.PASSED, Text(ko="", en="")
    else:
        ours = [check for check in lost if check.verdict is Verdict.UNGRADED]
        first = (ours or lost)[0]
        verdict, message, place, cause = first.verdict, first.message, first.place, first.cause
        points = round(item.points * _fraction(item, checks), 2)
        if points > 0 and verdict is not Verdict.UNGRADED:
            verdict = Verdict.PARTIAL
    return ItemResult(
        id=item.id,
        title=item.title,
        short=item.short,
        points=None if verdict is Verdict.UNGRADED else points,
        max_points=item.points,
        verdict=verdict,
        message=message,
        cause=cause,
        detail="\n\n".join(
            ": ".join(filter(None, (check.name, check.detail or check.message.en)))
            for check in lost
        ),
        seconds=round(sum(check.seconds for check in checks), 4),
        memory_bytes=max((check.memory_bytes for check in checks), default=0),
        place=place,
        curves=tuple(curve for check in checks for curve in check.curves),
        measures=tuple(measure for check in checks for measure in check.measures),
    )


def _fraction(item: RubricItem, checks: list[CheckResult]) -> float:
    """The fraction of points for an item with failed checks: 0, unless the settings give its checks weights."""
    total = sum(item.weights.get(check.name, 0.0) for check in checks)
    held = [check for check in checks if check.verdict is Verdict.PASSED]
    return sum(item.weights.get(check.name, 0.0) for check in held) / total if total else 0.0
