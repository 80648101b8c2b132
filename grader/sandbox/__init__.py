"""The boundary: a submission runs in a process of its own, and only data comes back.

Nothing outside of this package knows how it works; what it offers is listed here.
"""

import socket

from grader.model.assignment import Limits
from grader.model.submission import Submission
from grader.sandbox.live import LiveProcesses
from grader.sandbox.plain import PlainSandbox
from grader.sandbox.probe import Isolation, Level, refuse_readable
from grader.sandbox.proxy import Handle, Student, StudentCodeError, describe
from grader.sandbox.recording import How, Tape, TapedProcesses
from grader.sandbox.server import SandboxServer
from grader.sandbox.session import ForkingSandbox, Sandbox


def open_sandbox(
    control: socket.socket, submission: Submission, limits: Limits, tape: Tape | None = None
) -> Sandbox:
    """Load a submission in a locked-down process of the server behind `control`.

    With a `tape` that knows the submission's answers, that is put off until something else is asked.

    Raises:
        SandboxError: the process could not be started.
    """

    def start() -> LiveProcesses:
        return LiveProcesses(control, limits)

    processes = start() if tape is None else TapedProcesses(tape, start, limits)
    return ForkingSandbox(processes, submission, limits)


__all__ = [
    "Handle",
    "How",
    "Isolation",
    "Level",
    "PlainSandbox",
    "Sandbox",
    "SandboxServer",
    "Student",
    "StudentCodeError",
    "Tape",
    "describe",
    "open_sandbox",
    "refuse_readable",
]
