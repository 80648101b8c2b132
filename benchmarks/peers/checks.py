"""The rubric of the three assignments as plain assertions, which every peer calls in its own format.

It asks of a submission what `solutions/` asks, with the same trainings. Shorter: values are compared without a message
for students, and the split of the wines may be scaled by column only.
"""

import functools

import torch
from torch.nn.functional import binary_cross_entropy, cross_entropy

SEED = 2025
LOSSES = {"binary_cross_entropy": binary_cross_entropy, "cross_entropy": cross_entropy}
FUNCTIONS = {
    "binary": ("weighted_sum", "sigmoid", "build_model", "bce_loss", "train", "predict"),
    "multinomial": ("build_model", "cross_entropy_loss", "train", "predict_proba", "predict"),
    "wine": ("load_data", "build_model", "train", "predict_test_0"),
}
RUBRIC = {"binary": {}, "multinomial": {}, "wine": {}}
"""The points and the function of each item of each assignment."""


def item(assignment, name, points):
    def add(function):
        RUBRIC[assignment][name] = points, function
        return function

    return add


def run(assignment, name, student):
    """Check one item of the rubric.

    Raises AssertionError, or whatever the submission raises.
    """
    RUBRIC[assignment][name][1](student)


def once(function):
    """Compute once for each student, also if it fails."""
    found = {}

    @functools.wraps(function)
    def wrapper(student, *args):
        key = (id(student), *args)
        if key not in found:
            try:
                found[key] = function(student, *args), None
            except Exception as error:
                found[key] = None, error
        value, error = found[key]
        if error is not None:
            raise error
        return value

    return wrapper


class Hidden:
    """Random inputs from a seed of our own."""

    def __init__(self, seed):
        self.generator = torch.Generator().manual_seed(seed)

    def normal(self, *shape):
        return torch.randn(*shape, generator=self.generator)

    def uniform(self, *shape, low=0.0, high=1.0):
        return low + (high - low) * torch.rand(*shape, generator=self.generator)

    def classes(self, rows, count):
        return torch.randint(count, (rows,), generator=self.generator)


def number(value):
    value = torch.as_tensor(value).detach().double()
    assert value.numel() == 1, "expected a number"
    return float(value)


def tensor(value, *shape):
    value = torch.as_tensor(value).detach().double()
    assert value.shape == shape, f"expected a tensor of shape {shape}"
    return value


def close(a, b, tolerance=1e-3):
    a, b = (torch.as_tensor(x).double() for x in (a, b))
    return bool(torch.allclose(a, b, rtol=tolerance, atol=tolerance))


def flat(parameters):
    assert parameters, "the model has no parameters"
    return torch.cat([p.double().reshape(-1) for p in parameters])


def build(student):
    student.seed(SEED)
    return student.call("build_model")


def model_loss(student, net, loss, x, y):
    """The loss of a model, computed from its outputs."""
    outputs = torch.as_tensor(student.outputs(net, x)).double()
    assert outputs.isfinite().all(), "the model's outputs must be finite"
    return float(LOSSES[loss](outputs, y.double() if loss == "binary_cross_entropy" else y))


def history(value, epochs=None):
    losses = [number(entry) for entry in value]
    assert losses, "expected the loss of every epoch"
    assert epochs is None or len(losses) in (epochs, epochs + 1), "expected a loss for each epoch"
    return losses


def check_gradient(student, name, loss, x, y):
    value, gradient = student.input_gradient(name, x, y)
    leaf = x.double().requires_grad_()
    expected = LOSSES[loss](leaf, y.double() if loss == "binary_cross_entropy" else y)
    expected.backward()
    expected = expected.detach()
    assert close(number(value), float(expected))
    assert close(gradient, leaf.grad)


def between(losses, low, high):
    return all(0.8 * min(low, high) <= loss <= 1.2 * max(low, high) for loss in losses)


def check_history(student, loss, x, y, epochs):
    """At a tiny learning rate, the history holds the model's losses, and the model moves."""
    net = build(student)
    before, start = model_loss(student, net, loss, x, y), flat(student.parameters(net))
    losses = history(student.call("train", net, x, y, epochs=epochs, lr=1e-5), epochs)
    assert not torch.equal(start, flat(student.parameters(net))), "the model was not trained"
    assert between(losses, before, model_loss(student, net, loss, x, y))


def check_ends(student, loss, x, y, lr, epochs=130):
    """The history starts and ends with the model's losses, and is plausible halfway."""

    def trained_for(count):
        net = build(student)
        losses = student.call("train", net, x, y, epochs=count, lr=lr)
        return losses, model_loss(student, net, loss, x, y)

    start = model_loss(student, build(student), loss, x, y)
    _, first = trained_for(1)
    losses, last = trained_for(epochs)
    losses = history(losses, epochs)
    assert last < start, "the loss doesn't fall"
    middle = [trained_for(epochs * eighths // 8)[1] for eighths in (3, 5)]
    assert between([losses[epochs // 2]], *middle)
    assert between(losses[:1], start, first)
    assert abs(losses[-1] - last) <= 0.2 * max(last, 0.01)


def check_learning_rate(student, x, y):
    ends = []
    for lr in (1e-5, 1e-3):
        net = build(student)
        student.call("train", net, x, y, epochs=3, lr=lr)
        ends.append(flat(student.parameters(net)))
    assert not torch.equal(*ends), "the learning rate makes no difference"


def check_learns(student, net, x, y, rows, truth):
    """Trained with the defaults on separable rows, the model tells the classes of others."""
    student.call("train", net, x, y)
    outputs = torch.as_tensor(student.outputs(net, rows))
    found = (outputs[:, 0] >= 0.5).long() if outputs.shape[1] == 1 else outputs.argmax(dim=1)
    assert float((found == truth).double().mean()) >= 0.85


def check_gradients_are_cleared(student, x, y):
    """A gradient from before the training doesn't push the model in every epoch."""

    def moved(epochs, stale=None):
        net = build(student)
        if stale is not None:
            student.leave_gradients(net, stale)
        student.call("train", net, x, y, epochs=epochs, lr=1e-5)
        return [b - a for a, b in zip(start, student.parameters(net), strict=True)], net

    start = student.parameters(build(student))
    step, once_trained = moved(1)
    length = float(flat(step).norm())
    assert length, "the model was not trained"
    left = [float(flat(student.gradients(net)).norm()) for net in (once_trained, moved(80)[1])]
    assert not left[1] > 10 * left[0] > 0, "gradients accumulate"
    against = [-100 * part / length for part in step]
    way = -flat(step) / length
    pushes = [float(flat(moved(epochs, [-a for a in against])[0]) @ way) for epochs in (1, 80)]
    assert not pushes[1] > 12 * pushes[0] > 0, "gradients accumulate"


def nearby(x):
    step = 1e-3 * x.std(dim=0) * torch.linspace(-1, 1, x.numel()).reshape(x.shape).sin()
    return x + step


def check_steady(student, net, x):
    outputs, others = (torch.as_tensor(student.outputs(net, rows)) for rows in (x, nearby(x)))
    assert float((outputs == others).all(dim=1).double().mean()) <= 0.5
    assert float((outputs.argmax(dim=1) == others.argmax(dim=1)).double().mean()) >= 0.85


# binary

BINARY_X = torch.tensor([[0.0], [1], [3], [5], [8], [11], [15], [20]])
BINARY_Y = torch.tensor([[0.0], [0], [0], [0], [1], [1], [1], [1]])


@item("binary", "weighted_sum", 10)
def check_weighted_sum(student):
    value = student.call(
        "weighted_sum", torch.tensor([1.0, 2, 3]), torch.tensor([0.1, 0.2, 0.3]), 0.5
    )
    assert close(number(value), 1.9)
    rng = Hidden(11)
    for length in (1, 2, 5, 8):
        x, w, b = rng.normal(length), rng.normal(length), float(rng.normal(1))
        assert close(
            number(student.call("weighted_sum", x, w, b)), float(w.double() @ x.double()) + b
        )


@item("binary", "sigmoid", 10)
def check_sigmoid(student):
    assert close(number(student.call("sigmoid", torch.tensor(1.9))), 0.8699)
    rng = Hidden(12)
    extremes = torch.tensor([-1000.0, -100, -20, 0, 20, 100, 1000])
    for z in (rng.normal(5), 4 * rng.normal(3, 4), rng.normal(2, 3, 4), rng.normal(6, 1), extremes):
        value = tensor(student.call("sigmoid", z), *z.shape)
        assert close(value, torch.sigmoid(z.double()))


def check_line(student, net, x):
    """The logit of the outputs is a line, wherever float32 can still tell it."""
    p = tensor(student.outputs(net, x), len(x), 1).flatten()
    inside = (p > 1e-3) & (p < 1 - 1e-3)
    points = torch.column_stack([x.flatten().double(), torch.ones(len(x)).double()])
    line = torch.linalg.lstsq(points[inside], p[inside].logit()[:, None]).solution
    assert inside.sum() >= 3
    assert close(p, torch.sigmoid(points @ line).flatten(), 0.02), "not sigmoid(w*x + b)"


@item("binary", "model_shape", 10)
def check_binary_model(student):
    net, rng = build(student), Hidden(13)
    for x in (BINARY_X, *(10 * rng.normal(rows, 1) for rows in (1, 5, 17))):
        value = tensor(student.outputs(net, x), len(x), 1)
        assert value.isfinite().all()
        assert value.min() >= 0
        assert value.max() <= 1
    check_line(student, net, 4 * rng.normal(64, 1))
    assert len(flat(student.parameters(net))) == 2, "expected one weight and one bias"


@item("binary", "bce_loss", 20)
def check_bce_loss(student):
    p = torch.sigmoid(0.3699 * BINARY_X + 0.8711)
    assert close(number(student.call("bce_loss", p, BINARY_Y)), 0.9551)
    rng = Hidden(14)
    for rows in (8, 13, 1):
        p = rng.uniform(rows, 1, low=0.02, high=0.98)
        y = (rng.uniform(rows, 1) < 0.5).float()
        expected = float(binary_cross_entropy(p.double(), y.double()))
        assert close(number(student.call("bce_loss", p, y)), expected)
    p, y = rng.uniform(7, 1, low=0.05, high=0.95), (rng.uniform(7, 1) < 0.5).float()
    check_gradient(student, "bce_loss", "binary_cross_entropy", p, y)


@item("binary", "training_loop", 20)
def check_binary_training(student):
    rng, loss = Hidden(15), "binary_cross_entropy"
    x, y = 5 * rng.uniform(64, 1), (rng.uniform(64, 1) < 0.3).float()
    check_history(student, loss, x, y, 7)
    check_history(student, loss, 8 * rng.uniform(48, 1), BINARY_Y.repeat(6, 1), 4)
    check_ends(student, loss, x, y, 0.03)
    check_learning_rate(student, x, y)
    net, other = build(student), torch.tensor([[1.0], [17], [3], [14], [2], [19], [4], [12]])
    rows = torch.cat([2.5 * rng.uniform(12, 1), rng.uniform(12, 1, low=15, high=20)])
    check_learns(student, net, other, (other < 8).float(), rows, (rows < 8).long().flatten())
    check_line(student, net, torch.cat([other, rows]))
    x = rng.uniform(32, 1, low=1, high=3)
    likely = float(tensor(student.outputs(build(student), x), 32, 1).mean()) >= 0.5
    check_gradients_are_cleared(student, x, torch.zeros(32, 1) if likely else torch.ones(32, 1))


@once
def trained(student, x, y):
    net = build(student)
    return net, history(student.call("train", net, x, y))


@item("binary", "convergence", 20)
def check_binary_convergence(student):
    net, losses = trained(student, BINARY_X, BINARY_Y)
    loss = "binary_cross_entropy"
    assert losses[-1] <= 0.31
    assert model_loss(student, net, loss, BINARY_X, BINARY_Y) <= 0.31
    check_line(student, net, torch.cat([BINARY_X, 20 * Hidden(16).uniform(64, 1)]))
    assert model_loss(student, net, loss, nearby(BINARY_X), BINARY_Y) <= 0.62


def trained_or_fitted(student, loss, x, y, bound):
    """The student's trained model, or if it is of no use, one that our own loop trained."""
    try:
        net, _ = trained(student, x, y)
        if model_loss(student, net, loss, x, y) <= bound:
            return net
    except Exception:
        pass
    net = build(student)
    student.fit(net, loss, x, y)
    return net


@item("binary", "predict", 10)
def check_binary_predict(student):
    net = trained_or_fitted(student, "binary_cross_entropy", BINARY_X, BINARY_Y, 0.31)
    ten, rng = torch.tensor([[10.0]]), Hidden(17)
    assert tensor(student.call("predict", net, ten), 1, 1).item() == 1
    for x in (BINARY_X, 20 * rng.uniform(5, 1), 20 * rng.uniform(33, 1)):
        p = tensor(student.outputs(net, x), len(x), 1)
        for threshold in (None, 0.2, 0.9):
            given = {} if threshold is None else {"threshold": threshold}
            found = tensor(student.call("predict", net, x, **given), len(x), 1)
            clear = (p - (threshold or 0.5)).abs() > 1e-4
            assert ((found == 0) | (found == 1)).all()
            assert (found == (p >= (threshold or 0.5)))[clear].all()
    equal = tensor(student.outputs(net, ten), 1, 1).item()
    assert tensor(student.call("predict", net, ten, threshold=equal), 1, 1).item() == 1


# multinomial

MULTINOMIAL_X = torch.tensor(
    [
        [1.0, 2, 1, 1], [2, 1, 3, 2], [3, 1, 3, 4], [4, 2, 5, 5], [1, 6, 5, 5],
        [1, 4, 5, 8], [1, 7, 7, 7], [2, 8, 7, 8], [2, 7, 6, 7], [2, 6, 6, 6],
    ]
)  # fmt: skip
MULTINOMIAL_Y = torch.tensor([0, 0, 0, 1, 1, 1, 2, 2, 2, 2])
NEW = torch.tensor([[1.0, 9, 9, 8]])


def check_logits(student, net, inputs):
    for x in inputs:
        value = tensor(student.outputs(net, x), len(x), 3)
        assert value.isfinite().all()
        rows = close(value.sum(dim=1), torch.ones(len(x)))
        assert not (value.min() >= 0 and rows), "expected logits, not probabilities"


@item("multinomial", "model_shape", 10)
def check_multinomial_model(student):
    rng = Hidden(21)
    inputs = (MULTINOMIAL_X, *(3 * rng.normal(rows, 4) for rows in (1, 7, 33)))
    check_logits(student, build(student), inputs)


@item("multinomial", "cross_entropy_loss", 20)
def check_cross_entropy_loss(student):
    rng = Hidden(22)
    large = torch.tensor([[1000.0, -1000, 0], [-1000, 1000, 1000], [0, 0, -1000]])
    cases = [(4 * rng.normal(rows, 3), rng.classes(rows, 3)) for rows in (10, 1, 23)]
    for logits, target in (*cases, (large, torch.tensor([0, 2, 1]))):
        expected = float(cross_entropy(logits.double(), target))
        assert close(number(student.call("cross_entropy_loss", logits, target)), expected)
    wrong = number(student.call("cross_entropy_loss", large, torch.tensor([1, 2, 1])))
    assert 0 < wrong < float("inf")
    x, y = 4 * rng.normal(9, 3), rng.classes(9, 3)
    check_gradient(student, "cross_entropy_loss", "cross_entropy", x, y)


def clusters(rng, rows):
    y = torch.arange(rows) % 3
    points = 2 + 5 * torch.eye(3, 4)[[1, 2, 0]]
    return points[y] + rng.uniform(rows, 4, low=-0.75, high=0.75), y


@item("multinomial", "training_loop", 20)
def check_multinomial_training(student):
    rng, loss = Hidden(23), "cross_entropy"
    x, y = 4 * rng.uniform(64, 4), rng.classes(64, 3)
    check_history(student, loss, x, y, 7)
    check_history(student, loss, 8 * rng.uniform(48, 4), y[:48], 4)
    unlikely = tensor(student.outputs(build(student), x), 64, 3).argmin(dim=1)
    y = torch.where(rng.uniform(64) < 0.7, unlikely, y)
    check_ends(student, loss, x, y, 0.05)
    check_learning_rate(student, x, y)
    net, (rows, truth) = build(student), clusters(rng, 30)
    check_learns(student, net, *clusters(rng, 10), rows, truth)
    check_steady(student, net, rows)
    x = rng.uniform(32, 4, low=1, high=3)
    least = tensor(student.outputs(build(student), x), 32, 3).mean(dim=0).argmin()
    check_gradients_are_cleared(student, x, least.repeat(32))


@item("multinomial", "convergence", 20)
def check_multinomial_convergence(student):
    net, losses = trained(student, MULTINOMIAL_X, MULTINOMIAL_Y)
    assert losses[-1] <= 0.36
    assert model_loss(student, net, "cross_entropy", MULTINOMIAL_X, MULTINOMIAL_Y) <= 0.36
    x = nearby(MULTINOMIAL_X)
    assert model_loss(student, net, "cross_entropy", x, MULTINOMIAL_Y) <= 0.72


def multinomial_model(student):
    return trained_or_fitted(student, "cross_entropy", MULTINOMIAL_X, MULTINOMIAL_Y, 0.36)


@item("multinomial", "predict_proba", 15)
def check_predict_proba(student):
    net, rng = multinomial_model(student), Hidden(24)
    for x in (NEW, MULTINOMIAL_X, 8 * rng.uniform(17, 4), 1e5 * rng.normal(6, 4)):
        value = tensor(student.call("predict_proba", net, x), len(x), 3)
        logits = tensor(student.outputs(net, x), len(x), 3)
        assert close(value, torch.softmax(logits, dim=1))


@item("multinomial", "predict", 15)
def check_multinomial_predict(student):
    net, rng = multinomial_model(student), Hidden(25)
    assert number(student.call("predict", net, NEW)) == 2
    for x in (MULTINOMIAL_X, 8 * rng.uniform(17, 4), 8 * rng.uniform(40, 4)):
        found = tensor(student.call("predict", net, x), len(x))
        logits = tensor(student.outputs(net, x), len(x), 3)
        best = torch.softmax(logits, dim=1).sort(dim=1, descending=True)
        clear = best.values[:, 0] - best.values[:, 1] > 1e-4
        assert (found == best.indices[:, 0])[clear].all()


# wine

STATES = (323, 3261)


@functools.cache
def wines():
    from sklearn.datasets import load_wine

    return load_wine(return_X_y=True)


@functools.cache
def wine_rows(state, stratify):
    from sklearn.model_selection import train_test_split

    labels = wines()[1]
    return train_test_split(
        range(len(labels)),
        test_size=0.3,
        random_state=state,
        stratify=labels if stratify else None,
    )


def check_split(parts, state):
    X_train, X_test, y_train, y_test = (torch.as_tensor(part) for part in parts)
    assert [part.dtype for part in (X_train, X_test, y_train, y_test)] == [
        torch.float32, torch.float32, torch.int64, torch.int64
    ]  # fmt: skip
    assert X_train.shape == (124, 13)
    assert X_test.shape == (54, 13)
    features, labels = (torch.as_tensor(part) for part in wines())
    found = torch.cat([y_train, y_test])
    rows = [[*train, *test] for train, test in (wine_rows(state, each) for each in (False, True))]
    (rows,) = [each for each in rows if torch.equal(labels[each], found)][:1] or [None]
    assert rows, "not the labels of a 7:3 split"
    X, original = torch.cat([X_train, X_test]).double(), features[rows]
    both = torch.stack([X.T, original.T])
    standard = (both - both.mean(dim=2, keepdim=True)) / both.std(dim=2, keepdim=True)
    assert ((standard[0] * standard[1]).mean(dim=1).abs() > 0.99).all(), "other rows or scaling"
    return X_train, X_test, y_train, y_test


@once
def wine_data(student, state):
    return check_split(student.call("load_data", random_state=state), state)


@once
def wine_trained(student, state, permute):
    X_train, X_test, y_train, y_test = wine_data(student, state)
    truth = (y_train + 1) % 3 if permute else y_train
    net = build(student)
    first, start = (
        model_loss(student, net, "cross_entropy", X_train, truth),
        student.parameters(net),
    )
    losses = history(student.call("train", net, X_train, truth))
    assert not torch.equal(flat(start), flat(student.parameters(net))), "the model was not trained"
    answer = (y_test + 1) % 3 if permute else y_test
    return net, max(first, losses[0]), losses, (X_train, truth, X_test, answer)


@item("wine", "data_split", 15)
def check_data_split(student):
    default = check_split(student.call("load_data"), SEED)
    given = wine_data(student, SEED)
    assert torch.equal(default[3], given[3])
    for state in STATES:
        wine_data(student, state)


@item("wine", "model_shape", 10)
def check_wine_model(student):
    rng = Hidden(31)
    check_logits(
        student, build(student), (rng.normal(54, 13), rng.normal(1, 13), 10 * rng.normal(30, 13))
    )


@item("wine", "convergence", 25)
def check_wine_convergence(student):
    for state, permute in ((SEED, False), (STATES[0], True)):
        net, first, losses, (X, y, _, _) = wine_trained(student, state, permute)
        assert losses[-1] <= min(0.3, 0.5 * first)
        assert model_loss(student, net, "cross_entropy", X, y) <= 0.3
        assert model_loss(student, net, "cross_entropy", nearby(X), y) <= 0.6
    rng, like = Hidden(32), wine_trained(student, SEED, False)[3][0]
    levels = rng.uniform(13, 3).argsort(dim=1)

    def groups():
        y = rng.classes(len(like), 3)
        steps = 1.5 * (levels.T[y] - 1) + rng.uniform(*like.shape, low=-0.5, high=0.5)
        return like.mean(dim=0) + like.std(dim=0) * steps, y

    check_learns(student, build(student), *groups(), *groups())


@item("wine", "accuracy", 20)
def check_accuracy(student):
    net, _, _, (_, _, X, y) = wine_trained(student, SEED, False)
    found = tensor(student.outputs(net, X), 54, 3).argmax(dim=1)
    assert float((found == y).double().mean()) >= 0.85
    check_steady(student, net, X)


@item("wine", "test_0_class", 30)
def check_test_0_class(student):
    for state, permute in ((SEED, False), (STATES[1], False), (STATES[0], True)):
        net, _, _, (_, _, X, y) = wine_trained(student, state, permute)
        found = number(student.call("predict_test_0", net, X))
        assert found == int(tensor(student.outputs(net, X), 54, 3)[0].argmax())
        assert found == int(y[0])
        check_steady(student, net, X)
