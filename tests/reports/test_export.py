"""A class in every export format, and its summary in a terminal."""

import json
import re
from io import StringIO
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console

from grader.model.assignment import load_assignments
from grader.model.errors import UserError
from grader.model.record import ClassRecord, RosterEntry, Unmatched
from grader.model.text import Text
from grader.reports.export import export
from grader.reports.json import class_to_json
from grader.reports.table import statistics_table

CANVAS = "Student,ID,Predict the cultivar (1)\nKim,1,\n"
MOODLE = "Identifier,Full name,Grade\nParticipant 1,Kim,\n"


@pytest.mark.parametrize(
    "format_, template, words",
    [
        ("csv", None, "학습 과정"),
        ("json", None, '"title": "학습 과정"'),
        ("gradescope", None, '"name": "학습 과정"'),
        ("canvas", CANVAS, "Kim,1,30\n"),
        ("moodle", MOODLE, "Participant 1,Kim,30\n"),
        ("junit", None, "<testsuites"),
        ("github", None, "result="),
    ],
)
def test_every_format(in_class, hand_in, format_, template, words):
    done = export(in_class(hand_in("Kim")), format_, "ko", template)

    assert words in done.data.decode()
    assert done.notes == ()


def test_commands_are_apart_from_data(in_class, hand_in):
    done = export(in_class(hand_in("kim")), "github", "en")

    assert done.data.decode().count("\n") == 1
    assert done.commands.count("\n") == 2


def test_notes_come_along(in_class, hand_in):
    done = export(in_class(hand_in("lee")), "canvas", "en", CANVAS)

    assert len(done.notes) == 1


@pytest.mark.parametrize("format_", ["gradescope", "github"])
@pytest.mark.parametrize("students", [(), ("kim", "lee")])
def test_formats_of_one_hand_in_want_one(in_class, hand_in, format_, students):
    with pytest.raises(UserError, match=f"there are {len(students)}: .*--student"):
        export(in_class(*map(hand_in, students)), format_, "en")


@pytest.mark.parametrize("format_", ["canvas", "moodle"])
def test_platforms_want_their_file(in_class, format_):
    with pytest.raises(UserError, match="--template"):
        export(in_class(), format_, "en")


def test_json_of_a_class(in_class, hand_in):
    reason = Text(ko="모릅니다", en="unknown")
    record = in_class(
        hand_in("김철수", (20, 2.5), penalty=1.5, late_days=2),
        hand_in("lee", (20, None)),
        roster=(RosterEntry("lee", "Lee"),),
        unmatched=(Unmatched("notes.py", reason),),
    )

    document = json.loads(class_to_json(record, "en"))

    kim, lee = document["hand_ins"]
    assert document["assignments"] == [
        {"name": "wine", "title": "Predict the cultivar", "max_score": 30}
    ]
    assert [s["id"] for s in document["students"]] == ["lee", "김철수"]
    assert (kim["score"], kim["penalty"], kim["final_score"], kim["late_days"]) == (
        22.5,
        1.5,
        21,
        2,
    )
    assert lee["final_score"] is None
    assert lee["items"][1]["points"] is None
    assert kim["graded_at"] == "2026-03-02T09:30:00Z"
    assert [s["count"] for s in document["statistics"]] == [2, 1]
    assert document["statistics"][0]["title"] == "Training loop"
    assert document["statistics"][0]["discrimination"] is None
    assert document["unmatched"] == [{"origin": "notes.py", "student": "", "reason": "unknown"}]


def printed(record, language, width=200):
    file = StringIO()
    Console(file=file, width=width).print(statistics_table(record, language))
    return file.getvalue()


def cells(line):
    return [cell.strip() for cell in re.split(r"\s{2,}", line.strip())]


def test_summary_has_a_row_for_each_item(in_class, hand_in):
    record = in_class(hand_in("a", (20, 4)), hand_in("b", (0, 2)), hand_in("c", (20, None)))

    lines = printed(record, "en").splitlines()

    assert "Predict the cultivar" in lines[0]
    train, predict = (cells(x) for x in lines if x.startswith(("Training loop", "Prediction")))
    assert train == [
        *("Training loop", "3", "13.33 / 20", "0.67", "1.00", "0.50 s", "passed 2, failed 1"),
    ]
    assert predict[1:5] == ["2", "3.00 / 10", "0.30", "1.00"]
    assert predict[-1] == "partial 2, ungraded 1"


def test_summary_of_nothing_is_dashes(in_class):
    lines = printed(in_class(), "ko").splitlines()

    (train,) = (cells(x) for x in lines if x.startswith("학습 과정"))
    assert train == ["학습 과정", "0", "–", "–", "–", "–"]


def test_summary_fits_80_columns_with_short_titles():
    assignments = load_assignments(Path(__file__).parents[2] / "solutions")
    record = ClassRecord(assignments=tuple(assignments.values()), records=())

    for language in ("en", "ko"):
        text = printed(record, language, width=80)
        lines = text.splitlines()
        assert max(map(cell_len, lines)) <= 80
        for assignment in assignments.values():
            for item in assignment.items:
                title = (item.short or item.title).in_(language)
                assert any(line.startswith(title) for line in lines), title
