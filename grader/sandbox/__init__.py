"""The boundary: a submission runs in a process of its own, and only data comes back.

Nothing outside of this package knows how it works; what it offers is listed here.
"""

import socket

from grader.assignment import Limits
from grader.sandbox.plain import PlainSandbox
from grader.sandbox.probe import Isolation, Level, refuse_readable
from grader.sandbox.proxy import Handle, Student, StudentCodeError, describe
from grader.sandbox.server import SandboxServer
from grader.sandbox.session import ForkingSandbox, Sandbox
from grader.submission import Submission


def open_sandbox(control: socket.socket, submission: Submission, limits: Limits) -> Sandbox:
    """Load a submission in a locked-down process of the server behind `control`.

    Raises:
        SandboxError: the process could not be started.
    """
    return ForkingSandbox(control, submission, limits)


__all__ = [
    "Handle",
    "Isolation",
    "Level",
    "PlainSandbox",
    "Sandbox",
    "SandboxServer",
    "Student",
    "StudentCodeError",
    "describe",
    "open_sandbox",
    "refuse_readable",
]
