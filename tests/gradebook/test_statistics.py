"""Item statistics match the textbook definitions, and are None where undefined."""

from datetime import UTC, datetime

import numpy as np
import pytest
from scipy.stats import pearsonr, pointbiserialr

from grader.gradebook.statistics import item_statistics, message_groups
from grader.model.assignment import Assignment, RubricItem
from grader.model.record import ClassRecord, Record
from grader.model.score import ItemResult, ScoreReport, Verdict
from grader.model.text import Text

NONE = Text(ko="", en="")
ASSIGNMENT = Assignment(
    "wine", NONE, ("f",), tuple(RubricItem(name, NONE, 10) for name in ("a", "b", "c"))
)


def verdict(points):
    return {None: Verdict.UNGRADED, 10: Verdict.PASSED, 0: Verdict.TIMEOUT}.get(
        points, Verdict.PARTIAL
    )


def hand_in(student, points, counts=True):
    items = tuple(
        ItemResult(
            id=item.id,
            title=NONE,
            points=p,
            max_points=10,
            verdict=verdict(p),
            message=NONE,
            seconds=2.0,
        )
        for item, p in zip(ASSIGNMENT.items, points, strict=True)
    )
    report = ScoreReport(
        assignment="wine",
        student=str(student),
        submission="",
        sha256="",
        items=items,
        gradable=True,
        isolation="full",
    )
    return Record(
        report=report, origin="", graded_at=datetime(2026, 3, 2, tzinfo=UTC), counts=counts
    )


def statistics(*rows, **fields):
    records = tuple(hand_in(n, row, **fields) for n, row in enumerate(rows))
    return item_statistics(ClassRecord(assignments=(ASSIGNMENT,), records=records))


def test_mean_and_difficulty():
    a, b, c = statistics((10, 5, 0), (0, 5, 0))

    assert (a.count, a.mean, a.difficulty) == (2, 5, 0.5)
    assert (b.mean, b.difficulty) == (5, 0.5)
    assert (c.mean, c.difficulty) == (0, 0)


def test_verdicts_and_time():
    a, b, _ = statistics((10, 5, 0), (0, 5, 0), (10, 5, 0))

    assert a.verdicts == {Verdict.PASSED: 2, Verdict.TIMEOUT: 1}
    assert b.verdicts == {Verdict.PARTIAL: 3}
    assert a.seconds == 2.0


def test_discrimination_is_the_correlation_with_the_rest():
    rows = np.array([[10, 5, 0], [0, 5, 3], [10, 8, 10], [0, 2, 0], [10, 9, 1]], dtype=float)

    a, b, _ = statistics(*rows.tolist())

    rest = rows[:, 1:].sum(axis=1)
    assert a.discrimination == pytest.approx(pearsonr(rows[:, 0], rest).statistic)
    assert a.discrimination == pytest.approx(pointbiserialr(rows[:, 0] == 10, rest).statistic)
    assert b.discrimination == pytest.approx(pearsonr(rows[:, 1], rows[:, [0, 2]].sum(1)).statistic)


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [(10, 5, 0)],
        [(10, 5, 0), (10, 0, 5)],
        [(10, 0.1, 0.2), (0, 0.3, 0.0)],
        [(10, 1, 1), (None, 2, 2)],
    ],
)
def test_discrimination_is_nothing_where_it_is_undefined(rows):
    assert statistics(*rows)[0].discrimination is None


def test_what_is_ungraded_is_counted_only_as_such():
    a, b, _ = statistics((10, 5, 0), (None, 5, 0))

    assert (a.count, a.mean, a.difficulty) == (1, 10, 1)
    assert a.verdicts == {Verdict.PASSED: 1, Verdict.UNGRADED: 1}
    assert b.count == 2


def test_nothing_handed_in():
    a, *_ = statistics()

    assert (a.count, a.mean, a.difficulty, a.verdicts, a.seconds) == (0, None, None, {}, None)


def test_hand_ins_that_do_not_count_are_left_out():
    a, *_ = statistics((10, 10, 10), counts=False)

    assert a.count == 0


def test_reasons_are_grouped_by_their_cause_and_else_by_their_message():
    def lost(words, cause=""):
        return ItemResult(
            id="a",
            title=Text(ko="", en=""),
            points=0,
            max_points=1,
            verdict=Verdict.FAILED,
            message=Text(ko=words, en=words),
            cause=cause,
        )

    groups = message_groups(
        [
            ("kim", lost("the softmax is inside", "softmax")),
            ("lee", lost("rows sum to 1", "softmax")),
            ("park", lost("rows sum to 1", "softmax")),
            ("choi", lost("got 3 rows")),
            ("jung", lost("got 4 rows")),
            ("yun", lost("rows sum to 1")),
        ]
    )

    assert [(each.message.en, each.students) for each in groups] == [
        ("rows sum to …", ("kim", "lee", "park")),
        ("got … rows", ("choi", "jung")),
        ("rows sum to 1", ("yun",)),
    ]
