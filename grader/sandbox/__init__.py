"""The boundary: a submission runs in a separate process, and only data comes back.

No other package knows how this works; the public names are listed here. Each name loads its module on first use,
because a student's own check doesn't need the lockdown and must run on systems without it.
"""

import socket
from importlib import import_module
from typing import TYPE_CHECKING

from grader.model.assignment import Limits
from grader.model.submission import Submission

if TYPE_CHECKING:
    from grader.sandbox.compiler import postpone
    from grader.sandbox.kernel import KernelSandbox, LiveCall
    from grader.sandbox.libraries import split_once
    from grader.sandbox.lockdown import landlock_abi
    from grader.sandbox.plain import PlainSandbox
    from grader.sandbox.probe import Isolation, Level, refuse_readable
    from grader.sandbox.proxy import Handle, Student, StudentCodeError, describe
    from grader.sandbox.recording import Tape
    from grader.sandbox.server import SandboxServer
    from grader.sandbox.session import Printed, Sandbox
    from grader.sandbox.worker import seed_all

_HOMES = {
    "Handle": "proxy",
    "Isolation": "probe",
    "KernelSandbox": "kernel",
    "Level": "probe",
    "LiveCall": "kernel",
    "PlainSandbox": "plain",
    "Printed": "session",
    "Sandbox": "session",
    "SandboxServer": "server",
    "Student": "proxy",
    "StudentCodeError": "proxy",
    "Tape": "recording",
    "describe": "proxy",
    "landlock_abi": "lockdown",
    "postpone": "compiler",
    "refuse_readable": "probe",
    "seed_all": "worker",
    "split_once": "libraries",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def load_ahead() -> None:
    """Load what `open_sandbox` and what it opens need, before a process is forked for each submission."""
    from grader.model.text import korean
    from grader.sandbox import live, lockdown, recording  # noqa: F401

    recording.sandbox_side()
    korean("")


def open_sandbox(
    control: socket.socket,
    submission: Submission,
    limits: Limits,
    tape: "Tape | None" = None,
    wall_seconds: float | None = None,
) -> "Sandbox":
    """Load a submission in a locked-down process of the server behind `control`.

    `wall_seconds` limits the wall-clock time of all its calls, by default as in the limits. With a `tape` that knows
    the submission's answers, it is loaded only when something else is asked.

    Raises:
        SandboxError: the process can't be started.
    """
    from grader.sandbox.libraries import mentioned
    from grader.sandbox.live import LiveProcesses
    from grader.sandbox.recording import TapedProcesses
    from grader.sandbox.session import ForkingSandbox

    def start() -> LiveProcesses:
        return LiveProcesses(control, limits, mentioned(submission), wall_seconds)

    processes = start() if tape is None else TapedProcesses(tape, start, limits)
    return ForkingSandbox(processes, submission, limits)


__all__ = [
    "Handle",
    "Isolation",
    "KernelSandbox",
    "Level",
    "LiveCall",
    "PlainSandbox",
    "Printed",
    "Sandbox",
    "SandboxServer",
    "Student",
    "StudentCodeError",
    "Tape",
    "describe",
    "landlock_abi",
    "load_ahead",
    "open_sandbox",
    "postpone",
    "refuse_readable",
    "seed_all",
    "split_once",
]
