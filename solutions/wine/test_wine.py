"""The hidden checks of the wine homework."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from grader.checks import (
    CheckFailedError,
    Handle,
    Student,
    StudentCodeError,
    assert_unchanged,
    class_index,
    close,
    describe,
    history,
    matrix,
    model,
    require,
    tensor,
    true_loss,
)

FEATURES, CULTIVARS = load_wine(return_X_y=True)
TRAIN, TEST = 124, 54
STATE = 2025
"""The default split of `load_data`."""


@dataclass
class Data:
    """A split: float32 features, int64 labels, and their rows in the data set."""

    X_train: torch.Tensor
    X_test: torch.Tensor
    y_train: torch.Tensor
    y_test: torch.Tensor


def rows_of(random_state, stratify):
    """The rows of the training and test parts, split 7:3."""
    return train_test_split(
        np.arange(len(CULTIVARS)),
        test_size=0.3,
        random_state=random_state,
        stratify=CULTIVARS if stratify else None,
    )


def own_data(random_state):
    """The grader's own standardised split, for items that need data if the student's is unusable."""
    train, test = rows_of(random_state, stratify=False)
    scaler = StandardScaler().fit(FEATURES[train])
    X_train, X_test = (
        torch.tensor(scaler.transform(FEATURES[rows]), dtype=torch.float32)
        for rows in (train, test)
    )
    return Data(X_train, X_test, *(torch.tensor(CULTIVARS[rows]) for rows in (train, test)))


def check_split(parts, random_state):
    """Return the student's split as data, and its rows.

    Raises CheckFailedError where it is not the one asked for.
    """
    require(
        isinstance(parts, list | tuple) and len(parts) == 4,
        ko=f"X_train, X_test, y_train, y_test 네 개를 반환해야 합니다: {describe(parts).ko}",
        en=f"expected X_train, X_test, y_train, y_test, got {describe(parts).en}",
    )
    X_train, X_test = tensor(parts[0], TRAIN, 13), tensor(parts[1], TEST, 13)
    y_train, y_test = tensor(parts[2], TRAIN), tensor(parts[3], TEST)
    kinds = [str(getattr(part, "dtype", "list")).removeprefix("torch.") for part in parts]
    require(
        kinds == ["float32", "float32", "int64", "int64"],
        ko=f"특성은 float32, 품종은 int64여야 합니다: {', '.join(kinds)}",
        en=f"expected float32 features and int64 labels, got {', '.join(kinds)}",
    )
    for stratify in (False, True):
        train, test = rows_of(random_state, stratify)
        labels = np.concatenate([CULTIVARS[train], CULTIVARS[test]])
        if np.array_equal(labels, torch.cat([y_train, y_test]).numpy()):
            break
    else:
        require(
            False,
            ko="품종(y)이 이 random_state로 7:3으로 나눈 결과와 다릅니다. "
            "test_size=0.3과 인자로 받은 random_state를 썼는지 확인하세요",
            en="the labels don't match the 7:3 split for this random_state. "
            "Check that you use test_size=0.3 and the given random_state",
        )
    rows = np.concatenate([train, test])
    check_features(FEATURES[rows], torch.cat([X_train, X_test]).numpy())
    return Data(X_train.float(), X_test.float(), y_train.long(), y_test.long()), train


def check_features(original, given):
    """Whatever the scaling: both parts are mapped by the same function, which keeps rows and values apart.

    That is: each column keeps the order of its values (also by logarithms, quantiles), or one invertible linear map
    does it (also whitening), or each row keeps its direction (normalised rows, of raw or of scaled columns).
    """
    require(
        np.isfinite(given).all(),
        ko="특성에 유한하지 않은 값(NaN 또는 무한대)이 있습니다",
        en="the features contain values that are not finite (NaN or infinite)",
    )
    require(
        all(map(monotone, original.T, given.T))
        or linear(original, given)
        or any(same_directions(scaled, given) for scaled in scalings(original)),
        ko="특성(X)과 품종(y)의 행이 서로 맞지 않거나, "
        "학습 데이터와 테스트 데이터에 서로 다른 스케일링을 적용했습니다",
        en="the features don't belong to the labels, or the two parts are scaled differently",
    )


def linear(before, after):
    inputs = np.column_stack([StandardScaler().fit_transform(before), np.ones(len(before))])
    weights, *_ = np.linalg.lstsq(inputs, after, rcond=None)
    residual = np.abs(inputs @ weights - after).max(axis=0)
    spread = after.std(axis=0)
    return bool((residual <= 1e-3 * spread).all()) and np.linalg.matrix_rank(weights[:-1]) == 13


def scalings(original):
    yield original
    for fitted_on in (original[:TRAIN], original):
        for scaler in (StandardScaler(), MinMaxScaler()):
            yield scaler.fit(fitted_on).transform(original)


def monotone(before, after):
    order = np.argsort(before, kind="stable")
    steps, spread = np.diff(after[order]), np.ptp(after)
    if not spread:
        return False
    tolerance = 1e-4 * spread
    same = np.diff(before[order]) == 0
    rising, falling = (steps >= -tolerance).all(), (steps <= tolerance).all()
    return (rising or falling) and (np.abs(steps[same]) <= tolerance).all()


def same_directions(before, after):
    lengths = np.linalg.norm(before, axis=1) * np.linalg.norm(after, axis=1)
    cosines = (before * after).sum(axis=1) / np.maximum(lengths, 1e-12)
    return (cosines > 1 - 1e-6).all()


def fitted_on_all_rows(data, train):
    """Whether the scaler was fitted on all rows: all are standardised (or fill [0, 1]), but the training part isn't."""
    both = torch.cat([data.X_train, data.X_test]).double()
    for middle, spread in (
        (lambda x: x.mean(dim=0), lambda x: x.std(dim=0, correction=0)),
        (lambda x: x.min(dim=0).values, lambda x: x.max(dim=0).values),
    ):

        def fits(x, middle=middle, spread=spread):
            return close(middle(x), torch.zeros(13)) and close(spread(x), torch.ones(13))

        if fits(both) and not fits(data.X_train.double()):
            return True
    return False


@pytest.mark.item("data_split")
def test_split_of_each_state(student, settings, remark):
    data, train = check_split(student.load_data(random_state=STATE), STATE)
    if fitted_on_all_rows(data, train):
        remark(
            ko="스케일러를 테스트 데이터까지 포함해 fit했습니다. 학습 데이터에만 fit하는 것이 좋습니다 (감점 없음)",
            en="the scaler was fitted on the test part too; fit it on the training part only (no deduction)",
        )
    default, _ = check_split(student.load_data(), STATE)
    require(
        torch.equal(default.y_test, data.y_test),
        ko="random_state의 기본값은 2025여야 합니다",
        en="the default of random_state must be 2025",
    )
    for state in settings.random_states:
        check_split(student.load_data(random_state=state), state)


@pytest.mark.item("model_shape")
def test_logits(student, settings, rng):
    net = model(student.seed(settings.seed).build_model())
    for x in (rng.normal(TEST, 13), rng.normal(1, 13), 10 * rng.normal(30, 13)):
        value = tensor(net(x), len(x), 3)
        require(
            value.isfinite().all(),
            ko="모델의 출력에 유한하지 않은 값(NaN 또는 무한대)이 있습니다",
            en="the model's outputs must be finite",
        )
        require(
            not (value.min() >= 0 and close(value.sum(dim=1), torch.ones(len(x)))),
            ko="모델의 출력은 확률이 아니라 로짓이어야 합니다. 모델 안에서 소프트맥스를 쓰지 마세요",
            en="the model's outputs must be logits, not probabilities: don't use softmax inside the model",
        )


@dataclass
class Trained:
    """A fresh model after the submission's own training."""

    student: Student
    net: Handle
    data: Data
    y_train: torch.Tensor
    """The labels used for training, possibly permuted."""
    first: float
    """The model's own loss before training."""
    losses: list[float] | None
    """The history; None if invalid."""
    problem: CheckFailedError | None

    @property
    def final(self) -> float:
        return true_loss("cross_entropy", self.net, self.data.X_train, self.y_train)


def train_fresh(student, settings, random_state, permute=False):
    """Train on the student's split for a random state, or on ours if theirs is unusable."""
    try:
        data, _ = check_split(student.load_data(random_state=random_state), random_state)
    except (StudentCodeError, AssertionError):
        data = own_data(random_state)
    y_train = permuted(data.y_train) if permute else data.y_train
    net = model(student.seed(settings.seed).build_model())
    try:
        first = true_loss("cross_entropy", net, data.X_train, y_train)
    except CheckFailedError:  # the item about the shape reports this; training may still work
        first = 0.0
    student.take_changed()
    patient = student.with_cpu_seconds(settings.limits.train_cpu_seconds)
    returned = patient.train(net, data.X_train, y_train)
    try:
        assert_unchanged(student)
        losses, problem = history(returned), None
    except CheckFailedError as error:
        losses, problem = None, error
    return Trained(student, net, data, y_train, first, losses, problem)


def permuted(labels):
    return (labels + 1) % 3


@pytest.fixture(scope="module")
def trained(new_student, settings):
    return train_fresh(new_student(), settings, STATE)


@pytest.fixture(scope="module")
def trained_otherwise(trained, new_student, settings):
    return train_fresh(new_student(), settings, settings.random_states[1])


@pytest.fixture(scope="module")
def trained_permuted(trained, new_student, settings):
    return train_fresh(new_student(), settings, settings.random_states[0], permute=True)


def check_convergence(trained, settings, threshold):
    if trained.problem is not None:
        raise trained.problem
    first, last = max(trained.losses[0], trained.first), trained.losses[-1]
    well_below = settings.thresholds["max_loss_of_first"] * first
    require(
        threshold.at_most("max_loss", last),
        ko="기본값으로 학습했을 때 마지막 손실이 기준보다 큽니다",
        en="the last loss after training with the defaults is too large",
    )
    require(
        threshold.at_most("max_loss_of_first", last, well_below),
        ko="학습하는 동안 손실이 충분히 줄지 않았습니다",
        en="the loss didn't decrease enough during training",
    )
    require(
        threshold.at_most("max_loss", trained.final),
        ko="학습이 끝난 모델로 학습 데이터의 손실을 다시 계산하면 기준보다 큽니다",
        en="the loss recomputed from the trained model on the training part is too large",
    )


@pytest.mark.item("convergence")
def test_default_training_converges(trained, trained_permuted, settings, threshold, draw):
    if trained.losses is not None:
        draw.loss(trained.losses)
    check_convergence(trained, settings, threshold)
    check_convergence(trained_permuted, settings, threshold)


@pytest.mark.item("accuracy")
def test_accuracy_on_the_test_part(trained, threshold, draw):
    predicted = matrix(trained.net(trained.data.X_test), TEST).argmax(dim=1)
    draw.predictions(predicted.tolist(), trained.data.y_test.tolist())
    accuracy = float((predicted == trained.data.y_test).double().mean())
    require(
        threshold.at_least("min_accuracy", accuracy),
        ko="학습한 모델의 테스트 정확도가 기준보다 낮습니다",
        en="the trained model's accuracy on the test part is too low",
    )


def check_test_0(trained, truth):
    trained.student.take_changed()
    found = class_index(trained.student.predict_test_0(trained.net, trained.data.X_test))
    logits = matrix(trained.net(trained.data.X_test), TEST)[0]
    require(
        found == int(logits.argmax()),
        ko="인자로 받은 모델에서 X_test의 0번 행의 로짓이 가장 큰 클래스를 반환해야 합니다",
        en="this isn't the class with the largest logit of the given model for row 0 of X_test",
    )
    require(
        found == truth,
        ko="예측한 품종이 테스트 0번의 실제 품종과 다릅니다",
        en="the prediction isn't the actual cultivar of the wine at index 0",
    )
    assert_unchanged(trained.student)


@pytest.mark.item("test_0_class")
def test_class_follows_data_and_model(trained, trained_otherwise, trained_permuted):
    for each in (trained, trained_otherwise):
        check_test_0(each, int(each.data.y_test[0]))
    check_test_0(trained_permuted, int(permuted(trained_permuted.data.y_test[0])))
