"""The hidden checks of linear regression."""

import pytest
import torch
from sklearn.datasets import load_diabetes

from grader.checks import assert_close, assert_unchanged, number, tensor

FEATURES, PROGRESS = load_diabetes(return_X_y=True)


def best_weights(x, y):
    with_ones = torch.cat([x.double(), torch.ones(len(x), 1)], dim=1)
    return torch.linalg.lstsq(with_ones, y.double()).solution


@pytest.mark.item("fit")
def test_least_squares(student, rng):
    patients = (
        torch.tensor(FEATURES, dtype=torch.float32),
        torch.tensor(PROGRESS, dtype=torch.float32).reshape(-1, 1),
    )
    for x, y in (
        patients,
        (rng.normal(40, 3), 5 + rng.normal(40, 1)),
        (rng.normal(9, 1), rng.normal(9, 1)),
    ):
        assert_close(tensor(student.fit(x, y), x.shape[1] + 1, 1), best_weights(x, y))
    assert_unchanged(student)


@pytest.mark.item("predict")
def test_predictions_of_any_weights(student, rng):
    for rows, features in ((1, 4), (8, 1), (30, 10)):
        weights, x = rng.normal(features + 1, 1), rng.normal(rows, features)
        expected = x.double() @ weights[:-1].double() + weights[-1].double()
        assert_close(tensor(student.predict(weights, x), rows, 1), expected)
    assert_unchanged(student)


@pytest.mark.item("r_squared")
def test_coefficient_of_any_predictions(student, rng):
    for rows in (5, 60):
        predicted, target = rng.normal(rows, 1), 2 + rng.normal(rows, 1)
        errors, spread = (
            (target - predicted).square().sum(),
            (target - target.mean()).square().sum(),
        )
        assert_close(number(student.r_squared(predicted, target)), float(1 - errors / spread))
        assert_close(number(student.r_squared(target, target)), 1.0)
    assert_unchanged(student)
