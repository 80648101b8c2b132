"""Privacy: everything that is kept about one person, and its removal."""

import io
import secrets
import zipfile
import zlib
from collections.abc import Collection, Iterator
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    LargeBinary,
    Table,
    delete,
    insert,
    or_,
    select,
    update,
)

from grader.gradebook.schema import (
    ACCOUNT,
    ADJUSTMENT,
    COMMENT,
    EVENT,
    FORGOTTEN,
    HAND_IN,
    JOB,
    METADATA,
    QUESTION,
    REPORT,
    ROSTER,
    SESSION,
    SIGN_IN_LINK,
    UNMATCHED,
    UPLOAD,
)
from grader.model.score import ScoreReport
from grader.model.submission import Cell
from grader.model.text import Text

_SHORTEST = 3  # letters of a name that is looked for in the names of files
_FOR_STAFF = {"after", "before", "detail", "measures", "output", "summary", "ungraded"}
_PSEUDONYM = "forgotten-"
_RECORDINGS = "recordings/"
_NOTHING = Text(ko="", en="")


class About(msgspec.Struct, frozen=True, kw_only=True):
    """All that is kept about a person."""

    tables: dict[str, list[dict[str, Any]]]
    """The rows by table, without what is in `files`."""
    files: dict[str, bytes]
    """The uploaded files, the code of each hand-in, and the recorded answers of each grading, by path."""

    def zipped(self) -> bytes:
        """Return it as a zip: `gradebook.json` and the files."""
        data = io.BytesIO()
        with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
            tables = msgspec.json.format(msgspec.json.encode(self.tables, enc_hook=str))
            archive.writestr("gradebook.json", tables)
            for name, content in self.files.items():
                archive.writestr(name, content)
        return data.getvalue()

    def for_themselves(self, shown: Collection[str]) -> "About":
        """Return what the person may see now: of results, those of hand-ins with these origins, as students see them.

        Recorded answers, and what reports and the log hold for staff, are left out.
        """
        mine = [row for row in self.tables[HAND_IN.name] if row["origin"] in shown]
        numbers = {row["id"] for row in mine}
        names = {row["assignment"] for row in mine}
        reports = [
            _without_staff(row) for row in self.tables[REPORT.name] if row["hand_in_id"] in numbers
        ]
        decided = {
            table.name: [row for row in self.tables[table.name] if row["assignment"] in names]
            for table in (ADJUSTMENT, COMMENT)
        }
        tables = {name: rows for name, rows in self.tables.items() if name != JOB.name}
        tables |= {HAND_IN.name: mine, REPORT.name: reports, **decided}
        for table in (EVENT, UPLOAD):
            tables[table.name] = [_without_staff(row) for row in tables[table.name]]
        files = {n: data for n, data in self.files.items() if not n.startswith(_RECORDINGS)}
        return About(tables=tables, files=files)


class Forgotten(msgspec.Struct, frozen=True):
    """The removal of someone's work. It doesn't say whose."""

    forgotten_at: datetime
    hand_ins: int


def about(connection: Connection, person: str) -> About:
    """Return everything about the person with this id, the history included."""
    tables: dict[str, list[dict[str, Any]]] = {}
    files = {}
    for table, theirs in (*_rows(person), (REPORT, REPORT.c.hand_in_id.in_(_hand_ins(person)))):
        rows = connection.execute(select(table).where(theirs)).mappings().all()
        tables[table.name] = [_plain(table, dict(row)) for row in rows]
        for row in rows if table is HAND_IN else ():
            cells = msgspec.msgpack.decode(zlib.decompress(row["cells"]), type=list[Cell])
            name = PurePosixPath(row["file"]).name
            source = "\n\n".join(f"# {cell.name}\n{cell.source}" for cell in cells)
            files[f"code/{row['id']}-{name}.txt"] = source.encode()
        for row in rows if table is UPLOAD else ():
            files[f"uploads/{row['id']}-{PurePosixPath(row['file']).name}"] = row["content"]
        for row in rows if table is REPORT else ():
            if row["recording"] is not None:
                files[f"{_RECORDINGS}{row['id']}"] = row["recording"]
    return About(tables=tables, files=files)


def forget(
    connection: Connection,
    person: str,
    name: str,
    at: datetime,
    kept: Collection[tuple[str, str]] = (),
) -> Forgotten:
    """Remove everything about the person with this id and name, and note that somebody's work was removed.

    The scores of the hand-ins in `kept` (by assignment and digest) stay under a random pseudonym.
    """
    hand_ins = connection.execute(_hand_ins(person)).all()
    _rename(connection, person, set(kept))
    connection.execute(delete(REPORT).where(REPORT.c.hand_in_id.in_(_hand_ins(person))))
    for table, theirs in _rows(person):
        connection.execute(delete(table).where(theirs))
    words = [word for word in (person, name) if len(word) >= _SHORTEST]
    for column in (UNMATCHED.c.origin, UNMATCHED.c.reason) if words else ():
        named = or_(*(column.contains(word, autoescape=True) for word in words))
        connection.execute(delete(UNMATCHED).where(named))
    done = Forgotten(at, len(hand_ins))
    connection.execute(insert(FORGOTTEN).values(msgspec.structs.asdict(done)))
    return done


def _rename(connection: Connection, person: str, kept: set[tuple[str, str]]) -> None:
    """Leave of these hand-ins the points alone, under a pseudonym, which is in the class as the person was."""
    if not kept:
        return
    pseudonym = f"{_PSEUDONYM}{secrets.token_hex(6)}"
    enrolled = update(ROSTER).where(ROSTER.c.id == person)
    connection.execute(enrolled.values(id=pseudonym, name="", email="", team=""))
    for row in connection.execute(select(HAND_IN).where(HAND_IN.c.student == person)).all():
        if (row.assignment, row.sha256) not in kept:
            continue
        mine = REPORT.c.hand_in_id == row.id
        newest = select(REPORT).where(mine).order_by(REPORT.c.id.desc()).limit(1)
        report = connection.execute(newest).one()
        connection.execute(delete(REPORT).where(mine, REPORT.c.id != report.id))
        bare = _bare(msgspec.json.decode(report.report, type=ScoreReport), pseudonym)
        connection.execute(
            update(REPORT)
            .where(REPORT.c.id == report.id)
            .values(
                report=msgspec.json.encode(bare).decode(),
                summary=msgspec.json.encode(bare.brief).decode(),
                sha256=bare.sha256,
                recording=None,
            )
        )
        connection.execute(
            update(HAND_IN)
            .where(HAND_IN.c.id == row.id)
            .values(
                student=pseudonym,
                origin=f"forgotten/{row.id}",
                file="",
                sha256=bare.sha256,
                cells=zlib.compress(msgspec.msgpack.encode([])),
                handed_in=None,
            )
        )
        connection.execute(
            update(ADJUSTMENT)
            .where(
                ADJUSTMENT.c.student == person,
                ADJUSTMENT.c.assignment == row.assignment,
                ADJUSTMENT.c.undone_at.is_(None),
            )
            .values(student=pseudonym, reason="")
        )


def _bare(report: ScoreReport, pseudonym: str) -> ScoreReport:
    """The report without anything that comes from the submission but verdicts and points."""
    return ScoreReport(
        assignment=report.assignment,
        student=pseudonym,
        submission="",
        sha256=secrets.token_hex(32),
        items=tuple(
            msgspec.structs.replace(
                item, message=_NOTHING, detail="", place=None, curves=(), measures=()
            )
            for item in report.items
        ),
        gradable=report.gradable,
    )


def people(connection: Connection) -> set[str]:
    """Return the ids of everybody about whom something is kept."""
    columns = [ROSTER.c.id, ACCOUNT.c.id, EVENT.c.account]
    columns += [table.c.student for table in METADATA.sorted_tables if "student" in table.c]
    found: set[str] = set()
    for column in columns:
        found.update(connection.execute(select(column).distinct()).scalars())
    return found


def last_seen(connection: Connection) -> dict[str, datetime]:
    """Return when each student last handed in or was graded."""
    graded = select(HAND_IN.c.student, REPORT.c.graded_at).join(REPORT)
    uploaded = select(UPLOAD.c.student, UPLOAD.c.uploaded_at)
    found: dict[str, datetime] = {}
    for query in (graded, uploaded):
        for student, moment in connection.execute(query):
            if not student.startswith(_PSEUDONYM):
                found[student] = max(moment, found.get(student, moment))
    return found


def list_forgotten(connection: Connection) -> tuple[Forgotten, ...]:
    """Return when work was removed, the oldest first."""
    query = select(FORGOTTEN.c.forgotten_at, FORGOTTEN.c.hand_ins).order_by(FORGOTTEN.c.id)
    return tuple(Forgotten(*row) for row in connection.execute(query))


def _rows(person: str) -> Iterator[tuple[Table, ColumnElement[bool]]]:
    """The tables with rows about people, each with the condition for those of this one."""
    theirs = select(UPLOAD.c.id).where(UPLOAD.c.student == person)
    yield QUESTION, QUESTION.c.upload_id.in_(theirs)
    yield SESSION, SESSION.c.account_id == person
    yield SIGN_IN_LINK, SIGN_IN_LINK.c.account_id == person
    yield EVENT, or_(EVENT.c.subject == person, EVENT.c.account == person)
    yield ROSTER, ROSTER.c.id == person
    yield ACCOUNT, ACCOUNT.c.id == person
    for table in METADATA.sorted_tables:
        if "student" in table.c:
            yield table, table.c.student == person


def _without_staff(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_staff(v) for k, v in value.items() if k not in _FOR_STAFF}
    return [_without_staff(each) for each in value] if isinstance(value, list) else value


def _hand_ins(student: str) -> Any:
    return select(HAND_IN.c.id).where(HAND_IN.c.student == student)


def _plain(table: Table, row: dict[str, Any]) -> dict[str, Any]:
    binary = {column.name for column in table.c if isinstance(column.type, LargeBinary)}
    plain = {name: value for name, value in row.items() if name not in binary}
    if table is REPORT:
        plain["report"] = msgspec.json.decode(plain["report"])
    return plain
