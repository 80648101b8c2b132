"""The hidden checks of multinomial logistic regression."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from grader.checks import (
    Cause,
    Handle,
    Student,
    StudentCodeError,
    Text,
    assert_close,
    assert_unchanged,
    check_gradient,
    check_gradients_are_cleared,
    check_history,
    check_history_ends,
    check_learning_rate,
    check_learns,
    check_responds,
    check_steady,
    circumstance,
    class_index,
    classes,
    close,
    history,
    loss_of,
    matrix,
    model,
    number,
    require,
    tensor,
    true_loss,
)

X = torch.tensor(
    [
        [1.0, 2, 1, 1], [2, 1, 3, 2], [3, 1, 3, 4], [4, 2, 5, 5], [1, 6, 5, 5],
        [1, 4, 5, 8], [1, 7, 7, 7], [2, 8, 7, 8], [2, 7, 6, 7], [2, 6, 6, 6],
    ]
)  # fmt: skip
Y = torch.tensor([0, 0, 0, 1, 1, 1, 2, 2, 2, 2])
NEW = torch.tensor([[1.0, 9, 9, 8]])


ON_OTHER_DATA = Text(ko="강의와 다른 데이터에서", en="on other data than the lesson's")
ON_OUR_TRAINING = Text(
    ko="train이 학습한 모델을 쓸 수 없어 채점기가 학습한 모델에서",
    en="on a model that the grader trained, because train gave no usable one",
)


def build(student, settings):
    return model(student.seed(settings.seed).build_model())


@pytest.mark.item("model_shape")
def test_logits(student, settings, rng):
    net = build(student, settings)
    for x in (X, *(3 * rng.normal(rows, 4) for rows in (1, 7, 33))):
        value = tensor(net(x), len(x), 3)
        require(
            value.isfinite().all(),
            ko="모델의 출력에 유한하지 않은 값(NaN 또는 무한대)이 있습니다",
            en="the model's outputs must be finite",
            cause=Cause.NOT_FINITE,
        )
        require(
            not (value.min() >= 0 and close(value.sum(dim=1), torch.ones(len(x)))),
            ko="모델의 출력은 확률이 아니라 로짓이어야 합니다. 모델 안에서 소프트맥스를 쓰지 마세요",
            en="the model's outputs must be logits, not probabilities: don't use softmax inside the model",
            cause=Cause.SOFTMAX,
        )


@pytest.mark.item("cross_entropy_loss")
def test_mean_over_the_batch_with_a_gradient(student, rng):
    for rows in (10, 1, 23):
        logits, target = rng.logits(rows, 3), rng.classes(rows, 3)
        value = number(student.cross_entropy_loss(logits, target))
        assert_close(value, loss_of("cross_entropy", logits.double(), target))
    check_large_logits(student)
    assert_unchanged(student)
    check_gradient_comes_back(student, rng)


def check_large_logits(student):
    logits = torch.tensor([[1000.0, -1000, 0], [-1000, 1000, 1000], [0, 0, -1000]])
    target = torch.tensor([0, 2, 1])
    value = number(student.cross_entropy_loss(logits, target))
    assert_close(value, loss_of("cross_entropy", logits.double(), target))
    wrong = number(student.cross_entropy_loss(logits, torch.tensor([1, 2, 1])))
    require(
        0 < wrong < float("inf"),
        ko="로짓이 ±1000이어도 손실은 유한해야 합니다",
        en="the loss must also be finite for logits of ±1000",
    )


def check_gradient_comes_back(student, rng):
    logits, target = rng.logits(9, 3), rng.classes(9, 3)
    value, gradient = student.input_gradient("cross_entropy_loss", logits, target)
    number(value)
    leaf = logits.double().requires_grad_()
    torch.nn.functional.cross_entropy(leaf, target).backward()
    check_gradient(value, gradient, leaf.grad)


def clusters(rng, rows):
    """Rows around three points that are far from each other, and their classes."""
    y = torch.arange(rows) % 3
    points = 2 + 5 * torch.eye(3, 4)[[1, 2, 0]]
    return points[y] + rng.uniform(rows, 4, low=-0.75, high=0.75), y


@pytest.mark.item("training_loop")
def test_history_and_steps_on_hidden_data(student, settings, rng):
    def fresh():
        return build(student, settings)

    with circumstance(ON_OTHER_DATA):
        x, y = 4 * rng.uniform(64, 4), rng.classes(64, 3)
        check_history(student, fresh, "cross_entropy", x, y, epochs=7, elsewhere=(X, Y))
        check_history(
            student,
            fresh,
            "cross_entropy",
            8 * rng.uniform(48, 4),
            y[:48],
            epochs=4,
            elsewhere=(X, Y),
        )
        unlikely = matrix(fresh()(x), 64)[:, :3].argmin(
            dim=1
        )  # the loss begins high and falls steeply
        y = torch.where(rng.uniform(64) < 0.7, unlikely, y)
        check_history_ends(student, fresh, "cross_entropy", x, y, epochs=130, lr=0.05)
        check_learning_rate(student, fresh, x, y)
        patient = student.with_cpu_seconds(settings.limits.train_cpu_seconds)
        net, (rows, truth) = fresh(), clusters(rng, 30)
        check_learns(patient, net, *clusters(rng, 10), rows, truth)
        check_steady(net, rows)
        x = rng.uniform(32, 4, low=1, high=3)
        least_expected = matrix(fresh()(x), 32).mean(dim=0).argmin()
        check_gradients_are_cleared(student, fresh, x, least_expected.repeat(32))


@dataclass
class Trained:
    student: Student
    net: Handle
    start: float
    """The loss before training."""
    losses: list[float]

    @property
    def final(self) -> float:
        return true_loss("cross_entropy", self.net, X, Y)


@pytest.fixture(scope="module")
def trained(new_student, settings):
    student = new_student()
    net = build(student, settings)
    start = true_loss("cross_entropy", net, X, Y)
    patient = student.with_cpu_seconds(settings.limits.train_cpu_seconds)
    return Trained(student, net, start, history(patient.train(net, X, Y)))


@pytest.mark.item("convergence")
def test_default_training_converges(trained, settings, threshold, draw):
    draw.loss(trained.losses)
    threshold.at_most(
        "max_loss",
        trained.losses[-1],
        ko="기본값으로 학습했을 때 마지막 손실이 기준보다 큽니다",
        en="the last loss after training with the defaults is too large",
    )
    threshold.at_most(
        "max_loss",
        trained.final,
        ko="학습이 끝난 모델로 손실을 다시 계산하면 기준보다 큽니다",
        en="the loss recomputed from the trained model is too large",
        cause=Cause.OTHER_LOSSES,
    )
    require(
        trained.final < trained.start,
        ko="학습하는 동안 손실이 줄지 않았습니다",
        en="the loss didn't fall during training",
        cause=Cause.NOT_TRAINED,
    )
    check_responds("cross_entropy", trained.net, X, Y, 2 * settings.thresholds["max_loss"])


@pytest.fixture(scope="module")
def trained_or_fitted(new_student, settings, request):
    """The student's trained model and None, or one that the grader's own loop trained and a text that says so."""
    try:
        found = request.getfixturevalue("trained")
        if found.final <= settings.thresholds["max_loss"]:
            return found.student, found.net, None
    except (StudentCodeError, AssertionError):
        pass
    student = new_student()
    net = build(student, settings)
    net.fit("cross_entropy", X, Y, epochs=600)
    return student, net, ON_OUR_TRAINING


@pytest.fixture
def whose_model(trained_or_fitted, remark):
    """Where the grader's own loop trained the model, for messages; also added as a note."""
    ours = trained_or_fitted[2]
    if ours is not None:
        remark(ko=f"예측은 {ours.ko} 확인했습니다", en=f"predictions were checked {ours.en}")
    return ours


@pytest.mark.item("predict_proba")
def test_probabilities_of_the_logits(trained_or_fitted, whose_model, rng):
    student, net, _ = trained_or_fitted
    with circumstance(whose_model):
        check_probabilities(student, net, rng)


def check_probabilities(student, net, rng):
    student.take_changed()
    for x in (NEW, X, 8 * rng.uniform(17, 4), 1e5 * rng.normal(6, 4)):
        value = tensor(student.predict_proba(net, x), len(x), 3)
        require(
            value.isfinite().all() and value.min() >= 0 and value.max() <= 1 + 1e-6,
            ko="0과 1 사이의 유한한 값이어야 합니다",
            en="expected finite values between 0 and 1",
        )
        require(
            close(value.sum(dim=1), torch.ones(len(x))),
            ko="각 행의 합은 1이어야 합니다",
            en="each row must sum to 1",
        )
        require(
            close(value, torch.softmax(tensor(net(x), len(x), 3), dim=1)),
            ko="모델의 로짓에 소프트맥스를 적용한 확률과 다릅니다",
            en="the probabilities don't match the model's logits",
        )
    assert_unchanged(student)


def only_class(value):
    """The class of a single row, with or without its dimension."""
    if isinstance(value, list | tuple) or np.size(value) != 1:
        return classes(value, 1)[0]
    return class_index(value)


@pytest.mark.item("predict")
def test_class_of_the_largest_probability(trained_or_fitted, whose_model, rng, draw):
    student, net, _ = trained_or_fitted
    with circumstance(whose_model):
        check_predict(student, net, rng, draw)


def check_predict(student, net, rng, draw):
    student.take_changed()
    require(
        only_class(student.predict(net, NEW)) == 2,
        ko="학습한 모델은 [1, 9, 9, 8]을 2로 예측해야 합니다",
        en="after training, the prediction for [1, 9, 9, 8] must be 2",
    )
    for x in (X, 8 * rng.uniform(17, 4), 8 * rng.uniform(40, 4)):
        found = classes(student.predict(net, x), len(x))
        if x is X:
            draw.predictions(found, Y.tolist())
        best = torch.softmax(matrix(net(x), len(x)), dim=1).sort(dim=1, descending=True)
        clear = best.values[:, 0] - best.values[:, 1] > 1e-4
        require(
            (torch.tensor(found) == best.indices[:, 0])[clear].all(),
            ko="확률이 가장 큰 클래스를 반환해야 합니다",
            en="this isn't the class with the largest probability",
        )
    assert_unchanged(student)
