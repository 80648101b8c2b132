"""Where hand-ins are graded: one small interface, and the executor that uses this machine."""

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Protocol

import msgspec

from grader.gradebook import Task, digest_of
from grader.grading.grader import Grader, grade_one, reason_of
from grader.grading.order import Graded
from grader.grading.scoring import ungraded
from grader.model.assignment import Assignment
from grader.model.errors import GraderError
from grader.model.score import ItemResult
from grader.model.submission import Submission

TICK_SECONDS = 0.2
"""How long an executor waits for something to be done."""


class Request(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A hand-in to grade."""

    task: Task
    recording: bytes | None = None
    """Answers of an earlier grading that may be used again."""
    seconds: float | None = None
    """How long grading it took before; None if unknown."""
    left: int = 0
    """How many hand-ins are still to come in the same batch, this one included; 0 if somebody waits for this one."""
    show: Callable[[ItemResult], None] | None = None
    """Called with each rubric item as soon as it is finished."""


class Done(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A hand-in that an executor is done with."""

    request: Request
    submission: Submission
    graded: Graded
    """With every item `ungraded`, and the reason, if the grader failed."""
    seconds: float
    """Wall-clock time that grading took."""
    error: GraderError | None = None
    """What concerns the assignment or the machine, and so every hand-in."""


class Executor(Protocol):
    """Grades hand-ins somewhere. It may grade one twice, but yields it once."""

    @property
    def slots(self) -> int:
        """The number of hand-ins graded at a time."""

    def start(self, assignments: Iterable[Assignment]) -> None:
        """Prepare to grade hand-ins for these assignments, and no others; called again when one has changed.

        Then no hand-in is being graded.

        Raises:
            UserError: they can't be graded there.
        """

    def grade(self, requests: Iterator[Request | None]) -> Generator[Sequence[Done]]:
        """Grade hand-ins, and several times a second yield those that are done, in any order.

        `requests` is read in the caller's thread whenever there is room; it yields None when nothing is to be graded at
        the moment.

        Raises:
            UserError: the place where they are graded is lost. What wasn't yielded must be graded again.
        """


class LocalExecutor:
    """Grades on this machine, with threads over the warm servers of a grader."""

    def __init__(self, grader: Grader, slots: int) -> None:
        """Grade `slots` hand-ins at a time."""
        self._grader = grader
        self.slots = slots
        self._digests: dict[Path, str] = {}

    def start(self, assignments: Iterable[Assignment]) -> None:
        """Start the servers for these assignments, without waiting until they are ready."""
        for each in (assignments := tuple(assignments)):
            digest = digest_of(each)
            if self._digests.setdefault(each.folder, digest) != digest:
                self._grader.stop(each)
            self._digests[each.folder] = digest
        self._grader.start(assignments)

    def grade(self, requests: Iterator[Request | None]) -> Generator[Sequence[Done]]:
        """Grade hand-ins, and several times a second yield those that are done, in any order."""
        running: set[Future[Done]] = set()
        pool = ThreadPoolExecutor(self.slots)
        more = True
        try:
            while more or running:
                while more and len(running) < self.slots:
                    try:
                        request = next(requests)
                    except StopIteration:
                        more = False
                    else:
                        if request is None:
                            break
                        running.add(pool.submit(_grade, self._grader, request))
                finished, running = wait(running, TICK_SECONDS, FIRST_COMPLETED)
                yield [future.result() for future in finished]
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _grade(grader: Grader, request: Request) -> Done:
    begin = time.monotonic()
    try:
        submission = load(request.task)
    except Exception as reason:
        return failed(request, reason_of(reason))
    graded, error = grade_one(
        grader,
        request.task.assignment,
        submission,
        request.task.student,
        request.recording,
        request.show,
    )
    seconds = time.monotonic() - begin
    return Done(request=request, submission=submission, graded=graded, seconds=seconds, error=error)


def load(task: Task) -> Submission:
    """Read a hand-in. Raises whatever keeps it from being read, or from being sent and stored."""
    submission = task.load()
    msgspec.json.encode(submission)
    return submission


def failed(request: Request, reason: str) -> Done:
    """Return the end of a hand-in that can't be graded: every item `ungraded`, with the reason."""
    task = request.task
    notebook = task.file.lower().endswith(".ipynb")
    submission = Submission(file=task.file, sha256=task.sha256, notebook=notebook)
    report = ungraded(task.assignment, submission, task.student, reason)
    return Done(request=request, submission=submission, graded=Graded(report), seconds=0.0)
