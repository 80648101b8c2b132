"""Remember which results were sent to students, so that nothing is sent twice."""

from collections.abc import Collection
from datetime import datetime

import msgspec
from sqlalchemy import ColumnElement, Connection, delete, insert, select, tuple_, update

from grader.gradebook.schema import HANDED_BACK


class Result(msgspec.Struct, frozen=True):
    """What a student is told about a hand-in."""

    student: str
    assignment: str
    digest: str
    """The digest of what the student is told."""


def handed_back(connection: Connection) -> dict[Result, datetime | None]:
    """Return what was sent and when; None if sending was interrupted, so that nobody knows whether it arrived."""
    rows = connection.execute(select(*_KEY, HANDED_BACK.c.sent_at))
    return {Result(*row[:-1]): row.sent_at for row in rows}


def claim(connection: Connection, results: Collection[Result], at: datetime) -> bool:
    """Note that these results are about to be sent; False if one of them was claimed before."""
    if connection.execute(select(HANDED_BACK.c.student).where(_any_of(results))).first():
        return False
    values = [msgspec.structs.asdict(each) | {"begun_at": at} for each in results]
    connection.execute(insert(HANDED_BACK), values)
    return True


def mark_sent(connection: Connection, results: Collection[Result], at: datetime) -> None:
    """Note that these results were sent."""
    connection.execute(update(HANDED_BACK).where(_any_of(results)).values(sent_at=at))


def unclaim(connection: Connection, results: Collection[Result]) -> None:
    """Note that these results were not sent, or are to be sent again."""
    connection.execute(delete(HANDED_BACK).where(_any_of(results)))


_KEY = (HANDED_BACK.c.student, HANDED_BACK.c.assignment, HANDED_BACK.c.digest)


def _any_of(results: Collection[Result]) -> ColumnElement[bool]:
    return tuple_(*_KEY).in_([msgspec.structs.astuple(each) for each in results])
