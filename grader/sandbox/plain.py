"""A submission in an ordinary process, on any system, for students who check their own code. Nothing is locked down."""

import itertools
import multiprocessing
import os
import sys
import tempfile
import time
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnContext
from pathlib import Path
from types import TracebackType
from typing import Self

import torch

from grader.model.assignment import Limits
from grader.model.score import Verdict
from grader.model.submission import Submission
from grader.model.text import Text, tr
from grader.sandbox import wire
from grader.sandbox.process import ProcessDiedError, ProcessTimeoutError
from grader.sandbox.proxy import Meter, Student, StudentCodeError
from grader.sandbox.wire import Load, Loaded, Reply, Request, WireError
from grader.sandbox.worker import Worker, adapt, hide_grader, prepare, without_widgets

_START = "fork" if sys.platform == "linux" else "spawn"
"""A fork has PyTorch loaded, but elsewhere libraries of the system don't survive one."""
_NUMBER_BYTES = 4
_MAX_FRAME = wire.HEADER.size + wire.MAX_STRUCTURE + wire.MAX_BULK + _NUMBER_BYTES


class PlainSandbox:
    """A submission that is loaded again for each `student()`, always in the same separate process."""

    def __init__(self, submission: Submission, limits: Limits) -> None:
        """Prepare to load `submission`; the process starts when it is first needed."""
        self.meter = Meter(limits)
        self._submission = submission
        self._numbers = itertools.count()
        self._folder = tempfile.TemporaryDirectory(prefix="grader-", ignore_cleanup_errors=True)
        self._workdir = Path(self._folder.name) / "work"
        self._workdir.mkdir()
        self._output = Path(self._folder.name) / "output"
        self._output.touch()
        self._shared: _SharedProcess | None = None
        self._printed = ""
        self._broken: StudentCodeError | None = None

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
    def notes(self) -> tuple[Text, ...]:
        """See `Sandbox`."""
        return self.meter.loading.notes

    @property
    def output(self) -> str:
        """What the submission has printed so far, cut at its limit."""
        if not self._output.exists():
            return self._printed
        limit = int(self.meter.limits.output_kb * 1024)
        with self._output.open("rb") as file:
            return file.read(limit).decode("utf-8", "replace")

    def student(self) -> Student:
        """Load the submission into a fresh module.

        Raises:
            StudentCodeError: loading it ended its process, or took too long.
        """
        if self._broken is not None:
            raise self._broken
        if self._shared is None or not self._shared.alive:
            self._shared = _SharedProcess(self._workdir, self._output)
        process = PlainProcess(self._shared, next(self._numbers))
        limits = self.meter.limits
        request = Load(
            [(cell.name, cell.source) for cell in self._submission.cells],
            self._submission.notebook,
            limits.train_cpu_seconds,
        )
        seconds = 1.5 * limits.train_cpu_seconds
        try:
            reply, _ = process.exchange(request, seconds, seconds * limits.wall_factor)
        except ProcessTimeoutError as error:
            self._broken = StudentCodeError(
                Verdict.TIMEOUT, tr("loading the submission took too long")
            )
            raise self._broken from error
        except ProcessDiedError as error:
            self._broken = StudentCodeError(
                Verdict.CRASHED, tr("the submission's process died while loading")
            )
            raise self._broken from error
        if isinstance(reply, Loaded):
            self.meter.loading.read(self._submission, reply)
        return Student(process, self.meter)

    def close(self) -> None:
        """End the process."""
        if self._shared is not None:
            self._shared.kill()
        self._printed = self.output
        self._folder.cleanup()


class PlainProcess:
    """One student's namespace in the shared process. Its time is measured by the wall clock."""

    def __init__(self, shared: "_SharedProcess", number: int) -> None:
        self.memory_bytes = 0
        self._shared = shared
        self._number = number.to_bytes(_NUMBER_BYTES, "big")

    def exchange(
        self, request: Request, cpu_seconds: float, wall_seconds: float
    ) -> tuple[Reply, float]:
        """See `grader.sandbox.process.Process`."""
        begin = time.monotonic()
        frame = self._number + wire.encode(request)
        try:
            self._shared.connection.send_bytes(frame)
            if not self._shared.connection.poll(wall_seconds):
                self._shared.kill()
                raise ProcessTimeoutError
            reply = wire.decode_reply(*wire.parts(self._shared.connection.recv_bytes(_MAX_FRAME)))
        except (EOFError, OSError, WireError) as error:
            self._shared.kill()
            raise ProcessDiedError(str(error)) from error
        return reply, time.monotonic() - begin

    def close(self) -> None:
        """Leave the process to the next student."""


class _SharedProcess:
    def __init__(self, workdir: Path, output: Path) -> None:
        self.connection, theirs = multiprocessing.Pipe()
        context: SpawnContext = multiprocessing.get_context(_START)  # type: ignore[assignment]
        self._process = context.Process(target=_serve, args=(theirs, workdir, output), daemon=True)
        self._process.start()
        theirs.close()

    @property
    def alive(self) -> bool:
        return self._process.is_alive()

    def kill(self) -> None:
        self._process.kill()
        self._process.join()
        self.connection.close()


def _serve(connection: "Connection", workdir: Path, output: Path) -> None:
    """Answer requests in the child, with one worker per number."""
    sink = os.open(output, os.O_WRONLY | os.O_APPEND)
    os.dup2(sink, 1)
    os.dup2(sink, 2)
    sys.stdin = Path(os.devnull).open(encoding="utf-8")  # noqa: SIM115
    # As in grading. A fork has none of the threads that PyTorch may have started before.
    torch.set_num_threads(1)
    adapt()
    without_widgets()
    prepare(workdir)
    hide_grader()
    workers: dict[bytes, Worker] = {}
    with suppress(EOFError, OSError):
        while True:
            data = connection.recv_bytes(_MAX_FRAME)
            number, frame = data[:_NUMBER_BYTES], data[_NUMBER_BYTES:]
            worker = workers.setdefault(number, Worker())
            connection.send_bytes(worker.answer(wire.parts(frame)))
