"""A submission loaded in a sandbox, from which each check gets a fresh copy."""

from types import TracebackType
from typing import Protocol, Self

from grader.model.assignment import Limits
from grader.model.score import Verdict
from grader.model.submission import Submission
from grader.model.text import Text, tr
from grader.sandbox.process import (
    Process,
    ProcessDiedError,
    ProcessError,
    ProcessMemoryError,
    ProcessTimeoutError,
)
from grader.sandbox.proxy import Meter, Student, StudentCodeError
from grader.sandbox.wire import Load, Loaded


class Sandbox(Protocol):
    """A loaded submission."""

    meter: Meter

    @property
    def notes(self) -> tuple[Text, ...]:
        """What was not loaded, or otherwise than it is written; complete when all is graded."""

    @property
    def output(self) -> str:
        """What the submission has printed so far, cut at its limit."""

    def student(self) -> Student:
        """Return the submission as it was right after loading, in a process of its own until it is closed.

        Raises:
            StudentCodeError: loading it ended its process, or there is no time or memory left for it.
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


class Printed:
    """What was printed, kept up to a limit."""

    def __init__(self, limits: Limits) -> None:
        self._kept = bytearray()
        self._limit = int(limits.output_kb * 1024)
        self._cut = False

    @property
    def text(self) -> str:
        """What is kept, with a mark at the end where something is not."""
        return self._kept.decode("utf-8", "replace") + ("\n[…]" if self._cut else "")

    def add(self, data: bytes) -> None:
        """Keep what there is room for."""
        room = self._limit - len(self._kept)
        self._kept += data[:room]
        self._cut = self._cut or len(data) > room


class Processes(Protocol):
    """What answers for a submission: real processes, or what is known of their answers."""

    @property
    def loaded(self) -> Process:
        """The process that the submission is loaded in."""

    @property
    def output(self) -> str:
        """The output of all processes so far, cut at its limit."""

    def copy(self) -> Process:
        """Return a copy of the loaded process.

        Raises:
            ProcessError: no copy came.
        """

    def close(self) -> None:
        """End all of them."""


class ForkingSandbox:
    """A submission that is loaded once, in a locked-down process that is forked for each `student()`."""

    def __init__(self, processes: Processes, submission: Submission, limits: Limits) -> None:
        """Load `submission` in `processes`, which nothing was asked yet."""
        self.meter = Meter(limits)
        self._load_failure: StudentCodeError | None = None
        self._processes = processes
        self._broken: StudentCodeError | None = None
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
    def notes(self) -> tuple[Text, ...]:
        """See `Sandbox`."""
        failure = self._load_failure
        return self.meter.loading.notes if failure is None else (failure.text,)

    @property
    def output(self) -> str:
        """See `Sandbox`."""
        return self._processes.output

    def student(self) -> Student:
        """See `Sandbox`."""
        if self._broken is not None:
            raise self._broken
        try:
            return Student(self._processes.copy(), self.meter)
        except ProcessError as error:
            self._broken = _no_copy(error)
            raise self._broken from error

    def close(self) -> None:
        """See `Sandbox`."""
        self._processes.close()

    def _load(self, submission: Submission) -> None:
        limits = self.meter.limits
        request = Load(
            [(cell.name, cell.source) for cell in submission.cells],
            submission.notebook,
            limits.train_cpu_seconds,
        )
        seconds = 1.5 * limits.train_cpu_seconds
        try:
            reply, used = self._processes.loaded.exchange(
                request, seconds, seconds * limits.wall_factor
            )
            if not isinstance(reply, Loaded):
                raise ProcessDiedError("loading was answered with something else")
        except ProcessTimeoutError:
            self._broken = StudentCodeError(
                Verdict.TIMEOUT, tr("loading the submission took too long")
            )
        except ProcessMemoryError:
            self._broken = StudentCodeError(
                Verdict.MEMORY, tr("loading the submission took too much memory")
            )
        except ProcessDiedError:
            self._broken = StudentCodeError(
                Verdict.CRASHED, tr("the submission's process died while loading")
            )
        else:
            self.meter.add(used)
            self.meter.loading.read(submission, reply)
        self._load_failure = self._broken


def _no_copy(error: ProcessError) -> StudentCodeError:
    match error:
        case ProcessTimeoutError(spent=True):
            return StudentCodeError(
                Verdict.TIMEOUT, tr("the submission has used up its total time limit")
            )
        case ProcessMemoryError():
            return StudentCodeError(Verdict.MEMORY, tr("the submission used too much memory"))
        case _:
            return StudentCodeError(
                Verdict.CRASHED, tr("the submission's process died between two checks")
            )
