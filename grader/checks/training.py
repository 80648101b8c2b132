"""Check a training loop by its behaviour: the reported losses, the trained model, and the use of its arguments."""

import math
from collections.abc import Callable
from typing import Literal

import torch

from grader.checks.expect import CheckFailedError, assert_unchanged, history, matrix, model, tensor
from grader.model.cause import Cause
from grader.model.text import tr
from grader.sandbox import Handle, Student

Loss = Literal["bce", "cross_entropy"]

SMALL_LR = 1e-5
"""A learning rate so small that a few epochs hardly change the loss with any optimizer."""
TOLERANCE = 0.2
"""Relative tolerance of reported losses: batches may differ in size, and the loss may be from before or after a
step."""
_EPOCHS = 80
_STALE = 100.0
_LEARNT = 0.85
"""The accuracy that a trained model needs on rows far from all boundaries."""
_CONSTANT = 0.5
"""The part of rows whose outputs may stay exactly as they are; rows for which all units of a network are off share one
output, and no class has more rows than half."""


def loss_of(loss: Loss, outputs: torch.Tensor, y: torch.Tensor) -> float:
    """Return the mean loss of float64 outputs: probabilities (N, 1) for "bce", logits (N, K) for "cross_entropy".

    Raises:
        CheckFailedError: an output isn't finite.
    """
    if not outputs.isfinite().all():
        raise CheckFailedError(
            tr("the model's outputs are not finite (NaN or infinite)"), Cause.NOT_FINITE
        )
    if loss == "cross_entropy":
        return float(torch.nn.functional.cross_entropy(outputs, y))
    return float(torch.nn.functional.binary_cross_entropy(outputs.clamp(0, 1), y.double()))


def true_loss(loss: Loss, net: Handle, x: torch.Tensor, y: torch.Tensor) -> float:
    """Return the mean loss of a model on data, recomputed from its outputs.

    Raises:
        CheckFailedError: the outputs lack a row of `x` or a class of `y`.
    """
    outputs = tensor(net(x), len(x), 1) if loss == "bce" else matrix(net(x), len(x))
    if loss == "cross_entropy" and outputs.shape[1] <= int(y.max()):
        raise CheckFailedError(tr("the model has fewer outputs than there are classes"))
    return loss_of(loss, outputs, y)


def check_history(
    student: Student,
    build: Callable[[], object],
    loss: Loss,
    x: torch.Tensor,
    y: torch.Tensor,
    epochs: int,
    lr: float = SMALL_LR,
    elsewhere: tuple[torch.Tensor, torch.Tensor] | None = None,
) -> None:
    """Train a fresh model at a small learning rate: the history must contain its losses on this data.

    If it holds those on `elsewhere`, data that the submission has as global variables, the message says so.

    Raises:
        CheckFailedError: the history is wrong, the model wasn't trained, or the arguments were changed.
    """
    net = model(build())
    before = true_loss(loss, net, x, y)
    otherwise = true_loss(loss, net, *elsewhere) if elsewhere else before
    start = net.parameters()
    losses = history(student.train(net, x, y, epochs=epochs, lr=lr), epochs)
    after = true_loss(loss, net, x, y)
    check_moved(start, net)
    if not _within(losses, before, after):
        if elsewhere and _within(losses, otherwise, true_loss(loss, net, *elsewhere)):
            raise CheckFailedError(
                tr(
                    "the history holds the losses on the data of your own code and not on the "
                    "given data: train on the arguments, not on global variables"
                ),
                Cause.GLOBALS,
            )
        raise CheckFailedError(
            tr("the history doesn't contain the losses of the given model on the given data"),
            Cause.OTHER_LOSSES,
        )
    assert_unchanged(student)


def check_moved(start: list[torch.Tensor], net: Handle) -> None:
    """The parameters of a trained model must exist, and differ from those at the `start`.

    Raises:
        CheckFailedError: there are none, or they are the same.
    """
    if torch.equal(flat(net), _joined(start)):
        raise CheckFailedError(
            tr("the parameters of the given model did not change"), Cause.NOT_TRAINED
        )


def _within(losses: list[float], before: float, after: float) -> bool:
    """Whether losses lie between two, as far as `TOLERANCE`."""
    low, high = min(before, after) * (1 - TOLERANCE), max(before, after) * (1 + TOLERANCE)
    return all(low <= entry <= high for entry in losses)


def check_history_ends(
    student: Student,
    build: Callable[[], object],
    loss: Loss,
    x: torch.Tensor,
    y: torch.Tensor,
    epochs: int,
    lr: float,
) -> None:
    """Train a fresh model at an ordinary learning rate: the history must start and end with the model's losses.

    Raises:
        CheckFailedError: they don't match.
    """
    once = model(build())
    start = true_loss(loss, once, x, y)
    student.train(once, x, y, epochs=1, lr=lr)
    first = (start, true_loss(loss, once, x, y))
    net = model(build())
    losses = history(student.train(net, x, y, epochs=epochs, lr=lr), epochs)
    last = true_loss(loss, net, x, y)
    if last >= start:
        raise CheckFailedError(
            tr("the loss of the given model doesn't fall during training"), Cause.NOT_TRAINED
        )
    _check_middle(student, build, loss, x, y, losses, epochs, lr)
    ends = min(first) * (1 - TOLERANCE) <= losses[0] <= max(first) * (1 + TOLERANCE) and abs(
        losses[-1] - last
    ) <= TOLERANCE * max(last, 0.01)
    if not ends:
        raise CheckFailedError(
            tr(
                "the history doesn't start and end with the model's losses before and after training"
            ),
            Cause.OTHER_LOSSES,
        )


def _check_middle(
    student: Student,
    build: Callable[[], object],
    loss: Loss,
    x: torch.Tensor,
    y: torch.Tensor,
    losses: list[float],
    epochs: int,
    lr: float,
) -> None:
    """The loss halfway must lie between those of models trained for a little less and a little more than that."""
    found = []
    for part in (epochs * 3 // 8, epochs * 5 // 8):
        net = model(build())
        student.train(net, x, y, epochs=part, lr=lr)
        found.append(true_loss(loss, net, x, y))
    low, high = min(found) * (1 - TOLERANCE), max(found) * (1 + TOLERANCE)
    if not low <= losses[epochs // 2] <= high:
        raise CheckFailedError(
            tr("the middle of the history isn't the loss of a model trained for as many epochs"),
            Cause.OTHER_LOSSES,
        )


def check_learns(
    student: Student,
    net: Handle,
    x: torch.Tensor,
    y: torch.Tensor,
    rows: torch.Tensor,
    truth: torch.Tensor,
) -> None:
    """Train a model with the defaults on separable rows: it must tell the classes of other rows like them.

    `truth` holds class indices (N,). The outputs are probabilities (N, 1) of class 1, or logits (N, K).

    Raises:
        CheckFailedError: it gets more than a few wrong.
    """
    student.train(net, x, y)
    outputs = matrix(net(rows), len(rows))
    found = (outputs[:, 0] >= 0.5).long() if outputs.shape[1] == 1 else outputs.argmax(dim=1)
    if float((found == truth).double().mean()) < _LEARNT:
        raise CheckFailedError(
            tr("trained with the defaults on other data, the model can't classify rows like them"),
            Cause.LEARNT_BY_HEART,
        )


def check_responds(loss: Loss, net: Handle, x: torch.Tensor, y: torch.Tensor, bound: float) -> None:
    """The outputs of a trained model must change with its inputs, and the loss not much if they change a little.

    A table of known rows gives the same outputs for rows that are nearly the same, or fails on them.

    Raises:
        CheckFailedError: most outputs stay exactly as they are, or the loss is more than `bound`.
    """
    _, nearby = _outputs_nearby(net, x)
    if loss_of(loss, nearby, y) > bound:
        raise CheckFailedError(
            tr(
                "the model is right on the training data only, and wrong on rows that differ by a thousandth"
            ),
            Cause.LEARNT_BY_HEART,
        )


def check_steady(net: Handle, x: torch.Tensor) -> None:
    """The outputs of a trained model must change with its inputs, and the classes must stay if they change a little.

    Raises:
        CheckFailedError: most outputs stay exactly as they are, or more than a few classes don't.
    """
    if len(x) < 2:
        return
    outputs, nearby = _outputs_nearby(net, x)
    if float((outputs.argmax(dim=1) == nearby.argmax(dim=1)).double().mean()) < _LEARNT:
        raise CheckFailedError(
            tr("the model predicts other classes for rows that differ by a thousandth"),
            Cause.LEARNT_BY_HEART,
        )


def _outputs_nearby(net: Handle, x: torch.Tensor) -> list[torch.Tensor]:
    """The outputs for rows, and for rows that differ by a thousandth of each column's spread."""
    step = 1e-3 * x.std(dim=0) * torch.linspace(-1, 1, x.numel()).reshape(x.shape).sin()
    outputs, nearby = (matrix(net(rows), len(rows)) for rows in (x, x + step))
    constant = float((outputs == nearby).all(dim=1).double().mean())
    if outputs.shape[1] > 1 and constant > _CONSTANT:  # a single probability may be exactly 0 or 1
        raise CheckFailedError(
            tr("the outputs of the model don't change with its inputs"), Cause.LEARNT_BY_HEART
        )
    return [outputs, nearby]


def check_learning_rate(
    student: Student,
    build: Callable[[], object],
    x: torch.Tensor,
    y: torch.Tensor,
) -> None:
    """Train two fresh models at different learning rates: the results must differ.

    Raises:
        CheckFailedError: they don't.
    """
    ends = []
    for lr in (SMALL_LR, 100 * SMALL_LR):
        net = model(build())
        student.train(net, x, y, epochs=3, lr=lr)
        ends.append(flat(net))
    if torch.equal(*ends):
        raise CheckFailedError(
            tr("changing the learning rate (lr) makes no difference"), Cause.LEARNING_RATE
        )


def check_gradients_are_cleared(
    student: Student,
    build: Callable[[], object],
    x: torch.Tensor,
    y: torch.Tensor,
) -> None:
    """Check that gradients don't accumulate over epochs, however the loop is written.

    At a small learning rate, the gradient is nearly the same in every epoch. Gradients accumulate if those left after
    many epochs are many times those after one, or if a gradient that was on the model before training, opposite to the
    direction of training, keeps pushing the model back. It is fine to clear gradients before a step, after it, or not
    to use them at all.

    Raises:
        CheckFailedError: they accumulate.
    """

    def run(epochs: int, stale: list[torch.Tensor] | None = None) -> tuple[Handle, float]:
        net = model(build())
        net(x)  # lazy layers get their shapes
        if stale is not None:
            net.leave_gradients(stale)
        student.train(net, x, y, epochs=epochs, lr=SMALL_LR)
        return net, _length(net.gradients())

    fresh = model(build())
    fresh(x)
    start = fresh.parameters()
    once, gradient_once = run(1)
    _, gradient_often = run(_EPOCHS)
    steps = [after - before for before, after in _pairs(start, once.parameters())]
    length = _length(steps)
    if not length:
        raise CheckFailedError(
            tr("the parameters of the given model did not change"), Cause.NOT_TRAINED
        )
    against = [_STALE * step / length for step in steps]
    way = torch.cat([a.double().reshape(-1) for a in against]) / _STALE

    def pushed_back(epochs: int) -> float:
        net, _ = run(epochs, against)
        moved = [after - before for before, after in _pairs(start, net.parameters())]
        return -float(torch.cat([m.double().reshape(-1) for m in moved]) @ way)

    # A push in one epoch stays one push; momentum of 0.9 makes it ten times as large. A gradient that is never cleared
    # pushes in every epoch; even an optimizer that divides by all past gradients (Adagrad) reaches 2 * sqrt(epochs).
    left_behind = gradient_often > 10 * gradient_once > 0
    first_push = pushed_back(1)
    goes_on = first_push > 0 and pushed_back(_EPOCHS) > 12 * first_push
    if left_behind or goes_on:
        raise CheckFailedError(
            tr("gradients accumulate over epochs: clear them in every epoch (zero_grad)"),
            Cause.GRADIENTS_ADD_UP,
        )


def _length(tensors: list[torch.Tensor]) -> float:
    """The Euclidean length of all numbers together; it scales first, so that squares don't overflow."""
    flat = torch.cat([torch.zeros(1).double(), *(t.double().reshape(-1) for t in tensors)])
    largest = float(flat.abs().max())
    if not math.isfinite(largest):
        raise CheckFailedError(
            tr("the model's parameters or gradients are not finite (NaN or infinite)"),
            Cause.NOT_FINITE,
        )
    return largest * float((flat / largest).norm()) if largest else 0.0


def _pairs(
    before: list[torch.Tensor], after: list[torch.Tensor]
) -> list[tuple[torch.Tensor, torch.Tensor]]:
    if [p.shape for p in before] != [p.shape for p in after]:
        raise CheckFailedError(tr("`build_model` returns a model with a different shape each time"))
    return list(zip(before, after, strict=True))


def flat(net: Handle) -> torch.Tensor:
    """Return all parameters of a model as one float64 vector.

    Raises:
        CheckFailedError: it has no parameters.
    """
    parameters = net.parameters()
    if not parameters:
        raise CheckFailedError(tr("the model has no parameters"))
    return _joined(parameters)


def _joined(parameters: list[torch.Tensor]) -> torch.Tensor:
    return torch.cat([torch.zeros(0).double(), *(p.double().reshape(-1) for p in parameters)])
