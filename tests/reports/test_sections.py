"""Sections of the roster, and due dates with extensions, from the CSV to the pages and exports."""

import csv
import io
import os
import re
from datetime import datetime

import pytest

SETTINGS = """\
name = "tiny"
title = { ko = "작은 과제", en = "A tiny one" }
functions = ["f"]
[[items]]
id = "f"
title = { ko = "함수", en = "Function" }
points = 4
[late]
due = 2026-05-01T23:59:00+09:00
grace_minutes = 10
percent_per_day = 25
"""
CHECKS = """\
import pytest
from grader.checks import number
@pytest.mark.item("f")
def test_f(student):
    assert number(student.f()) == 1
"""
ROSTER = "학번,이름,분반\nkim,김철수,가\nlee,이영희,나\npark,박서연,나\nchoi,최민,\n"
EXTENSIONS = "student,assignment,due\npark,tiny,2026-05-03T12:00:00+09:00\n"
HANDED_IN = {
    "kim": "2026-05-01T14:00",
    "lee": "2026-05-03T14:00",
    "park": "2026-05-03T02:00",
    "choi": "2026-05-01T15:05",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("class")
    tiny = folder / "solutions" / "tiny"
    tiny.mkdir(parents=True)
    (folder / "course.toml").write_text('timezone = "Asia/Seoul"\n')
    (tiny / "assignment.toml").write_text(SETTINGS, "utf-8")
    (tiny / "test_tiny.py").write_text(CHECKS, "utf-8")
    (folder / "roster.csv").write_text(ROSTER, "utf-8")
    (folder / "extensions.csv").write_text(EXTENSIONS, "utf-8")
    (folder / "in").mkdir()
    for student, time in HANDED_IN.items():
        file = folder / "in" / f"{student}_tiny.py"
        file.write_text("def f(): return 1\n")
        seconds = datetime.fromisoformat(f"{time}+00:00").timestamp()
        os.utime(file, (seconds, seconds))
    return folder


def grade(command, folder, results, *more):
    return command(
        *("batch", folder / "in", "-o", results, "--roster", folder / "roster.csv"),
        *("--extensions", folder / "extensions.csv", "--solutions", folder / "solutions"),
        *("--lang", "en", *more),
    )


@pytest.fixture(scope="module")
def results(command, folder):
    grade(command, folder, folder / "results", "--trust-file-times")
    return folder / "results"


def words_of(results, student):
    page = (results / "students" / student / "tiny.html").read_text("utf-8")
    (facts,) = re.findall(r'<ul class="facts">(.*?)</ul>', page, re.DOTALL)
    return " ".join(re.sub("<[^>]+>", " ", facts).split())


@pytest.mark.parametrize(
    "student, expected",
    [
        (
            "kim",
            "Handed in 2026-05-01 23:00 (UTC+09:00) Due 2026-05-01 23:59 (UTC+09:00) · in time",
        ),
        ("choi", "Due 2026-05-01 23:59 (UTC+09:00) · in the period of grace"),
        ("lee", "Due 2026-05-01 23:59 (UTC+09:00) late by 2 days, −2"),
        ("park", "Due 2026-05-03 12:00 (UTC+09:00) · extended · in time"),
    ],
)
def test_page_says_when_it_was_due_and_what_lateness_costs(results, student, expected):
    assert expected in words_of(results, student)


def test_time_of_a_file_that_is_not_trusted_costs_nothing_and_the_page_says_so(command, folder):
    grade(command, folder, folder / "untrusted")

    assert "after that, but only by the time of the file" in words_of(folder / "untrusted", "lee")


def test_report_and_exports_show_one_section(command, results):
    whole = command("report", results, "--format", "csv", "--lang", "en")
    part = command("report", results, "--format", "csv", "--lang", "en", "--section", "나")

    rows = list(csv.DictReader(io.StringIO(whole.stdout.removeprefix("\ufeff"))))
    assert {row["student"]: row["section"] for row in rows} == {
        "kim": "가",
        "lee": "나",
        "park": "나",
        "choi": "",
    }
    rows = csv.DictReader(io.StringIO(part.stdout.removeprefix("\ufeff")))
    assert [row["student"] for row in rows] == ["lee", "park"]


def test_unknown_section_is_refused_with_the_known_ones(command, results):
    done = command("report", results, "--section", "다", "--lang", "en")

    assert done.returncode == 2
    assert "there is no section 다; available: 가, 나" in done.stderr


def test_batch_grades_one_section(command, folder):
    done = grade(command, folder, folder / "part", "--section", "나")

    assert "graded now: 2" in done.stdout


def test_mail_goes_to_one_section(command, results):
    done = command("hand-back", results, "--to", "mail", "--section", "가", "--lang", "en")

    assert "kim: no e-mail address" in done.stderr
    assert "lee" not in done.stderr + done.stdout
