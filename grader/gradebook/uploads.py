"""Files as students uploaded them: kept with their digest, handed in when the student confirms."""

import hashlib
import secrets
from datetime import datetime

import msgspec
from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from grader.gradebook.queue import enqueue
from grader.gradebook.schema import EXTENSION, UPLOAD


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """A file of a student, without its content."""

    id: int
    """The number on the receipt."""
    key: str
    """The unguessable part of its address."""
    student: str
    assignment: str
    file: str
    sha256: str
    uploaded_at: datetime
    handed_in: datetime | None = None
    """None until the student has confirmed it."""
    ungraded: str | None = None
    """Why it could not be graded, if so."""

    @property
    def origin(self) -> str:
        """Where the gradebook says that it comes from."""
        return f"web/{self.id}"


def add_upload(
    connection: Connection, student: str, assignment: str, file: str, content: bytes
) -> Upload:
    """Keep a file that isn't handed in yet, and remove the student's earlier ones that never were."""
    connection.execute(
        delete(UPLOAD).where(UPLOAD.c.student == student, UPLOAD.c.handed_in.is_(None))
    )
    upload = Upload(
        id=0,
        key=secrets.token_urlsafe(16),
        student=student,
        assignment=assignment,
        file=file,
        sha256=hashlib.sha256(content).hexdigest(),
        uploaded_at=datetime.now().astimezone(),
    )
    values = msgspec.structs.asdict(upload) | {"content": content}
    del values["id"]
    id_: int = connection.execute(insert(UPLOAD).values(values).returning(UPLOAD.c.id)).scalar_one()
    return msgspec.structs.replace(upload, id=id_)


def find_upload(connection: Connection, key: str) -> Upload | None:
    """Return the upload with this key."""
    return next(iter(_uploads(connection, UPLOAD.c.key == key)), None)


def upload_numbered(connection: Connection, id_: int) -> Upload:
    """Return the upload with this number."""
    return _uploads(connection, UPLOAD.c.id == id_)[0]


def hand_ins_of(connection: Connection, student: str) -> tuple[Upload, ...]:
    """Return what a student has handed in, in order."""
    return _uploads(connection, UPLOAD.c.student == student, UPLOAD.c.handed_in.is_not(None))


def hand_ins_for(connection: Connection, assignment: str) -> tuple[Upload, ...]:
    """Return what was handed in for an assignment, in order."""
    return _uploads(connection, UPLOAD.c.assignment == assignment, UPLOAD.c.handed_in.is_not(None))


def stuck(connection: Connection) -> tuple[Upload, ...]:
    """Return the hand-ins that nothing could grade."""
    return _uploads(connection, UPLOAD.c.ungraded.is_not(None))


def content_of(connection: Connection, upload: Upload) -> bytes:
    """Return the bytes of an upload."""
    query = select(UPLOAD.c.content).where(UPLOAD.c.id == upload.id)
    content: bytes = connection.execute(query).scalar_one()
    return content


def hand_in(connection: Connection, upload: Upload, not_before: float = 0.0) -> bool:
    """Hand an upload in and put it in the queue. Return False, and change nothing, if it is handed in already."""
    now = datetime.now().astimezone()
    mine = update(UPLOAD).where(UPLOAD.c.id == upload.id, UPLOAD.c.handed_in.is_(None))
    if connection.execute(mine.values(handed_in=now)).rowcount != 1:
        return False
    enqueue(connection, upload.id, upload.student, upload.assignment, not_before=not_before)
    return True


def handed_in_since(connection: Connection, student: str, assignment: str, day: datetime) -> int:
    """Return how many hand-ins a student made for an assignment since a moment."""
    theirs = hand_ins_of(connection, student)
    times = [each.handed_in for each in theirs if each.assignment == assignment]
    return sum(time is not None and time >= day for time in times)


def mark_ungraded(connection: Connection, upload: Upload, reason: str | None) -> None:
    """Note why an upload couldn't be graded; None takes the note away."""
    connection.execute(update(UPLOAD).where(UPLOAD.c.id == upload.id).values(ungraded=reason))


def extensions(connection: Connection) -> dict[tuple[str, str], datetime]:
    """Return the due dates of students with an extension, by student and assignment."""
    query = select(EXTENSION.c.student, EXTENSION.c.assignment, EXTENSION.c.due)
    return {(row.student, row.assignment): row.due for row in connection.execute(query)}


def extend(connection: Connection, student: str, assignment: str, due: datetime | None) -> None:
    """Give a student another due date for an assignment; None takes it away."""
    where = (EXTENSION.c.student == student, EXTENSION.c.assignment == assignment)
    connection.execute(delete(EXTENSION).where(*where))
    if due is not None:
        values = {"student": student, "assignment": assignment, "due": due}
        connection.execute(insert(EXTENSION).values(values))


def _uploads(connection: Connection, *where: ColumnElement[bool]) -> tuple[Upload, ...]:
    columns = [UPLOAD.c[name] for name in Upload.__struct_fields__]
    rows = connection.execute(select(*columns).where(*where).order_by(UPLOAD.c.id)).mappings()
    return tuple(Upload(**row) for row in rows)
