"""다항 논리 회귀의 공개 검사: `grader check multinomial.py`

The public checks: one quick check per rubric item, with the lesson's own figures.
"""

import pytest
import torch

from grader.checks import fail, require

FEATURES = torch.tensor(
    [
        [1.0, 2.0, 1.0, 1.0],
        [2.0, 1.0, 3.0, 2.0],
        [3.0, 1.0, 3.0, 4.0],
        [4.0, 2.0, 5.0, 5.0],
        [1.0, 6.0, 5.0, 5.0],
        [1.0, 4.0, 5.0, 8.0],
        [1.0, 7.0, 7.0, 7.0],
        [2.0, 8.0, 7.0, 8.0],
        [2.0, 7.0, 6.0, 7.0],
        [2.0, 6.0, 6.0, 6.0],
    ]
)
CLASSES = torch.tensor([0, 0, 0, 1, 1, 1, 2, 2, 2, 2])


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
    scores = as_tensor(model(FEATURES), "model")
    require(
        scores.shape == (len(FEATURES), 3),
        ko="모델의 출력이 (N, 3) 모양이 아닙니다.",
        en="The model's output is not of shape (N, 3).",
    )
    return torch.nn.functional.cross_entropy(scores, CLASSES).item()


@pytest.mark.item("model_shape")
def test_model_shape(student):
    model = student.build_model()
    scores = as_tensor(model(FEATURES), "model")
    require(
        scores.shape == (10, 3),
        ko=f"(10, 4) 입력의 출력은 (10, 3)이어야 하는데 {tuple(scores.shape)}입니다.",
        en=f"The output for (10, 4) must be (10, 3), not {tuple(scores.shape)}.",
    )
    require(
        not torch.allclose(scores.sum(dim=1), torch.ones(10), atol=1e-4),
        ko="모델이 확률을 출력하는 것 같습니다. 소프트맥스 없이 로짓을 출력하세요.",
        en="The model seems to output probabilities. Output logits, without softmax.",
    )


@pytest.mark.item("cross_entropy_loss")
def test_cross_entropy_loss(student):
    torch.manual_seed(2025)
    torch.nn.Linear(1, 1)
    scores = torch.nn.Linear(4, 3)(FEATURES).detach()
    result = as_number(student.cross_entropy_loss(scores, CLASSES), "cross_entropy_loss")
    require(
        result == pytest.approx(1.9676, abs=1e-4),
        ko=(
            f"강의의 처음 손실은 1.9676인데 {result:.4f}입니다. 평균을 구했나요? "
            "소프트맥스를 두 번 계산하지는 않았나요?"
        ),
        en=(
            f"The lesson's first loss is 1.9676, not {result:.4f}. Is it the mean? Is softmax "
            "applied only once?"
        ),
    )


@pytest.mark.item("training_loop")
def test_training_loop(student):
    model = student.build_model()
    start = [torch.as_tensor(parameter).detach().clone() for parameter in model.parameters()]
    before = true_loss(model)
    answer = student.train(model, FEATURES, CLASSES, epochs=5, lr=0.001)
    history = as_history(answer)
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
    """빠른 검사이므로 1000 에포크만 학습합니다. / Only 1000 epochs, to stay quick."""
    model = student.build_model()
    history = as_history(student.train(model, FEATURES, CLASSES, epochs=1000))
    last, recomputed = history[-1].item(), true_loss(model)
    require(
        last <= 0.8,
        ko=f"1000 에포크 뒤의 손실은 0.58 정도여야 하는데 {last:.4f}입니다.",
        en=f"After 1000 epochs the loss should be about 0.58, not {last:.4f}.",
    )
    require(
        recomputed <= 0.8,
        ko=f"기록한 손실은 {last:.4f}인데 학습한 모델로 다시 구하면 {recomputed:.4f}입니다.",
        en=f"The recorded loss is {last:.4f}, but the trained model's loss is {recomputed:.4f}.",
    )


@pytest.mark.item("predict_proba")
def test_predict_proba(student):
    model = student.build_model()
    scores = as_tensor(model(FEATURES), "model")
    result = as_tensor(student.predict_proba(model, FEATURES), "predict_proba")
    require(
        result.shape == (10, 3),
        ko=f"predict_proba의 결과는 (10, 3)이어야 하는데 {tuple(result.shape)}입니다.",
        en=f"The result must have the shape (10, 3), not {tuple(result.shape)}.",
    )
    require(
        torch.allclose(result.sum(dim=1), torch.ones(10), atol=1e-4),
        ko="각 행의 합은 1이어야 합니다. 소프트맥스의 dim이 맞나요?",
        en="Every row must sum to 1. Is the dim of softmax right?",
    )
    require(
        torch.allclose(result, torch.softmax(scores, dim=1), atol=1e-4),
        ko="확률이 모델의 로짓과 맞지 않습니다.",
        en="The probabilities don't match the model's logits.",
    )


@pytest.mark.item("predict")
def test_predict(student):
    model = student.build_model()
    best = as_tensor(model(FEATURES), "model").max(dim=1).values
    result = as_tensor(student.predict(model, FEATURES), "predict")
    require(
        result.shape == (10,),
        ko=f"predict의 결과는 (10,)이어야 하는데 {tuple(result.shape)}입니다.",
        en=f"The result must have the shape (10,), not {tuple(result.shape)}.",
    )
    require(
        set(result.tolist()) <= {0, 1, 2},
        ko=f"predict의 결과는 클래스 번호 0, 1, 2여야 합니다: {result.tolist()}",
        en=f"The result must consist of the class indices 0, 1 and 2: {result.tolist()}",
    )
    chosen = as_tensor(model(FEATURES), "model")[torch.arange(10), result.long()]
    require(
        torch.equal(chosen, best),
        ko="확률이 가장 큰 클래스를 예측해야 합니다.",
        en="Predict the class with the largest probability.",
    )
