"""Decisions of assistants about a student's points: made once, kept through regrades, undone without a trace lost."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Table, insert, select, update

from grader.gradebook.schema import ADJUSTMENT
from grader.intake.roster import RosterIndex
from grader.model.assignment import unknown_assignment
from grader.model.errors import UserError
from grader.model.record import Adjustment, ClassRecord, Decision, Record, Standing
from grader.model.text import Text, printable, tr

Key = tuple[str, str]
"""A student's id and an assignment's name."""


class Adjusted(msgspec.Struct, frozen=True, kw_only=True):
    """What an adjustment changed."""

    decision: Decision
    asked: float
    """The points asked for; those of the decision are fewer where the maximum is reached."""
    before: float | None
    """The score before; None if there was none."""
    after: float | None
    """The score since; None if the student is excused."""


def student_id(record: ClassRecord, name: str) -> str:
    """Return the id of the student with this id, email or name, as reports show them. Dropped students are known too.

    Raises:
        UserError: no student or more than one is meant.
    """
    everyone = (*record.students, *record.dropped)
    if any(entry.id == name for entry in everyone):
        return name
    found = RosterIndex(everyone).only((name,))
    if isinstance(found, Text):
        raise UserError(
            tr(
                "no single student of this class is called {name}; write the id as in the reports",
                name=printable(name),
            )
        )
    return found


def adjust_all(
    connection: Connection, record: ClassRecord, wanted: Iterable[tuple[str, str, Adjustment]]
) -> tuple[Adjusted, ...]:
    """Store adjustments of students (named as in `student_id`) for assignments.

    Raises:
        UserError: see `Gradebook.adjust`.
    """
    counting = record.chosen
    excused = set(record.excused)
    done = []
    for name, assignment, adjustment in wanted:
        key = (student_id(record, name), assignment)
        _refuse_unknown(record, key, adjustment, excused)
        before = counting.get(key)
        given = _capped(before, adjustment) if before else adjustment
        values = msgspec.structs.asdict(given) | {"student": key[0], "assignment": assignment}
        number = connection.execute(
            insert(ADJUSTMENT).values(values).returning(ADJUSTMENT.c.id)
        ).scalar_one()
        if given.excused:
            excused.add(key)
        elif before:
            adjustments = (*before.adjustments, given)
            counting[key] = msgspec.structs.replace(before, adjustments=adjustments)
        after = None if given.excused or not before else counting[key].score
        done.append(
            Adjusted(
                decision=Decision(
                    id=number, student=key[0], assignment=assignment, adjustment=given
                ),
                asked=adjustment.points,
                before=before.score if before else None,
                after=after,
            )
        )
    return tuple(done)


def list_decisions(connection: Connection) -> tuple[Decision, ...]:
    """Return all adjustments, the oldest first, those that were undone included."""
    query = select(ADJUSTMENT).order_by(ADJUSTMENT.c.id)
    return tuple(map(_decision, connection.execute(query).mappings()))


def undo(connection: Connection, number: int, author: str, at: datetime) -> Decision:
    """Undo the adjustment with this id; it stays in the list.

    Raises:
        UserError: there is none, or it is undone already.
    """
    missing = tr(
        "there is no adjustment {number} to undo; `grader adjust RESULTS --list` lists them",
        number=number,
    )
    return _decision(undone(connection, ADJUSTMENT, number, author, at, missing))


def undone(
    connection: Connection, table: Table, number: int, author: str, at: datetime, missing: Text
) -> dict[str, Any]:
    """Mark a row as undone, and return it.

    Raises:
        UserError: `missing`, where there is no such row or it is undone already.
    """
    values = {"undone_by": author, "undone_at": at}
    wanted = (table.c.id == number, table.c.undone_at.is_(None))
    row = (
        connection.execute(update(table).where(*wanted).values(values).returning(table))
        .mappings()
        .first()
    )
    if row is None:
        raise UserError(missing)
    return dict(row)


def in_force(
    connection: Connection, until: datetime | None = None
) -> tuple[Mapping[Key, tuple[Adjustment, ...]], frozenset[Key]]:
    """Return the adjustments of points that hold, and who is excused: now, or at the time `until`."""
    points: dict[Key, tuple[Adjustment, ...]] = {}
    excused = set()
    for each in list_decisions(connection):
        key = (each.student, each.assignment)
        if until is not None and each.adjustment.made_at >= until:
            continue
        if each.undone_at is not None and (until is None or each.undone_at < until):
            continue
        if each.adjustment.excused:
            excused.add(key)
        else:
            points[key] = (*points.get(key, ()), each.adjustment)
    return points, frozenset(excused)


def excused_from(connection: Connection, student: str) -> frozenset[str]:
    """Return the names of the assignments from which the student is excused."""
    query = select(ADJUSTMENT.c.assignment).where(
        ADJUSTMENT.c.student == student,
        ADJUSTMENT.c.excused,
        ADJUSTMENT.c.undone_at.is_(None),
    )
    return frozenset(connection.execute(query).scalars())


def refuse_unknown_item(record: ClassRecord, assignment: str, item: str | None) -> None:
    """Check that the class has the assignment, and the assignment the rubric item.

    Raises:
        UserError: it doesn't.
    """
    items = {each.name: [item.id for item in each.items] for each in record.assignments}
    if assignment not in items:
        raise unknown_assignment(assignment, items)
    if item is not None and item not in items[assignment]:
        raise UserError(
            tr(
                "{assignment} has no rubric item {item}; available items: {known}",
                assignment=assignment,
                item=item,
                known=", ".join(items[assignment]),
            )
        )


def _refuse_unknown(
    record: ClassRecord, key: Key, adjustment: Adjustment, excused: set[Key]
) -> None:
    student, assignment = key
    refuse_unknown_item(record, assignment, adjustment.item)
    if record.standings[key] is Standing.DROPPED:
        raise UserError(tr("{student} is no longer on the roster", student=student))
    if key in excused:
        raise UserError(
            tr(
                "{student} is excused from {assignment}; undo that first",
                student=student,
                assignment=assignment,
            )
        )
    handed_in = sorted(name for who, name in record.attempts if who == student)
    if not adjustment.excused and assignment not in handed_in:
        raise UserError(
            tr(
                "{student} handed in nothing for {assignment} (only for: {known}); you can excuse the "
                "student with --excused",
                student=student,
                assignment=assignment,
                known=", ".join(handed_in) or "–",
            )
        )


def _capped(record: Record, adjustment: Adjustment) -> Adjustment:
    """The part of an adjustment that has room below the maximum of the item and of the assignment."""
    if adjustment.beyond or adjustment.points <= 0:
        return adjustment
    room = record.report.max_score - record.score
    for item in record.report.items:
        if item.id == adjustment.item:
            given = sum(each.points for each in record.adjustments if each.item == item.id)
            room = min(room, item.max_points - (item.points or 0.0) - given)
    if room <= 0:
        raise UserError(
            tr(
                "{student} already has the maximum; use --beyond to go beyond it",
                student=record.report.student,
            )
        )
    return msgspec.structs.replace(adjustment, points=round(min(room, adjustment.points), 2))


def _decision(row: Mapping[Any, Any]) -> Decision:
    fields = {name: row[name] for name in Adjustment.__struct_fields__}
    return Decision(
        id=row["id"],
        student=row["student"],
        assignment=row["assignment"],
        adjustment=Adjustment(**fields),
        undone_by=row["undone_by"],
        undone_at=row["undone_at"],
    )
