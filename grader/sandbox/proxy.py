"""The submission as a check sees it: calls go into the sandbox, and only data comes back."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Self, assert_never

import numpy as np
import torch

from grader.model.assignment import Limits
from grader.model.score import Flag, Place, Suspicion, Verdict
from grader.model.submission import place
from grader.model.text import Text, printable, tr
from grader.sandbox.loading import (
    Loading,
    loading_note,
    loading_place,
    place_of,
    words_of,
)
from grader.sandbox.process import (
    Process,
    ProcessDiedError,
    ProcessMemoryError,
    ProcessTimeoutError,
)
from grader.sandbox.wire import Call, Raised, Ref, Reply, Returned

_NOT_SCALAR = frozenset({Ref, list, tuple, dict})
_CHANGES_NOTHING = frozenset({"evaluate", "parameters", "gradients"})


class StudentCodeError(Exception):
    """A call of the submission gave nothing to judge. This is a verdict, not a fault of ours."""

    def __init__(
        self,
        verdict: Verdict,
        text: Text,
        detail: str = "",
        place: Place | None = None,
        ran: bool = True,
    ) -> None:
        super().__init__(text.en)
        self.ran = ran
        """Whether anything was called that is more than a stub."""
        self.verdict = verdict
        self.text = text
        self.detail = detail
        self.place = place


class InternalError(Exception):
    """Our own code failed in the student's process. This is a fault of ours, never a verdict."""


class Meter:
    """What a submission has used, and the last call to it. All its processes share one meter."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.cpu_seconds = 0.0
        self.memory_bytes = 0
        self.loading = Loading()
        self.flags: tuple[Flag, ...] = ()
        self._last_call: Callable[[], Text] | None = None

    @property
    def last_call(self) -> Text | None:
        """What was called with what, and what kind of thing came back."""
        return self._last_call() if self._last_call else None

    def begin(self, call: Callable[[], Text] | None) -> None:
        """Remember what is called, None before the first call of a check. Only a verdict needs the words."""
        self._last_call = call

    def add(self, cpu_seconds: float) -> None:
        """Add CPU seconds of the submission."""
        self.cpu_seconds += cpu_seconds


class Handle:
    """A model in the student's process. It can be called, and passed back to the submission."""

    def __init__(self, student: "Student", ref: Ref) -> None:
        self._student = student
        self.ref = ref

    @property
    def kind(self) -> str:
        """The name of its class, as the submission reports it."""
        return printable(self.ref.kind)

    def __call__(self, *inputs: object) -> Any:
        """Return the model's outputs, computed in evaluation mode and without a graph."""
        outputs = self._student.operate("evaluate", self, *inputs)
        self._student.compare(self, inputs, outputs)
        return outputs

    @property
    def is_module(self) -> bool:
        """Whether it is an `nn.Module`, as the submission reports it."""
        return self.ref.module

    def parameters(self) -> list[torch.Tensor]:
        """Return copies of the model's parameters."""
        return _tensors(self._student.operate("parameters", self))

    def gradients(self) -> list[torch.Tensor]:
        """Return copies of the parameters' gradients, without those that are None."""
        return _tensors(self._student.operate("gradients", self))

    def leave_gradients(self, gradients: list[torch.Tensor]) -> None:
        """Set every parameter's `.grad`, in the order of `parameters()`."""
        self._student.operate("leave_gradients", self, gradients)

    def fit(self, loss: str, x: torch.Tensor, y: torch.Tensor, epochs: int) -> None:
        """Train the model with the grader's own plain loop to minimise `loss` ("bce" or "cross_entropy")."""
        self._student.operate("fit", self, loss, x, y, epochs)


class Student:
    """The submission's functions, to be called as if it were imported.

    `student.train(model, x, y, epochs=5)` calls the submission's `train`. The methods below are the only names that a
    submission's functions can't have.
    """

    def __init__(self, process: Process, meter: Meter, cpu_seconds: float | None = None) -> None:
        self._process = process
        self._meter = meter
        self._cpu_seconds = cpu_seconds or meter.limits.cpu_seconds
        self._changed: list[Text] = []
        self._answers: dict[object, object] = {}

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("_"):
            raise AttributeError(name)
        return partial(self._call, name)

    def with_cpu_seconds(self, cpu_seconds: float) -> "Student":
        """Return the same process with another CPU limit for each call."""
        student = Student(self._process, self._meter, cpu_seconds)
        student._changed, student._answers = self._changed, self._answers
        return student

    def seed(self, value: int) -> Self:
        """Call `torch.manual_seed(value)` in the student's process."""
        self.operate("seed", value)
        return self

    def input_gradient(self, function: str, *args: torch.Tensor) -> tuple[Any, Any]:
        """Return a function's value, and its gradient with respect to its first argument (None if there is none)."""
        what = partial(called, function, args)
        self._meter.begin(what)
        request = Call("input_gradient", [function, *args], {}, own=True)
        match self._exchange(function, request, what):
            case [value, gradient]:
                return value, gradient
            case _:
                raise self._nonsense(function)

    def take_changed(self) -> list[Text]:
        """Return the arguments that calls have changed since this was last called, each with its function."""
        changed, self._changed[:] = list(dict.fromkeys(self._changed)), []
        return changed

    def compare(self, model: Handle, inputs: tuple[object, ...], outputs: object) -> None:
        """Flag a model that, asked again with nothing in between, gives another answer."""
        asked, answer = (model.ref.id, _written(inputs)), _written(outputs)
        if self._answers.setdefault(asked, answer) != answer:
            self._meter.flags = (Flag(kind=Suspicion.ANSWERS_DIFFER),)

    def operate(self, operation: str, *args: object) -> Any:
        """Run one of the worker's own operations on the submission's objects."""
        what = (
            partial(tr, "training by the grader's own loop")
            if operation == "fit"
            else partial(called, "model", args[1:])
        )
        request = Call(operation, [self._bare(a) for a in args], {}, own=True)
        return self._exchange("model", request, what)

    def close(self) -> None:
        """End the process."""
        self._process.close()
        self._meter.memory_bytes = max(self._meter.memory_bytes, self._process.memory_bytes)

    def _call(self, function: str, /, *args: object, **kwargs: object) -> Any:
        what = partial(called, function, args, kwargs)
        self._meter.begin(what)
        request = Call(
            function, [self._bare(a) for a in args], {k: self._bare(v) for k, v in kwargs.items()}
        )
        value = self._exchange(function, request, what)
        self._meter.begin(lambda: tr("{call} returned {value}", call=what(), value=describe(value)))
        return value

    def _bare(self, value: object) -> object:
        if not isinstance(value, Handle):
            return value
        if value._student._process is not self._process:
            raise ValueError("a check passes a model of one student to another")
        return value.ref

    def _exchange(self, function: str, request: Call, what: Callable[[], Text]) -> Any:
        if not (request.own and request.function in _CHANGES_NOTHING):
            self._answers.clear()
        left = self._meter.limits.total_cpu_seconds - self._meter.cpu_seconds
        seconds = min(self._cpu_seconds, left)
        if seconds <= 0:
            raise self._used_up()
        try:
            reply, used = self._process.exchange(
                request, seconds, seconds * self._meter.limits.wall_factor
            )
        except ProcessTimeoutError as error:
            if error.spent:
                raise self._used_up() from error
            self._meter.add(seconds)
            raise StudentCodeError(
                Verdict.TIMEOUT,
                tr("{call} took longer than {seconds} s", call=what(), seconds=f"{seconds:.0f}"),
            ) from error
        except ProcessMemoryError as error:
            raise StudentCodeError(
                Verdict.MEMORY, tr("{call} asked for too much memory", call=what())
            ) from error
        except ProcessDiedError as error:
            raise StudentCodeError(
                Verdict.CRASHED, tr("{call} ended the process", call=what()), printable(str(error))
            ) from error
        self._meter.add(used)
        return self._value(function, reply, what)

    def _value(self, function: str, reply: Reply, what: Callable[[], Text]) -> Any:
        if isinstance(reply, Raised):
            raise verdict_on(reply, function, what(), self._meter.loading)
        if not isinstance(reply, Returned):
            raise self._nonsense(function)
        loading = self._meter.loading
        loading.accelerator |= reply.accelerator
        self._changed += [
            tr(
                "`{function}` changed `{argument}`{where}",
                function=function,
                argument=printable(name, 40),
                where=loading.where(loading.definition(function)),
            )
            for name in reply.changed[:20]
        ]
        return self._adopt(reply.value)

    def _used_up(self) -> StudentCodeError:
        return StudentCodeError(
            Verdict.TIMEOUT, tr("the submission has used up its total time limit")
        )

    def _nonsense(self, function: str) -> StudentCodeError:
        return StudentCodeError(
            Verdict.CRASHED, tr("the response to `{name}` was malformed", name=function)
        )

    def _adopt(self, value: object) -> object:
        if isinstance(value, Ref):
            return Handle(self, value)
        if isinstance(value, list | tuple):
            return type(value)(map(self._adopt, value)) if _has_ref(value) else value
        if isinstance(value, dict):
            return {k: self._adopt(v) for k, v in value.items()}
        return value


def verdict_on(raised: Raised, function: str, what: Text, loading: Loading) -> StudentCodeError:
    """Turn what a call raised into a verdict with a message.

    Raises:
        InternalError: it was our own code that raised.
    """
    where = loading.where(place_of(raised))
    words = words_of(raised)
    match raised.kind:
        case "not_implemented":
            stub = printable(raised.frames[-1].function) if raised.frames else function
            return StudentCodeError(
                Verdict.NOT_IMPLEMENTED,
                tr("`{name}` is not implemented yet", name=stub),
                place=place_of(raised),
                ran=False,
            )
        case "missing":
            return _missing(function, loading)
        case "memory":
            verdict, text = Verdict.MEMORY, tr("{call} asked for too much memory", call=what)
        case "forbidden":
            verdict = Verdict.FORBIDDEN
            text = tr(
                "{call} tried something that isn't allowed: {words}{where}",
                call=what, words=words, where=where,
            )  # fmt: skip
        case "timeout":
            verdict, text = Verdict.TIMEOUT, tr("{call} took too long", call=what)
        case "unsendable":
            verdict = Verdict.FAILED
            text = tr("can't read the value returned by {call}: {words}", call=what, words=words)
        case "unfit":
            verdict = Verdict.FAILED
            text = tr(
                "the grader's own training loop can't train the model of `build_model`: {words}",
                words=printable(raised.message),
            )
        case "internal":
            raise InternalError(printable(raised.message, 2000))
        case "error":
            verdict = Verdict.ERROR
            text = tr("{call} raised {words}{where}", call=what, words=words, where=where)
            why = loading.why_missing(raised.name) if raised.name else None
            if why is not None:
                text = tr("{error}. {reason}", error=text, reason=why[0])
            elif raised.name and loading.newer:
                verdict, text = Verdict.UNGRADED, loading.newer_text
        case unknown:
            assert_never(unknown)
    return StudentCodeError(verdict, text, _trace(raised), place_of(raised))


def _missing(function: str, loading: Loading) -> StudentCodeError:
    if (why := loading.why_missing(function)) is not None:
        text, cause = why
        verdict = Verdict.ERROR if cause else Verdict.NOT_IMPLEMENTED
        where = place_of(cause) if cause else None
        return StudentCodeError(verdict, text, place=where, ran=False)
    if loading.newer:
        return StudentCodeError(Verdict.UNGRADED, loading.newer_text, ran=False)
    if not loading.errors:
        text = tr("`{name}` is not defined", name=function)
        return StudentCodeError(Verdict.NOT_IMPLEMENTED, text, ran=False)
    late = [(cell, raised) for cell, raised in loading.errors if raised.kind == "timeout"]
    cell, raised = (late or loading.errors)[0]
    text = (
        tr(
            "`{name}` is not defined, because loading the submission took too long ({place})",
            name=function,
            place=loading_place(cell, raised),
        )
        if late
        else tr(
            "`{name}` is not defined; loading the submission raised: {reason}",
            name=function,
            reason=loading_note(cell, raised),
        )
    )
    detail = "\n".join(_trace(raised) for _, raised in loading.errors)
    return StudentCodeError(
        Verdict.TIMEOUT if late else Verdict.ERROR, text, detail, place_of(raised), ran=False
    )


def called(
    function: str, args: tuple[object, ...], kwargs: dict[str, object] | None = None
) -> Text:
    """Describe a call by the kinds of its arguments, never by their values."""
    kinds = [describe(a) for a in args]
    named = [(k, describe(v)) for k, v in (kwargs or {}).items()]
    return Text(
        ko=f"{function}({', '.join([t.ko for t in kinds] + [f'{k}={t.ko}' for k, t in named])})",
        en=f"{function}({', '.join([t.en for t in kinds] + [f'{k}={t.en}' for k, t in named])})",
    )


def describe(value: object) -> Text:
    """Return the kind of a value, such as `tensor (8, 1) float32` or `list of 5`."""
    match value:
        case None:
            return Text(ko="None", en="None")
        case torch.Tensor():
            kind = str(value.dtype).removeprefix("torch.")
            return tr("tensor {shape} {dtype}", shape=tuple(value.shape), dtype=kind)
        case np.ndarray():
            return tr("array {shape} {dtype}", shape=value.shape, dtype=value.dtype)
        case bool() | int() | float() | str() | bytes():
            return Text(ko=type(value).__name__, en=type(value).__name__)
        case list() | tuple():
            kinds = {_kind(v) for v in value[:100]}
            kind = f" {kinds.pop()}" if len(kinds) == 1 else ""
            if isinstance(value, tuple):
                return tr("tuple of {count}{kind}", count=len(value), kind=kind)
            return tr("list of {count}{kind}", count=len(value), kind=kind)
        case dict():
            return tr("dict of {count}", count=len(value))
        case Handle() | Ref():
            kind = printable(value.kind)
            return Text(ko=kind, en=kind)
        case _:
            return Text(ko=type(value).__name__, en=type(value).__name__)


def _trace(raised: Raised) -> str:
    lines = [
        f"  {place(printable(f.cell), f.line).en}, in {printable(f.function)}"
        for f in raised.frames[:20]
    ]
    return "\n".join([*lines, words_of(raised)])


def _kind(value: object) -> str:
    return printable(value.kind) if isinstance(value, Handle | Ref) else type(value).__name__


def _written(value: object) -> object:
    """What can be compared in a value's place: it is the same for the same numbers, not a number included."""
    match value:
        case torch.Tensor():
            raw = value.reshape(-1).view(torch.uint8).numpy().tobytes()
            return value.shape, value.dtype, raw
        case np.ndarray():
            return value.shape, value.dtype, value.tobytes()
        case list() | tuple():
            return tuple(map(_written, value))
        case _:
            return repr(value)


def _has_ref(value: Iterable[Any]) -> bool:
    return not _NOT_SCALAR.isdisjoint(map(type, value))


def _tensors(value: object) -> list[torch.Tensor]:
    if not isinstance(value, list) or not all(isinstance(v, torch.Tensor) for v in value):
        raise StudentCodeError(Verdict.FAILED, tr("the model's parameters can't be read"))
    return value
