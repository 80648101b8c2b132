"""Open a gradebook's database: its address, its transactions, its schema upgrades."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from threading import Lock

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry

from grader.model.errors import UserError
from grader.model.text import tr

FILE = "gradebook.db"
_CONNECTIONS = 20  # kept open at most


def address(results: Path, url: str | None) -> URL:
    """Return the address of the gradebook in the folder `results`, or of the one at `url`.

    Raises:
        UserError: `url` isn't an SQLite or PostgreSQL address.
    """
    if url is None:
        return URL.create("sqlite", database=str(results / FILE))
    try:
        parsed = make_url(url)
    except ArgumentError:
        parsed = None
    if parsed is None or parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise UserError(
            tr(
                "{url} isn't a gradebook address; use sqlite:///FILE or postgresql://USER@HOST/NAME",
                url=url if parsed is None else parsed.render_as_string(),
            )
        )
    return parsed


def place(url: URL) -> str:
    """Return an address for display: a path, or a URL without the password."""
    is_file = url.get_backend_name() == "sqlite" and url.database
    return url.database or "" if is_file else url.render_as_string()


def open_engine(url: URL, busy_seconds: float) -> Engine:
    """Connect to the database, and create or upgrade its tables in one transaction.

    A transaction of SQLite waits `busy_seconds` for another process that writes.

    Raises:
        UserError: it can't be opened, is some other database, or was written by a newer grader.
    """
    try:
        engine = create_engine(
            url, hide_parameters=True, execution_options={"turn": Lock()}, pool_size=_CONNECTIONS
        )
    except ImportError as error:
        raise UserError(
            tr("{name} isn't installed: run `pip install {name}`", name=error.name)
        ) from error
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", partial(_configure_sqlite, busy_seconds))
        event.listen(engine, "begin", _begin_sqlite)
    try:
        with transaction(engine) as connection:
            _upgrade(connection)
    except UserError:
        engine.dispose()
        raise
    return engine


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """Run the block in a transaction: all of it takes effect, or nothing.

    Raises:
        UserError: the database failed; its content is unchanged.
    """
    try:
        with begin(engine) as connection:
            yield connection
    except DBAPIError as error:
        raise UserError(
            tr(
                "can't use the gradebook {place} ({reason}); its content is safe. Fix the "
                "problem and run the same command again",
                place=place(engine.url),
                reason=" ".join(str(error.orig).split()),
            )
        ) from error


def losable(engine: Engine) -> Engine:
    """Return the same database for what may be lost when the machine loses power: it needn't wait for the disk."""
    return engine.execution_options(losable=True)


@contextmanager
def begin(engine: Engine) -> Iterator[Connection]:
    """Run the block in a transaction, like `transaction`, but let exceptions of the database through.

    Threads that write to SQLite take turns. Left to itself, each looks now and then whether the database is free, which
    takes seconds when many want to write.
    """
    options = engine.get_execution_options()
    writes = engine.dialect.name == "sqlite" and not options.get("reads")
    with options["turn"] if writes else nullcontext(), engine.begin() as connection:
        yield connection


def _configure_sqlite(
    busy_seconds: float, connection: sqlite3.Connection, _: ConnectionPoolEntry
) -> None:
    connection.isolation_level = None  # so that schema changes are part of the transaction
    for pragma in (
        f"busy_timeout = {1000 * busy_seconds:.0f}",
        "journal_mode = WAL",
        "foreign_keys = ON",
        "secure_delete = ON",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    options = connection.get_execution_options()
    if options.get("reads"):
        connection.exec_driver_sql("BEGIN")
        return
    synchronous = "NORMAL" if options.get("losable") else "FULL"
    connection.exec_driver_sql(f"PRAGMA synchronous = {synchronous}")
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _upgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", "grader.gradebook:migrations")
    script = ScriptDirectory.from_config(config)
    current = MigrationContext.configure(connection).get_current_revision()
    where = place(connection.engine.url)
    if current is None and inspect(connection).get_table_names():
        raise UserError(
            tr("{place} is a database, but not a gradebook; choose another one", place=where)
        )
    if current not in {None, *(revision.revision for revision in script.walk_revisions())}:
        raise UserError(
            tr(
                "the gradebook {place} was written by a newer grader (schema {schema}); update grader",
                place=where,
                schema=current,
            )
        )
    if current != script.get_current_head():
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
