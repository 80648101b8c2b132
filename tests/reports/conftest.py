"""Classes for the tests of reports, built from score reports without grading."""

from datetime import UTC, datetime

import pytest

from grader.model.assignment import Assignment, RubricItem
from grader.model.record import ClassRecord, Record
from grader.model.score import ItemResult, ScoreReport, Verdict
from grader.model.text import Text

WINE = Assignment(
    name="wine",
    title=Text(ko="와인 품종 예측하기", en="Predict the cultivar"),
    functions=("train",),
    items=(
        RubricItem("train", Text(ko="학습 과정", en="Training loop"), 20),
        RubricItem("predict", Text(ko="예측", en="Prediction"), 10),
    ),
)
BINARY = Assignment(
    name="binary",
    title=Text(ko="단항 논리 회귀", en="Logistic regression"),
    functions=("sigmoid",),
    items=(RubricItem("sigmoid", Text(ko="시그모이드", en="Sigmoid"), 5),),
)
GRADED_AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


def _verdict(points, item):
    if points is None:
        return Verdict.UNGRADED
    return (
        Verdict.PASSED if points == item.points else Verdict.PARTIAL if points else Verdict.FAILED
    )


def _result(item, points):
    verdict = _verdict(points, item)
    return ItemResult(
        id=item.id,
        title=item.title,
        points=points,
        max_points=item.points,
        verdict=verdict,
        message=Text(ko="틀렸습니다", en="this is wrong"),
        detail="hidden: assert 0.6931 == train(secret)",
        seconds=0.5,
    )


@pytest.fixture
def hand_in():
    def make(student, points=(20, 10), assignment=WINE, notes=(), **fields):
        """A hand-in with these points, None where an item is ungraded."""
        items = tuple(map(_result, assignment.items, points))
        report = ScoreReport(
            assignment=assignment.name,
            student=student,
            submission=f"{student}_{assignment.name}.py",
            sha256="0" * 64,
            items=items,
            gradable=None not in points,
            isolation="full",
            notes=notes,
            output="what it printed",
        )
        return Record(report=report, origin=report.submission, graded_at=GRADED_AT, **fields)

    return make


@pytest.fixture
def in_class():
    def make(*records, roster=(), assignments=(WINE,), **fields):
        return ClassRecord(assignments=assignments, records=records, roster=roster, **fields)

    return make


@pytest.fixture
def wine():
    return WINE


@pytest.fixture
def binary():
    return BINARY
