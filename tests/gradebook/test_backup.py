"""Backups: taken while somebody writes, put back elsewhere, and what was forgotten in the meantime."""

import contextlib
import threading
import zipfile
from pathlib import Path

import pytest
from sqlalchemy import make_url, text

from grader.gradebook import Gradebook, backup, people
from grader.gradebook.opening import transaction
from grader.gradebook.people import Account
from grader.model.errors import UserError


@pytest.fixture
def results(tmp_path) -> Path:
    folder = tmp_path / "results"
    (folder / "students" / "kim").mkdir(parents=True)
    (folder / "students" / "kim" / "tiny.html").write_text("page", encoding="utf-8")
    (folder / "links.csv").write_text("secret", encoding="utf-8")
    return folder


@pytest.fixture
def address(url, results) -> str | None:
    """That of the gradebook: in the folder of results, or a PostgreSQL database."""
    return url if url.startswith("postgresql") else None


def add(book, *ids):
    with transaction(book.engine) as connection:
        people.put_accounts(connection, [Account(id=each, name="x" * 2000) for each in ids])


def known(book):
    with transaction(book.reading) as connection:
        return [each.id for each in people.accounts(connection)]


def elsewhere(book, address):
    """Another, empty database."""
    if address is None:
        return None
    with book.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("drop database if exists other"))
        connection.execute(text("create database other"))
    url = make_url(address).set(database="other")
    return url.render_as_string(hide_password=False)


def test_a_backup_that_is_taken_during_writes_is_whole(results, address, tmp_path):
    ended = threading.Event()
    with Gradebook(results, address, create=True) as book:
        add(book, "before")
        other = elsewhere(book, address)

        def write():
            number = 0
            while not ended.is_set():
                add(book, f"a{number}", f"b{number}")
                number += 1

        writer = threading.Thread(target=write)
        writer.start()
        try:
            backup.back_up(results, address, tmp_path / "b.zip")
        finally:
            ended.set()
            writer.join()
    with zipfile.ZipFile(tmp_path / "b.zip") as archive:
        assert "files/students/kim/tiny.html" in archive.namelist()
        assert not any("links.csv" in name for name in archive.namelist())
    assert (tmp_path / "b.zip").stat().st_mode & 0o77 == 0

    backup.restore(tmp_path / "b.zip", tmp_path / "new", other)

    with Gradebook(tmp_path / "new", other) as book:
        found = known(book)
    assert "before" in found
    assert {f"b{each[1:]}" for each in found if each[0] == "a"} == {
        each for each in found if each[0] == "b" and each != "before"
    }
    assert (tmp_path / "new/students/kim/tiny.html").read_text(encoding="utf-8") == "page"


def test_a_restored_backup_forgets_again(results, tmp_path):
    with Gradebook(results, create=True) as book:
        add(book, "kim", "lee")
        backup.back_up(results, None, tmp_path / "b.zip")
        book.forget("kim")
        assert known(book) == ["lee"]
    for path in results.glob("gradebook.db*"):
        path.unlink()

    about = backup.restore(tmp_path / "b.zip", results, None)

    with Gradebook(results) as book:
        assert known(book) == ["kim", "lee"]
        assert book.forget_again(about.made_at) == 1
        assert known(book) == ["lee"]
        add(book, "kim")  # in the course again
        later = backup.back_up(results, None, tmp_path / "later.zip")
        assert book.forget_again(later.made_at) == 0


def test_a_gradebook_is_never_replaced(results, tmp_path):
    with Gradebook(results, create=True) as book:
        add(book, "kim")
    backup.back_up(results, None, tmp_path / "b.zip")
    with pytest.raises(UserError, match="gradebook already"):
        backup.restore(tmp_path / "b.zip", results, None)
    with Gradebook(results) as book:
        assert known(book) == ["kim"]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 and no more"])
def test_what_is_no_backup_is_refused(tmp_path, content):
    file = tmp_path / "b.zip"
    file.write_bytes(content)
    with pytest.raises(UserError, match="isn't a backup"):
        backup.restore(file, tmp_path / "new", None)


@pytest.mark.parametrize("name", ["files/../../out.txt", "files//etc/out.txt"])
def test_a_backup_writes_nowhere_else(results, tmp_path, name):
    with Gradebook(results, create=True):
        pass
    backup.back_up(results, None, tmp_path / "b.zip")
    with zipfile.ZipFile(tmp_path / "b.zip", "a") as archive:
        archive.writestr(name, "out")
    inside = tmp_path / "a" / "new"
    with contextlib.suppress(UserError):
        backup.restore(tmp_path / "b.zip", inside, None)
    assert not [p for p in tmp_path.rglob("out.txt") if inside not in p.parents]
    assert not Path("/etc/out.txt").exists()


def test_a_damaged_backup_leaves_nothing(results, tmp_path):
    with Gradebook(results, create=True) as book:
        add(book, *(f"s{number}" for number in range(50)))
    backup.back_up(results, None, tmp_path / "b.zip")
    with (
        zipfile.ZipFile(tmp_path / "b.zip") as whole,
        zipfile.ZipFile(tmp_path / "c.zip", "w") as cut,
    ):
        for name in whole.namelist():
            data = whole.read(name)
            cut.writestr(name, data[: len(data) // 2] if name == "gradebook.db" else data)
    with pytest.raises(UserError, match="damaged"):
        backup.restore(tmp_path / "c.zip", tmp_path / "new", None)
    assert not (tmp_path / "new/gradebook.db").exists()
