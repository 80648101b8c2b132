"""Call functions in this process itself, for checks in a live notebook."""

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Self

import msgspec

from grader.model.assignment import Limits
from grader.model.text import Text
from grader.sandbox import wire
from grader.sandbox.proxy import Meter, Student, called, describe
from grader.sandbox.wire import Call, Reply, Request, Returned
from grader.sandbox.worker import MissingError, Worker


class LiveCall(msgspec.Struct, frozen=True):
    """A call of a student's function."""

    function: str
    what: Text
    """A description of the call with the kinds of its arguments."""
    returned: Text | None
    """A description of the result; None if it raised."""
    value: Any
    """A copy of the result."""


class KernelSandbox:
    """A sandbox for the functions in a namespace. They get copies of the arguments, and there is no time limit.

    A `KeyboardInterrupt` while a function runs propagates through the check that called it.
    """

    def __init__(
        self,
        namespace: Mapping[str, object],
        files: Mapping[str, str],
        limits: Limits,
        side: Callable[[], AbstractContextManager[None]],
        refresh: Callable[[], None],
    ) -> None:
        """Each call of a function runs in a `side()`; `refresh` restores the namespace before each student.

        `files` maps the file names of the student's own code to their names in messages.
        """
        self.meter = Meter(msgspec.structs.replace(limits, total_cpu_seconds=float("inf")))
        self.notes: tuple[Text, ...] = ()
        self.calls: list[LiveCall] = []
        """The calls since the list was last cleared."""
        self._namespace = namespace
        self._files = files
        self._side = side
        self._refresh = refresh

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def output(self) -> str:
        """See `Sandbox`."""
        return ""  # printed output is up to the caller

    def student(self) -> Student:
        """See `Sandbox`."""
        self._refresh()
        worker = _LiveWorker(self._namespace, self._files)
        return Student(_OwnProcess(worker, self._side, self.calls), self.meter)

    def close(self) -> None:
        """See `Sandbox`."""


class _OwnProcess:
    """This process in place of a student's."""

    def __init__(
        self,
        worker: Worker,
        side: Callable[[], AbstractContextManager[None]],
        calls: list[LiveCall],
    ) -> None:
        self.memory_bytes = 0
        self._worker = worker
        self._side = side
        self._calls = calls

    def exchange(
        self, request: Request, cpu_seconds: float, wall_seconds: float
    ) -> tuple[Reply, float]:
        """See `grader.sandbox.process.Process`."""
        begin = time.process_time()
        frame = wire.parts(wire.encode(request))
        with self._side():
            answer = self._worker.answer(frame)
        reply = wire.decode_reply(*wire.parts(answer))
        if isinstance(request, Call) and not request.own:
            value = reply.value if isinstance(reply, Returned) else None
            self._calls.append(
                LiveCall(
                    function=request.function,
                    what=called(request.function, tuple(request.args), request.kwargs),
                    returned=describe(value) if isinstance(reply, Returned) else None,
                    value=value,
                )
            )
        return reply, time.process_time() - begin

    def close(self) -> None:
        """See `grader.sandbox.process.Process`."""


class _LiveWorker(Worker):
    """Calls the functions of the namespace."""

    def __init__(self, namespace: Mapping[str, object], files: Mapping[str, str]) -> None:
        super().__init__()
        self._namespace = namespace
        self._cells = files

    def _own_function(self, name: str) -> Callable[..., Any]:
        if name not in self._namespace:
            raise MissingError(name)
        return self._namespace[name]  # type: ignore[return-value]

    def _told(self, error: BaseException) -> wire.Raised:
        if isinstance(error, KeyboardInterrupt):
            raise error
        return super()._told(error)
