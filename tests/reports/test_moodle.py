"""A Moodle worksheet comes back with the grades filled in, whatever language its header is in."""

import pytest

from grader.model.errors import UserError
from grader.model.record import RosterEntry
from grader.reports.moodle import fill_moodle

ENGLISH = (
    'Identifier,"Full name","Email address",Status,Grade,"Maximum grade","Grade can be changed",'
    '"Last modified (submission)","Last modified (grade)","Feedback comments"\n'
    'Participant 101,"Kim Minji",minji@example.org,"Submitted for grading - ",,30.00,Yes,'
    '"Monday, 2 March 2026, 9:30 AM",-,"<p>so, so</p>"\n'
    'Participant 102,"이도윤",doyun@example.org,"No submission - ",12.00,30.00,Yes,-,-,\n'
)
KOREAN = (
    "식별자,성명,이메일 주소,상태,성적,최대 성적,성적 변경 가능,최종 수정(제출),최종 수정(성적),피드백\r\n"
    "참가자 101,김민지,minji@example.org,채점을 위해 제출됨,,30.00,예,2026년 3월 2일,-,\r\n"
    "참가자 102,이도윤,doyun@example.org,미제출,,30.00,예,-,-,\r\n"
)
UNKNOWN = (
    "Aitheantóir,Ainm,Stádas,Grád,Uasghrád,Athrú,Grádaithe\r\n"
    "Rannpháirtí 101,Kim Minji,Curtha isteach,,30.00,Tá,-\r\n"
    "Rannpháirtí 102,이도윤,Gan,12.5,30.00,Tá,-\r\n"
)


def said(filled):
    return [note.en for note in filled.notes]


def test_only_the_grades_change(in_class, hand_in):
    record = in_class(hand_in("minji@example.org", (20, 2.5)), hand_in("이도윤"))

    filled = fill_moodle(record, ENGLISH)

    expected = ENGLISH.replace('grading - ",,30.00', 'grading - ",22.5,30.00')
    assert filled.text == expected.replace(",12.00,", ",30,")
    assert filled.notes == ()


@pytest.mark.parametrize(
    "text, before, after",
    [
        (ENGLISH, 'grading - ",,30.00', 'grading - ",30,30.00'),
        (KOREAN, "제출됨,,30.00", "제출됨,30,30.00"),
        (UNKNOWN, "isteach,,30.00", "isteach,30,30.00"),
    ],
)
def test_the_header_may_be_in_any_language(in_class, hand_in, text, before, after):
    name = "김민지" if text is KOREAN else "Kim Minji"

    filled = fill_moodle(in_class(hand_in("s1"), roster=(RosterEntry("s1", name),)), text)

    assert filled.text == text.replace(before, after)


@pytest.mark.parametrize(
    "student", ["참가자 101", "참가자_101", "김민지", "MINJI@example.org", "김민지 (101)"]
)
def test_a_student_is_found_by(in_class, hand_in, student):
    filled = fill_moodle(in_class(hand_in(student)), KOREAN)

    assert "제출됨,30,30.00" in filled.text


def test_an_id_number_is_not_taken_for_a_participants_number(in_class, hand_in):
    filled = fill_moodle(in_class(hand_in("101")), KOREAN)

    assert filled.text == KOREAN
    assert "has no row" in said(filled)[0]


def test_blind_worksheets_have_no_names(in_class, hand_in):
    text = "Identifier,Status,Grade,Maximum grade\nParticipant 5,Submitted,,30.00\n"

    filled = fill_moodle(in_class(hand_in("Participant_5")), text)

    assert filled.text == text.replace("Submitted,,", "Submitted,30,")


def test_what_is_ungraded_keeps_its_cell(in_class, hand_in):
    filled = fill_moodle(in_class(hand_in("이도윤", (None, 10))), ENGLISH)

    assert filled.text == ENGLISH
    assert "ungraded" in said(filled)[0]


def test_another_maximum_is_refused_or_scaled_to(in_class, hand_in):
    record, text = in_class(hand_in("이도윤", (20, 2.5))), ENGLISH.replace("30.00", "100.00")

    with pytest.raises(UserError, match="maximum is 100, but the scores' is 30"):
        fill_moodle(record, text)

    assert ",75," in fill_moodle(record, text, scale="template").text


def test_who_is_excused_is_left_to_a_person(in_class):
    filled = fill_moodle(in_class(excused=frozenset({("이도윤", "wine")})), ENGLISH)

    assert filled.text == ENGLISH
    assert "excused, so nothing was written; enter it by hand" in said(filled)[0]


def test_a_column_by_its_name(in_class, hand_in):
    filled = fill_moodle(in_class(hand_in("이도윤")), KOREAN, "피드백")

    assert filled.text.endswith("미제출,,30.00,예,-,-,30\r\n")


@pytest.mark.parametrize(
    "text, column, words",
    [
        ("a,b\n1,2\n", None, "isn't a Moodle grading worksheet"),
        ("", None, "isn't a Moodle grading worksheet"),
        ("Identifier,Grade\n", None, "isn't a Moodle grading worksheet"),
        ("Identifier,X,Y\nParticipant 1,a,b\n", None, "Identifier, X, Y"),
        (ENGLISH, "Mark", "--column"),
    ],
)
def test_what_cannot_be_filled_is_reported(in_class, hand_in, text, column, words):
    with pytest.raises(UserError) as error:
        fill_moodle(in_class(hand_in("이도윤")), text, column)

    assert words in error.value.text.en


def test_a_worksheet_is_for_one_assignment(in_class, wine, binary):
    with pytest.raises(UserError, match="--assignment"):
        fill_moodle(in_class(assignments=(wine, binary)), ENGLISH)
