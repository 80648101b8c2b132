"""Reports show the results in both languages, and students' text is only ever text."""

import json
from datetime import UTC, datetime
from io import StringIO

import msgspec
import pytest
from rich.cells import cell_len
from rich.console import Console

from grader.model.record import Adjustment, ClassRecord, Record, RosterEntry, Total
from grader.model.score import Curve, Flag, ItemResult, Place, ScoreReport, Suspicion, Verdict
from grader.model.text import Text, visible
from grader.reports.gradescope import to_gradescope
from grader.reports.html import assistant_page, class_page, student_page
from grader.reports.json import to_json
from grader.reports.table import class_summary, class_table, item_table, totals_table

PASSED = ItemResult(
    id="train",
    title=Text(ko="학습 과정", en="Training loop"),
    points=20,
    max_points=20,
    verdict=Verdict.PASSED,
    message=Text(ko="", en=""),
    seconds=1.5,
    memory_bytes=4096,
)
LOST = ItemResult(
    id="predict",
    title=Text(ko="예측", en="Prediction"),
    points=2.5,
    max_points=10,
    verdict=Verdict.PARTIAL,
    message=Text(ko="틀렸습니다", en="this is wrong"),
    detail="test_predict: line 3",
)
UNGRADED = ItemResult(
    id="shape",
    title=Text(ko="모양", en="Shape"),
    points=None,
    max_points=10,
    verdict=Verdict.UNGRADED,
    message=Text(ko="채점하지 못했습니다", en="we could not grade this"),
)
REPORT = ScoreReport(
    assignment="wine",
    student="김철수",
    submission="김철수_wine.py",
    sha256="0" * 64,
    items=(PASSED, LOST),
    gradable=True,
    isolation="full",
    notes=(Text(ko="건너뛰었습니다", en="a magic was skipped"),),
    output="printed",
)
LEFT = msgspec.structs.replace(REPORT, items=(PASSED, LOST, UNGRADED), gradable=False)

MARKUP = [
    "[bold]kim[/bold]",
    "[/]",
    "[link=http://example.org]kim[/link]",
    "kim :cat:",
    "kim\\",
    "\\[red]kim",
    "<b>kim</b> & 'co'",
    '"kim", "lee"',
    "{kim}",
]
CONTROLS = ["kim\x1b[2J", "kim\x1b]0;title\x07", "kim\x9b31m", "kim\u202ewine"]


def written_by(student):
    """A report in which every text that a student can choose is this one."""
    words = Text(ko=student, en=student)
    return msgspec.structs.replace(
        REPORT,
        student=student,
        items=(msgspec.structs.replace(LOST, message=words, detail=student),),
        notes=(words,),
        output=student,
    )


def printed(renderable, colours=False):
    file = StringIO()
    system = "truecolor" if colours else None
    Console(file=file, width=200, force_terminal=colours, color_system=system).print(renderable)
    return file.getvalue()


# --- JSON


def test_json_has_the_keys_that_programs_rely_on():
    document = json.loads(to_json(REPORT, "en"))

    assert {
        *("schema_version", "assignment", "student", "score", "max_score", "gradable"),
        *("isolation", "not_blocked", "items", "notes"),
    } <= document.keys()
    for item in document["items"]:
        assert {
            *("id", "title", "points", "max_points", "verdict", "message", "seconds"),
        } <= item.keys()


def test_json_says_who_got_what():
    document = json.loads(to_json(REPORT, "en"))

    assert document["schema_version"] == 1
    assert (document["assignment"], document["student"]) == ("wine", "김철수")
    assert (document["score"], document["max_score"]) == (22.5, 30)
    assert (document["gradable"], document["isolation"]) == (True, "full")


def test_json_of_an_item():
    item = json.loads(to_json(REPORT, "en"))["items"][1]

    assert (item["id"], item["verdict"]) == ("predict", "partial")
    assert (item["points"], item["max_points"]) == (2.5, 10)


def test_json_keeps_the_order_of_the_rubric():
    document = json.loads(to_json(LEFT, "en"))

    assert [item["id"] for item in document["items"]] == ["train", "predict", "shape"]


def test_json_has_no_points_for_what_is_ungraded():
    document = json.loads(to_json(LEFT, "en"))

    assert document["items"][2]["points"] is None
    assert document["items"][2]["verdict"] == "ungraded"
    assert document["gradable"] is False
    assert (document["score"], document["max_score"]) == (None, 40)


@pytest.mark.parametrize(
    "language, texts",
    [
        ("ko", ("예측", "틀렸습니다", "건너뛰었습니다")),
        ("en", ("Prediction", "this is wrong", "a magic was skipped")),
    ],
)
def test_json_is_in_the_language_requested(language, texts):
    document = json.loads(to_json(REPORT, language))

    item = document["items"][1]
    assert (item["title"], item["message"], document["notes"][0]) == texts


def test_json_has_its_korean_as_such():
    assert "김철수" in to_json(REPORT, "ko")


@pytest.mark.parametrize("words", [*MARKUP, "two\nlines", "## [x]", "::error::x ##[error]"])
def test_json_keeps_every_character(words):
    assert "##[" not in to_json(written_by(words), "en")
    document = json.loads(to_json(written_by(words), "en"))

    assert document["student"] == words
    assert document["items"][0]["message"] == words
    assert document["notes"] == [words]


@pytest.mark.parametrize("words", CONTROLS)
def test_json_holds_no_control_characters_even_escaped(words):
    document = json.loads(to_json(written_by(words), "en"))

    for text in (document["student"], document["items"][0]["message"], *document["notes"]):
        assert text == visible(words)


# --- the table of one report


@pytest.mark.parametrize(
    "language, texts",
    [
        ("ko", ("학습 과정", "예측", "틀렸습니다", "건너뛰었습니다")),
        ("en", ("Training loop", "Prediction", "this is wrong", "a magic was skipped")),
    ],
)
def test_item_table_is_in_the_language_requested(language, texts):
    shown = printed(item_table(REPORT, language))

    assert [text for text in texts if text not in shown] == []
    assert Verdict.PARTIAL.text.in_(language) in shown


def test_enormous_losses_are_plotted():
    curve = Curve(kind="loss", values=(1e308, -1e308, 0.5))
    item = msgspec.structs.replace(PASSED, curves=(curve,))
    report = msgspec.structs.replace(REPORT, items=(item,))

    assert "0.500" in printed(item_table(report, "en"))


def test_item_table_is_not_in_the_other_language():
    assert "Prediction" not in printed(item_table(REPORT, "ko"))
    assert "예측" not in printed(item_table(REPORT, "en"))


def test_item_table_has_a_row_for_each_item():
    lines = printed(item_table(LEFT, "en")).splitlines()

    (train,) = (line for line in lines if "Training loop" in line)
    (predict,) = (line for line in lines if "Prediction" in line)
    (shape,) = (line for line in lines if "Shape" in line)
    assert "20 / 20" in train
    assert "passed" in train
    assert "1.50 s" in train
    assert "2.5 / 10" in predict
    assert "partial" in predict
    assert "– / 10" in shape
    assert "ungraded" in shape


def test_item_table_ends_with_the_last_lines_that_were_printed():
    output = "".join(f"epoch {n} [bold]\n" for n in range(100))

    lines = printed(item_table(msgspec.structs.replace(REPORT, output=output), "en")).splitlines()

    assert lines[-1].strip() == "epoch 99 [bold]"
    assert "epoch 0 [bold]" not in map(str.strip, lines)


def test_item_table_begins_with_student_assignment_and_score():
    title = printed(item_table(REPORT, "en")).splitlines()[0]

    assert "김철수 · wine · 22.5 / 30" in title
    assert "!" not in title


def test_item_table_marks_what_a_person_should_look_at():
    assert "– / 40 !" in printed(item_table(LEFT, "en")).splitlines()[0]


@pytest.mark.parametrize("words", MARKUP)
def test_item_table_shows_markup_as_text(words):
    title, *rest = printed(item_table(written_by(words), "en")).splitlines()

    (row,) = (line for line in rest if "Prediction" in line)
    assert f"{words} · wine" in title
    assert words in row
    assert f"· {words}" in rest


@pytest.mark.parametrize("words", ["[bold]kim[/bold]", "[red]kim[/red]"])
def test_markup_changes_no_style(words):
    plain = printed(item_table(written_by("k" * len(words)), "en"), colours=True)
    marked = printed(item_table(written_by(words), "en"), colours=True)

    assert marked == plain.replace("k" * len(words), words)


@pytest.mark.parametrize("words", CONTROLS)
def test_item_table_prints_no_control_characters(words):
    shown = printed(item_table(written_by(words), "en"))

    assert [c for c in shown if c != "\n" and not c.isprintable()] == []


# --- the table of a class


def recorded(*reports, **fields):
    now = datetime.now(UTC)
    return [Record(report=r, origin="x.py", graded_at=now, **fields) for r in reports]


def in_class(assignments, records, **fields):
    return ClassRecord(assignments=tuple(assignments.values()), records=tuple(records), **fields)


@pytest.mark.parametrize("language", ["ko", "en"])
def test_class_summary_fits_80_columns(assignments, language):
    late = msgspec.structs.replace(recorded(REPORT)[0], late_days=2, penalty=10.0)
    record = in_class(assignments, [late])
    roster = (
        RosterEntry(REPORT.student, "Kim"),
        *(RosterEntry(f"s{n}", "Lee" * 20) for n in range(30)),
    )
    console = Console(width=80)

    with console.capture() as capture:
        console.print(class_summary(msgspec.structs.replace(record, roster=roster), language))

    shown = capture.get()
    assert max(map(cell_len, shown.splitlines())) <= 80
    assert f"Kim ({REPORT.student})" in shown
    assert "1 / 31" in shown
    assert ("2 days" if language == "en" else "2일") in shown
    assert ("and 20 more" if language == "en" else "20건") in shown


def test_class_table_has_a_row_for_each_student_and_a_column_for_each_assignment(assignments):
    reports = [
        msgspec.structs.replace(REPORT, student="lee", assignment="wine"),
        msgspec.structs.replace(REPORT, student="kim", assignment="wine"),
        msgspec.structs.replace(REPORT, student="kim", assignment="binary", items=(PASSED,)),
    ]

    lines = printed(class_table(in_class(assignments, recorded(*reports)), "en")).splitlines()

    kim, lee = (
        next(n for n, line in enumerate(lines) if name in line.split()) for name in ("kim", "lee")
    )
    assert [cell.strip() for cell in lines[kim].split("│")[1:-1]] == [
        *("kim", "20 / 20", "–", "22.5 / 30"),
    ]
    assert [cell.strip() for cell in lines[lee].split("│")[1:-1]] == ["lee", "–", "–", "22.5 / 30"]
    assert kim < lee


@pytest.mark.parametrize("language", ["ko", "en"])
def test_class_table_is_in_the_language_requested(assignments, language):
    shown = printed(class_table(in_class(assignments, recorded(REPORT)), language))

    assert all((a.short or a.title).in_(language) in shown for a in assignments.values())


def test_class_table_marks_what_a_person_should_look_at(assignments):
    shown = printed(class_table(in_class(assignments, recorded(LEFT)), "en"))

    assert "– / 40 !" in shown


@pytest.mark.parametrize("words", MARKUP)
def test_class_table_shows_markup_as_text(assignments, words):
    shown = printed(class_table(in_class(assignments, recorded(written_by(words))), "en"))

    assert f"│ {words} " in shown


@pytest.mark.parametrize("words", CONTROLS)
def test_class_table_prints_no_control_characters(assignments, words):
    shown = printed(class_table(in_class(assignments, recorded(written_by(words))), "en"))

    assert [c for c in shown if c != "\n" and not c.isprintable()] == []


def test_class_table_shows_the_score_with_penalty_and_adjustments(assignments):
    given = Adjustment(points=4, reason="x", author="y", made_at=datetime.now(UTC))
    records = recorded(REPORT, penalty=2, adjustments=(given,))

    shown = printed(class_table(in_class(assignments, records), "en"))

    assert "24.5 / 30" in shown


def test_class_table_tells_excused_missing_and_dropped_students_apart(assignments):
    record = in_class(
        assignments,
        recorded(msgspec.structs.replace(REPORT, student="kim")),
        roster=(RosterEntry("kim", "김철수"), RosterEntry("lee"), RosterEntry("park")),
        excused=frozenset({("kim", "wine"), ("lee", "wine")}),
        dropped=(RosterEntry("choi", "최민수"),),
    )

    lines = printed(class_table(record, "en")).splitlines()

    rows = {line.split()[1]: line.split("│")[-2].strip() for line in lines if "│" in line}
    assert (rows["김철수"], rows["lee"], rows["park"]) == ("EX", "EX", "–")
    assert "no longer on the roster: 최민수" in lines


def test_class_table_shows_the_hand_in_that_counts(assignments):
    other = msgspec.structs.replace(REPORT, items=(PASSED,))
    records = [*recorded(REPORT, counts=False), *recorded(other), *recorded(LEFT, counts=False)]

    shown = printed(class_table(in_class(assignments, records), "en"))

    assert "20 / 20" in shown
    assert "22.5" not in shown


def test_totals_table_has_a_row_for_each_assignment():
    shown = printed(totals_table([Total("wine", 5000, 66.666, 3)], "en"))

    (row,) = (line for line in shown.splitlines() if "wine" in line)
    assert [cell.strip() for cell in row.split("│")[1:-1]] == ["wine", "5000", "66.7", "3"]


def test_what_is_suspicious_is_for_the_staff_alone(assignments):
    flags = (
        Flag(kind=Suspicion.INSPECTS_CALLERS, place=Place("[b]cell 3 (`def train():`)", 7)),
        Flag(kind=Suspicion.INSPECTS_CALLERS, place=Place("cell 4 (`x`)", 9)),
        Flag(kind=Suspicion.ANSWERS_DIFFER),
    )
    report = msgspec.structs.replace(REPORT, flags=flags)
    assert msgspec.json.decode(msgspec.json.encode(report), type=ScoreReport) == report
    record = Record(report=report, origin="x", graded_at=datetime(2025, 1, 1, tzinfo=UTC))
    assignment = assignments["wine"]
    whole = ClassRecord(assignments=(assignment,), records=(record,))
    key = ("김철수", "wine")

    for language, words, differ in (
        ("en", "inspects the call stack", "answered the same question differently"),
        ("ko", "호출 스택", "같은 질문에 다르게"),
    ):
        staff = [
            printed(class_summary(whole, language)),
            printed(item_table(report, language)),
            class_page(whole, language),
            assistant_page(record, assignment, language, "twin.html"),
        ]
        assert all(page.count(words) == 1 and page.count(differ) == 1 for page in staff)
        theirs = [
            student_page(record, assignment, language),
            to_gradescope(record, language),
        ]
        assert not any(words in page or differ in page for page in theirs)
    assert record.final_score == 22.5
    assert whole.chosen[key] is record
