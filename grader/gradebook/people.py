"""The people who can sign in: accounts with roles, personal links that work once, and sessions."""

import hashlib
import secrets
import time
from collections.abc import Iterable
from typing import Literal, get_args

import msgspec
from sqlalchemy import Connection, delete, insert, select, update

from grader.gradebook.schema import ACCOUNT, SESSION, SIGN_IN_LINK
from grader.model.errors import UserError
from grader.model.text import Language, printable, tr

Role = Literal["student", "assistant", "teacher", "administrator"]
"""In the order of what they may do: each may do what those before it may."""
LINK_SECONDS = 200 * 24 * 3600.0
"""A personal link is good for a term."""
SESSION_SECONDS = 30 * 24 * 3600.0


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who can sign in."""

    id: str
    """A student's id is that of the roster."""
    name: str = ""
    email: str = ""
    role: Role = "student"
    section: str = ""
    language: Language | None = None
    """The language that they chose on the pages."""

    def may_act_as(self, role: Role) -> bool:
        """Whether the account has at least this role."""
        order = get_args(Role)
        return order.index(self.role) >= order.index(role)


def put_accounts(connection: Connection, accounts: Iterable[Account]) -> None:
    """Add accounts, or update those with the same ids. The chosen language stays."""
    known = set(connection.execute(select(ACCOUNT.c.id)).scalars())
    for each in accounts:
        values = msgspec.structs.asdict(each)
        if each.id in known:
            del values["language"]
            connection.execute(update(ACCOUNT).where(ACCOUNT.c.id == each.id).values(values))
        else:
            connection.execute(insert(ACCOUNT).values(values))
            known.add(each.id)


def accounts(connection: Connection) -> tuple[Account, ...]:
    """Return all accounts, sorted by role and id."""
    rows = connection.execute(select(ACCOUNT)).mappings()
    found = [Account(**row) for row in rows]
    order = get_args(Role)
    return tuple(sorted(found, key=lambda each: (-order.index(each.role), each.id)))


def account(connection: Connection, id_: str) -> Account:
    """Return the account with an id.

    Raises:
        UserError: there is none.
    """
    row = connection.execute(select(ACCOUNT).where(ACCOUNT.c.id == id_)).mappings().first()
    if row is None:
        raise UserError(tr("there is no account {id}", id=printable(id_)))
    return Account(**row)


def section_of(connection: Connection, id_: str) -> str:
    """Return the section of an account; empty without one."""
    query = select(ACCOUNT.c.section).where(ACCOUNT.c.id == id_)
    return connection.execute(query).scalar() or ""


def remove(connection: Connection, id_: str) -> None:
    """Remove an account with its sessions and links. What was handed in stays."""
    connection.execute(delete(ACCOUNT).where(ACCOUNT.c.id == id_))


def choose_language(connection: Connection, id_: str, language: Language) -> None:
    """Keep the language that somebody chose."""
    connection.execute(update(ACCOUNT).where(ACCOUNT.c.id == id_).values(language=language))


def new_link(connection: Connection, id_: str) -> str:
    """Return the secret part of a new personal link. Links that the account had before no longer work."""
    connection.execute(delete(SIGN_IN_LINK).where(SIGN_IN_LINK.c.account_id == id_))
    secret = secrets.token_urlsafe(24)
    values = {"digest": _digest(secret), "account_id": id_, "ends": time.time() + LINK_SECONDS}
    connection.execute(insert(SIGN_IN_LINK).values(values))
    return secret


def owner_of_link(connection: Connection, secret: str) -> Account | None:
    """Return whom a link signs in, without using it up; None if it was used, replaced or has expired."""
    query = (
        select(ACCOUNT)
        .join(SIGN_IN_LINK)
        .where(SIGN_IN_LINK.c.digest == _digest(secret), SIGN_IN_LINK.c.ends > time.time())
    )
    row = connection.execute(query).mappings().first()
    return None if row is None else Account(**row)


def use_link(connection: Connection, secret: str) -> str | None:
    """Use a link up and return the secret of a new session, or None if the link is no longer good."""
    owner = owner_of_link(connection, secret)
    used = delete(SIGN_IN_LINK).where(SIGN_IN_LINK.c.digest == _digest(secret))
    if connection.execute(used).rowcount != 1 or owner is None:
        return None
    session = secrets.token_urlsafe(32)
    ends = time.time() + SESSION_SECONDS
    values = {"digest": _digest(session), "account_id": owner.id, "ends": ends}
    connection.execute(insert(SESSION).values(values))
    return session


def signed_in(connection: Connection, session: str) -> Account | None:
    """Return the account of a session, or None if it has ended."""
    query = (
        select(ACCOUNT)
        .join(SESSION)
        .where(SESSION.c.digest == _digest(session), SESSION.c.ends > time.time())
    )
    row = connection.execute(query).mappings().first()
    return None if row is None else Account(**row)


def sign_out(connection: Connection, session: str) -> None:
    """End a session."""
    connection.execute(delete(SESSION).where(SESSION.c.digest == _digest(session)))


def revoke(connection: Connection, id_: str) -> None:
    """End all sessions of an account, on every device."""
    connection.execute(delete(SESSION).where(SESSION.c.account_id == id_))


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
