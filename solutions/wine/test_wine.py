"""The hidden checks of the wine homework."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import maximum_bipartite_matching
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
    normalize,
)

from grader.checks import (
    Cause,
    CheckFailedError,
    Handle,
    Student,
    StudentCodeError,
    Text,
    assert_unchanged,
    check_learns,
    check_moved,
    check_responds,
    check_steady,
    circumstance,
    class_index,
    classes,
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
    """A split: features, int64 labels, and the parts that they were made of, as `load_data` returned them."""

    X_train: torch.Tensor
    X_test: torch.Tensor
    y_train: torch.Tensor
    y_test: torch.Tensor
    parts: tuple[object, ...]
    whose: Text | None = None
    """Whose split it is, if it isn't the student's right one."""


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
    y_train, y_test = (torch.tensor(CULTIVARS[rows]) for rows in (train, test))
    parts = X_train, X_test, y_train, y_test
    return Data(*parts, parts, GRADERS_SPLIT)


ON_PERMUTED = Text(ko="품종의 번호를 0→1→2→0처럼 바꾸어 학습했을 때", en="with permuted labels")
ON_CLUSTERS = Text(ko="와인이 아닌 다른 데이터에서", en="on data that are no wines")
ON_OTHER_STATE = Text(ko="다른 random_state의 데이터에서", en="on the data of another random_state")
REFUSED_SPLIT = Text(
    ko="data_split은 통과하지 못했지만 학습과 예측에는 load_data가 반환한 데이터를 썼습니다",
    en="training and prediction were checked on the data that load_data returned, although data_split didn't pass",
)
GRADERS_SPLIT = Text(
    ko="load_data가 쓸 수 있는 데이터를 반환하지 않아, "
    "채점기가 나누어 표준화한 데이터로 학습과 예측을 확인했습니다",
    en="load_data returned no usable data, so training and prediction were checked "
    "on the grader's own standardised split",
)


def usable_data(parts, net):
    """The student's parts as data if a model can be trained and tested on them, else None."""
    try:
        X_train, X_test, y_train, y_test = parts
        y_train, y_test = labels(y_train), labels(y_test)
        counts = torch.bincount(torch.cat([y_train, y_test]), minlength=3)
        if len(counts) > 3 or (counts.numpy() > np.bincount(CULTIVARS)).any():
            return None
        X_train, X_test = features(net, X_train, len(y_train)), features(net, X_test, len(y_test))
    except (TypeError, LookupError, ValueError, RuntimeError, CheckFailedError, StudentCodeError):
        return None
    return Data(X_train, X_test, y_train, y_test, tuple(parts), REFUSED_SPLIT)


def labels(part):
    """Class indices, also as a column, as an int64 tensor of one dimension."""
    count = len(part)
    column = np.ndim(part[0]) == 1
    values = tensor(part, count, 1).flatten() if column else part
    return torch.tensor(classes(values, count))


def features(net, part, count):
    """A matrix of `count` rows that the model takes, as a float32 tensor."""
    values = matrix(part, count).float()
    matrix(net(values), count)
    return values


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
        cause="dtypes",
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
            cause="split",
        )
    rows = np.concatenate([train, test])
    check_features(FEATURES[rows], torch.cat([X_train, X_test]).numpy())
    data = X_train.float(), X_test.float(), y_train.long(), y_test.long()
    return Data(*data, tuple(parts)), train


def check_features(original, given):
    require(
        np.isfinite(given).all(),
        ko="특성에 유한하지 않은 값(NaN 또는 무한대)이 있습니다",
        en="the features contain values that are not finite (NaN or infinite)",
        cause=Cause.NOT_FINITE,
    )
    require(
        belong(original, given),
        ko="특성(X)과 품종(y)의 행이 서로 맞지 않거나, "
        "학습 데이터와 테스트 데이터에 서로 다른 스케일링을 적용했습니다",
        en="the features don't belong to the labels, or the two parts are scaled differently",
        cause="scaling",
    )


def belong(original, given):
    """Whether one scaling maps each row of the data set to its row: of columns, in any order, of rows, by a linear
    map, or by one after the other."""
    return any(
        columns_in_any_order(before, given) or one_linear_map(before, given)
        for before in scaled_in_steps(original)
    )


def scaled_in_steps(original):
    """The rows as given, and after scalings that a linear map or a scaling of rows may follow."""
    yield original
    for fitted_on in (original[:TRAIN], original):
        for scaler in (
            FunctionTransformer(np.log),
            FunctionTransformer(np.log1p),
            FunctionTransformer(np.sqrt),
            PowerTransformer(),
            PowerTransformer(method="box-cox"),
            QuantileTransformer(n_quantiles=len(fitted_on)),
            QuantileTransformer(n_quantiles=len(fitted_on), output_distribution="normal"),
        ):
            yield scaler.fit(fitted_on).transform(original)
        for scaler in (
            FunctionTransformer(),
            StandardScaler(),
            MinMaxScaler(),
            RobustScaler(),
            MaxAbsScaler(),
        ):
            for norm in ("l1", "l2", "max"):
                yield normalize(scaler.fit(fitted_on).transform(original), norm)


def columns_in_any_order(before, after):
    """Whether each column keeps the order of its values, wherever it has been moved."""
    possible = [monotone(column, after) for column in before.T]
    return bool((maximum_bipartite_matching(csr_matrix(possible)) >= 0).all())


def monotone(before, after):
    """Which columns of `after` have their values in the order of those in `before`, or in the reverse order."""
    order = np.argsort(before, kind="stable")
    steps, spread = np.diff(after[order], axis=0), np.ptp(after, axis=0)
    tolerance = 1e-4 * spread
    same = np.diff(before[order]) == 0
    rising, falling = (steps >= -tolerance).all(axis=0), (steps <= tolerance).all(axis=0)
    return (spread > 0) & (rising | falling) & (np.abs(steps[same]) <= tolerance).all(axis=0)


def one_linear_map(before, after):
    """Whether one invertible affine map takes each row to a positive multiple of its row.

    The map is the vector that is nearest to the null space of "the image of a row has no part across its row".
    """
    size = np.sqrt((after**2).mean(axis=0))
    if not size.all():
        return False
    rows = after / size
    rows /= np.linalg.norm(rows, axis=1, keepdims=True).clip(1e-12)
    inputs, _ = np.linalg.qr(
        np.column_stack([StandardScaler().fit_transform(before), np.ones(len(before))])
    )
    across = np.eye(13) - rows[:, :, None] * rows[:, None, :]
    squares = (inputs[:, :, None] * inputs[:, None, :]).reshape(len(before), -1)
    energy = (across.reshape(len(before), -1).T @ squares).reshape(13, 13, 14, 14)
    _, vectors = np.linalg.eigh(energy.transpose(0, 2, 1, 3).reshape(13 * 14, -1))
    images = inputs @ vectors[:, 0].reshape(13, 14).T
    along = (images * rows).sum(axis=1)
    strayed = np.linalg.norm(images - along[:, None] * rows, axis=1)
    spread = np.linalg.svd(images - images.mean(axis=0), compute_uv=False)
    return bool(
        (strayed <= 3e-4 * np.abs(along)).all()
        and (np.sign(along) == np.sign(along[0])).all()
        and spread[-1] > 1e-6 * spread[0]
    )


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
        with circumstance(ON_OTHER_STATE):
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
            cause=Cause.NOT_FINITE,
        )
        require(
            not (value.min() >= 0 and close(value.sum(dim=1), torch.ones(len(x)))),
            ko="모델의 출력은 확률이 아니라 로짓이어야 합니다. 모델 안에서 소프트맥스를 쓰지 마세요",
            en="the model's outputs must be logits, not probabilities: don't use softmax inside the model",
            cause=Cause.SOFTMAX,
        )


@dataclass
class Trained:
    """A fresh model after the submission's own training."""

    student: Student
    net: Handle
    data: Data
    y_train: torch.Tensor
    """The labels used for training, possibly permuted."""
    X_test: object
    """The features of the test part, as `predict_test_0` gets them."""
    first: float
    """The model's own loss before training."""
    start: list[torch.Tensor]
    """The parameters before training."""
    losses: list[float] | None
    """The history; None if invalid."""
    problem: CheckFailedError | None

    @property
    def final(self) -> float:
        return true_loss("cross_entropy", self.net, self.data.X_train, self.y_train)


def train_fresh(new_student, settings, random_state, permute=False):
    """Train on the student's split for a random state, or on ours if theirs is unusable.

    Parts that are no tensors are passed as they are; if `train` can't take them, as tensors.
    """
    student = new_student()
    data = student_data(student, settings, random_state)
    as_tensors = (data.X_train, data.X_test, data.y_train, data.y_test)
    kinds = [data.parts, as_tensors]
    if all(isinstance(part, torch.Tensor) for part in data.parts):
        kinds.pop()
    for parts in kinds:
        try:
            return train_on(student, settings, data, parts, permute)
        except StudentCodeError as error:
            if error.verdict != "error" or parts is kinds[-1]:
                raise
    raise AssertionError


def student_data(student, settings, random_state):
    try:
        parts = student.load_data(random_state=random_state)
    except StudentCodeError:
        return own_data(random_state)
    try:
        return check_split(parts, random_state)[0]
    except CheckFailedError:
        net = model(student.seed(settings.seed).build_model())
        return usable_data(parts, net) or own_data(random_state)


def train_on(student, settings, data, parts, permute):
    X_train, X_test, y_train, _ = parts
    truth = permuted(data.y_train) if permute else data.y_train
    net = model(student.seed(settings.seed).build_model())
    try:
        first = true_loss("cross_entropy", net, data.X_train, truth)
    except CheckFailedError:  # the item about the shape reports this; training may still work
        first = 0.0
    student.take_changed()
    start = net.parameters()
    patient = student.with_cpu_seconds(settings.limits.train_cpu_seconds)
    returned = patient.train(net, X_train, permuted(y_train) if permute else y_train)
    try:
        assert_unchanged(student)
        losses, problem = history(returned), None
        require(
            len(losses) > 1,
            ko="에포크마다의 손실이 두 개 이상 있어야 처음과 마지막을 비교할 수 있습니다",
            en="expected the loss of every epoch, at least two, so that the first and the last can be compared",
            cause=Cause.HISTORY,
        )
    except CheckFailedError as error:
        losses, problem = None, error
    return Trained(student, net, data, truth, X_test, first, start, losses, problem)


def permuted(labels):
    if isinstance(labels, list | tuple):
        return [permuted(label) for label in labels]
    return (labels + 1) % 3


@pytest.fixture(scope="module")
def trained(new_student, settings):
    return train_fresh(new_student, settings, STATE)


@pytest.fixture(scope="module")
def trained_otherwise(trained, new_student, settings):
    with circumstance(ON_OTHER_STATE):
        return train_fresh(new_student, settings, settings.random_states[1])


@pytest.fixture(scope="module")
def trained_permuted(trained, new_student, settings):
    with circumstance(ON_PERMUTED):
        return train_fresh(new_student, settings, settings.random_states[0], permute=True)


@pytest.fixture
def say_whose_data(remark):
    """Add a note if a model wasn't trained on the student's right split."""

    def say(*models):
        for each in models:
            if (whose := each.data.whose) is not None:
                remark(ko=whose.ko, en=whose.en)

    return say


def check_convergence(trained, settings, threshold):
    if trained.problem is not None:
        raise trained.problem
    check_moved(trained.start, trained.net)
    first, last = max(trained.losses[0], trained.first), trained.losses[-1]
    threshold.at_most(
        "max_loss",
        last,
        ko="기본값으로 학습했을 때 마지막 손실이 기준보다 큽니다",
        en="the last loss after training with the defaults is too large",
    )
    threshold.at_most(
        "max_loss_of_first",
        last,
        settings.thresholds["max_loss_of_first"] * first,
        ko="학습하는 동안 손실이 충분히 줄지 않았습니다",
        en="the loss didn't decrease enough during training",
    )
    threshold.at_most(
        "max_loss",
        trained.final,
        ko="학습이 끝난 모델로 학습 데이터의 손실을 다시 계산하면 기준보다 큽니다",
        en="the loss recomputed from the trained model on the training part is too large",
        cause=Cause.OTHER_LOSSES,
    )


def check_labels_are_the_given(trained_permuted, bound):
    """The model must not fit the labels of `load_data` where it was given others."""
    data = trained_permuted.data
    require(
        trained_permuted.final <= bound
        or true_loss("cross_entropy", trained_permuted.net, data.X_train, data.y_train) > bound,
        ko="모델이 인자로 받은 y가 아니라 load_data의 품종에 맞게 학습되었습니다. "
        "전역 변수가 아니라 인자 X와 y로 학습하세요",
        en="the model fits the labels of load_data and not those that it was given: "
        "train on the arguments X and y, not on global variables",
    )


@pytest.mark.item("convergence")
def test_default_training_converges(
    trained, trained_permuted, new_student, settings, threshold, rng, draw, say_whose_data
):
    say_whose_data(trained, trained_permuted)
    if trained.losses is not None:
        draw.loss(trained.losses)
    check_convergence(trained, settings, threshold)
    with circumstance(ON_PERMUTED):
        check_labels_are_the_given(trained_permuted, settings.thresholds["max_loss"])
        check_convergence(trained_permuted, settings, threshold)
        bound = 2 * settings.thresholds["max_loss"]
        data = trained_permuted.data
        check_responds(
            "cross_entropy", trained_permuted.net, data.X_train, trained_permuted.y_train, bound
        )
    check_learns_clusters(trained, new_student, settings, rng)


def check_learns_clusters(trained, new_student, settings, rng):
    """Rows that are no wines, as large as those that the student's `load_data` returns."""
    data = trained.data
    if not all(isinstance(part, torch.Tensor) for part in data.parts):
        return
    student = new_student()
    patient = student.with_cpu_seconds(settings.limits.train_cpu_seconds)
    net = model(student.seed(settings.seed).build_model())
    levels = rng.uniform(data.X_train.shape[1], 3).argsort(dim=1)
    X, y = clusters(data.X_train, levels, rng)
    rows, truth = clusters(data.X_train, levels, rng)
    kind, labels = data.parts[0].dtype, y.reshape(data.parts[2].shape).to(data.parts[2].dtype)
    with circumstance(ON_CLUSTERS):
        check_learns(patient, net, X.to(kind), labels, rows.to(kind), truth)


def clusters(like, levels, rng):
    """As many rows as those given: each column is low, medium or high, in an order of classes of its own."""
    y = rng.classes(len(like), 3)
    steps = 1.5 * (levels.T[y] - 1) + rng.uniform(*like.shape, low=-0.5, high=0.5)
    return like.mean(dim=0) + like.std(dim=0) * steps, y


@pytest.mark.item("accuracy")
def test_accuracy_on_the_test_part(trained, threshold, draw, say_whose_data):
    say_whose_data(trained)
    truth = trained.data.y_test
    predicted = matrix(trained.net(trained.data.X_test), len(truth)).argmax(dim=1)
    draw.predictions(predicted.tolist(), truth.tolist())
    threshold.at_least(
        "min_accuracy",
        float((predicted == truth).double().mean()),
        ko="학습한 모델의 테스트 정확도가 기준보다 낮습니다",
        en="the trained model's accuracy on the test part is too low",
    )
    check_steady(trained.net, trained.data.X_test)


def check_test_0(trained, truth):
    trained.student.take_changed()
    found = class_index(trained.student.predict_test_0(trained.net, trained.X_test))
    logits = matrix(trained.net(trained.data.X_test), len(trained.data.y_test))[0]
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
    check_steady(trained.net, trained.data.X_test)
    assert_unchanged(trained.student)


@pytest.mark.item("test_0_class")
def test_class_follows_data_and_model(trained, trained_otherwise, trained_permuted, say_whose_data):
    say_whose_data(trained, trained_otherwise, trained_permuted)
    check_test_0(trained, int(trained.data.y_test[0]))
    with circumstance(ON_OTHER_STATE):
        check_test_0(trained_otherwise, int(trained_otherwise.data.y_test[0]))
    with circumstance(ON_PERMUTED):
        check_test_0(trained_permuted, int(permuted(trained_permuted.data.y_test[0])))
