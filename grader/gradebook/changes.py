"""Compare the scores of a class with those after an earlier run, and say why they differ."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from grader.gradebook.schema import ASSIGNMENT, RUN
from grader.model.errors import UserError
from grader.model.record import Adjustment, ClassRecord, Record
from grader.model.score import Verdict
from grader.model.text import Text, tr

_MAX_RUNS = 10


class Why(StrEnum):
    """What differs between two reports."""

    FILE = "file"
    SETTINGS = "settings"
    CHECKS = "checks"
    GRADER = "grader"
    LATENESS = "lateness"
    ADJUSTMENT = "adjustment"
    EXCUSED = "excused"
    AGAIN = "again"

    @property
    def text(self) -> Text:
        """The reason in words."""
        return _WHY[self]


_WHY = {
    Why.FILE: tr("another file counts"),
    Why.SETTINGS: tr("the settings changed"),
    Why.CHECKS: tr("the checks, the solution or the data changed"),
    Why.GRADER: tr("another version of the grader"),
    Why.LATENESS: tr("other lateness"),
    Why.ADJUSTMENT: tr("adjusted by hand"),
    Why.EXCUSED: tr("excused, or no longer"),
    Why.AGAIN: tr("graded again"),
}


class ItemChange(msgspec.Struct, frozen=True, kw_only=True):
    """A rubric item with other points than before, None where it wasn't graded or didn't exist."""

    id: str
    title: Text
    before: float | None
    after: float | None
    verdict: Verdict | None
    """The present one."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A student's score for an assignment that isn't what it was, None where there was or is none."""

    student: str
    assignment: str
    before: float | None
    after: float | None
    items: tuple[ItemChange, ...]
    why: tuple[Why, ...]


class Run(msgspec.Struct, frozen=True):
    """A run of `grader batch`."""

    id: int
    began: datetime
    next_began: datetime | None
    """When the run after it began."""


def runs(connection: Connection) -> tuple[Run, ...]:
    """Return all runs, the oldest first."""
    rows = connection.execute(select(RUN.c.id, RUN.c.began).order_by(RUN.c.id)).all()
    after = [*(row.began for row in rows[1:]), None]
    return tuple(Run(row.id, row.began, later) for row, later in zip(rows, after, strict=True))


def run_before(known: Sequence[Run], since: int | None) -> Run:
    """Return the run to compare with: `since`, or the last but one.

    Raises:
        UserError: there is no such run.
    """
    wanted = [run for run in known if run.id == since] if since is not None else known[-2:-1]
    if not wanted:
        raise UserError(
            tr(
                "there is no such earlier run to compare with; runs: {runs}",
                runs=", ".join(
                    f"{run.id} ({run.began:%Y-%m-%d %H:%M})" for run in known[-_MAX_RUNS:]
                )
                or "–",
            )
        )
    return wanted[0]


def settings_of(connection: Connection) -> dict[str, Any]:
    """Return the settings of every version of an assignment by its digest, wherever its folder was."""
    rows = connection.execute(select(ASSIGNMENT.c.digest, ASSIGNMENT.c.settings))
    return {row.digest: msgspec.json.decode(row.settings) | {"folder": ""} for row in rows}


def changes(
    before: ClassRecord, after: ClassRecord, settings: dict[str, Any]
) -> tuple[Change, ...]:
    """Return the scores that differ between two states of a class, in the order of its students."""
    old, new = before.counting, after.counting
    keys = [
        (student.id, assignment.name)
        for student in after.students
        for assignment in after.assignments
    ]
    found = []
    for key in keys:
        one, other = old.get(key), new.get(key)
        was = None if one is None else one.final_score
        now = None if other is None else other.final_score
        items = changed_items(one, other)
        excused = (key in before.excused) != (key in after.excused)
        if was != now or items or excused:
            why = (Why.EXCUSED,) if excused else tuple(_why(one, other, settings))
            found.append(
                Change(
                    student=key[0], assignment=key[1], before=was, after=now, items=items, why=why
                )
            )
    return tuple(found)


def kept_best(
    found: Sequence[Change], author: str, reason: str, at: datetime
) -> tuple[tuple[str, str, Adjustment], ...]:
    """Return the adjustments that bring lowered scores back to what they were."""
    return tuple(
        (
            each.student,
            each.assignment,
            Adjustment(
                points=round(each.before - each.after, 2),
                reason=reason,
                author=author,
                made_at=at,
                beyond=True,
            ),
        )
        for each in found
        if each.before is not None and each.after is not None and each.after < each.before
    )


def changed_items(before: Record | None, after: Record | None) -> tuple[ItemChange, ...]:
    """Return the rubric items whose points differ between two hand-ins, or two reports on one."""
    if before is None or after is None:
        return ()
    old, new = before.report.by_item, after.report.by_item
    both = [(id_, old.get(id_), new.get(id_)) for id_ in {**new, **old}]
    return tuple(
        ItemChange(
            id=id_,
            title=(now or old[id_]).title,
            before=None if was is None else was.points,
            after=None if now is None else now.points,
            verdict=None if now is None else now.verdict,
        )
        for id_, was, now in both
        if (was and was.points) != (now and now.points)
    )


def _why(before: Record | None, after: Record | None, settings: dict[str, Any]) -> Iterator[Why]:
    if before is None or after is None or before.report.sha256 != after.report.sha256:
        yield Why.FILE
    if before is None or after is None:
        return
    if before.digest != after.digest:
        same = settings.get(before.digest) == settings.get(after.digest)
        yield Why.CHECKS if same else Why.SETTINGS
    if before.version != after.version:
        yield Why.GRADER
    if before.penalty != after.penalty:
        yield Why.LATENESS
    if before.adjustments != after.adjustments:
        yield Why.ADJUSTMENT
    facts = ("digest", "version", "penalty", "adjustments")
    if before.report.sha256 == after.report.sha256 and all(
        getattr(before, fact) == getattr(after, fact) for fact in facts
    ):
        yield Why.AGAIN
