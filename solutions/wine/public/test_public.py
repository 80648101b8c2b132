"""와인 품종 예측하기의 공개 검사: `grader check wine.py`

The public checks: one quick check per rubric item.
"""

import pytest
import torch

from grader.checks import fail, require


def as_tensor(value, name):
    """Read a number, list, array or tensor that a function returned."""
    try:
        if isinstance(value, tuple | list) and len(value) > 0:
            value = torch.stack([torch.as_tensor(item) for item in value])
        return torch.as_tensor(value).detach()
    except (TypeError, ValueError, RuntimeError):
        kind = type(value).__name__
        fail(
            ko=f"{name}의 결과가 숫자나 텐서가 아니라 {kind}입니다.",
            en=f"{name} returned {kind}, not a number or a tensor.",
        )


def load(student, **arguments):
    """The four parts that load_data returns."""
    parts = student.load_data(**arguments)
    require(
        isinstance(parts, tuple | list),
        ko="load_data는 X_train, X_test, y_train, y_test 네 개를 반환해야 합니다.",
        en="load_data must return four parts: X_train, X_test, y_train, y_test.",
    )
    require(
        len(parts) == 4,
        ko=f"load_data는 네 개를 반환해야 하는데 {len(parts)}개입니다.",
        en=f"load_data must return four parts, not {len(parts)}.",
    )
    return [as_tensor(part, "load_data") for part in parts]


def load_as_asked(student):
    """The four parts converted to the types that a model needs."""
    X_train, X_test, y_train, y_test = load(student)
    return X_train.float(), X_test.float(), y_train.long(), y_test.long()


def as_history(value):
    """Read the losses that train returned."""
    history = as_tensor(value, "train").flatten()
    require(
        len(history) > 0,
        ko="train은 에포크마다의 손실을 반환해야 합니다.",
        en="train must return the loss of every epoch.",
    )
    return history


def true_loss(model, features, cultivars):
    """The loss of the model on these wines."""
    scores = as_tensor(model(features), "model").float()
    require(
        scores.shape == (len(features), 3),
        ko="모델의 출력이 (N, 3) 모양이 아닙니다.",
        en="The model's output is not of shape (N, 3).",
    )
    return torch.nn.functional.cross_entropy(scores, cultivars).item()


@pytest.mark.item("data_split")
def test_data_split(student):
    parts = load(student)
    shapes = [tuple(part.shape) for part in parts]
    require(
        shapes == [(124, 13), (54, 13), (124,), (54,)],
        ko=f"7:3으로 나눈 모양은 (124, 13), (54, 13), (124,), (54,)여야 합니다: {shapes}",
        en=f"Split 7:3, the shapes must be (124, 13), (54, 13), (124,), (54,): {shapes}",
    )
    kinds = [part.dtype for part in parts]
    require(
        kinds == [torch.float32, torch.float32, torch.int64, torch.int64],
        ko=f"특성은 float32, 품종은 int64 텐서여야 합니다: {kinds}",
        en=f"The features must be float32, the cultivars int64: {kinds}",
    )
    other = load(student, random_state=1)
    require(
        not torch.equal(parts[3], other[3]),
        ko="random_state를 바꾸어도 같은 데이터가 나옵니다. 인자로 받은 random_state를 쓰세요.",
        en="Another random_state gives the same split. Use the given random_state.",
    )


@pytest.mark.item("model_shape")
def test_model_shape(student):
    generator = torch.Generator().manual_seed(2025)
    model = student.build_model()
    scores = as_tensor(model(torch.randn(54, 13, generator=generator)), "model").float()
    require(
        scores.shape == (54, 3),
        ko=f"(54, 13) 입력의 출력은 (54, 3)이어야 하는데 {tuple(scores.shape)}입니다.",
        en=f"The output for (54, 13) must be (54, 3), not {tuple(scores.shape)}.",
    )
    require(
        not torch.allclose(scores.sum(dim=1), torch.ones(54), atol=1e-4),
        ko="모델이 확률을 출력하는 것 같습니다. 소프트맥스 없이 로짓을 출력하세요.",
        en="The model seems to output probabilities. Output logits, without softmax.",
    )


@pytest.mark.item("convergence")
def test_convergence(student):
    features, _, cultivars, _ = load_as_asked(student)
    model = student.build_model()
    history = as_history(student.train(model, features, cultivars))
    first, last = history[0].item(), history[-1].item()
    recomputed = true_loss(model, features, cultivars)
    require(
        last <= 0.3,
        ko=(
            f"기본값으로 학습한 마지막 손실은 0.3 이하여야 하는데 {last:.4f}입니다. "
            "특성을 표준화했나요? 에포크와 학습률은 충분한가요?"
        ),
        en=(
            f"With the defaults the last loss must be at most 0.3, not {last:.4f}. Are the features "
            "scaled? Are the epochs and the learning rate large enough?"
        ),
    )
    require(
        last < first,
        ko=f"마지막 손실({last:.4f})이 처음 손실({first:.4f})보다 작아야 합니다.",
        en=f"The last loss ({last:.4f}) must be below the first ({first:.4f}).",
    )
    require(
        recomputed <= 0.3,
        ko=f"기록한 손실은 {last:.4f}인데 학습한 모델로 다시 구하면 {recomputed:.4f}입니다.",
        en=f"The recorded loss is {last:.4f}, but the trained model's loss is {recomputed:.4f}.",
    )


@pytest.mark.item("accuracy")
def test_accuracy(student):
    X_train, X_test, y_train, y_test = load_as_asked(student)
    model = student.build_model()
    student.train(model, X_train, y_train)
    scores = as_tensor(model(X_test), "model")
    require(
        scores.shape == (len(y_test), 3),
        ko=f"모델의 출력이 {(len(y_test), 3)} 모양이 아닙니다: {tuple(scores.shape)}",
        en=f"The model's output must be of shape {(len(y_test), 3)}: {tuple(scores.shape)}",
    )
    best = scores.max(dim=1).indices
    accuracy = (best == y_test).float().mean().item()
    require(
        accuracy >= 0.85,
        ko=f"테스트 데이터의 정확도는 0.85 이상이어야 하는데 {accuracy:.4f}입니다.",
        en=f"The accuracy on the test part must be at least 0.85, not {accuracy:.4f}.",
    )


@pytest.mark.item("test_0_class")
def test_test_0_class(student):
    """학습하지 않은 모델로도 빠르게 확인할 수 있습니다. / An untrained model is enough here."""
    _, X_test, _, _ = load_as_asked(student)
    model = student.build_model()
    answer = as_tensor(student.predict_test_0(model, X_test), "predict_test_0")
    require(
        answer.numel() == 1,
        ko=f"predict_test_0은 숫자 하나를 반환해야 하는데 모양이 {tuple(answer.shape)}입니다.",
        en=f"predict_test_0 must return one number, not shape {tuple(answer.shape)}.",
    )
    scores = as_tensor(model(X_test), "model")[0]
    require(
        answer.item() in (0, 1, 2),
        ko=f"품종은 0, 1, 2 가운데 하나여야 하는데 {answer.item()}입니다.",
        en=f"The cultivar must be 0, 1 or 2, not {answer.item()}.",
    )
    require(
        scores[int(answer.item())] == scores.max(),
        ko="인자로 받은 모델의 0번 행에서 로짓이 가장 큰 품종이어야 합니다.",
        en="It must be the cultivar with the largest logit in row 0 of the given model.",
    )
