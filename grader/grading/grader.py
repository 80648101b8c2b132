"""Grade one submission with its assignment's checks, in a separate process, and return a score report.

Grader ──control──> server of checks (PyTorch, pytest) ──fork──> grading server (an assignment's checks)
   │                                                                 └──fork──> one process per submission,
   │                                                                             or for many with recorded answers
   └────control──> sandbox server (PyTorch, nothing secret) ──fork──> the student's process
"""

import contextlib
import os
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from grader.grading.order import READY, Finished, Graded, Order, receive, send
from grader.grading.scoring import no_submission, ungraded
from grader.model.assignment import Assignment
from grader.model.errors import AssignmentError, GraderError, GradingError, InfrastructureError
from grader.model.score import ItemResult, ScoreReport, Verdict
from grader.model.submission import Submission
from grader.model.text import Text, printable, tr
from grader.sandbox import Isolation, Level, SandboxServer, forkserver, refuse_readable
from grader.sandbox.forkserver import ForkedServer, ForkServer

_PAUSES = (0.0, 0.5, 2.0)
"""Seconds before each attempt to grade a submission, for when one of our own processes dies."""
_BOOT = "from grader.grading.server import main; main()"
_LEAST_SECONDS = 1.0
"""What a second attempt may take of a submission that has used up its time."""


class Grader:
    """Grades submissions with warm processes. Use it in a `with` statement. Threads may share it."""

    def __init__(
        self,
        minimum: Level = "full",
        tell: Callable[[Text], None] = lambda text: None,
        niceness: int = 0,
    ) -> None:
        """`minimum` is the isolation level below which nothing runs; `tell` is called with what is waited for.

        With a `niceness`, as nice(1) has it, all that grades leaves processors to whoever needs them more.
        """
        self._minimum: Level = minimum
        self._tell = tell
        self._niceness = niceness
        self._sandbox: SandboxServer | None = None
        self._checks: ForkServer | None = None
        self._servers: dict[Path, _GradingServer] = {}
        self._lock = threading.Lock()
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._lock:
            self._closed = True
            servers = [self._sandbox, self._checks, *self._servers.values()]
        with ExitStack() as stack:
            for server in servers:
                if server is not None:
                    stack.callback(server.close)

    @property
    def isolation(self) -> Isolation:
        """The isolation of submissions.

        Raises:
            UserError: it is below the required minimum.
        """
        return self._required(self._sandbox_server())

    def start(self, assignments: Iterable[Assignment]) -> None:
        """Start the servers for these assignments in parallel, without waiting until they are ready.

        Raises:
            UserError: submissions would be able to read the checks.
        """
        for assignment in assignments:
            self._server(assignment)

    def stop(self, assignment: Assignment) -> None:
        """Stop the server of an assignment. None of its submissions may still be in progress."""
        with self._lock:
            server = self._servers.pop(assignment.folder, None)
        if server is not None:
            server.close()

    def grade(
        self,
        assignment: Assignment,
        submission: Submission,
        student: str,
        recording: bytes | None = None,
        show: Callable[[ItemResult], None] | None = None,
    ) -> Graded:
        """Return a report with a result for every item of the assignment, whatever happens.

        A `recording` of an earlier grading answers the questions asked then; only the rest runs. `show` is called with
        each rubric item as soon as it is finished, with all of them again if the submission has to be graded again.

        Raises:
            AssignmentError: the assignment's checks can't be run.
            UserError: the isolation is below the required minimum.
            InfrastructureError: the grader was closed in the meantime.
        """
        if submission.problem is not None:
            return Graded(no_submission(assignment, submission, submission.problem, student))
        reason = ""
        for pause in _PAUSES:
            time.sleep(pause)
            try:
                return self._grade(assignment, submission, student, recording, show)
            except InfrastructureError as error:
                if self._closed:
                    raise
                reason = str(error)
                recording = None
        return Graded(ungraded(assignment, submission, student, reason))

    def _grade(
        self,
        assignment: Assignment,
        submission: Submission,
        student: str,
        recording: bytes | None,
        show: Callable[[ItemResult], None] | None,
    ) -> Graded:
        server = self._server(assignment)
        self._required(server.sandbox)
        if not server.greeted:
            self._tell(tr("Loading the checks of {assignment} …", assignment=assignment.name))
        server.await_ready()
        self._tell(tr("Grading {file} …", file=printable(submission.file)))
        end = time.monotonic() + assignment.limits.total_wall_seconds

        def left() -> float:
            return max(_LEAST_SECONDS, end - time.monotonic())

        graded = server.grade(submission, student, left(), recording, show)
        if graded is None:
            graded = server.grade(submission, student, left(), None, show)
        if graded is not None and graded.how != "replayed" and _has_died(graded.report):
            # Something else may have killed the process, or the machine ran out of memory: one crash is no proof.
            graded = server.grade(submission, student, left(), None, show)
        if graded is None or not server.sandbox.alive:  # then its children died because of us
            raise GradingError("the server of the sandbox has ended")
        return graded

    def _required(self, sandbox: SandboxServer) -> Isolation:
        if not sandbox.greeted:
            self._tell(tr("Starting the sandbox …"))
        sandbox.isolation.require(self._minimum)
        return sandbox.isolation

    def _sandbox_server(self) -> SandboxServer:
        with self._lock:
            self._refuse_if_closed()
            if self._sandbox is None or not self._sandbox.alive:
                self._sandbox = SandboxServer(self._niceness)
                self._servers.clear()  # they are connected to the old one
            return self._sandbox

    def _server(self, assignment: Assignment) -> "_GradingServer":
        sandbox = self._sandbox_server()
        with self._lock:
            self._refuse_if_closed()
            server = self._servers.get(assignment.folder)
            if server is None or not server.alive:
                refuse_readable(assignment.folder)
                origin = self._server_of_checks()
                server = _GradingServer(assignment, origin, sandbox)
                # The one before is closed as soon as no thread uses it.
                self._servers[assignment.folder] = server
            return server

    def _server_of_checks(self) -> ForkServer:
        if self._checks is None or not self._checks.alive:
            self._checks = ForkServer(["-P", "-c", _BOOT], _environment(), self._niceness)
        return self._checks

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise GradingError("the grader is closed")


def grade_one(
    grader: Grader,
    assignment: Assignment,
    submission: Submission,
    student: str,
    recording: bytes | None,
    show: Callable[[ItemResult], None] | None,
) -> tuple[Graded, GraderError | None]:
    """Grade a submission. A failure of the grader's makes it `ungraded`; one that concerns all is returned, too."""
    try:
        graded = grader.grade(assignment, submission, student, recording, show)
        msgspec.json.encode((submission, graded.report))  # fail here if it can't be stored
    except Exception as error:
        report = ungraded(assignment, submission, student, reason_of(error))
        return Graded(report), error if isinstance(error, GraderError) else None
    return graded, None


def _environment() -> dict[str, str]:
    """Return the caller's variables without options and plugins for the caller's own tests."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return kept | {"OMP_NUM_THREADS": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}


def reason_of(error: BaseException) -> str:
    """Return an error as the reason in a report."""
    return printable(f"{type(error).__name__}: {error}")


def _has_died(report: ScoreReport) -> bool:
    return any(item.verdict is Verdict.CRASHED for item in report.items)


class _GradingProcess:
    """A process that judges a submission with collected checks."""

    def __init__(self, control: socket.socket, patience: float) -> None:
        """Fork it from the server behind `control`. It is stuck if it says nothing for `patience` seconds."""
        self._socket, theirs = socket.socketpair()
        self._socket.settimeout(patience)
        with theirs:
            self._child = forkserver.request_child(control, [theirs.fileno()])

    def grade(self, order: Order, show: Callable[[ItemResult], None] | None) -> Graded | None:
        """Return None if the submission contradicts its recording.

        Raises:
            GradingError: the process has ended.
        """
        try:
            send(self._socket, msgspec.msgpack.encode(order))
            while isinstance(answer := self._receive(), Finished):
                if show is not None:
                    show(answer.item)
        except (OSError, msgspec.MsgspecError) as error:
            raise GradingError(f"the grading process ended without a report: {error}") from error
        return answer

    @property
    def alive(self) -> bool:
        """Whether it is still running."""
        return self._child.alive

    def close(self) -> None:
        """End it."""
        self._socket.close()
        self._child.close()

    def __del__(self) -> None:
        self._socket.close()

    def _receive(self) -> Finished | Graded | None:
        return msgspec.msgpack.decode(receive(self._socket), type=Finished | Graded | None)


class _GradingServer(ForkedServer):
    """A process that has collected one assignment's checks and forks a process for each submission."""

    def __init__(self, assignment: Assignment, origin: ForkServer, sandbox: SandboxServer) -> None:
        self._assignment = assignment
        self._origin = origin
        self.sandbox = sandbox
        self._idle: deque[_GradingProcess] = deque()
        """Those that have judged recorded answers and can judge others."""
        super().__init__(origin, [sandbox.control.fileno()], os.fsencode(assignment.folder))

    def grade(
        self,
        submission: Submission,
        student: str,
        wall_seconds: float,
        recording: bytes | None,
        show: Callable[[ItemResult], None] | None,
    ) -> Graded | None:
        """Return None if the submission contradicts its recording."""
        isolation = self.sandbox.isolation
        order = Order(
            submission, student, isolation.level, wall_seconds, recording, show is not None
        )
        graded = self._answer(order, show)
        if graded is None:
            return None
        report = msgspec.structs.replace(
            graded.report, isolation=isolation.level, not_blocked=isolation.not_blocked
        )
        return msgspec.structs.replace(graded, report=report)

    def _answer(self, order: Order, show: Callable[[ItemResult], None] | None) -> Graded | None:
        if order.recording is not None and (idle := self._take_idle()) is not None:
            with contextlib.suppress(GradingError):  # it leaves this one to a fresh process
                return self._ask(idle, order, show)
        return self._ask(_GradingProcess(self.control, self._patience()), order, show)

    def _take_idle(self) -> "_GradingProcess | None":
        with contextlib.suppress(IndexError):
            while True:
                process = self._idle.pop()
                if process.alive:
                    return process
                process.close()
        return None

    def close(self) -> None:
        """See `Server`."""
        super().close()
        while self._idle:
            self._idle.pop().close()

    def _ask(
        self, process: "_GradingProcess", order: Order, show: Callable[[ItemResult], None] | None
    ) -> Graded | None:
        try:
            graded = process.grade(order, show)
        except BaseException:
            process.close()
            raise
        if graded is not None and graded.how == "replayed":
            self._idle.append(process)
        else:
            process.close()
        return graded

    def await_ready(self) -> None:
        """Wait until the checks are collected.

        Raises:
            AssignmentError: they can't be.
        """
        if not self.greeting and not self._origin.alive:
            raise GradingError("the server of the checks has ended")
        if self.greeting != READY:
            reason = self.greeting.decode("utf-8", "replace").strip()
            raise AssignmentError(
                tr(
                    "can't run the checks in {folder}: {reason}",
                    folder=self._assignment.folder,
                    reason=reason or "pytest ended",
                )
            )

    def _patience(self) -> float:
        """Seconds after which a grading process must be stuck because of a bug of ours."""
        limits = self._assignment.limits
        return 600.0 + 4 * limits.total_wall_seconds
