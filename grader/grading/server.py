"""The processes that hold checks: one for each assignment, and forked from it one for each submission that runs.

A process that has only judged recorded answers judges those of further submissions, too.
"""

import contextlib
import os
import random
import resource
import socket
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from grader.grading import plugin
from grader.grading.order import READY, Finished, Graded, Order, receive, send
from grader.grading.scoring import item_result, make_report
from grader.grading.suspicion import suspicions
from grader.model.assignment import Assignment, load_assignment
from grader.model.errors import StaleRecordingError
from grader.model.score import ScoreReport, Verdict
from grader.model.text import tr
from grader.sandbox import forkserver, load_ahead, open_sandbox, postpone, split_once

if TYPE_CHECKING:
    from grader.sandbox import Sandbox, Tape  # they import PyTorch, for which `main` prepares

_MAX_PATH = 65536
_SEED = 0
_IDLE_SECONDS = 5.0
"""How long a process that has judged recorded answers waits for more."""
_MEMORY_BYTES = 2 * 2**30
"""What checks may take for the answers of one submission, beyond what the server has loaded."""
_OPTIONS = (
    "--assert=plain",
    *("-p", "grader.grading.plugin"),
    *(f"-pno:{name}" for name in ("terminal", "cacheprovider", "capture", "logging", "warnings")),
    *(f"-pno:{name}" for name in ("threadexception", "unraisableexception", "faulthandler")),
    *(f"-pno:{name}" for name in ("doctest", "unittest", "junitxml", "pastebin", "stepwise")),
)


def main() -> None:
    """Load what checks need, then fork a grading server for each assignment."""
    control = forkserver.control_from_argv()
    import torch

    import grader.grading.kept  # noqa: F401 - once, before the forks that use it

    postpone()
    torch.set_num_threads(1)
    load_ahead()
    _seed()  # loads what it seeds
    forkserver.serve(control, _serve_assignment)


def _serve_assignment(fds: list[int]) -> None:
    """Collect an assignment's checks, then fork one process for each submission."""
    control, door = (socket.socket(fileno=fd) for fd in fds)
    folder = Path(os.fsdecode(control.recv(_MAX_PATH)))
    session = _GradingSession(load_assignment(folder), control, door)
    pytest.main(
        [
            *_OPTIONS,
            *(f"--{name}={folder}" for name in ("rootdir", "confcutdir")),
            "-c",
            os.devnull,
            str(folder),
        ],
        plugins=[session],
    )
    if session.problems:
        control.send("\n".join(session.problems).encode()[:65000])


class _GradingSession:
    """A pytest session whose test loop runs once per submission, each time in a fork."""

    def __init__(self, assignment: Assignment, control: socket.socket, door: socket.socket) -> None:
        self.problems: list[str] = []
        self._assignment = assignment
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
            split_once()
            with contextlib.suppress(BrokenPipeError):  # ended before it was warm
                self._control.send(READY)
            forkserver.serve(self._control, lambda fds: self._answer(session, fds[0]))
        return True

    def _answer(self, session: pytest.Session, connection: int) -> None:
        with socket.socket(fileno=connection) as sock, contextlib.suppress(ConnectionError):
            order = _order(sock)
            before = None if order.recording is None else self._kept(session)
            _limit_memory(_MEMORY_BYTES)
            graded = self._grade(session, sock, order)
            send(sock, msgspec.msgpack.encode(graded))
            while (
                before is not None
                and self._leaves_nothing(graded)
                and self._kept(session) == before
                and forkserver.is_readable(sock, _IDLE_SECONDS)
            ):
                graded = self._grade(session, sock, _order(sock))
                if self._leaves_nothing(graded):  # else a fresh process is asked
                    send(sock, msgspec.msgpack.encode(graded))

    def _kept(self, session: pytest.Session) -> object | None:
        """What a check could leave for the next submission; None if changes of it can't be seen."""
        from grader.grading.kept import held

        found = held(session, self._assignment.folder)
        settings = msgspec.msgpack.encode(self._assignment, enc_hook=str)
        return None if found is None else (found, settings)

    def _leaves_nothing(self, graded: Graded | None) -> bool:
        """Whether recorded answers alone were judged, and none of them was too much for this process."""
        ours = (Verdict.UNGRADED, Verdict.MEMORY)
        return (
            graded is not None
            and graded.how == "replayed"
            and not any(check.verdict in ours for check in self._grading.checks)
        )

    def _grade(self, session: pytest.Session, sock: socket.socket, order: Order) -> Graded | None:
        from grader.sandbox import Tape

        _seed()
        self._grading = plugin.Grading(self._assignment)
        self._grading.submission = order.submission
        session.config.stash[plugin.GRADING] = self._grading
        limits = self._assignment.limits
        tape = Tape(order.recording, order.submission, limits, order.isolation)
        try:
            with open_sandbox(
                self._door, order.submission, limits, tape, order.wall_seconds
            ) as sandbox:
                self._run_checks(session, sandbox, tape, sock if order.watched else None)
                return Graded(self._report(order, sandbox, tape), tape.recording(), tape.how)
        except StaleRecordingError:
            return None

    def _run_checks(
        self,
        session: pytest.Session,
        sandbox: "Sandbox",
        tape: "Tape",
        watcher: socket.socket | None,
    ) -> None:
        self._grading.open_sandbox = lambda _: sandbox
        for item, following in zip(session.items, [*session.items[1:], None], strict=True):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if tape.fault is not None:
                raise tape.fault
            if watcher is not None and (
                following is None or plugin.item_id(following) != plugin.item_id(item)
            ):
                self._tell(watcher, plugin.item_id(item))

    def _tell(self, watcher: socket.socket, item_id: str) -> None:
        for item in self._assignment.items:
            if item.id == item_id:
                finished = Finished(item_result(item, self._grading.checks))
                send(watcher, msgspec.msgpack.encode(finished))

    def _report(self, order: Order, sandbox: "Sandbox", tape: "Tape") -> ScoreReport:
        notes = (*sandbox.notes, *self._grading.remarks)
        if tape.damaged:
            notes += (tr("couldn't read the recorded answers, so the submission was run again"),)
        return make_report(
            self._assignment,
            order.submission,
            order.student,
            self._grading.checks,
            notes,
            sandbox.output,
            sandbox.meter.loading.newer,
            suspicions(order.submission, self._assignment) + sandbox.meter.flags,
        )


def _order(sock: socket.socket) -> Order:
    return msgspec.msgpack.decode(receive(sock), type=Order)


def _seed() -> None:
    """Give each submission the same random numbers, whatever was judged before it."""
    import numpy as np
    import torch

    random.seed(_SEED)
    np.random.seed(_SEED)
    torch.manual_seed(_SEED)


def _limit_memory(memory_bytes: int) -> None:
    """Let this process raise `MemoryError`, which is a verdict, before the machine runs out of memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + memory_bytes
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.getrlimit(resource.RLIMIT_AS)[1]))
