"""The public checks, which `grader check` runs on a student's own computer."""

import pytest
import torch

from grader.checks import require


@pytest.mark.item("mean_squared_error")
def test_mean_squared_error(student):
    result = student.mean_squared_error(torch.tensor([1.0, 2.0]), torch.tensor([2.0, 4.0]))
    require(
        float(result) == pytest.approx(2.5),
        ko=f"[1, 2]와 [2, 4]의 평균 제곱 오차는 2.5여야 하는데 {float(result):.4f}입니다.",
        en=f"The result for [1, 2] and [2, 4] should be 2.5, not {float(result):.4f}.",
    )
