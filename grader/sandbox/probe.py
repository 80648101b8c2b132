"""Measure how well the student's process is locked in, by trying to get out."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from grader.model.errors import SandboxError, UserError
from grader.model.text import tr

Level = Literal["full", "reduced", "none"]
LEVELS: tuple[Level, ...] = ("none", "reduced", "full")


class Isolation(msgspec.Struct, frozen=True):
    """The result of the probes."""

    level: Level
    """full: everything was blocked; reduced: files are out of reach, something else isn't; none: files are in reach."""
    got_through: tuple[str, ...] = ()
    """The probes that were not blocked."""
    reason: str = ""
    """The reason why the kernel's rules couldn't be applied, if so."""
    namespaces: bool = False
    """Whether the kernel also grants each process its own network and file system."""

    @property
    def not_blocked(self) -> tuple[str, ...]:
        """A description of what isn't blocked."""
        return self.got_through or ((self.reason,) if self.reason else ())

    def require(self, minimum: Level) -> None:
        """Raise an error if the isolation is below `minimum`.

        Raises:
            UserError: it is.
        """
        if LEVELS.index(self.level) < LEVELS.index(minimum):
            raise UserError(
                tr(
                    "the sandbox isn't fully closed on this machine (isolation: {level}; not "
                    "blocked: {holes}). Run `grader doctor` to see how to fix this, or accept"
                    " it with --isolation {level}",
                    level=self.level,
                    holes=", ".join(self.not_blocked),
                )
            )


def refuse_readable(path: Path) -> None:
    """Refuse a path inside Python's installation, which submissions can read.

    Raises:
        UserError: submissions can read it.
    """
    from grader.sandbox.lockdown import HIDDEN, READABLE

    path = path.resolve()
    if any(path.is_relative_to(each) for each in HIDDEN):
        return
    for each in READABLE:
        if path.is_relative_to(each.resolve()):
            raise UserError(
                tr(
                    "{path} is inside {folder}, which every submission can read; move it elsewhere",
                    path=path,
                    folder=each,
                )
            )


class _Outside(NamedTuple):
    """What the probes try to reach."""

    secret: Path
    server: Path
    """The folder of the server's process below `/proc`, whose number a PID namespace hides."""


def probe(root: Path, hiding: int | None) -> Isolation:
    """Lock down a child process below `root` as `lock_down` does, and let it try each probe."""
    workdir = Path(tempfile.mkdtemp(dir=root))
    secret = root / "secret"
    secret.write_text("what no submission may read")
    outside = _Outside(secret, Path("/proc/self").resolve())
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.write(write, msgspec.msgpack.encode(_try_all(workdir, outside, hiding)))
        finally:
            os._exit(0)
    os.close(write)
    with open(read, "rb") as pipe:  # noqa: PTH123
        data = pipe.read()
    os.waitpid(pid, 0)
    secret.unlink()
    workdir.rmdir()
    if not data:
        return Isolation("none", reason="the probing process died")
    return msgspec.msgpack.decode(data, type=Isolation)


def _try_all(workdir: Path, outside: _Outside, hiding: int | None) -> Isolation:
    from grader.sandbox.lockdown import deny_fork, lock_down, own_namespaces

    namespaces = own_namespaces(workdir)
    locked = lock_down(workdir, 2**30, 60, hiding)
    if locked.forks is not None:
        os.close(locked.forks)
    refused = list(locked.refused)
    try:
        deny_fork()
    except SandboxError as error:
        refused.append(str(error))
    reason = "; ".join(dict.fromkeys(refused))
    through = tuple(name for name, attempt in _PROBES.items() if _succeeds(attempt, outside))
    level: Level = "full" if not through else "none" if _WAYS_TO_FILES & set(through) else "reduced"
    if reason and level == "full":
        level = "reduced"
    return Isolation(level, through, reason, namespaces)


def _succeeds(attempt: Callable[[_Outside], object], outside: _Outside) -> bool:
    try:
        attempt(outside)
    except OSError:
        return False
    return True


_WAYS_TO_FILES = {
    "read a file",
    "read the grader's own files",
    "write a file",
    "list a folder",
    "read another process's memory map",
    "connect to a local socket",  # a database that serves this user, a container engine
}


def _fork(_: _Outside) -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    with contextlib.suppress(OSError):
        os.waitpid(pid, 0)


_PROBES: dict[str, Callable[[_Outside], object]] = {
    "read a file": lambda outside: outside.secret.read_bytes(),
    "read the grader's own files": lambda _: Path(__file__).read_bytes(),
    "write a file": lambda outside: outside.secret.with_name("written").write_text("x"),
    "list a folder": lambda outside: list(outside.secret.parent.iterdir()),
    "read another process's memory map": lambda outside: (outside.server / "maps").read_text(),
    "connect by TCP": lambda _: socket.socket(socket.AF_INET, socket.SOCK_STREAM).close(),
    "send by UDP": lambda _: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close(),
    "connect to a local socket": lambda _: socket.socket(socket.AF_UNIX).close(),
    "signal another process": lambda _: os.kill(os.getppid(), 0),
    "signal by a descriptor": lambda _: signal.pidfd_send_signal(os.pidfd_open(os.getppid()), 0),
    "start a process": _fork,
    "execute a program": lambda _: subprocess.run([sys.executable, "-c", ""], check=True),
    "change its limits": lambda _: os.setpriority(os.PRIO_PROCESS, 0, 5),
}
