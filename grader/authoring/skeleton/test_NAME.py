"""The hidden checks, used for grading."""

import pytest

from grader.checks import assert_close, assert_unchanged, number


@pytest.mark.item("mean_squared_error")
def test_values(student, rng):
    for rows in (1, 7, 20):
        predicted, target = rng.normal(rows, 2), rng.normal(rows, 2)
        expected = float((predicted.double() - target.double()).square().mean())
        assert_close(number(student.mean_squared_error(predicted, target)), expected)
    assert_unchanged(student)
