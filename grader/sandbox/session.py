"""A submission loaded in a sandbox, from which each check gets a fresh copy."""

import contextlib
import os
import socket
from types import TracebackType
from typing import Protocol, Self

from grader.assignment import Limits
from grader.errors import InfrastructureError, SandboxError
from grader.sandbox.process import (
    ForkedProcess,
    ProcessDiedError,
    ProcessTimeoutError,
)
from grader.sandbox.proxy import Meter, Student, StudentCodeError, loading_notes
from grader.sandbox.server import WorkerLimits, request_worker
from grader.sandbox.wire import Load, Loaded
from grader.score import Verdict
from grader.submission import Submission
from grader.text import Text, tr

_START_SECONDS = 120.0  # for what is our own work, on a machine however busy
_FORK_SECONDS = 30.0
_MAX_LOAD_ERRORS = 100  # one a cell; what comes from a submission has limits


class Sandbox(Protocol):
    """A loaded submission."""

    meter: Meter
    notes: tuple[Text, ...]
    """What loading raised."""

    @property
    def output(self) -> str:
        """What the submission has printed so far, cut at its limit."""

    def student(self) -> Student:
        """Return the submission as it was right after loading, in a process of its own until it is closed.

        Raises:
            StudentCodeError: loading it ended its process.
        """

    def close(self) -> None:
        """End all processes of the submission."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...


class ForkingSandbox:
    """A submission that is loaded once, in a locked-down process that is forked for each `student()`."""

    def __init__(self, control: socket.socket, submission: Submission, limits: Limits) -> None:
        """Load `submission` in a process of the server behind `control`.

        Raises:
            SandboxError: the process could not be started.
        """
        self.meter = Meter(limits)
        self.notes: tuple[Text, ...] = ()
        self._output = _Output(int(limits.output_kb * 1024))
        self._broken: StudentCodeError | None = None
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                self._child = request_worker(
                    control,
                    theirs,
                    self._output.write_end,
                    WorkerLimits(
                        memory_bytes=int(limits.memory_mb * 2**20),
                        cpu_seconds=int(limits.total_cpu_seconds) + 1,
                    ),
                )
            except InfrastructureError as error:
                raise SandboxError(str(error)) from error
        self._output.close_write_end()
        self._loaded = self._greet(ours)
        self._load(submission)

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
        return self._output.text

    def student(self) -> Student:
        """See `Sandbox`."""
        if self._broken is not None:
            raise self._broken
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                process = ForkedProcess(
                    ours, self._output.drain, self._output.read_end, self._loaded
                )
                self._loaded.fork(theirs, _FORK_SECONDS)
                theirs.close()
                process.greet(_FORK_SECONDS)
            except (ProcessTimeoutError, ProcessDiedError) as error:
                self._broken = StudentCodeError(
                    Verdict.CRASHED, tr("the submission's process died between two checks")
                )
                raise self._broken from error
        return Student(process, self.meter)

    def close(self) -> None:
        """See `Sandbox`."""
        self._loaded.close()
        self._child.close()
        self._output.close()

    def _greet(self, sock: socket.socket) -> ForkedProcess:
        process = ForkedProcess(sock, self._output.drain, self._output.read_end)
        try:
            process.greet(_START_SECONDS)
        except (ProcessTimeoutError, ProcessDiedError) as error:
            exit_ = self._child.wait(1)
            raise SandboxError(
                f"the sandbox did not start ({exit_}): {self._output.text[-2000:]}"
            ) from error
        return process

    def _load(self, submission: Submission) -> None:
        limits = self.meter.limits
        request = Load(
            [(cell.name, cell.source) for cell in submission.cells],
            submission.notebook,
            limits.train_cpu_seconds,
        )
        seconds = 1.5 * limits.train_cpu_seconds
        try:
            reply, used = self._loaded.exchange(request, seconds, seconds * limits.wall_factor)
            if not isinstance(reply, Loaded):
                raise ProcessDiedError("loading was answered with something else")
        except ProcessTimeoutError:
            self._broken = StudentCodeError(
                Verdict.TIMEOUT, tr("loading the submission took too long")
            )
        except ProcessDiedError:
            self._broken = StudentCodeError(
                Verdict.CRASHED, tr("the submission's process died while it was loaded")
            )
        else:
            self.meter.add(used)
            self.meter.load_errors = reply.errors[:_MAX_LOAD_ERRORS]
            self.notes = loading_notes(self.meter.load_errors)
        if self._broken is not None:
            self.notes = (self._broken.text,)


class _Output:
    """What a submission prints: a pipe that is read to the end and kept up to a limit."""

    def __init__(self, limit: int) -> None:
        self.read_end, self.write_end = os.pipe()
        os.set_blocking(self.read_end, False)
        self._kept = bytearray()
        self._limit = limit
        self._cut = False

    @property
    def text(self) -> str:
        self.drain()
        return self._kept.decode("utf-8", "replace") + ("\n[…]" if self._cut else "")

    def drain(self) -> bool:
        """Keep what can be read now; False if nothing more can ever come."""
        with contextlib.suppress(OSError):
            for _ in range(64):  # a flood must not keep us from looking at the clock
                data = os.read(self.read_end, 65536)
                if not data:
                    return False
                room = self._limit - len(self._kept)
                self._kept += data[:room]
                self._cut = self._cut or len(data) > room
        return True

    def close_write_end(self) -> None:
        os.close(self.write_end)

    def close(self) -> None:
        if self.read_end >= 0:
            self.drain()
            os.close(self.read_end)
            self.read_end = -1
