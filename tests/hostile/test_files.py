"""Files that aren't submissions, or have malicious names, give one clear message and do no harm."""

import json
import os
import pty
import re
import socket
import subprocess
import sys
import time
import unicodedata
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from grader.gradebook import Gradebook

pytestmark = pytest.mark.sampled(30)

SETTINGS = """
name = "quick"
title = { ko = "가", en = "Quick" }
functions = ["double"]

[limits]
cpu_seconds = 2
train_cpu_seconds = 2

[[items]]
id = "double"
title = { ko = "두 배", en = "Double" }
points = 10
"""
CHECKS = """
import pytest
from grader.checks.expect import assert_close, number

@pytest.mark.item("double")
def test_double(student): assert_close(number(student.double(2)), 4)
"""
GOOD = "def double(x): return 2 * x\n"
MOST_SECONDS = 180
LONGEST_NAME = 255
DANGEROUS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""What moves the cursor, changes colours, or turns the order of letters around."""

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of submissions, with the solutions beside it and one good submission in it."""
    hidden = tmp_path / "solutions" / "quick"
    hidden.mkdir(parents=True)
    (hidden / "assignment.toml").write_text(SETTINGS, encoding="utf-8")
    (hidden / "test_quick.py").write_text(CHECKS, encoding="utf-8")
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "good_quick.py").write_text(GOOD)
    return folder


@pytest.fixture
def run(command: Run, tmp_path: Path) -> Run:
    """Run `grader` over the session's warm servers, without a traceback."""
    return lambda *args, **env: command(*args, cwd=tmp_path, **{"COLUMNS": "300"} | env)


@pytest.fixture
def changed_run(tmp_path: Path) -> Run:
    """Run `grader` in a process of its own, in time, after a piece of Python that changes it."""

    def run(code: str, *args: object, **env: str) -> "subprocess.CompletedProcess[str]":
        done = subprocess.run(
            [sys.executable, "-c", f"{code}\nfrom grader.cli import main; main()", *map(str, args)],
            cwd=tmp_path,
            env=os.environ | {"COLUMNS": "300", "LANG": "C.UTF-8"} | env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=MOST_SECONDS,
            check=False,
        )
        assert "Traceback" not in done.stdout + done.stderr, done.stderr
        return done

    return run


@pytest.fixture
def grade(run: Run) -> Run:
    return lambda *args, **more: run("grade", "--lang", "en", *args, **more)


@pytest.fixture
def batch(run: Run, folder: Path) -> Run:
    return lambda **more: run("batch", folder, "-o", "out", "--lang", "en", **more)


def reports_of(folder: Path) -> list[dict]:
    with Gradebook(folder.parent / "out") as gradebook:
        records = gradebook.class_record().records
    return [msgspec.to_builtins(record.report) for record in records]


def sentences(words: str) -> str:
    return " ".join(words.split())


# --- what is no file


def link_to(target: str) -> Callable[[Path], None]:
    return lambda path: path.symlink_to(target)


def bind(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # the path of a socket is short
    try:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.bind(path.name)
    finally:
        os.chdir(here)


NO_FILES = {
    "fifo": os.mkfifo,
    "folder": Path.mkdir,
    "socket": bind,
    "link to zeros": link_to("/dev/zero"),
    "link to noise": link_to("/dev/urandom"),
    "link to a terminal": link_to("/dev/tty"),
    "link to standard input": link_to("/dev/stdin"),
    "link to itself": link_to("evil_quick.py"),
    "link to nothing": link_to("nothing"),
    "link to a folder": link_to("/etc"),
    "link to a link to a fifo": lambda path: (
        os.mkfifo(path.with_name("fifo")),
        path.with_name("link").symlink_to("fifo"),
        path.symlink_to("link"),
    ),
}


@pytest.mark.parametrize("name", NO_FILES)
def test_what_is_no_file_is_refused_in_a_sentence(grade, folder, name):
    path = folder / "evil_quick.py"
    NO_FILES[name](path)

    done = grade(path)

    assert done.returncode == 2
    said = r": is a link" if name.startswith("link") else r" isn't a file"
    assert re.search(rf"evil_quick\.py{said}|can't read .*evil_quick\.py", sentences(done.stderr))
    assert done.stdout == ""


@pytest.mark.parametrize(
    "path", ["/dev/zero", "/dev/stdin", "/dev/tty", "/proc/self/mem", "/", "."]
)
def test_a_device_given_directly_is_refused_in_a_sentence(grade, folder, path):
    done = grade(path)

    assert done.returncode == 2
    said = "is a link" if path == "/dev/stdin" else "neither a script"
    assert said in sentences(done.stderr)


def test_a_terminal_of_the_right_name_is_not_waited_for(grade, folder):
    controller, terminal = pty.openpty()
    (folder / "evil_quick.py").symlink_to(os.ttyname(terminal))

    try:
        assert grade(folder / "evil_quick.py").returncode == 2
    finally:
        os.close(controller)
        os.close(terminal)


def test_what_is_no_file_does_not_stop_a_class(batch, folder):
    for name in NO_FILES:
        if not name.startswith("link to a link"):
            NO_FILES[name](folder / f"{name}_quick.py")
    (folder / "notebook_quick.ipynb").mkdir()

    done = batch()

    assert [report["student"] for report in reports_of(folder)] == ["good"]
    assert "good" in sentences(done.stdout)


def test_a_link_to_another_file_is_not_graded_as_ones_own(batch, folder):
    (folder.parent / "solutions" / "quick" / "solution.py").write_text(GOOD)
    (folder / "thief_quick.py").symlink_to("../solutions/quick/solution.py")

    batch()

    assert {report["student"]: report["items"][0]["points"] for report in reports_of(folder)} == {
        "good": 10
    }


def test_a_folder_of_nothing_but_traps_is_reported_in_a_sentence(batch, folder):
    (folder / "good_quick.py").unlink()
    os.mkfifo(folder / "evil_quick.py")

    done = batch()

    assert done.returncode == 3
    assert "evil_quick.py: is a device or a pipe" in sentences(done.stdout)


# --- contents


def brackets(depth: int, opening: bytes = b"[", closing: bytes = b"]") -> bytes:
    return opening * depth + closing * depth


CONTENTS = {
    "blank.ipynb": (b"", "isn't a readable notebook"),
    "empty.py": (b"", "no code"),
    "brackets.ipynb": (brackets(100_000), "nested too deeply"),
    "objects.ipynb": (b'{"cells":' * 100_000, "nested too deeply"),
    "in_a_cell.ipynb": (
        b'{"nbformat":4,"nbformat_minor":5,"metadata":{},"cells":' + brackets(100_000) + b"}",
        "nested too deeply",
    ),
    "digits.ipynb": (b'{"cells": ' + b"1" * 100_000 + b"}", "isn't a readable notebook"),
    "number.ipynb": (b"1", "isn't a readable notebook"),
    "list.ipynb": (b"[]", "isn't a readable notebook"),
    "not_utf8.ipynb": (b'{"cells": "\xff\xfe\xfd"}', "UTF-8"),
    "invalid.py": (b"x = '\xff\xff'", "UTF-8"),
    "null.py": (b"def double(x): return 2 * x\0", "UTF-8"),
    "zeros.py": (bytes(100_000), "UTF-8"),
    "program.py": (b"\x7fELF" + bytes(range(256)) * 10, "UTF-8"),
    "zipped.ipynb": (b"PK\x03\x04" + bytes(100), "UTF-8"),
    "large.py": (b"#" * (50 * 2**20), "larger than 20 MB"),
    "large.ipynb": (b'{"cells": [' + b'"x",' * (12 * 2**20) + b"1]}", "larger than 20 MB"),
    "half.ipynb": (b'{"nbformat": 4, "cells": [{"cell_type": "code", "sou', "isn't a readable"),
}


@pytest.mark.long
def test_contents_that_are_no_submission_are_reported_in_a_sentence(batch, folder):
    for name, (data, _) in CONTENTS.items():
        stem, _, suffix = name.partition(".")
        (folder / f"{stem}_quick.{suffix}").write_bytes(data)
    begin = time.monotonic()

    batch()

    assert time.monotonic() - begin < MOST_SECONDS
    told = {report["submission"]: report for report in reports_of(folder)}
    for name, (_, words) in CONTENTS.items():
        report = told[name.replace(".", "_quick.")]
        assert report["items"][0]["verdict"] == "error", name
        assert words in report["items"][0]["message"]["en"], name
        assert report["gradable"] is False
    assert told["good_quick.py"]["items"][0]["points"] == 10


@pytest.mark.long
def test_without_its_limit_a_large_file_would_be_graded(grade, folder, monkeypatch):
    (folder / "large_quick.py").write_text(GOOD + "#" * (21 * 2**20))

    refused = grade(folder / "large_quick.py", "--format", "json")
    monkeypatch.setattr("grader.model.submission.MAX_BYTES", 2**30)
    graded = grade(folder / "large_quick.py", "--format", "json")

    assert "larger than" in refused.stdout
    assert "larger than" not in graded.stdout


def cells(*sources: str) -> str:
    return json.dumps(
        {
            "nbformat": 4,
            "nbformat_minor": 4,
            "metadata": {},
            "cells": [
                {
                    "cell_type": "code",
                    "metadata": {},
                    "outputs": [],
                    "execution_count": None,
                    "source": source,
                }
                for source in sources
            ],
        }
    )


@pytest.mark.long
def test_hundreds_of_broken_cells_do_not_flood_the_reports(batch, folder):
    (folder / "evil_quick.ipynb").write_text(cells(*["1 / 0"] * 400))

    batch()

    report = next(r for r in reports_of(folder) if r["student"] == "evil")
    assert len(report["notes"]) <= 200
    assert len(json.dumps(report)) < 200_000


def test_a_forged_error_is_one_harmless_line_in_the_terminal(grade, folder):
    words = "\x1b[31m\x1b]0;own\x07\u202e\n\r\x9b2J" + "x" * 5000
    (folder / "evil_quick.py").write_text(f"def double(x): raise ValueError({words!r})")

    done = grade(folder / "evil_quick.py")

    assert "ValueError" in done.stdout
    assert not DANGEROUS.search(done.stdout)
    assert len(done.stdout) < 20_000


OUTPUT = r"print('\x1b[31m\x1b]0;own\x07\u202e\r\x9b2J' + '[bold red]markup[/]')"


def test_what_is_printed_is_harmless_in_the_terminal(grade, folder):
    (folder / "evil_quick.py").write_text(GOOD + OUTPUT)

    done = grade(folder / "evil_quick.py")

    assert "[bold red]markup[/]" in done.stdout
    assert not DANGEROUS.search(done.stdout)


def test_without_the_cleaning_of_words_what_is_printed_would_reach_the_terminal(
    grade, folder, monkeypatch
):
    (folder / "evil_quick.py").write_text(GOOD + OUTPUT)
    monkeypatch.setattr("grader.reports.table.printable", lambda words, limit=300: words)

    done = grade(folder / "evil_quick.py")

    assert "\x1b[31m" in done.stdout


def test_what_is_printed_is_escaped_in_json(grade, folder):
    (folder / "evil_quick.py").write_text(GOOD + OUTPUT)

    done = grade(folder / "evil_quick.py", "--format", "json")

    assert not re.search(r"[\x00-\x09\x0b-\x1f]", done.stdout)
    output = json.loads(done.stdout)["output"]
    assert "[31m" in output
    assert not DANGEROUS.search(output)


# --- names

NAMES = {
    "newline": b"new\nline",
    "carriage return": b"re\rturn",
    "leading dash": b"-rf",
    "leading dashes": b"--help",
    "bidi": "photo\u202egpj".encode(),
    "isolate": "a\u2066b\u2069".encode(),
    "zero width": "a\u200b\u200db".encode(),
    "html": b"<script>alert(1)<",
    "quotes": b"\"'`$(id)`;&|",
    "formula": b"=cmd|' 'C0",
    "markup": b"[bold red]x[",
    "braces": b"{0.__class__}{path}%s%n",
    "escape": b"\x1b[31mred",
    "title": b"\x1b]0;own\x07",
    "c1": "\x9b31mred".encode(),
    "bell": b"\x07\x08\x7f",
    "no utf-8": b"\xff\xfe",
    "half a character": b"\xed\x95",
    "lone surrogate": b"\xed\xa0\x80",
    "hangul of windows": "\uae40".encode("cp949"),
    "private use": "\ue000\U0010ffff".encode(),
    "tags": "\U000e0041".encode(),
    "spaces": b"   ",
    "dots": b"..",
    "backslashes": b"..\\..\\x",
    "percent": b"%2e%2e%2f",
    "long": b"a" * 200,
}


def named(folder: Path, name: bytes, source: str = GOOD, stem: bytes = b"_quick") -> bytes:
    path = os.fsencode(folder) + b"/" + name + stem + b".py"
    with open(path, "w") as file:  # noqa: PTH123
        file.write(source)
    return path


def test_names_are_harmless_in_table_and_reports(batch, folder):
    for name in NAMES.values():
        named(folder, name)

    done = batch()

    assert not DANGEROUS.search(done.stdout)
    found = {report["submission"]: report["items"][0]["points"] for report in reports_of(folder)}
    assert set(found.values()) == {10}
    assert not [name for name in found if DANGEROUS.search(name)]
    nameless = ("spaces", "dots")
    assert sentences(done.stdout).count("can't tell the student") == len(nameless)
    # What can't be shown is replaced, so these look alike in pairs; the reason writes each of them in full.
    look_alike = ("half a character", "tags", "no utf-8", "private use", "lone surrogate", "bell")
    assert sentences(done.stdout).count("has the same name as another one") == len(look_alike)
    assert len(found) == 1 + len(NAMES) - len(nameless) - len(look_alike)


@pytest.mark.parametrize("name", ["leading dash", "escape"])
def test_a_name_is_harmless_in_the_table_of_one_submission(grade, folder, name):
    done = grade("--", named(folder, NAMES[name]))

    assert done.returncode == 0
    assert "10 / 10" in sentences(done.stdout)
    assert not DANGEROUS.search(done.stdout)


def test_a_name_that_looks_like_an_option_is_none_of_the_commands(run, folder):
    named(folder, b"--help")

    done = run("grade", "--help_quick.py")

    assert done.returncode == 2
    assert "No such option" in sentences(done.stderr)


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_harmless_in_json(folder, name):
    from grader.grading.scoring import ungraded
    from grader.model.assignment import load_assignment
    from grader.model.submission import read_submission
    from grader.reports.json import to_json

    path = Path(os.fsdecode(named(folder, NAMES[name])))
    assignment = load_assignment(folder.parent / "solutions" / "quick")

    text = to_json(ungraded(assignment, read_submission(path), "x", "test"), "en")

    assert not re.search(r"[\x00-\x09\x0b-\x1f]", text)
    assert json.loads(text)["submission"]


def test_names_are_harmless_where_a_class_tells_what_it_cannot_match(batch, folder):
    for name in ("newline", "bidi", "escape", "title", "c1"):
        named(folder, NAMES[name], "x = 1\n", stem=b"")

    told = batch().stdout

    assert told.count("can't tell the assignment") == 5
    assert not DANGEROUS.search(told)
    assert "\nline.py" not in told


@pytest.mark.parametrize("name", ["bidi", "escape", "title", "c1"])
def test_a_name_is_harmless_where_one_file_is_refused(grade, folder, name):
    told = grade("--", named(folder, NAMES[name], "x = 1\n", stem=b"")).stderr

    assert "can't tell the assignment" in told
    assert not DANGEROUS.search(told)


def test_a_name_that_is_no_utf8_can_be_told_on_any_terminal(batch, folder):
    named(folder, b"\xff", "x = 1\n", stem=b"")

    done = batch()  # its output is UTF-8 without exceptions: half a character would be a traceback

    assert done.returncode == 3


def test_the_longest_name_does_not_stop_a_class(batch, folder):
    named(folder, b"a" * (LONGEST_NAME - len(b"_quick.py")))

    batch()

    assert len(reports_of(folder)) == 2


def test_names_that_read_the_same_have_a_report_each(batch, folder):
    for form, source in (("NFC", GOOD), ("NFD", "def double(x): return 0")):
        named(folder, unicodedata.normalize(form, "\uae40").encode(), source)

    batch()

    assert len(reports_of(folder)) == 3
