"""Results of checks become points: every item has a result, and only the grader's own failures are ungraded."""

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import given

from grader.grading.scoring import CheckResult, make_report, no_submission, ungraded
from grader.model.assignment import Assignment, RubricItem
from grader.model.score import (
    MAX_POINTS,
    SCHEMA_VERSION,
    Curve,
    ItemResult,
    Place,
    ScoreReport,
    Verdict,
    sampled,
)
from grader.model.submission import parse_submission
from grader.model.text import Text

TITLE = Text(ko="제목", en="title")
NOTHING = Text(ko="", en="")
SUBMISSION = parse_submission("kim_tiny.py", b"x = 1\n")
LOST = [v for v in Verdict if v not in (Verdict.PASSED, Verdict.PARTIAL, Verdict.UNGRADED)]


def an_assignment(*items):
    return Assignment(name="tiny", title=TITLE, functions=("f",), items=items)


def an_item(name="item", points=10.0, **weights):
    return RubricItem(name, TITLE, points, weights=weights)


def a_check(verdict, name="test", item="item", words="", **more):
    return CheckResult(
        item=item, name=name, verdict=verdict, message=Text(ko=words, en=words), **more
    )


def judge(checks, item=None):
    report = make_report(an_assignment(item or an_item()), SUBMISSION, "kim", checks)
    return report.items[0]


def test_item_whose_checks_all_hold_has_all_points():
    item = judge([a_check(Verdict.PASSED, "a"), a_check(Verdict.PASSED, "b")])

    assert (item.verdict, item.points) == (Verdict.PASSED, 10)
    assert item.message == NOTHING


@pytest.mark.parametrize("verdict", LOST)
def test_item_is_all_or_nothing_without_weights(verdict):
    item = judge([a_check(Verdict.PASSED, "a"), a_check(verdict, "b", words="no")])

    assert (item.verdict, item.points) == (verdict, 0)
    assert item.message.en == "no"


def test_first_lost_check_tells_verdict_and_message():
    item = judge(
        [
            a_check(Verdict.PASSED, "a"),
            a_check(Verdict.ERROR, "b", words="first"),
            a_check(Verdict.FAILED, "c", words="second"),
        ]
    )

    assert (item.verdict, item.message.en) == (Verdict.ERROR, "first")


def test_assistant_reads_every_lost_check():
    item = judge(
        [
            a_check(Verdict.PASSED, "a", words="fine"),
            a_check(Verdict.ERROR, "b", words="first", detail="line 3"),
            a_check(Verdict.FAILED, "c", words="second"),
        ]
    )

    assert item.detail == "b: line 3\n\nc: second"


def test_item_without_a_result_is_ungraded():
    report = make_report(
        an_assignment(an_item("one"), an_item("two")),
        SUBMISSION,
        "kim",
        [a_check(Verdict.PASSED, item="one")],
    )

    assert [item.verdict for item in report.items] == [Verdict.PASSED, Verdict.UNGRADED]
    assert [item.points for item in report.items] == [10, None]
    assert not report.gradable
    assert report.ungraded


def test_result_for_no_item_of_the_rubric_gives_no_points():
    report = make_report(
        an_assignment(an_item()), SUBMISSION, "kim", [a_check(Verdict.PASSED, item="bonus")]
    )

    assert [item.id for item in report.items] == ["item"]
    assert report.score == 0


@pytest.mark.parametrize("verdict", LOST)
def test_ungraded_beats_lost_in_any_order(verdict):
    checks = [a_check(verdict, "a", words="yours"), a_check(Verdict.UNGRADED, "b", words="ours")]

    for order in (checks, checks[::-1]):
        item = judge(order)
        assert (item.verdict, item.points) == (Verdict.UNGRADED, None)
        assert item.message.en == "ours"


def test_ungraded_beats_weights():
    item = judge([a_check(Verdict.PASSED, "a"), a_check(Verdict.UNGRADED, "b")], an_item(a=1, b=1))

    assert (item.verdict, item.points) == (Verdict.UNGRADED, None)


@pytest.mark.parametrize("held, points", [("a", 7.5), ("b", 2.5)])
def test_weights_give_a_part_of_the_points(held, points):
    checks = [a_check(Verdict.PASSED if n == held else Verdict.FAILED, n) for n in ("a", "b")]

    item = judge(checks, an_item(a=3, b=1))

    assert (item.verdict, item.points) == (Verdict.PARTIAL, points)


def test_part_of_the_points_is_rounded_to_cents():
    checks = [
        a_check(Verdict.PASSED, "a"),
        a_check(Verdict.FAILED, "b"),
        a_check(Verdict.FAILED, "c"),
    ]

    assert judge(checks, an_item(a=1, b=1, c=1)).points == 3.33


def test_weighted_item_whose_checks_are_all_lost_has_no_points():
    item = judge([a_check(Verdict.FAILED, "a"), a_check(Verdict.ERROR, "b")], an_item(a=3, b=1))

    assert (item.verdict, item.points) == (Verdict.FAILED, 0)


def test_weighted_item_whose_checks_all_hold_has_all_points():
    item = judge([a_check(Verdict.PASSED, "a"), a_check(Verdict.PASSED, "b")], an_item(a=3, b=1))

    assert (item.verdict, item.points) == (Verdict.PASSED, 10)


@given(
    st.dictionaries(
        st.text("abc", min_size=1, max_size=2),
        st.tuples(st.integers(1, 5), st.sampled_from([*LOST, Verdict.PASSED, Verdict.UNGRADED])),
        min_size=1,
    )
)
def test_points_and_verdict_agree(checks):
    item = judge(
        [a_check(verdict, name) for name, (_, verdict) in checks.items()],
        an_item(**{name: weight for name, (weight, _) in checks.items()}),
    )

    assert (item.verdict is Verdict.UNGRADED) == (item.points is None)
    assert (item.verdict is Verdict.PASSED) == (item.points == 10)
    assert (item.verdict is Verdict.PARTIAL) == (item.points is not None and 0 < item.points < 10)
    assert (item.verdict in LOST) == (item.points == 0)


def test_time_is_summed_and_memory_is_the_peak():
    item = judge(
        [
            a_check(Verdict.PASSED, "a", seconds=0.25, memory_bytes=7),
            a_check(Verdict.FAILED, "b", seconds=0.5, memory_bytes=3),
        ]
    )

    assert (item.seconds, item.memory_bytes) == (0.75, 7)


def test_place_is_that_of_the_message():
    item = judge(
        [
            a_check(Verdict.PASSED, "a", place=Place("cell 1", 1)),
            a_check(Verdict.ERROR, "b", words="first", place=Place("cell 7", 3)),
            a_check(Verdict.ERROR, "c", words="second", place=Place("cell 8", 4)),
        ]
    )

    assert (item.message.en, item.place) == ("first", Place("cell 7", 3))


def test_curves_of_all_checks_are_kept():
    one, two = (Curve(kind="loss", values=(value, 0.5)) for value in (1.0, 2.0))

    item = judge(
        [a_check(Verdict.PASSED, "a", curves=(one,)), a_check(Verdict.FAILED, curves=(two,))]
    )

    assert item.curves == (one, two)


@given(st.lists(st.floats(allow_nan=False), min_size=1, max_size=3 * MAX_POINTS))
def test_sample_has_the_ends_and_keeps_the_order(values):
    found = sampled(values)

    assert len(found) == min(len(values), MAX_POINTS)
    assert (found[0], found[-1]) == (values[0], values[-1])
    rest = iter(values)
    assert all(value in rest for value in found)


def test_report_says_what_was_graded_and_how():
    submission = msgspec.structs.replace(SUBMISSION, notes=(Text(ko="가", en="a"),))

    report = make_report(
        an_assignment(an_item()),
        submission,
        "kim",
        [a_check(Verdict.PASSED)],
        (Text(ko="나", en="b"),),
        "printed",
    )

    assert (report.assignment, report.student, report.submission) == ("tiny", "kim", "kim_tiny.py")
    assert SUBMISSION.sha256 == report.sha256
    assert [note.en for note in report.notes] == ["a", "b"]
    assert report.output == "printed"
    assert report.schema_version == SCHEMA_VERSION
    assert report.gradable
    assert not report.ungraded


def test_score_is_the_sum_of_the_points_that_were_given():
    report = make_report(
        an_assignment(an_item("one", 0.1), an_item("two", 0.2), an_item("three", 5)),
        SUBMISSION,
        "kim",
        [a_check(Verdict.PASSED, item="one"), a_check(Verdict.PASSED, item="two")],
    )

    assert (report.score, report.max_score) == (0.3, 5.3)


def test_no_submission_has_an_error_and_no_points_for_each_item():
    broken = parse_submission("kim_tiny.ipynb", b"{")

    report = no_submission(
        an_assignment(an_item("one"), an_item("two")), broken, broken.problem, "kim"
    )

    assert [(item.id, item.verdict, item.points) for item in report.items] == [
        ("one", Verdict.ERROR, 0),
        ("two", Verdict.ERROR, 0),
    ]
    assert all(broken.problem.en in item.message.en for item in report.items)
    assert all(broken.problem.ko in item.message.ko for item in report.items)


def test_no_submission_needs_a_person_but_nothing_of_it_is_ungraded():
    broken = parse_submission("kim_tiny.ipynb", b"{")

    report = no_submission(an_assignment(an_item()), broken, broken.problem, "kim")

    assert not report.gradable
    assert not report.ungraded
    assert any(broken.problem.en in note.en for note in report.notes)


def test_what_we_failed_to_grade_is_ungraded_and_the_reason_is_for_the_assistant():
    report = ungraded(
        an_assignment(an_item("one"), an_item("two")), SUBMISSION, "kim", "the disk is full"
    )

    assert [(i.verdict, i.points) for i in report.items] == [(Verdict.UNGRADED, None)] * 2
    assert report.ungraded
    assert not report.gradable
    assert all("the disk is full" not in item.message.en for item in report.items)
    assert "the disk is full" in report.items[0].detail


FINITE = st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.builds(Text, ko=st.text(), en=st.text())
REPORTS = st.builds(
    ScoreReport,
    assignment=st.text(),
    student=st.text(),
    submission=st.text(),
    sha256=st.text(),
    items=st.lists(
        st.builds(
            ItemResult,
            id=st.text(),
            title=TEXTS,
            points=st.none() | FINITE,
            max_points=FINITE,
            verdict=st.sampled_from(Verdict),
            message=TEXTS,
            detail=st.text(),
            seconds=FINITE,
            memory_bytes=st.integers(0, 2**62),
        ),
        max_size=3,
    ).map(tuple),
    gradable=st.booleans(),
    isolation=st.sampled_from(["full", "reduced", "none"]),
    notes=st.lists(TEXTS, max_size=3).map(tuple),
    output=st.text(),
)


@given(REPORTS)
def test_report_survives_json(report):
    assert msgspec.json.decode(msgspec.json.encode(report), type=ScoreReport) == report


@pytest.mark.parametrize("verdict", Verdict)
def test_each_verdict_has_words_in_both_languages(verdict):
    assert verdict.text.en.strip()
    assert verdict.text.ko.strip()


def test_words_of_verdicts_differ():
    assert len(Verdict) == len({verdict.text for verdict in Verdict})
