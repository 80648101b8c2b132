"""What checks say of an answer: the words that a check is written with, each with a message for the student."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import numpy as np
import torch

from grader.model.cause import Cause
from grader.model.text import Text, tr
from grader.sandbox import Handle, Student, StudentCodeError, describe

MAX_ENTRIES = 10**6
"""Numbers in an answer: larger ones are refused by their shape, before anything is made of them."""
_MAX_CLASS = 2**31
_NUMBERS = frozenset({bool, int, float})


class CheckFailedError(AssertionError):
    """The answer is wrong. `text` tells the student what kind of thing was expected, never the value.

    `cause` is a `Cause`, or a name of the assignment's own, that chooses the hint; empty if the check can't tell.
    """

    def __init__(self, text: Text, cause: str = "") -> None:
        super().__init__(text.en)
        self.text = text
        self.cause = cause


def fail(*, ko: str, en: str, cause: str = "") -> NoReturn:
    """Fail the check with a message in both languages, and the cause that chooses the hint.

    Raises:
        CheckFailedError: always.
    """
    raise CheckFailedError(Text(ko=ko, en=en), cause)


def require(condition: object, *, ko: str, en: str, cause: str = "") -> None:
    """Fail the check with a message in both languages, unless `condition` holds; `cause` as in `fail`.

    Raises:
        CheckFailedError: it doesn't hold.
    """
    if not condition:
        fail(ko=ko, en=en, cause=cause)


@contextmanager
def circumstance(what: Text | None) -> Iterator[None]:
    """Say in the message of a check that fails within what it was done with, such as "with permuted labels".

    None adds nothing.

    Raises:
        CheckFailedError: a check within failed.
        StudentCodeError: a call within failed.
    """
    try:
        yield
    except (CheckFailedError, StudentCodeError) as error:
        if what is not None and (not isinstance(error, StudentCodeError) or error.ran):
            error.text = tr("{text} ({circumstance})", text=error.text, circumstance=what)
        raise


def number(value: object) -> float:
    """Return a number: of Python, of NumPy, or a tensor or array of one element; True and False count as 1 and 0.

    Raises:
        CheckFailedError: it is something else, or complex.
    """
    array = _array(value)
    if array is None or array.size != 1 or isinstance(value, list | tuple):
        expected = (
            tr("expected a number, got {value}", value=describe(value))
            if array is None or array.size == 1
            else tr(
                "expected a number, got {value}: the shape must be () or (1,)",
                value=describe(value),
            )
        )
        raise CheckFailedError(expected)
    return float(array.reshape(()))


def tensor(value: object, *shape: int) -> torch.Tensor:
    """Return a tensor, an array or nested lists of this shape as a float64 tensor.

    Raises:
        CheckFailedError: it is something else, has another shape, or is complex.
    """
    given = value.shape if isinstance(value, torch.Tensor | np.ndarray) else None
    array = _array(value) if given is None or given == shape else None
    if given is not None and given != shape:
        raise CheckFailedError(
            tr("expected shape {shape}, got {other}", shape=shape, other=tuple(given))
        )
    if array is None:
        raise CheckFailedError(
            tr(
                "expected a tensor of shape {shape}, got {value}",
                shape=shape,
                value=describe(value),
            )
        )
    if array.shape != shape:
        raise CheckFailedError(
            tr("expected shape {shape}, got {other}", shape=shape, other=array.shape)
        )
    return torch.from_numpy(array.copy())


def matrix(value: object, count: int) -> torch.Tensor:
    """Return a matrix of `count` rows, of at least one column, as a float64 tensor.

    Raises:
        CheckFailedError: it is something else.
    """
    array = _array(value)
    columns = max(1, array.shape[1]) if array is not None and array.ndim == 2 else 1
    return tensor(value, count, columns)


def classes(value: object, count: int) -> list[int]:
    """Return `count` class indices, which may be floats with integer values.

    Raises:
        CheckFailedError: the shape is not (count,), or one of them is no integer.
    """
    return [_integer(v) for v in tensor(value, count).tolist()]


def class_index(value: object) -> int:
    """Return one class index.

    Raises:
        CheckFailedError: it is no number, or no integer.
    """
    return _integer(number(value))


def history(value: object, epochs: int | None = None) -> list[float]:
    """Return a history: a loss for each epoch, as a list, a tensor or an array, for `epochs` or `epochs + 1` epochs.

    Raises:
        CheckFailedError: it is something else, or has another length, or an entry is no finite number.
    """
    if (count := _count(value)) > MAX_ENTRIES:
        raise CheckFailedError(
            tr("expected one loss per epoch, got {count} numbers", count=f"{count:,}"),
            Cause.HISTORY,
        )
    array = None if np.isscalar(value) else _array(value)
    if array is None or array.ndim == 0:
        raise CheckFailedError(
            tr("expected a list with the loss of every epoch, got {value}", value=describe(value)),
            Cause.HISTORY,
        )
    if array.size != array.shape[0]:
        raise CheckFailedError(
            tr("expected one loss per epoch, got shape {shape}", shape=array.shape), Cause.HISTORY
        )
    losses: list[float] = array.reshape(-1).tolist()
    if not losses or (epochs is not None and len(losses) not in (epochs, epochs + 1)):
        raise CheckFailedError(
            tr(
                "expected as many losses as epochs ({epochs}), got {count}",
                epochs=epochs or 1,
                count=len(losses),
            ),
            Cause.HISTORY,
        )
    if not all(map(math.isfinite, losses)):
        raise CheckFailedError(
            tr("the history contains values that are not finite (NaN or infinite)"),
            Cause.NOT_FINITE,
        )
    return losses


def model(value: object) -> Handle:
    """Return a model that the submission built.

    Raises:
        CheckFailedError: it is no `nn.Module`.
    """
    if not isinstance(value, Handle) or not value.is_module:
        raise CheckFailedError(tr("expected an nn.Module, got {value}", value=describe(value)))
    return value


def close(
    actual: float | torch.Tensor, expected: float | torch.Tensor, tolerance: float = 1e-3
) -> bool:
    """Whether numbers agree within `tolerance`, relative to the expected ones and at least absolutely."""
    a = torch.as_tensor(actual, dtype=torch.float64)
    b = torch.as_tensor(expected, dtype=torch.float64)
    return a.shape == b.shape and bool(torch.allclose(a, b, rtol=tolerance, atol=tolerance))


def assert_close(
    actual: float | torch.Tensor, expected: float | torch.Tensor, tolerance: float = 1e-3
) -> None:
    """Fail the check unless numbers agree within `tolerance`, without telling the expected ones.

    Raises:
        CheckFailedError: they don't.
    """
    if not close(actual, expected, tolerance):
        raise CheckFailedError(tr("the values are wrong"))


def assert_unchanged(student: Student) -> None:
    """Fail the check if a call of this student has changed one of its arguments.

    Raises:
        CheckFailedError: it has.
    """
    if changed := student.take_changed():
        listed = Text(ko=", ".join(t.ko for t in changed), en=", ".join(t.en for t in changed))
        raise CheckFailedError(
            tr("a function must not change its arguments: {changed}", changed=listed),
            Cause.CHANGED_ARGUMENT,
        )


def check_gradient(loss: object, gradient: object, expected: torch.Tensor) -> None:
    """Fail the check unless a loss gave this gradient.

    Raises:
        CheckFailedError: it gave another one, or none.
    """
    if gradient is not None:
        if not close(tensor(gradient, *expected.shape), expected):
            raise CheckFailedError(tr("the gradient of the loss is wrong"))
        return
    match loss:
        case bool() | int() | float():
            raise CheckFailedError(
                tr("no gradient can flow back: return the tensor, not `.item()` or `float(...)`"),
                Cause.NO_GRADIENT,
            )
        case torch.Tensor():
            raise CheckFailedError(
                tr(
                    "no gradient can flow back: compute the loss from the given tensor, without "
                    "`.detach()`, `.data`, `torch.no_grad()` or a new tensor"
                ),
                Cause.NO_GRADIENT,
            )
        case _:
            raise CheckFailedError(
                tr("no gradient can flow back: return a tensor, not {value}", value=describe(loss)),
                Cause.NO_GRADIENT,
            )


def _integer(value: float) -> int:
    if not math.isfinite(value) or value != round(value) or abs(value) > _MAX_CLASS:
        raise CheckFailedError(tr("expected class indices (whole numbers)"))
    return round(value)


def _array(value: object) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]] | None:
    """The numbers of a value of any kind, None where it is no array of real numbers, or a huge one."""
    if _count(value) > MAX_ENTRIES:
        return None
    try:
        if isinstance(value, torch.Tensor):
            return None if value.is_complex() else value.double().numpy()
        if isinstance(value, list | tuple):
            return np.asarray(_plain(value), dtype=np.float64)
        if isinstance(value, np.ndarray):
            return None if np.iscomplexobj(value) else value.astype(np.float64)
        if isinstance(value, bool | int | float):
            return np.asarray(value, dtype=np.float64)
    except (ValueError, TypeError, OverflowError):
        pass
    return None


def _count(value: object) -> int:
    """How many numbers a value holds, by its shapes."""
    if isinstance(value, torch.Tensor):
        return value.numel()
    if isinstance(value, np.ndarray):
        return value.size
    if not isinstance(value, list | tuple):
        return 1
    return len(value) if _NUMBERS.issuperset(map(type, value)) else sum(map(_count, value))


def _plain(value: object) -> object:
    """Nested lists whose tensors and arrays have become numbers or lists."""
    if isinstance(value, list | tuple):
        return value if _NUMBERS.issuperset(map(type, value)) else [_plain(v) for v in value]
    if isinstance(value, torch.Tensor | np.ndarray):
        return value.tolist()
    if isinstance(value, bool | int | float):
        return value
    raise TypeError(f"no number: {type(value).__name__}")
