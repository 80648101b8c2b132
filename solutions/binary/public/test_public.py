"""단항 논리 회귀의 공개 검사: `grader check binary.py`

The public checks: one quick check per rubric item, with the lesson's own figures.
"""

import pytest
import torch

from grader.checks import fail, require

HOURS = torch.tensor([[0.0], [1.0], [3.0], [5.0], [8.0], [11.0], [15.0], [20.0]])
PASSED = torch.tensor([[0.0], [0.0], [0.0], [0.0], [1.0], [1.0], [1.0], [1.0]])


def as_tensor(value, name):
    """Read a number, list, array or tensor that a function returned."""
    try:
        if isinstance(value, tuple | list) and len(value) > 0:
            value = torch.stack([torch.as_tensor(item) for item in value])
        return torch.as_tensor(value).detach().float()
    except (TypeError, ValueError, RuntimeError):
        kind = type(value).__name__
        fail(
            ko=f"{name}의 결과가 숫자나 텐서가 아니라 {kind}입니다.",
            en=f"{name} returned {kind}, not a number or a tensor.",
        )


def as_number(value, name):
    """Read a number: a Python number or a tensor of one element."""
    result = as_tensor(value, name)
    require(
        result.numel() == 1,
        ko=f"{name}의 결과는 숫자 하나여야 하는데 모양이 {tuple(result.shape)}입니다.",
        en=f"{name} must return one number, not shape {tuple(result.shape)}.",
    )
    return result.item()


def as_history(value):
    """Read the losses that train returned."""
    history = as_tensor(value, "train").flatten()
    require(
        len(history) > 0,
        ko="train은 에포크마다의 손실을 반환해야 합니다.",
        en="train must return the loss of every epoch.",
    )
    return history


def true_loss(model):
    """The loss of the model on the lesson's data."""
    probability = as_tensor(model(HOURS), "model")
    require(
        probability.shape == (8, 1),
        ko="모델의 출력이 (N, 1) 모양이 아닙니다.",
        en="The model's output is not of shape (N, 1).",
    )
    require(
        torch.all((probability >= 0) & (probability <= 1)),
        ko="모델의 출력이 0과 1 사이의 확률이 아닙니다.",
        en="The model's output isn't a probability between 0 and 1.",
    )
    return torch.nn.functional.binary_cross_entropy(probability, PASSED).item()


@pytest.mark.item("weighted_sum")
def test_weighted_sum(student):
    x, w = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([0.1, 0.2, 0.3])
    result = as_number(student.weighted_sum(x, w, 0.5), "weighted_sum")
    require(
        result == pytest.approx(1.9, abs=1e-4),
        ko=f"weighted_sum([1, 2, 3], [0.1, 0.2, 0.3], 0.5)은 1.9여야 하는데 {result:.4f}입니다.",
        en=f"It should be 1.9, not {result:.4f}.",
    )


@pytest.mark.item("sigmoid")
def test_sigmoid(student):
    result = as_tensor(student.sigmoid(torch.tensor([1.9, 1000.0, -1000.0])), "sigmoid")
    require(
        result.shape == (3,),
        ko=f"z와 같은 모양 (3,)이어야 하는데 {tuple(result.shape)}입니다.",
        en=f"The result must have the shape of z, (3,), not {tuple(result.shape)}.",
    )
    require(
        result[0].item() == pytest.approx(0.8699, abs=1e-4),
        ko=f"sigmoid(1.9)는 0.8699여야 하는데 {result[0].item():.4f}입니다.",
        en=f"sigmoid(1.9) should be 0.8699, not {result[0].item():.4f}.",
    )
    require(
        torch.all((result >= 0) & (result <= 1)),
        ko=f"z가 1000이나 -1000일 때도 0과 1 사이여야 합니다: {result.tolist()}",
        en="The result must stay between 0 and 1 even for z = 1000 and z = -1000: "
        f"{result.tolist()}",
    )


@pytest.mark.item("model_shape")
def test_model_shape(student):
    model = student.build_model()
    probability = as_tensor(model(HOURS), "model")
    require(
        probability.shape == (8, 1),
        ko=f"(8, 1) 입력의 출력은 (8, 1)이어야 하는데 {tuple(probability.shape)}입니다.",
        en=f"The output for (8, 1) must be (8, 1), not {tuple(probability.shape)}.",
    )
    require(
        torch.all((probability >= 0) & (probability <= 1)),
        ko="모델의 출력은 0과 1 사이의 확률이어야 합니다. 시그모이드 함수를 지나나요?",
        en="The output must be probabilities. Does it pass through a sigmoid?",
    )
    count = sum(parameter.numel() for parameter in model.parameters())
    require(
        count == 2,
        ko=f"매개변수는 가중치 하나와 편향 하나, 모두 2개여야 하는데 {count}개입니다.",
        en=f"The model needs one weight and one bias, 2 parameters in all, not {count}.",
    )


@pytest.mark.item("bce_loss")
def test_bce_loss(student):
    torch.manual_seed(2025)
    probability = torch.sigmoid(torch.nn.Linear(1, 1)(HOURS)).detach()
    result = as_number(student.bce_loss(probability, PASSED), "bce_loss")
    require(
        result == pytest.approx(0.9551, abs=1e-4),
        ko=f"강의의 처음 손실은 0.9551인데 {result:.4f}입니다. 평균을 구했나요? 부호는 맞나요?",
        en=f"The lesson's first loss is 0.9551, not {result:.4f}. Is it the mean? Is the sign right?",
    )


@pytest.mark.item("training_loop")
def test_training_loop(student):
    model = student.build_model()
    start = [torch.as_tensor(parameter).detach().clone() for parameter in model.parameters()]
    before = true_loss(model)
    history = as_history(student.train(model, HOURS, PASSED, epochs=5, lr=0.001))
    after = true_loss(model)
    require(
        len(history) in (5, 6),
        ko=f"epochs=5이면 손실을 5개(또는 6개) 반환해야 하는데 {len(history)}개입니다.",
        en=f"With epochs=5 train must return 5 (or 6) losses, not {len(history)}.",
    )
    moved = any(
        not torch.equal(old, torch.as_tensor(new).detach())
        for old, new in zip(start, model.parameters(), strict=True)
    )
    require(
        moved,
        ko="학습해도 모델의 매개변수가 그대로입니다. 인자로 받은 model을 학습했나요?",
        en="Training changed no parameter. Did you train the model that was passed in?",
    )
    near_before = history[0].item() == pytest.approx(before, rel=0.2)
    near_after = history[-1].item() == pytest.approx(after, rel=0.2)
    require(
        near_before or near_after,
        ko=(
            f"기록한 손실({history[0].item():.4f} … {history[-1].item():.4f})이 이 모델의 손실"
            f"({before:.4f} … {after:.4f})과 다릅니다."
        ),
        en=f"The recorded losses ({history[0].item():.4f} … {history[-1].item():.4f}) are not those "
        f"of this model on this data ({before:.4f} … {after:.4f}).",
    )


@pytest.mark.item("convergence")
def test_convergence(student):
    model = student.build_model()
    history = as_history(student.train(model, HOURS, PASSED))
    last, recomputed = history[-1].item(), true_loss(model)
    # 시작 가중치에 따라 조금 다르므로 여유를 둡니다. / Allow some slack for other starting weights.
    require(
        last <= 0.35,
        ko=(
            f"기본값으로 학습한 마지막 손실은 0.31 정도여야 하는데 {last:.4f}입니다 "
            "(채점할 때는 강의의 학습을 같은 시작 가중치에서 했을 때만큼 줄었으면 인정합니다)."
        ),
        en=(
            f"The last loss should be about 0.31, not {last:.4f} (for grading, it is enough to "
            "get as low as the lesson's training from the same starting weights)."
        ),
    )
    require(
        recomputed <= 0.35,
        ko=f"기록한 손실은 {last:.4f}인데 학습한 모델로 다시 구하면 {recomputed:.4f}입니다.",
        en=f"The recorded loss is {last:.4f}, but the trained model's loss is {recomputed:.4f}.",
    )


@pytest.mark.item("predict")
def test_predict(student):
    model = student.build_model()
    probability = as_tensor(model(HOURS), "model")
    for threshold in (0.5, 0.9):
        result = as_tensor(student.predict(model, HOURS, threshold=threshold), "predict")
        require(
            result.shape == (8, 1),
            ko=f"predict의 결과는 (8, 1)이어야 하는데 {tuple(result.shape)}입니다.",
            en=f"The result must have the shape (8, 1), not {tuple(result.shape)}.",
        )
        require(
            torch.equal(result == 1, probability >= threshold),
            ko=f"확률이 임계값 {threshold} 이상인 곳만 1이어야 합니다.",
            en=f"The result must be 1 exactly where the probability is at least {threshold}.",
        )
        require(
            torch.all((result == 0) | (result == 1)),
            ko="predict의 결과는 0과 1이어야 합니다.",
            en="The result must consist of 0 and 1.",
        )
