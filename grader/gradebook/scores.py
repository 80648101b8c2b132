"""The scores of an assignment from columns alone: a table of a class without decoding its reports."""

from datetime import datetime

import msgspec
from sqlalchemy import Connection, func, select

from grader.gradebook.schema import ADJUSTMENT, HAND_IN, REPORT, UPLOAD
from grader.model.assignment import Assignment

_FLAGGED = '"flags":[{'
"""What a report with a flag holds; in a student's words, the quotes would be escaped."""


class Score(msgspec.Struct, frozen=True):
    """What counts of a student's hand-ins for an assignment."""

    total: float | None
    """After late penalty and adjustments; None while an item is ungraded."""
    hand_ins: int
    handed_in: datetime | None
    late_days: int
    origin: str
    key: str | None
    """That of its page, if it was handed in on the web pages."""
    flagged: bool = False
    """Whether the report flags something suspicious."""


def scores(connection: Connection, assignment: Assignment) -> dict[str, Score]:
    """Return the scores of an assignment, by student."""
    last = select(func.max(REPORT.c.id)).group_by(REPORT.c.hand_in_id)
    query = (
        select(
            HAND_IN.c.student,
            HAND_IN.c.origin,
            HAND_IN.c.handed_in,
            HAND_IN.c.late_days,
            HAND_IN.c.penalty,
            HAND_IN.c.run_id,
            REPORT.c.score,
            REPORT.c.ungraded,
            REPORT.c.report.contains(_FLAGGED).label("flagged"),
        )
        .join(REPORT)
        .where(REPORT.c.id.in_(last), HAND_IN.c.assignment == assignment.name)
        .order_by(HAND_IN.c.id)
    )
    sums = (
        select(ADJUSTMENT.c.student, func.sum(ADJUSTMENT.c.points).label("points"))
        .where(ADJUSTMENT.c.assignment == assignment.name, ADJUSTMENT.c.undone_at.is_(None))
        .group_by(ADJUSTMENT.c.student)
    )
    adjusted = {row.student: row.points for row in connection.execute(sums)}
    columns = select(UPLOAD.c.id, UPLOAD.c.key).where(UPLOAD.c.assignment == assignment.name)
    keys = {f"web/{row.id}": row.key for row in connection.execute(columns)}
    found: dict[str, Score] = {}
    order: dict[str, tuple[object, ...]] = {}
    for row in connection.execute(query):
        points = row.score - row.penalty + adjusted.get(row.student, 0.0)
        total = None if row.ungraded else max(0.0, round(points, 2))
        before = found.get(row.student)
        best = assignment.counts == "best"
        place = (
            (row.score - row.penalty,)
            if best
            else (row.handed_in is not None, row.handed_in or datetime.min, row.run_id)
        )
        counts = before is None or place >= order[row.student]
        new = Score(
            total,
            1 if before is None else before.hand_ins + 1,
            row.handed_in,
            row.late_days,
            row.origin,
            keys.get(row.origin),
            bool(row.flagged),
        )
        if counts:
            found[row.student], order[row.student] = new, place
        elif before is not None:
            found[row.student] = msgspec.structs.replace(before, hand_ins=new.hand_ins)
    return found
