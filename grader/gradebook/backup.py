"""Backups of a course's results: the gradebook as of one moment, and the files beside it, in one zip."""

import os
import shutil
import sqlite3
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path, PurePosixPath

import msgspec
from sqlalchemy import URL

from grader import __version__
from grader.gradebook.forgotten import FORGOTTEN_LIST
from grader.gradebook.opening import FILE, address
from grader.model.errors import UserError, reading, writing
from grader.model.text import tr

LINKS = "links.csv"
_ABOUT = "backup.json"
_DUMP = "gradebook.dump"
_SEEN = 2**20  # bytes of a program's complaint


class Backup(msgspec.Struct, frozen=True):
    """What a backup says about itself."""

    made_at: datetime
    version: str
    database: str
    """The file in the zip that holds the gradebook."""


def back_up(results: Path, url: str | None, file: Path) -> Backup:
    """Write the gradebook and the other files in `results` into the zip `file`, while others may write to them.

    Personal links are left out.

    Raises:
        UserError: something can't be read or written; `file` is then as it was.
    """
    where = address(results, url)
    sqlite = where.get_backend_name() == "sqlite"
    about = Backup(datetime.now().astimezone(), __version__, FILE if sqlite else _DUMP)
    with writing(file), tempfile.TemporaryDirectory(dir=file.absolute().parent) as name:
        database = Path(name) / about.database
        if sqlite:
            _copy_sqlite(Path(where.database or ""), database)
        else:
            _run(["pg_dump", "--format=custom", "--file", str(database)], where)
        archive = Path(name) / "backup.zip"
        archive.touch(0o600)
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as made:
            made.writestr(_ABOUT, msgspec.json.encode(about))
            made.write(database, about.database)
            for each in _others(results, file):
                made.write(each, f"files/{each.relative_to(results).as_posix()}")
        archive.replace(file)
    return about


def restore(file: Path, results: Path, url: str | None) -> Backup:
    """Put a backup back: the files into `results`, the gradebook there or into the database at `url`.

    Raises:
        UserError: it isn't a backup, there is a gradebook already, or something can't be written.
    """
    where = address(results, url)
    with reading(file), _opened(file) as archive:
        about = _about(file, archive)
        if (about.database == FILE) != (where.get_backend_name() == "sqlite"):
            raise UserError(tr("{path} holds another kind of database; see --gradebook", path=file))
        with writing(results):
            results.mkdir(parents=True, exist_ok=True)
            if about.database == FILE:
                _put_sqlite(archive, Path(where.database or ""))
            else:
                with tempfile.TemporaryDirectory() as name:
                    dump = archive.extract(_DUMP, name)
                    _run(["pg_restore", "--no-owner", "--single-transaction", dump], where)
            for each in archive.namelist():
                path = PurePosixPath(each)
                if path.parts[0] == "files" and not each.endswith("/"):
                    target = results.joinpath(*_safe(file, path))
                    if target.name != FORGOTTEN_LIST or not target.exists():  # the later one counts
                        _put(archive, each, target)
    return about


def _copy_sqlite(source: Path, target: Path) -> None:
    if not source.is_file():
        raise UserError(tr("there is no gradebook in {folder}", folder=source.parent))
    try:
        with closing(sqlite3.connect(f"file:{source.absolute()}?mode=ro", uri=True)) as database:
            database.execute("PRAGMA busy_timeout = 30000")
            database.execute("VACUUM INTO ?", (str(target),))
    except sqlite3.Error as error:
        raise UserError(tr("can't read {path}: {reason}", path=source, reason=error)) from error


def _put_sqlite(archive: zipfile.ZipFile, target: Path) -> None:
    if target.exists():
        raise UserError(tr("there is a gradebook already: {path}. Move it away first", path=target))
    fresh = target.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    _put(archive, FILE, fresh)
    try:
        with closing(sqlite3.connect(fresh)) as database:
            (found,) = database.execute("PRAGMA integrity_check").fetchone()
    except sqlite3.Error as error:
        found = str(error)
    if found != "ok":
        fresh.unlink()
        raise UserError(tr("the gradebook in the backup is damaged ({reason})", reason=found))
    fresh.replace(target)


def _others(results: Path, file: Path) -> Iterator[Path]:
    """What is in the folder of results besides the database, the personal links and the backup itself."""
    for path in sorted(results.rglob("*")):
        database = path.name.startswith(FILE) and path.parent == results
        same = path.absolute() == file.absolute()
        if path.is_file() and not database and not same and path != results / LINKS:
            yield path


def _about(file: Path, archive: zipfile.ZipFile) -> Backup:
    try:
        about = msgspec.json.decode(archive.read(_ABOUT), type=Backup)
    except (KeyError, msgspec.MsgspecError) as error:
        raise UserError(tr("{path} isn't a backup", path=file)) from error
    if about.database not in (FILE, _DUMP) or about.database not in archive.namelist():
        raise UserError(tr("{path} isn't a backup", path=file))
    return about


@contextmanager
def _opened(file: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(file) as archive:
            yield archive
    except zipfile.BadZipFile as error:
        raise UserError(tr("{path} isn't a backup, or it is damaged", path=file)) from error


def _safe(file: Path, path: PurePosixPath) -> tuple[str, ...]:
    if ".." in path.parts or path.is_absolute() or len(path.parts) < 2:
        raise UserError(tr("{path} isn't a backup", path=file))
    return path.parts[1:]


def _put(archive: zipfile.ZipFile, name: str, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(name) as source, target.open("wb") as written:
        shutil.copyfileobj(source, written)


def _run(command: list[str], where: URL) -> None:
    """Run a program of PostgreSQL on a database. The password isn't on its command line."""
    program, *options = command
    plain = where.set(drivername="postgresql", password=None).render_as_string()
    environment = os.environ | ({"PGPASSWORD": str(where.password)} if where.password else {})
    try:
        done = subprocess.run(
            [program, "--dbname", plain, *options],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError as error:
        raise UserError(
            tr("{program} isn't installed; it comes with PostgreSQL's client", program=program)
        ) from error
    if done.returncode:
        raise UserError(
            tr("{program} failed: {reason}", program=program, reason=done.stderr[:_SEEN].strip())
        )
