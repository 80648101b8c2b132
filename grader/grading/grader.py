"""Grading: one submission against its assignment's checks, in a process of its own, to a score report.

Grader ──control──> grading server (checks, PyTorch, pytest) ──fork──> one process a submission
   └────control──> sandbox server (PyTorch, nothing secret) ──fork──> the student's process
"""

import os
import socket
import struct
import sys
import threading
import time
from collections.abc import Generator, Iterable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec
import pytest

from grader.grading import plugin
from grader.grading.scoring import make_report, no_submission, ungraded
from grader.model.assignment import Assignment, load_assignment
from grader.model.errors import (
    AssignmentError,
    GradingError,
    InfrastructureError,
    StaleRecordingError,
)
from grader.model.score import ScoreReport, Verdict
from grader.model.submission import Submission
from grader.model.text import tr
from grader.sandbox import (
    How,
    Isolation,
    Level,
    Sandbox,
    SandboxServer,
    Tape,
    forkserver,
    open_sandbox,
    refuse_readable,
)
from grader.sandbox.forkserver import ForkServer

_PAUSES = (0.0, 0.5, 2.0)
"""Seconds before each attempt to grade a submission, when a process of ours dies under it."""
_LENGTH = struct.Struct(">I")


class Graded(msgspec.Struct, frozen=True):
    """A submission's report, and what the next grading of it needs."""

    report: ScoreReport
    recording: bytes | None = None
    """What the submission answered; None where the next grading must run it in any case."""
    how: How = "run"
    """Whether the submission ran, or its recorded answers were enough, or some of both."""


class Grader:
    """Grades submissions. It keeps warm processes; use it in a `with` statement. Threads may share it."""

    def __init__(self, minimum: Level = "full") -> None:
        """`minimum` is the isolation below which nothing is run."""
        self._minimum: Level = minimum
        self._sandbox: SandboxServer | None = None
        self._servers: dict[Path, _GradingServer] = {}
        self._lock = threading.Lock()
        self._stack = ExitStack()
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
        self._stack.close()

    @property
    def isolation(self) -> Isolation:
        """How well submissions are locked in.

        Raises:
            UserError: less well than was asked for.
        """
        return self._required(self._sandbox_server())

    def start(self, assignments: Iterable[Assignment]) -> None:
        """Start what grading these assignments needs, side by side; nobody waits until it is warm.

        Raises:
            UserError: submissions could read the checks.
        """
        for assignment in assignments:
            self._server(assignment)

    def stop(self, assignment: Assignment) -> None:
        """End what was started for an assignment, of which nothing is being graded any more."""
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
    ) -> Graded:
        """Return a report with a result for every item of the assignment, whatever happened.

        A `recording` of an earlier grading answers what was asked then; only the rest is run.

        Raises:
            AssignmentError: the assignment's checks can't be run at all.
            UserError: the sandbox is more open than was asked for.
            InfrastructureError: the grader was closed meanwhile.
        """
        if submission.problem is not None:
            return Graded(no_submission(assignment, submission, submission.problem, student))
        reason = ""
        for pause in _PAUSES:
            time.sleep(pause)
            try:
                return self._grade(assignment, submission, student, recording)
            except InfrastructureError as error:
                if self._closed:
                    raise
                reason = str(error)
                recording = None
        return Graded(ungraded(assignment, submission, student, reason))

    def _grade(
        self, assignment: Assignment, submission: Submission, student: str, recording: bytes | None
    ) -> Graded:
        server = self._server(assignment)
        self._required(server.sandbox)
        graded = server.grade(submission, student, recording) or server.grade(submission, student)
        if graded is not None and graded.how != "replayed" and _has_died(graded.report):
            # Somebody else may have killed its process, or the machine was out of memory: once is no proof.
            graded = server.grade(submission, student)
        if graded is None or not server.sandbox.alive:  # then the deaths of its children are ours
            raise GradingError("the server of the sandbox has ended")
        return graded

    def _required(self, sandbox: SandboxServer) -> Isolation:
        sandbox.isolation.require(self._minimum)
        return sandbox.isolation

    def _sandbox_server(self) -> SandboxServer:
        with self._lock:
            self._refuse_if_closed()
            if self._sandbox is None or not self._sandbox.alive:
                self._sandbox = self._stack.enter_context(SandboxServer())
                self._servers.clear()  # they hold the door to the old one
            return self._sandbox

    def _server(self, assignment: Assignment) -> "_GradingServer":
        sandbox = self._sandbox_server()
        with self._lock:
            self._refuse_if_closed()
            server = self._servers.get(assignment.folder)
            if server is None or not server.alive:
                refuse_readable(assignment.folder)
                server = self._stack.enter_context(_GradingServer(assignment, sandbox))
                self._servers[assignment.folder] = server
            return server

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise GradingError("the grader is closed")


def _has_died(report: ScoreReport) -> bool:
    return any(item.verdict is Verdict.CRASHED for item in report.items)


class _Order(msgspec.Struct):
    """What a grading process is asked."""

    submission: Submission
    student: str
    isolation: str
    recording: bytes | None


class _GradingServer(ForkServer):
    """A process that has one assignment's checks collected, and forks one process for each submission."""

    def __init__(self, assignment: Assignment, sandbox: SandboxServer) -> None:
        self._assignment = assignment
        self.sandbox = sandbox
        door = sandbox.control.fileno()
        super().__init__(
            ["-P", "-c", _BOOT, str(assignment.folder), str(door)],
            os.environ | {"OMP_NUM_THREADS": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
            fds=(door,),
        )

    def grade(
        self, submission: Submission, student: str, recording: bytes | None = None
    ) -> Graded | None:
        """Return None if the submission contradicts its recording."""
        isolation = self.sandbox.isolation
        self._await_ready()
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                child = forkserver.request_child(self.control, [theirs.fileno()])
            try:
                ours.settimeout(self._patience())
                order = _Order(submission, student, isolation.level, recording)
                _send(ours, msgspec.msgpack.encode(order))
                graded = msgspec.msgpack.decode(_receive(ours), type=Graded | None)
            except (OSError, msgspec.MsgspecError) as error:
                raise GradingError(
                    f"the grading process ended without a report: {error}"
                ) from error
            finally:
                child.close()
        if graded is None:
            return None
        report = msgspec.structs.replace(
            graded.report, isolation=isolation.level, not_blocked=isolation.holes
        )
        return msgspec.structs.replace(graded, report=report)

    def _await_ready(self) -> None:
        """Wait until the checks are collected.

        Raises:
            AssignmentError: they can't be.
        """
        if self.greeting != _READY:
            reason = self.greeting.decode("utf-8", "replace").strip()
            raise AssignmentError(
                tr(
                    "can't run the checks in {folder}: {reason}",
                    folder=self._assignment.folder,
                    reason=reason or "pytest ended",
                )
            )

    def _patience(self) -> float:
        """Seconds after which a grading process must be stuck by a fault of ours."""
        limits = self._assignment.limits
        return 600.0 + 2 * limits.wall_factor * limits.total_cpu_seconds


# --- in the grading server -------------------------------------------------------------------------------------------

_READY = b"\0ready"
_BOOT = "from grader.grading.grader import main; main()"
_OPTIONS = (
    "--assert=plain",
    *("-p", "grader.grading.plugin"),
    *(f"-pno:{name}" for name in ("terminal", "cacheprovider", "capture", "logging", "warnings")),
    *(f"-pno:{name}" for name in ("threadexception", "unraisableexception", "faulthandler")),
    *(f"-pno:{name}" for name in ("doctest", "unittest", "junitxml", "pastebin", "stepwise")),
)


def main() -> None:
    """Collect an assignment's checks, then fork one process for each submission."""
    *_, folder, door, _ = sys.argv
    import torch

    torch.set_num_threads(1)
    control = forkserver.control_from_argv()
    session = _GradingSession(
        load_assignment(Path(folder)), control, socket.socket(fileno=int(door))
    )
    pytest.main([*_OPTIONS, f"--rootdir={folder}", "-c", os.devnull, folder], plugins=[session])
    if session.problems:
        control.send("\n".join(session.problems).encode()[:65000])


class _GradingSession:
    """A pytest session whose loop is run once for each submission, each time in a fork."""

    def __init__(self, assignment: Assignment, control: socket.socket, door: socket.socket) -> None:
        self.problems: list[str] = []
        self._grading = plugin.Grading(assignment)
        self._control = control
        self._door = door

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        config.stash[plugin.GRADING] = self._grading

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.problems.append(report.longreprtext)

    @pytest.hookimpl(wrapper=True)
    def pytest_collection(self) -> Generator[None, object, object]:
        try:
            return (yield)
        except pytest.UsageError as error:
            self.problems.append(str(error))
            raise

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        if not self.problems:
            self._control.send(_READY)
            forkserver.serve(self._control, lambda fds: self._grade(session, fds[0]))
        return True

    def _grade(self, session: pytest.Session, connection: int) -> None:
        with socket.socket(fileno=connection) as sock:
            order = msgspec.msgpack.decode(_receive(sock), type=_Order)
            limits = self._grading.assignment.limits
            self._grading.submission = order.submission
            tape = Tape(order.recording, order.submission, limits, order.isolation)
            try:
                with open_sandbox(self._door, order.submission, limits, tape) as sandbox:
                    self._run_checks(session, sandbox, tape)
                    graded = Graded(self._report(order, sandbox, tape), tape.recording(), tape.how)
            except StaleRecordingError:
                graded = None
            _send(sock, msgspec.msgpack.encode(graded))

    def _run_checks(self, session: pytest.Session, sandbox: Sandbox, tape: Tape) -> None:
        self._grading.open_sandbox = lambda _: sandbox
        for item, following in zip(session.items, [*session.items[1:], None], strict=True):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if tape.fault is not None:
                raise tape.fault

    def _report(self, order: _Order, sandbox: Sandbox, tape: Tape) -> ScoreReport:
        notes = (*sandbox.notes, *self._grading.remarks)
        if tape.damaged:
            notes += (tr("couldn't read the recorded answers, so the submission was run again"),)
        return make_report(
            self._grading.assignment,
            order.submission,
            order.student,
            self._grading.checks,
            notes,
            sandbox.output,
        )


def _send(sock: socket.socket, data: bytes) -> None:
    sock.sendall(_LENGTH.pack(len(data)) + data)


def _receive(sock: socket.socket) -> bytes:
    with sock.makefile("rb") as file:
        header = file.read(_LENGTH.size)
        data = file.read(_LENGTH.unpack(header)[0]) if len(header) == _LENGTH.size else b""
    if not data:
        raise ConnectionError("the other side is gone")
    return data
