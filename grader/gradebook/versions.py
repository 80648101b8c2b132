"""New versions of an assignment's folder: proposed, examined, and live once somebody has applied them."""

import secrets
import time
from datetime import datetime
from typing import Literal

import msgspec
from sqlalchemy import ColumnElement, Connection, Update, and_, func, insert, or_, select, update

from grader.gradebook.changes import Change
from grader.gradebook.desk import log
from grader.gradebook.schema import VERSION
from grader.model.text import Text

LEASE_SECONDS = 900.0
"""How long a version may be examined without a sign of life."""

Kind = Literal["folder", "settings"]
"""A whole folder, whose checks are audited; or only other settings, for the folder as it is."""
State = Literal["waiting", "running", "ready", "refused", "live", "discarded"]


class Examined(msgspec.Struct, frozen=True, kw_only=True):
    """What was found out about a version before it goes live."""

    findings: tuple[Text, ...]
    """What the audit found, or why the version can't be used."""
    usable: bool
    """Whether it can go live at all."""
    changes: tuple[Change, ...] = ()
    """Whose score would change."""
    graded: int = 0
    """The hand-ins that were graded with it to find that out."""


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """A version of an assignment's folder, without its content."""

    id: int
    assignment: str
    kind: Kind
    words: str
    """What is new."""
    author: str
    made_at: datetime
    state: State
    base: str = ""
    """The digest of the version that it was examined against."""
    reason: str = ""
    """Why it went live in spite of findings."""
    examined: Examined | None = None
    applied_at: datetime | None = None


class Live(msgspec.Struct, frozen=True, order=True):
    """A version that is or was live."""

    serial: int
    """It grows with each version that goes live."""
    id: int


class Claim(msgspec.Struct, frozen=True):
    """A version that this process examines."""

    version: Version
    content: bytes
    """A zip of the folder, or of the settings file."""
    secret: str


def propose(
    connection: Connection,
    assignment: str,
    kind: Kind,
    words: str,
    author: str,
    content: bytes,
) -> int:
    """Keep a version that is to be examined, and return its number."""
    values = {
        "assignment": assignment,
        "kind": kind,
        "words": words,
        "author": author,
        "made_at": datetime.now().astimezone(),
        "state": "waiting",
        "content": content,
        "lease": 0.0,
        "claim": "",
        "base": "",
        "reason": "",
    }
    number: int = connection.execute(
        insert(VERSION).values(values).returning(VERSION.c.id)
    ).scalar_one()
    return number


def versions(connection: Connection, assignment: str, limit: int = 20) -> tuple[Version, ...]:
    """Return the newest versions of an assignment."""
    return _versions(connection, VERSION.c.assignment == assignment)[-limit:][::-1]


def version(connection: Connection, number: int) -> Version | None:
    """Return the version with this number."""
    return next(iter(_versions(connection, VERSION.c.id == number)), None)


def content_of(connection: Connection, number: int) -> bytes:
    """Return the zip of a version."""
    query = select(VERSION.c.content).where(VERSION.c.id == number)
    content: bytes = connection.execute(query).scalar_one()
    return content


def live(connection: Connection) -> dict[str, Live]:
    """Return the version of each assignment that went live last."""
    query = (
        select(VERSION.c.assignment, VERSION.c.serial, VERSION.c.id)
        .where(VERSION.c.serial.is_not(None))
        .order_by(VERSION.c.serial)
    )
    return {row.assignment: Live(row.serial, row.id) for row in connection.execute(query)}


def claim(connection: Connection, number: int | None = None) -> Claim | None:
    """Take the version with this number, or the next one, to examine it; None if there is none to take."""
    now = time.time()
    open_ = or_(
        VERSION.c.state == "waiting", and_(VERSION.c.state == "running", VERSION.c.lease < now)
    )
    query = select(VERSION.c.id).where(open_).order_by(VERSION.c.id).limit(1)
    if number is not None:
        query = query.where(VERSION.c.id == number)
    found = connection.execute(query.with_for_update(skip_locked=True)).scalar()
    if found is None:
        return None
    secret = secrets.token_hex(16)
    taken = {"state": "running", "lease": now + LEASE_SECONDS, "claim": secret}
    connection.execute(update(VERSION).where(VERSION.c.id == found).values(taken))
    return Claim(
        _versions(connection, VERSION.c.id == found)[0], content_of(connection, found), secret
    )


def renew(connection: Connection, claimed: Claim) -> None:
    """Say that the version is still being examined."""
    connection.execute(_mine(claimed).values(lease=time.time() + LEASE_SECONDS))


def give_back(connection: Connection, claimed: Claim) -> None:
    """Let another process, or this one later, examine the version."""
    connection.execute(_mine(claimed).values(state="waiting", claim=""))


def finish(
    connection: Connection, claimed: Claim, examined: Examined, content: bytes, base: str
) -> None:
    """Keep what was found out, and the whole folder as it was examined."""
    state: State = "ready" if examined.usable and not examined.findings else "refused"
    values = {"state": state, "content": content, "base": base, "claim": ""}
    values["examined"] = msgspec.json.encode(examined).decode()
    connection.execute(_mine(claimed).values(values))


def apply(connection: Connection, number: int, by: str, reason: str = "") -> bool:
    """Let a version go live, with a line in the log. With a `reason`, also one that the audit refuses.

    Return False, and change nothing, if it can't go live.
    """
    found = version(connection, number)
    if found is None or found.examined is None or not found.examined.usable:
        return False
    if found.state != "ready" and not (reason and found.state == "refused"):
        return False
    last = connection.execute(select(func.max(VERSION.c.serial))).scalar() or 0
    values = {
        "state": "live",
        "serial": last + 1,
        "applied_at": datetime.now().astimezone(),
        "reason": reason,
    }
    connection.execute(update(VERSION).where(VERSION.c.id == number).values(values))
    words = f"version {number}: {found.words}"
    after = f"{words} ({len(found.examined.findings)} findings: {reason})" if reason else words
    log(connection, by, "went live", found.assignment, found.base[:12], after)
    return True


def discard(connection: Connection, number: int) -> None:
    """Drop a version that isn't live."""
    where = (VERSION.c.id == number, VERSION.c.state != "live")
    connection.execute(update(VERSION).where(*where).values(state="discarded", claim=""))


def _mine(claimed: Claim) -> Update:
    return update(VERSION).where(
        VERSION.c.id == claimed.version.id, VERSION.c.claim == claimed.secret
    )


def _versions(connection: Connection, *where: ColumnElement[bool]) -> tuple[Version, ...]:
    columns = [VERSION.c[name] for name in Version.__struct_fields__]
    rows = connection.execute(select(*columns).where(*where).order_by(VERSION.c.id)).mappings()
    return tuple(
        Version(**(row | {"examined": _examined(row["examined"])})) for row in map(dict, rows)
    )


def _examined(text: str | None) -> Examined | None:
    return None if text is None else msgspec.json.decode(text, type=Examined)
