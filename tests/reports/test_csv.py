"""CSV opens in a spreadsheet: correct numbers and letters, no formulas, and nothing ungraded as 0."""

import csv
import io
import re
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grader.model.record import Adjustment, RosterEntry
from grader.reports.csv import to_csv

LATE = {
    "penalty": 2.5,
    "adjustments": (
        Adjustment(points=1, reason="", author="ta", made_at=datetime(2026, 3, 2, tzinfo=UTC)),
    ),
}


def table(record, language="en"):
    return list(csv.reader(io.StringIO(to_csv(record, language).decode("utf-8-sig"), newline="")))


def test_bytes_are_what_excel_wants(in_class, hand_in):
    data = to_csv(in_class(hand_in("김철수")), "ko")

    assert data.startswith(b"\xef\xbb\xbf")
    assert data.endswith(b"\r\n")
    assert data.count(b"\n") == data.count(b"\r\n") == 2
    assert "김철수" in data.decode()


def test_heads_are_student_then_each_assignment(in_class, wine, binary):
    heads, *_ = table(in_class(assignments=(wine, binary)))

    assert heads == [
        *("student", "name", "email"),
        "Predict the cultivar: score (max. 30)",
        "Predict the cultivar: late penalty",
        "Predict the cultivar: adjustment",
        "Predict the cultivar: Training loop (max. 20)",
        "Predict the cultivar: Prediction (max. 10)",
        "Predict the cultivar: verdicts",
        "Logistic regression: score (max. 5)",
        "Logistic regression: late penalty",
        "Logistic regression: adjustment",
        "Logistic regression: Sigmoid (max. 5)",
        "Logistic regression: verdicts",
    ]


def test_heads_are_in_korean_on_request(in_class):
    heads, *_ = table(in_class(), "ko")

    assert heads[0] == "학생"
    assert "와인 품종 예측하기" in heads[3]


def test_a_row_has_score_penalty_adjustment_and_items(in_class, hand_in):
    roster = (RosterEntry("kim", "Kim Minji", "kim@example.org"),)

    _, row = table(in_class(hand_in("kim", (20, 2.5), **LATE), roster=roster))

    assert row == [
        *("kim", "Kim Minji", "kim@example.org"),
        *("21", "2.5", "1", "20", "2.5"),
        "Prediction: partial",
    ]


def test_what_is_ungraded_is_empty_and_marked(in_class, hand_in):
    _, row = table(in_class(hand_in("kim", (20, None))))

    assert row[3:] == ["", "0", "0", "20", "", "Prediction: ungraded"]


def test_a_zero_is_a_zero(in_class, hand_in):
    _, row = table(in_class(hand_in("kim", (0, 0))))

    assert row[3:] == ["0", "0", "0", "0", "0", "Training loop: failed; Prediction: failed"]


def test_roster_order_and_those_who_handed_in_nothing(in_class, hand_in):
    roster = (RosterEntry("lee"), RosterEntry("kim"))

    _, lee, kim, guest = table(in_class(hand_in("kim"), hand_in("guest"), roster=roster))

    assert (lee[0], kim[0], guest[0]) == ("lee", "kim", "guest")
    assert lee[3:] == [""] * 5 + ["not handed in"]


def test_excused_and_dropped_students_are_told_apart(in_class, hand_in):
    record = in_class(
        hand_in("kim"),
        roster=(RosterEntry("lee"), RosterEntry("kim")),
        excused=frozenset({("lee", "wine"), ("kim", "wine")}),
        dropped=(RosterEntry("gone"),),
    )

    _, *rows = table(record)

    assert [(row[0], *row[3:]) for row in rows] == [
        (name, *[""] * 5, "excused") for name in ("lee", "kim")
    ]


@pytest.mark.parametrize("lead", ["=", "+", "-", "@", "\t=", "\r=", " ="])
def test_no_text_is_a_formula(in_class, hand_in, lead):
    name = f"{lead}HYPERLINK(1)"
    record = in_class(hand_in(name), roster=(RosterEntry(name, name, name),))

    _, row = table(record)

    assert {cell[:2] for cell in row[:3]} == {f"'{lead.strip() or '='}"}


def test_a_negative_number_stays_a_number(in_class, hand_in):
    (taken,) = LATE["adjustments"]
    less = Adjustment(points=-4, reason="", author="ta", made_at=taken.made_at)

    _, row = table(in_class(hand_in("kim", adjustments=(less,))))

    assert row[5] == "-4"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(student=st.text(min_size=1))
def test_any_name_is_one_plain_cell(in_class, hand_in, student):
    _, row = table(in_class(hand_in(student)))

    assert len(row) == 9
    assert not row[0].startswith(("=", "+", "-", "@"))
    assert [c for c in row[0] if not c.isprintable()] == []


@pytest.mark.parametrize(
    "name", ["＝1+1", "＋1", "－1", "＠x", "﹦1", "kim;=1+1", "kim, =1+1", 'kim;"=1"']
)
def test_no_cell_of_another_locale_is_a_formula(in_class, hand_in, name):
    (row,) = table(in_class(hand_in(name)))[1:]

    cells = [cell.strip(' "') for cell in re.split("[;,|]", row[0])]
    assert [cell for cell in cells if cell[0] in "=+-@＝＋－＠﹦"] == []
    assert row[0].replace("'", "") == name


@pytest.mark.parametrize("name", ["::error file=x::pwned", "kim ##[error]", "##vso[task.x]"])
def test_no_line_is_a_command_to_a_ci_server(in_class, hand_in, name):
    (row,) = table(in_class(hand_in(name)))[1:]

    assert not row[0].startswith("::")
    assert "##" not in row[0]
