"""A class record: its students, the hand-ins that count, and parts of it."""

from datetime import UTC, datetime

import pytest

from grader.model.assignment import Assignment, RubricItem
from grader.model.errors import UserError
from grader.model.record import Adjustment, ClassRecord, Record, RosterEntry, Unmatched
from grader.model.score import ItemResult, ScoreReport, Verdict
from grader.model.text import Text

NOW = datetime(2026, 3, 2, tzinfo=UTC)
NONE = Text(ko="", en="")


def assignment(name):
    return Assignment(name, NONE, ("f",), (RubricItem("f", NONE, 10),))


def record(student="kim", name="wine", points=8.0, counts=True, **fields):
    verdict = Verdict.UNGRADED if points is None else Verdict.PARTIAL
    item = ItemResult(
        id="f", title=NONE, points=points, max_points=10, verdict=verdict, message=NONE
    )
    report = ScoreReport(
        assignment=name,
        student=student,
        submission="x.py",
        sha256="",
        items=(item,),
        gradable=True,
        isolation="full",
    )
    return Record(report=report, origin="x.py", graded_at=NOW, counts=counts, **fields)


def adjustment(points):
    return Adjustment(points=points, reason="", author="ta", made_at=NOW)


def test_a_final_score_is_after_penalty_and_adjustments():
    assert record(penalty=2.5, adjustments=(adjustment(1),)).final_score == 6.5


def test_there_is_no_final_score_while_something_is_ungraded():
    assert record(points=None, adjustments=(adjustment(1),)).final_score is None


def test_students_are_the_roster_and_then_those_who_are_not_on_it():
    roster = (RosterEntry("lee", "Lee"), RosterEntry("kim"))

    students = ClassRecord(
        assignments=(), records=(record("zoe"), record("kim"), record("ann")), roster=roster
    ).students

    assert students == (*roster, RosterEntry("ann"), RosterEntry("zoe"))


def test_a_hand_in_that_does_not_count_is_left_out():
    last = record(points=3.0)

    counting = ClassRecord(assignments=(), records=(record(counts=False), last)).counting

    assert counting == {("kim", "wine"): last}


@pytest.fixture
def two_by_two():
    return ClassRecord(
        assignments=(assignment("wine"), assignment("binary")),
        records=tuple(record(s, a) for s in ("kim", "lee") for a in ("wine", "binary")),
        roster=(RosterEntry("kim"),),
    )


def test_only_one_assignment(two_by_two):
    part = two_by_two.only(assignment="wine")

    assert [a.name for a in part.assignments] == ["wine"]
    assert list(part.counting) == [("kim", "wine"), ("lee", "wine")]
    assert part.roster == two_by_two.roster


def test_only_one_student(two_by_two):
    part = two_by_two.only(student="lee")

    assert [s.id for s in part.students] == ["lee"]
    assert list(part.counting) == [("lee", "wine"), ("lee", "binary")]


def test_only_nothing_in_particular_is_all(two_by_two):
    assert two_by_two.only() == two_by_two


def test_an_unknown_assignment_is_reported_with_those_that_there_are(two_by_two):
    with pytest.raises(UserError, match="wine, binary"):
        two_by_two.only(assignment="beer")


def test_an_unknown_student_is_reported(two_by_two):
    with pytest.raises(UserError, match="park"):
        two_by_two.only(student="park")


@pytest.mark.parametrize(
    "records, unmatched, left",
    [
        ((record(),), (), False),
        ((record(points=None),), (), True),
        ((record(points=None, counts=False), record()), (), False),
        ((record(),), (Unmatched("notes.py", NONE),), True),
    ],
)
def test_what_is_left_to_a_person(records, unmatched, left):
    record = ClassRecord(assignments=(), records=records, unmatched=unmatched)

    assert record.left is left
