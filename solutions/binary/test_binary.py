"""The hidden checks of logistic regression with one variable."""

from dataclasses import dataclass
from functools import cached_property

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
    circumstance,
    close,
    history,
    loss_of,
    model,
    number,
    require,
    tensor,
    true_loss,
)

X = torch.tensor([[0.0], [1], [3], [5], [8], [11], [15], [20]])
Y = torch.tensor([[0.0], [0], [0], [0], [1], [1], [1], [1]])
EPOCHS = 1000
OTHER_X = torch.tensor([[1.0], [17], [3], [14], [2], [19], [4], [12]])
OTHER_Y = (OTHER_X < 8).float()


ON_OTHER_DATA = Text(ko="강의와 다른 데이터에서", en="on other data than the lesson's")
ON_OUR_TRAINING = Text(
    ko="train이 학습한 모델을 쓸 수 없어 채점기가 학습한 모델에서",
    en="on a model that the grader trained, because train gave no usable one",
)


def build(student, settings):
    return model(student.seed(settings.seed).build_model())


@pytest.mark.item("weighted_sum")
def test_lesson_and_other_lengths(student, rng):
    value = student.weighted_sum(torch.tensor([1.0, 2, 3]), torch.tensor([0.1, 0.2, 0.3]), 0.5)
    assert_close(number(value), 1.9)
    for length in (1, 2, 5, 8):
        x, w, b = rng.normal(length), rng.normal(length), float(rng.normal())
        assert_close(number(student.weighted_sum(x, w, b)), float(w.double() @ x.double()) + b)
    assert_unchanged(student)


@pytest.mark.item("sigmoid")
def test_values_shapes_and_extremes(student, rng):
    assert_close(number(student.sigmoid(torch.tensor(1.9))), 0.8699)
    extremes = torch.tensor([-1000.0, -100, -20, 0, 20, 100, 1000])
    for z in (rng.normal(5), rng.logits(3, 4), rng.normal(2, 3, 4), rng.normal(6, 1), extremes):
        value = tensor(student.sigmoid(z), *z.shape)
        require(
            value.isfinite().all() and value.min() >= 0 and value.max() <= 1,
            ko="0과 1 사이의 유한한 값이어야 합니다",
            en="expected finite values between 0 and 1",
        )
        assert_close(value, torch.sigmoid(z.double()))
    assert_unchanged(student)


@pytest.mark.item("model_shape")
def test_probabilities_from_two_parameters(student, settings, rng):
    net = build(student, settings)
    for x in (X, *(10 * rng.normal(rows, 1) for rows in (1, 5, 17))):
        value = tensor(net(x), len(x), 1)
        require(
            value.isfinite().all() and value.min() >= 0 and value.max() <= 1,
            ko="모델의 출력은 0과 1 사이의 확률이어야 합니다",
            en="the model's outputs must be probabilities between 0 and 1",
        )
    check_affine(net, 4 * rng.normal(64, 1))
    require(
        sum(p.numel() for p in net.parameters()) == 2,
        ko="모델의 매개변수는 가중치 하나와 편향 하나뿐이어야 합니다",
        en="the model must have one weight and one bias as its parameters",
    )


@pytest.mark.item("bce_loss")
def test_mean_over_the_batch_with_a_gradient(student, rng):
    assert_close(number(student.bce_loss(torch.sigmoid(0.3699 * X + 0.8711), Y)), 0.9551)
    for shape in ((8, 1), (13, 1), (1, 1)):
        p = rng.uniform(*shape, low=0.02, high=0.98)
        y = (rng.uniform(*shape) < 0.5).float()
        assert_close(number(student.bce_loss(p, y)), loss_of("bce", p.double(), y))
    assert_unchanged(student)
    check_gradient_comes_back(student, rng)


def check_affine(net, x):
    """One weight and one bias: the logit is a line, wherever float32 can still tell it.

    A curve that is steep is looked at more closely where it crosses one half; a table has no slope there either.
    """
    p = tensor(net(x), len(x), 1).flatten()
    for _ in range(3):
        order = x.flatten().argsort()
        (crossings,) = torch.where((p[order] >= 0.5).diff())
        if between(p).sum() >= 3:
            break
        if not len(crossings):
            return
        left, right = x.flatten()[order][crossings[0] : crossings[0] + 2].tolist()
        x = torch.cat([x, torch.linspace(left, right, 64)[:, None]])
        p = tensor(net(x), len(x), 1).flatten()
    require(
        between(p).sum() >= 3 and close(p, fitted_curve(x, p), 0.02),
        ko="모델의 출력이 sigmoid(w·x + b)가 아닙니다",
        en="the model's outputs aren't sigmoid(w·x + b)",
        cause="not_a_line",
    )


def between(p):
    """Where float32 tells the logit of a probability."""
    return (p > 1e-3) & (p < 1 - 1e-3)


def fitted_curve(x, p):
    """The sigmoid of the line that is nearest to the logits."""
    points = torch.column_stack([x.flatten().double(), torch.ones(len(x)).double()])
    inside = between(p)
    line = torch.linalg.lstsq(points[inside], p[inside].logit()[:, None], driver="gelsd").solution
    return torch.sigmoid(points @ line).flatten()


def check_gradient_comes_back(student, rng):
    p = rng.uniform(7, 1, low=0.05, high=0.95)
    y = (rng.uniform(7, 1) < 0.5).float()
    value, gradient = student.input_gradient("bce_loss", p, y)
    number(value)
    leaf = p.double().requires_grad_()
    torch.nn.functional.binary_cross_entropy(leaf, y.double()).backward()
    check_gradient(value, gradient, leaf.grad)


@pytest.mark.item("training_loop")
def test_history_and_steps_on_hidden_data(student, settings, rng):
    def fresh():
        return build(student, settings)

    with circumstance(ON_OTHER_DATA):
        x, y = 5 * rng.uniform(64, 1), (rng.uniform(64, 1) < 0.3).float()
        check_history(student, fresh, "bce", x, y, epochs=7, elsewhere=(X, Y))
        check_history(
            student,
            fresh,
            "bce",
            8 * rng.uniform(48, 1),
            Y.repeat(6, 1),
            epochs=4,
            elsewhere=(X, Y),
        )
        check_history_ends(student, fresh, "bce", x, y, epochs=130, lr=0.03)
        check_learning_rate(student, fresh, x, y)
        patient = student.with_cpu_seconds(settings.limits.train_cpu_seconds)
        rows = torch.cat([2.5 * rng.uniform(12, 1), rng.uniform(12, 1, low=15, high=20)])
        net = fresh()
        check_learns(patient, net, OTHER_X, OTHER_Y, rows, (rows < 8).long().flatten())
        if sum(p.numel() for p in net.parameters()) <= 2:  # more of them cost `model_shape`
            check_affine(net, torch.cat([OTHER_X, rows]))
        x = rng.uniform(32, 1, low=1, high=3)
        likely = float(tensor(fresh()(x), 32, 1).mean()) >= 0.5
        y = torch.zeros(32, 1) if likely else torch.ones(32, 1)
        check_gradients_are_cleared(student, fresh, x, y)


@dataclass
class Trained:
    student: Student
    net: Handle
    line: torch.Tensor
    """The model before training: its probabilities for 0 and 1 hours, which determine its bias and weight."""
    start: torch.Tensor
    """Its probabilities for the rows of the lesson before training."""
    losses: list[float]
    thresholds: dict[str, float]

    @cached_property
    def final(self) -> float:
        return true_loss("bce", self.net, X, Y)

    @cached_property
    def lesson_loss(self) -> float:
        """The loss that 999 steps of the lesson's loop reach from the same starting weights."""
        b, at_1 = self.line.clamp(1e-12, 1 - 1e-12).logit()
        w = at_1 - b
        for _ in range(EPOCHS - 1):
            slope = (torch.sigmoid(w * X.double() + b) - Y) / len(X)
            w, b = w - 0.01 * (slope * X).sum(), b - 0.01 * slope.sum()
        return loss_of("bce", torch.sigmoid(w * X.double() + b), Y)

    def bound(self, loss: float) -> float:
        """The maximum loss: the threshold, or what the lesson's loop reaches from the same starting weights."""
        bound = self.thresholds["max_loss"]
        if loss <= bound:
            return bound
        return max(bound, self.lesson_loss * self.thresholds["lesson_margin"])


@pytest.fixture(scope="module")
def trained(new_student, settings):
    student = new_student()
    net = build(student, settings)
    line = tensor(net(torch.tensor([[0.0], [1.0]])), 2, 1)
    start = tensor(net(X), len(X), 1)
    patient = student.with_cpu_seconds(settings.limits.train_cpu_seconds)
    losses = history(patient.train(net, X, Y))
    return Trained(student, net, line, start, losses, settings.thresholds)


@pytest.mark.item("convergence")
def test_default_training_converges(trained, threshold, rng, draw):
    draw.loss(trained.losses)
    last = trained.losses[-1]
    threshold.at_most(
        "max_loss",
        last,
        trained.bound(last),
        ko="기본값으로 학습했을 때 마지막 손실이 기준보다 큽니다",
        en="the last loss after training with the defaults is too large",
    )
    threshold.at_most(
        "max_loss",
        trained.final,
        trained.bound(trained.final),
        ko="학습이 끝난 모델로 손실을 다시 계산하면 기준보다 큽니다",
        en="the loss recomputed from the trained model is too large",
        cause=Cause.OTHER_LOSSES,
    )
    require(
        trained.final < loss_of("bce", trained.start, Y),
        ko="학습하는 동안 손실이 줄지 않았습니다",
        en="the loss didn't fall during training",
        cause=Cause.NOT_TRAINED,
    )
    if sum(p.numel() for p in trained.net.parameters()) <= 2:  # more of them cost `model_shape`
        check_affine(trained.net, torch.cat([X, 20 * rng.uniform(64, 1)]))
    check_responds("bce", trained.net, X, Y, 2 * trained.bound(trained.final))


@pytest.fixture(scope="module")
def trained_or_fitted(new_student, settings, request):
    """The student's trained model and None, or one that the grader's own loop trained and a text that says so."""
    try:
        found = request.getfixturevalue("trained")
        if found.final <= found.bound(found.final):
            return found.student, found.net, None
    except (StudentCodeError, AssertionError):
        pass
    student = new_student()
    net = build(student, settings)
    net.fit("bce", X, Y, epochs=600)
    return student, net, ON_OUR_TRAINING


@pytest.fixture
def whose_model(trained_or_fitted, remark):
    """Where the grader's own loop trained the model, for messages; also added as a note."""
    ours = trained_or_fitted[2]
    if ours is not None:
        remark(ko=f"예측은 {ours.ko} 확인했습니다", en=f"predictions were checked {ours.en}")
    return ours


@pytest.mark.item("predict")
def test_classes_by_the_threshold(trained_or_fitted, whose_model, rng, draw):
    student, net, _ = trained_or_fitted
    with circumstance(whose_model):
        check_predict(student, net, rng, draw)


def check_predict(student, net, rng, draw):
    student.take_changed()
    ten = torch.tensor([[10.0]])
    require(
        tensor(student.predict(net, ten), 1, 1).item() == 1,
        ko="학습한 모델은 10시간일 때 1(합격)을 예측해야 합니다",
        en="after training, the prediction for 10 hours must be 1",
    )
    for x in (X, 20 * rng.uniform(5, 1), 20 * rng.uniform(33, 1)):
        p = tensor(net(x), len(x), 1)
        if x is X:
            draw.predictions(p.flatten().tolist(), Y.flatten().tolist())
        for threshold in (None, 0.2, 0.9):
            given = {} if threshold is None else {"threshold": threshold}
            check_classes(student.predict(net, x, **given), p, threshold or 0.5)
    p = tensor(net(ten), 1, 1)
    equal = student.predict(net, ten, threshold=p.item())
    require(
        tensor(equal, 1, 1).item() == 1,
        ko="확률이 임계값과 같으면 1이어야 합니다",
        en="a probability equal to the threshold counts as 1",
    )
    assert_unchanged(student)


def check_classes(value, p, threshold):
    found = tensor(value, len(p), 1)
    clear = (p - threshold).abs() > 1e-4
    require(
        bool(((found == 0) | (found == 1)).all()),
        ko="0과 1만 반환해야 합니다",
        en="only 0 and 1 may be returned",
    )
    require(
        bool((found == (p >= threshold))[clear].all()),
        ko="확률이 임계값 이상이면 1, 아니면 0이어야 합니다",
        en="expected 1 where the probability is at least the threshold, else 0",
    )
