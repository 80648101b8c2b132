"""What assistants decide on the web pages: releases, answers to questions, and the log of who did what."""

import hashlib
from datetime import datetime

import msgspec
from sqlalchemy import Connection, delete, func, insert, select, update

from grader.gradebook.schema import (
    ACCOUNT,
    ADJUSTMENT,
    EVENT,
    JOB,
    QUESTION,
    RELEASE,
    REPORT,
    UPLOAD,
)


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """A student's question about a rubric item of a hand-in, with the answer."""

    id: int
    key: str
    """That of the hand-in's address."""
    student: str
    assignment: str
    item: str
    words: str
    asked_at: datetime
    answer: str | None = None
    answered_by: str | None = None
    answered_at: datetime | None = None


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the audit log."""

    happened_at: datetime
    account: str
    action: str
    subject: str
    """Whom or what it concerns."""
    before: str = ""
    after: str = ""


def log(
    connection: Connection,
    account: str,
    action: str,
    subject: str,
    before: str = "",
    after: str = "",
) -> None:
    """Add a line to the audit log."""
    event = Event(
        happened_at=_now(),
        account=account,
        action=action,
        subject=subject,
        before=before,
        after=after,
    )
    connection.execute(insert(EVENT).values(msgspec.structs.asdict(event)))


def events(
    connection: Connection, subject: str | None = None, limit: int = 500
) -> tuple[Event, ...]:
    """Return the newest lines of the audit log, all of them or those that concern somebody."""
    query = select(*(EVENT.c[name] for name in Event.__struct_fields__)).order_by(EVENT.c.id.desc())
    if subject is not None:
        query = query.where(EVENT.c.subject == subject)
    return tuple(Event(**row) for row in connection.execute(query.limit(limit)).mappings())


def releases(connection: Connection) -> dict[str, datetime]:
    """Return the assignments whose results are released, with the time."""
    rows = connection.execute(select(RELEASE.c.assignment, RELEASE.c.released_at))
    return {row.assignment: row.released_at for row in rows}


def release(connection: Connection, assignment: str, released: bool) -> None:
    """Release the results of an assignment, or take the release back."""
    connection.execute(delete(RELEASE).where(RELEASE.c.assignment == assignment))
    if released:
        values = {"assignment": assignment, "released_at": _now()}
        connection.execute(insert(RELEASE).values(values))


def stamp(connection: Connection, assignment: str) -> str:
    """Return a mark that changes whenever the table of an assignment's class may look different."""
    last = [
        select(func.max(REPORT.c.id)),
        select(func.count(), func.max(ADJUSTMENT.c.id), func.max(ADJUSTMENT.c.undone_at)).where(
            ADJUSTMENT.c.assignment == assignment
        ),
        select(func.max(UPLOAD.c.id), func.max(UPLOAD.c.handed_in)).where(
            UPLOAD.c.assignment == assignment
        ),
        select(JOB.c.state, func.count()).group_by(JOB.c.state).order_by(JOB.c.state),
        select(func.max(QUESTION.c.id), func.max(QUESTION.c.answered_at)),
        select(func.count()).select_from(ACCOUNT),
    ]
    rows = [tuple(row) for query in last for row in connection.execute(query)]
    return hashlib.sha256(repr(rows).encode()).hexdigest()


def ask(connection: Connection, upload: int, item: str, words: str) -> None:
    """Keep a question about a rubric item; an empty `item` is the whole hand-in."""
    values = {"upload_id": upload, "item": item, "words": words, "asked_at": _now()}
    connection.execute(insert(QUESTION).values(values))


def answer(connection: Connection, question: int, words: str, author: str) -> None:
    """Answer a question, or change the answer."""
    given = {"answer": words, "answered_by": author, "answered_at": _now()}
    connection.execute(update(QUESTION).where(QUESTION.c.id == question).values(given))


def questions(
    connection: Connection,
    upload: int | None = None,
    question: int | None = None,
    student: str | None = None,
) -> tuple[Question, ...]:
    """Return the questions about a hand-in, one question, a student's, or all of them, unanswered ones first."""
    columns = [QUESTION.c[name] for name in Question.__struct_fields__ if name in QUESTION.c]
    query = select(*columns, UPLOAD.c.key, UPLOAD.c.student, UPLOAD.c.assignment).join(UPLOAD)
    if upload is not None:
        query = query.where(QUESTION.c.upload_id == upload)
    if question is not None:
        query = query.where(QUESTION.c.id == question)
    if student is not None:
        query = query.where(UPLOAD.c.student == student)
    query = query.order_by(QUESTION.c.answer.is_not(None), QUESTION.c.id)
    return tuple(Question(**row) for row in connection.execute(query).mappings())


def _now() -> datetime:
    return datetime.now().astimezone()
