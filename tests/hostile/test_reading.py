"""Reading a hand-in takes bounded time and memory, and what takes more costs nobody else anything."""

import hashlib
import json
import os
import resource
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from grader.intake import Intake, apart, find_hand_ins, hand_in
from grader.intake.reader import read_content
from grader.model.assignment import Assignment, load_assignments
from grader.model.errors import UserError

ROOT = Path(__file__).parents[2]
WINE = "def load_data(): ...\ndef build_model(): ...\ndef train(): ...\n"
MB = 2**20


@pytest.fixture(scope="module")
def known() -> dict[str, Assignment]:
    return load_assignments(ROOT / "solutions")


def notebook(source: str, outputs: str) -> str:
    cell = {"cell_type": "code", "metadata": {}, "execution_count": 1, "source": source}
    whole = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [cell | {"outputs": []}]}
    return json.dumps(whole).replace('"outputs": []', f'"outputs": [{outputs}]')


def find(path: Path, known: dict[str, Assignment]) -> Intake:
    return find_hand_ins([path], known)


OUTPUTS = {
    "one picture": lambda size: '{"data": {"image/png": "' + "iVBOR" * (size // 5) + '"}}',
    "many lines": lambda size: '{"text": [' + '"epoch 1: \\u0030.5\\n",' * (size // 25) + "NaN]}",
}


@pytest.mark.long
@pytest.mark.parametrize("kind", OUTPUTS)
def test_notebook_with_50_mb_of_outputs_is_read(known, tmp_path, kind):
    with zipfile.ZipFile(
        tmp_path / "class.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1
    ) as file:
        file.writestr("kim_wine.ipynb", notebook(WINE, OUTPUTS[kind](50 * MB)))

    (one,) = find(tmp_path / "class.zip", known).hand_ins
    submission = one.submission

    assert submission.problem is None
    assert submission.cells[0].source == WINE
    assert submission.sha256 == one.sha256


@pytest.mark.long
def test_file_that_takes_too_much_memory_is_told_and_the_rest_read(known, tmp_path, monkeypatch):
    monkeypatch.setattr(apart, "MEGABYTES", 64)
    (tmp_path / "evil_wine.ipynb").write_text('{"cells": [' + "{}," * (6 * MB) + "{}]}")
    (tmp_path / "kim_wine.py").write_text(WINE)

    evil, kim = find(tmp_path, known).hand_ins

    assert "seconds or 64 MB" in evil.submission.problem.en
    assert evil.submission.sha256 == evil.sha256
    assert kim.submission.problem is None


def test_file_that_takes_too_much_time_is_told(known, tmp_path, monkeypatch):
    monkeypatch.setattr(apart, "CPU_SECONDS", 1)
    slow = notebook(WINE, "[" * (19 * MB))
    (tmp_path / "evil_wine.ipynb").write_text(slow)
    begin = time.process_time()

    (evil,) = find(tmp_path, known).hand_ins

    assert "more than 1 seconds" in evil.submission.problem.en
    assert time.process_time() - begin < 5


def test_one_file_that_takes_too_much_is_told_too(known, tmp_path, monkeypatch):
    monkeypatch.setattr(apart, "MEGABYTES", 64)
    path = tmp_path / "evil_wine.ipynb"
    path.write_text('{"cells": [' + "{}," * (6 * MB) + "{}]}")

    evil = hand_in(path, known, read=apart.read_file).submission

    assert "seconds or 64 MB" in evil.problem.en
    assert evil.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_upload_that_takes_long_holds_up_no_other_and_a_killed_reader_starts_again():
    read_content("wine.py", WINE.encode())
    (reader,) = (
        each
        for each in psutil.process_iter(["ppid", "cmdline"])
        if each.info["ppid"] == os.getpid()
        and "grader.intake.reader" in (each.info["cmdline"] or ())  # others may be zombies
    )
    slow = notebook(WINE, "[" * (19 * MB)).encode()
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(read_content, "evil_wine.ipynb", slow)
        while not reader.children():
            time.sleep(0.01)

        assert read_content("wine.py", WINE.encode()).cells
        assert not reading.done()

        for each in (*reader.children(), reader):
            each.kill()
        with pytest.raises(UserError, match="too busy"):
            reading.result()
    assert read_content("wine.py", WINE.encode()).cells


@pytest.mark.parametrize("line", ["/f x", "; f x", ", f x", "%f", "!f", "x = !f", "f?"])
def test_thousands_of_escapes_of_ipython_take_seconds(known, tmp_path, line):
    (tmp_path / "evil_wine.ipynb").write_text(notebook("\n".join([line] * 3000), ""))
    (one,) = find(tmp_path, known).hand_ins
    before = resource.getrusage(resource.RUSAGE_CHILDREN)

    assert one.submission.cells

    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime - before.ru_utime < 15


@pytest.mark.long
def test_thousands_of_hand_ins_of_one_student_are_listed_but_for_the_last(known, tmp_path):
    with zipfile.ZipFile(tmp_path / "kim.zip", "w") as file:
        for number in range(4000):
            file.writestr(f"{number}/wine{number}.py", f"{WINE}#{number}")
    (tmp_path / "lee_wine.py").write_text(WINE)

    found = find(tmp_path, known)

    kims = [each.origin for each in found.hand_ins if each.student == "kim"]
    assert 0 < len(kims) <= 50
    assert any(origin.endswith("wine3999.py") for origin in kims)
    assert len(kims) + len(found.unmatched) == 4000
    assert any(each.student == "lee" for each in found.hand_ins)


def test_long_names_and_deep_paths_take_no_time(known, tmp_path):
    names = [
        "_".join("a" * 300) + "_wine.py",
        "/".join("x" * 3000) + "/wine.py",
        "- " * 400 + "x.py",
    ]
    with zipfile.ZipFile(tmp_path / "class.zip", "w") as file:
        for name in (*names, "lee_wine.py"):
            file.writestr(name, WINE)
    begin = time.process_time()

    found = find(tmp_path / "class.zip", known)

    assert time.process_time() - begin < 10
    assert len(found.hand_ins) + len(found.unmatched) == 4
    assert any("too long a path" in each.reason.en for each in found.unmatched)
