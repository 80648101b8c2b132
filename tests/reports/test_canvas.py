"""A Canvas gradebook comes back with the scores filled in and nothing else changed."""

import unicodedata

import pytest

from grader.model.errors import UserError
from grader.model.record import RosterEntry
from grader.reports.canvas import fill_canvas

GRADES = (
    "\ufeffStudent,ID,SIS User ID,SIS Login ID,Section,Warm-up (11),와인 품종 예측하기 (12),"
    "Assignments Current Score\r\n"
    ",,,,,Manual Posting,,(read only)\r\n"
    "    Points Possible,,,,,5.0,30.0,(read only)\r\n"
    '"Kim, Minji",1001,2021001,minji@example.org,가,4,,80.0\r\n'
    '="=이, 도윤",1002,2021002,doyun,나,"5",12,""\r\n'
    '"박서연",1003,2021003,"park",가,,,\r\n'
    '"Student, Test",1004,,test,가,,,\r\n'
)


def lines(text):
    return text.split("\r\n")


def said(filled):
    return [note.en for note in filled.notes]


def test_only_the_scores_change(in_class, hand_in):
    filled = fill_canvas(in_class(hand_in("2021001", (20, 2.5)), hand_in("doyun")), GRADES)

    expected = GRADES.replace("가,4,,80.0", "가,4,22.5,80.0").replace('"5",12,""', '"5",30,""')
    assert filled.text == expected
    assert filled.notes == ()


@pytest.mark.parametrize(
    "student",
    [
        "1001",
        "2021001",
        "minji@example.org",
        "MINJI@example.org",
        "Minji Kim",
        "kimminji",
        "kimminji_1001",
    ],
)
def test_a_student_is_found_by(in_class, hand_in, student):
    filled = fill_canvas(in_class(hand_in(student)), GRADES)

    assert "가,4,30,80.0" in filled.text
    assert filled.notes == ()


@pytest.mark.parametrize(
    "entry",
    [
        RosterEntry("s1", "박서연"),
        RosterEntry("s1", unicodedata.normalize("NFD", "박서연")),
        RosterEntry("s1", "", "Park"),
    ],
)
def test_a_roster_brings_names_and_addresses(in_class, hand_in, entry):
    filled = fill_canvas(in_class(hand_in("s1"), roster=(entry,)), GRADES)

    assert '"박서연",1003,2021003,"park",가,,30,' in filled.text


def test_a_name_that_begins_with_an_equals_sign(in_class, hand_in):
    filled = fill_canvas(in_class(hand_in("도윤 이")), GRADES)

    assert '="=이, 도윤",1002,2021002,doyun,나,"5",30,""' in filled.text


def test_an_unknown_student_is_reported_and_nothing_is_written(in_class, hand_in):
    filled = fill_canvas(in_class(hand_in("choi\x1b[2J")), GRADES)

    assert filled.text == GRADES
    (note,) = said(filled)
    assert note.startswith("choi�[2J, Predict the cultivar: the file has no row")


def test_what_is_ungraded_keeps_its_cell(in_class, hand_in):
    filled = fill_canvas(in_class(hand_in("2021001", (20, None))), GRADES)

    assert filled.text == GRADES
    assert said(filled) == ["2021001, Predict the cultivar: ungraded, so nothing was written"]


def test_a_namesake_with_another_id_gets_no_score(in_class, hand_in):
    roster = (RosterEntry("2021001", "Minji Kim"), RosterEntry("2029999", "박서연"))

    filled = fill_canvas(in_class(hand_in("2021001"), hand_in("2029999"), roster=roster), GRADES)

    assert filled.text == GRADES.replace("가,4,,80.0", "가,4,30,80.0")
    assert len(filled.notes) == 1


def test_two_rows_of_one_name_get_no_score(in_class, hand_in):
    twice = GRADES + '"Minji Kim",1005,2021005,kim5,가,,,\r\n'

    filled = fill_canvas(in_class(hand_in("Minji Kim")), twice)

    assert filled.text == twice
    assert "more than one row" in said(filled)[0]


def test_two_students_who_fit_one_row_get_no_score(in_class, hand_in):
    filled = fill_canvas(in_class(hand_in("1001"), hand_in("2021001", (0, 0))), GRADES)

    assert filled.text == GRADES
    assert len(filled.notes) == 2


def test_the_rows_above_the_students_are_no_ones(in_class, hand_in):
    filled = fill_canvas(in_class(hand_in("Points Possible")), GRADES)

    assert filled.text == GRADES


TEN = GRADES.replace(",30.0,", ",10.0,")


@pytest.mark.parametrize("scale", [None, 100.0])
def test_another_maximum_is_refused(in_class, hand_in, scale):
    with pytest.raises(UserError, match=r"the platform's maximum is 10, .* --scale-to template"):
        fill_canvas(in_class(hand_in("1001")), TEN, scale=scale)


@pytest.mark.parametrize("scale", ["template", 10.0])
def test_scores_are_scaled_when_asked(in_class, hand_in, scale):
    filled = fill_canvas(in_class(hand_in("1001", (20, 2.5))), TEN, scale=scale)

    assert "가,4,7.5,80.0" in filled.text
    assert filled.notes == ()


def test_a_maximum_that_is_not_there_must_be_given(in_class, hand_in):
    record, text = in_class(hand_in("1001")), GRADES.replace(",30.0,", ",(read only),")

    assert "가,4,30,80.0" in fill_canvas(record, text).text
    assert "가,4,5,80.0" in fill_canvas(record, text, scale=5.0).text
    with pytest.raises(UserError, match="doesn't say the maximum"):
        fill_canvas(record, text, scale="template")


def test_another_maximum_of_what_nobody_handed_in_matters_not(in_class, hand_in, wine, binary):
    text = GRADES.replace("Warm-up (11)", "Logistic regression (11)").replace(",5.0,", ",7.0,")

    filled = fill_canvas(in_class(hand_in("1001"), assignments=(wine, binary)), text)

    assert "가,4,30,80.0" in filled.text


def test_a_number_that_replaces_a_persons_is_reported(in_class, hand_in):
    filled = fill_canvas(in_class(hand_in("doyun"), hand_in("1003")), GRADES)

    assert filled.notes == ()
    assert [r.en for r in filled.remarks] == [
        "doyun, Predict the cultivar: 12 was replaced by 30",
    ]
    assert fill_canvas(in_class(hand_in("doyun")), filled.text).remarks == ()


def test_names_in_two_columns(in_class, hand_in):
    text = "LastName,FirstName,ID,Section,Predict the cultivar (9)\n    Points Possible,,,,30\n"
    text += "Kim,Minji,7,가,\n김,도윤,8,가,\n"

    filled = fill_canvas(in_class(hand_in("Minji Kim"), hand_in("김도윤", (0, 0))), text)

    assert filled.text == text.replace("7,가,", "7,가,30").replace("8,가,", "8,가,0")
    assert filled.notes == ()


def test_all_assignments_of_a_class_are_filled(in_class, hand_in, wine, binary):
    record = in_class(hand_in("1001"), hand_in("1001", (4,), binary), assignments=(wine, binary))

    filled = fill_canvas(record, GRADES.replace("Warm-up", "logistic  Regression"))

    assert "가,4,30,80.0" in filled.text
    assert "minji@example.org,가,4,30" in filled.text


def test_a_column_by_its_name(in_class, hand_in):
    for column in ("Warm-up", "Warm-up (11)"):
        filled = fill_canvas(in_class(hand_in("1001")), GRADES.replace(",5.0,", ",30.0,"), column)

        assert "가,30,,80.0" in filled.text


def test_semicolons_and_plain_line_ends(in_class, hand_in):
    text = "Student;ID;Section;Predict the cultivar (9)\nPoints Possible;;;30,0\nKim;7;가;\n"

    filled = fill_canvas(in_class(hand_in("7")), text)

    assert filled.text == text.replace("가;\n", "가;30\n")
    assert filled.notes == ()


@pytest.mark.parametrize(
    "text, column, words",
    [
        ("name,score\n", None, "isn't a Canvas gradebook"),
        ("", None, "isn't a Canvas gradebook"),
        (GRADES.replace("와인 품종", "Wine"), None, "Warm-up (11), Wine 예측하기 (12)"),
        (GRADES.replace("Warm-up", "와인 품종 예측하기"), None, "more than one column"),
        (GRADES, "Homework 3", "no column"),
    ],
)
def test_what_cannot_be_filled_is_reported(in_class, hand_in, text, column, words):
    with pytest.raises(UserError) as error:
        fill_canvas(in_class(hand_in("1001")), text, column)

    assert words in error.value.text.en


def test_a_column_for_several_assignments_is_refused(in_class, wine, binary):
    with pytest.raises(UserError, match="--assignment"):
        fill_canvas(in_class(assignments=(wine, binary)), GRADES, "Warm-up")


@pytest.mark.slow
def test_an_assignment_without_a_column_is_reported(in_class, hand_in, wine, binary):
    both = in_class(
        hand_in("2021001"), hand_in("2021001", (5,), assignment=binary), assignments=(wine, binary)
    )

    filled = fill_canvas(both, GRADES)

    assert "가,4,30,80.0" in filled.text
    assert said(filled) == ["Logistic regression: no column found, so no scores were written"]


def test_a_large_class_takes_seconds(in_class, hand_in):
    header, *_ = GRADES.splitlines(keepends=True)
    rows = (f"Student {n},{n},2026{n:05},s{n},가,,,\r\n" for n in range(5_000))

    filled = fill_canvas(
        in_class(*(hand_in(f"2026{n:05}") for n in range(5_000))), header + "".join(rows)
    )

    assert filled.text.count("가,,30,") == 5_000


@pytest.mark.parametrize("word", ["EX", "ex"])
def test_an_excused_student_stays_excused(in_class, hand_in, word):
    grades = GRADES.replace("가,4,,80.0", f"가,4,{word},80.0")

    filled = fill_canvas(in_class(hand_in("2021001")), grades)

    assert filled.text == grades
    assert filled.notes == ()
    assert "excused (EX)" in filled.remarks[0].en


def test_who_is_excused_gets_ex(in_class, hand_in):
    excused = frozenset({("1001", "wine"), ("2021002", "wine"), ("nobody", "wine")})
    record = in_class(hand_in("1001"), excused=excused)

    filled = fill_canvas(record, GRADES)

    assert "가,4,EX,80.0" in filled.text
    assert '나,"5",EX,""' in filled.text
    assert [r.en for r in filled.remarks] == [
        "2021002, Predict the cultivar: 12 was replaced by EX"
    ]
    assert ["no row" in note for note in said(filled)] == [True]
