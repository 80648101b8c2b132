"""Privacy: everything that the gradebook keeps about one student, and its removal."""

import zlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

import msgspec
from sqlalchemy import Column, Connection, LargeBinary, Table, delete, insert, or_, select

from grader.gradebook.schema import (
    ACCOUNT,
    EVENT,
    FORGOTTEN,
    HAND_IN,
    METADATA,
    REPORT,
    ROSTER,
    UNMATCHED,
    UPLOAD,
)
from grader.model.submission import Cell

_SHORTEST = 3  # letters of a name that is looked for in the names of files


class About(msgspec.Struct, frozen=True, kw_only=True):
    """All that the gradebook keeps about a student."""

    tables: dict[str, list[dict[str, Any]]]
    """The rows by table, without what is in `files`."""
    files: dict[str, bytes]
    """The code of each hand-in, and the recorded answers of each grading, by path."""


class Forgotten(msgspec.Struct, frozen=True):
    """The removal of someone's work. It doesn't say whose."""

    forgotten_at: datetime
    hand_ins: int


def about(connection: Connection, student: str) -> About:
    """Return everything about the student with this id, the history included."""
    tables: dict[str, list[dict[str, Any]]] = {}
    files = {}
    for table, column in _tables():
        rows = connection.execute(select(table).where(column == student)).mappings().all()
        tables[table.name] = [_plain(table, dict(row)) for row in rows]
        for row in rows if table is HAND_IN else ():
            cells = msgspec.msgpack.decode(zlib.decompress(row["cells"]), type=list[Cell])
            name = PurePosixPath(row["file"]).name
            source = "\n\n".join(f"# {cell.name}\n{cell.source}" for cell in cells)
            files[f"code/{row['id']}-{name}.txt"] = source.encode()
        for row in rows if table is UPLOAD else ():
            files[f"uploads/{row['id']}-{PurePosixPath(row['file']).name}"] = row["content"]
    reports = connection.execute(select(REPORT).where(REPORT.c.hand_in_id.in_(_hand_ins(student))))
    tables[REPORT.name] = []
    for row in reports.mappings():
        tables[REPORT.name].append(_plain(REPORT, dict(row)))
        if row["recording"] is not None:
            files[f"recordings/{row['id']}"] = row["recording"]
    return About(tables=tables, files=files)


def forget(connection: Connection, student: str, name: str, at: datetime) -> Forgotten:
    """Remove everything about the student with this id and name, and note that somebody's work was removed."""
    hand_ins = connection.execute(_hand_ins(student)).all()
    connection.execute(delete(REPORT).where(REPORT.c.hand_in_id.in_(_hand_ins(student))))
    for table, column in _tables():
        connection.execute(delete(table).where(column == student))
    words = [word for word in (student, name) if len(word) >= _SHORTEST]
    for column in (UNMATCHED.c.origin, UNMATCHED.c.reason) if words else ():
        named = or_(*(column.contains(word, autoescape=True) for word in words))
        connection.execute(delete(UNMATCHED).where(named))
    done = Forgotten(at, len(hand_ins))
    connection.execute(insert(FORGOTTEN).values(msgspec.structs.asdict(done)))
    return done


def list_forgotten(connection: Connection) -> tuple[Forgotten, ...]:
    """Return when work was removed, the oldest first."""
    query = select(FORGOTTEN.c.forgotten_at, FORGOTTEN.c.hand_ins).order_by(FORGOTTEN.c.id)
    return tuple(Forgotten(*row) for row in connection.execute(query))


def _tables() -> Iterator[tuple[Table, Column[Any]]]:
    """The tables with rows of students, each with the column of their ids."""
    yield ROSTER, ROSTER.c.id
    yield ACCOUNT, ACCOUNT.c.id
    yield EVENT, EVENT.c.subject
    for table in METADATA.sorted_tables:
        if "student" in table.c:
            yield table, table.c.student


def _hand_ins(student: str) -> Any:
    return select(HAND_IN.c.id).where(HAND_IN.c.student == student)


def _plain(table: Table, row: dict[str, Any]) -> dict[str, Any]:
    binary = {column.name for column in table.c if isinstance(column.type, LargeBinary)}
    plain = {name: value for name, value in row.items() if name not in binary}
    if table is REPORT:
        plain["report"] = msgspec.json.decode(plain["report"])
    return plain
