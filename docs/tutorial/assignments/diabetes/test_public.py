"""The public checks: `grader check` runs them on a student's own machine."""

import pytest
import torch

from grader.checks import require

HOURS = torch.tensor([[1.0], [2.0], [3.0]])
GRADES = torch.tensor([[3.0], [5.0], [7.0]])


@pytest.mark.item("fit")
def test_fit(student):
    weights = student.fit(HOURS, GRADES).reshape(-1).tolist()
    require(
        weights == pytest.approx([2, 1], abs=1e-3),
        ko=f"가중치 2와 편향 1이 나와야 하는데 {weights}입니다.",
        en=f"Expected the weight 2 and the bias 1, got {weights}.",
    )


@pytest.mark.item("predict")
def test_predict(student):
    found = student.predict(torch.tensor([[2.0], [1.0]]), HOURS).reshape(-1).tolist()
    require(
        found == pytest.approx([3, 5, 7]),
        ko=f"3, 5, 7이 나와야 하는데 {found}입니다.",
        en=f"Expected 3, 5 and 7, got {found}.",
    )


@pytest.mark.item("r_squared")
def test_r_squared(student):
    found = float(student.r_squared(torch.tensor([[4.0], [5.0], [6.0]]), GRADES))
    require(
        found == pytest.approx(0.75),
        ko=f"0.75가 나와야 하는데 {found:.4f}입니다.",
        en=f"Expected 0.75, got {found:.4f}.",
    )
