"""A warm process that forks a child for each request, so that PyTorch is imported only once.

A request is a message with file descriptors on a control socket. The first descriptor is the child's lifeline: when its
other end closes, the server kills the child and everything that it left behind; when the child ends, the server writes
its `Exit` there. The child gets the other descriptors. The sandbox's server works this way, and so do the servers that
hold an assignment's checks. Those are forked from a server that has loaded what checks need.
"""

import contextlib
import ctypes
import gc
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self

import msgspec

from grader.model.errors import InfrastructureError

_MAX_FDS = 4
_MAX_GREETING = 65536
_MAX_REQUEST = 4096
_CLOSE_SECONDS = 10.0
_MADV_COLLAPSE = 25  # include/uapi/asm-generic/mman-common.h
_HUGE_PAGE = 2 * 2**20
_FORK_ATTEMPTS = 10
_FEW_FORKS = 12  # of one submission; for so few it doesn't pay to gather memory
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


class Exit(msgspec.Struct, frozen=True):
    """How a child ended."""

    status: int
    """The exit code, or the negative number of the signal that ended it."""
    cpu_seconds: float


class Child:
    """A handle on a forked child for the process that requested it. Closing it kills the child and its descendants."""

    def __init__(self, lifeline: socket.socket) -> None:
        self._lifeline = lifeline

    def wait(self, timeout: float) -> Exit | None:
        """Return how the child ended; None if it hasn't ended within `timeout` seconds or its server is gone."""
        try:
            self._lifeline.settimeout(timeout)
            data = self._lifeline.recv(4096)
        except OSError:
            return None
        return msgspec.msgpack.decode(data, type=Exit) if data else None

    @property
    def alive(self) -> bool:
        """Whether the child and its server are still running."""
        return not is_readable(self._lifeline)

    def close(self) -> None:
        """Kill the child, if it is still running, and everything that it started."""
        self._lifeline.close()

    def __del__(self) -> None:
        self._lifeline.close()


class Server:
    """A server process, as the process that started it sees it. Use it in a `with` statement."""

    def __init__(self) -> None:
        """Create both ends of the control socket; the server process gets `_theirs`."""
        self.control, self._theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._greeting: bytes | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def greeting(self) -> bytes:
        """The server's first message, sent once it is warm; empty if it died before that."""
        with self._lock:
            if self._greeting is None:
                try:
                    self._greeting = self.control.recv(_MAX_GREETING)
                except OSError:
                    self._greeting = b""
            return self._greeting

    @property
    def greeted(self) -> bool:
        """Whether the greeting has arrived, so that reading it doesn't block."""
        return self._greeting is not None or is_readable(self.control)

    @property
    def alive(self) -> bool:
        """Whether the server process is still running."""
        raise NotImplementedError

    def close(self) -> None:
        """End the server and all its children, even if another thread is waiting for its greeting."""
        with contextlib.suppress(OSError):
            self.control.shutdown(socket.SHUT_RDWR)
        self.control.close()

    def __del__(self) -> None:
        self.control.close()


class ForkServer(Server):
    """A server in a Python process of its own."""

    def __init__(self, argv: list[str], env: dict[str, str], niceness: int = 0) -> None:
        """Start `python *argv CONTROL`, where CONTROL is the number of the control socket's descriptor.

        It and all that it forks have this niceness.
        """
        super().__init__()
        with self._theirs:
            self._process = subprocess.Popen(
                [sys.executable, *argv, str(self._theirs.fileno())],
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=(self._theirs.fileno(),),
                start_new_session=True,
                cwd="/",
            )
        if niceness:
            os.setpriority(os.PRIO_PROCESS, self._process.pid, niceness)

    @property
    def alive(self) -> bool:
        """See `Server`."""
        return self._process.poll() is None

    def close(self) -> None:
        """See `Server`."""
        super().close()
        try:
            self._process.wait(_CLOSE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class ForkedServer(Server):
    """A server forked from another one, so that it doesn't load again what the other has loaded."""

    def __init__(self, origin: ForkServer, fds: list[int], order: bytes) -> None:
        """Fork it from `origin`. It gets its control socket and `fds`, and reads `order` from the socket.

        Raises:
            InfrastructureError: `origin` is gone.
        """
        super().__init__()
        with self._theirs:
            self.control.send(order)
            self._child = request_child(origin.control, [self._theirs.fileno(), *fds])

    @property
    def alive(self) -> bool:
        """See `Server`."""
        return self._child.alive

    def close(self) -> None:
        """See `Server`."""
        super().close()
        self._child.wait(_CLOSE_SECONDS)
        self._child.close()


def is_readable(sock: socket.socket, seconds: float = 0.0) -> bool:
    """Return whether there is something to read, or the other end has closed, within a time."""
    # A server with many open pages has descriptors beyond 1023, where select() fails.
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(seconds * 1000))


def request_child(control: socket.socket, fds: list[int], note: bytes = b"") -> Child:
    """Ask the server at the other end of `control` to prepare for `note` and fork a child that gets `fds`.

    Raises:
        InfrastructureError: the server is gone.
    """
    ours, theirs = socket.socketpair()
    with theirs:
        try:
            socket.send_fds(control, [b"f" + note], [theirs.fileno(), *fds])
        except OSError as error:
            ours.close()
            raise InfrastructureError(f"the server is gone: {error}") from error
    return Child(ours)


def serve(
    control: socket.socket,
    run: Callable[[list[int]], None],
    after: Callable[[int], None] = lambda pid: None,
    before: Callable[[bytes], bool] = lambda note: False,
) -> None:
    """Answer requests until the other end of `control` closes.

    For each request it calls `before(note)`, which returns whether it loaded anything; forks a child that calls
    `run(fds)` and exits; and calls `after(pid)` once the child and its descendants are gone. If the server is killed,
    its children die with it.
    """
    _adopt_orphans()
    server = os.getpid()
    children: dict[int, _Running] = {}
    poll = select.poll()
    poll.register(control, select.POLLIN)
    _freeze_memory()
    forks = 0
    while True:
        fd, _ = poll.poll()[-1]  # one at a time: ending a child closes descriptors of later events
        if fd in children:
            child = children[fd]
            child.end()
            for each in (child.pidfd, child.lifeline.fileno()):
                poll.unregister(each)
                del children[each]
            child.close()
            after(child.pid)
            continue
        try:
            data, fds, _, _ = socket.recv_fds(control, _MAX_REQUEST, _MAX_FDS)
        except ConnectionResetError:  # the other end has closed without reading all that we sent
            data, fds = b"", []
        if not data:
            for child in set(children.values()):
                child.end()
                after(child.pid)
            return
        if before(data[1:]):
            _freeze_memory()
            forks = 0
        forks += 1
        if forks == _FEW_FORKS:
            _gather_memory()
        lifeline = socket.socket(fileno=fds[0])
        pid = _fork()
        if pid is None:
            lifeline.close()
            for each in fds[1:]:
                os.close(each)
            continue
        if pid == 0:
            _in_child(server, control, children, lifeline, run, fds[1:])
        for each in fds[1:]:
            os.close(each)
        with contextlib.suppress(PermissionError, ProcessLookupError):
            os.setpgid(pid, pid)
        child = _Running(pid, lifeline)
        for each in (child.pidfd, lifeline.fileno()):
            children[each] = child
            poll.register(each, select.POLLIN)


def _fork() -> int | None:
    """Call `os.fork`; return None if the machine has no room for another process."""
    for attempt in range(_FORK_ATTEMPTS):
        with contextlib.suppress(OSError):
            return os.fork()
        time.sleep(0.05 * attempt)
    return None


def _freeze_memory() -> None:
    """Exempt living objects from garbage collection, which would copy their pages in each child."""
    gc.freeze()
    gc.enable()


def _gather_memory() -> None:
    """Make forks of this process cheap by moving its memory into huge pages.

    A fork copies a page-table entry for each page. With huge pages, a fork of a process that holds PyTorch takes about
    a third of the time (`benchmarks/overhead.py`). If the kernel can't collapse pages, nothing is lost.
    """
    libc = ctypes.CDLL(None)
    for line in Path("/proc/self/maps").read_text().splitlines():
        span, mode, _, _, _, *name = line.split(maxsplit=5)
        if not mode.startswith("rw") or mode[3] != "p" or (name and name[0] != "[heap]"):
            continue
        start, end = (int(number, 16) for number in span.split("-"))
        start = -(-start // _HUGE_PAGE) * _HUGE_PAGE
        size = end // _HUGE_PAGE * _HUGE_PAGE - start
        if size > 0:
            libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(size), _MADV_COLLAPSE)


class _Running:
    """A child, as the server sees it."""

    def __init__(self, pid: int, lifeline: socket.socket) -> None:
        self.pid = pid
        self.pidfd = os.pidfd_open(pid)
        self.lifeline = lifeline

    def end(self) -> None:
        """Kill what is left of the child's process group, reap it, and report how the child ended."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)
        _, status, usage = os.wait4(self.pid, 0)
        for attempt in range(1000):
            try:
                os.killpg(self.pid, signal.SIGKILL)
            except ProcessLookupError:
                break
            with contextlib.suppress(ChildProcessError):
                while os.waitpid(-self.pid, os.WNOHANG)[0]:
                    pass
            time.sleep(0.0001 * attempt)
        message = Exit(os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime)
        with contextlib.suppress(OSError):
            self.lifeline.send(msgspec.msgpack.encode(message))

    def close(self) -> None:
        os.close(self.pidfd)
        self.lifeline.close()


def _in_child(
    server: int,
    control: socket.socket,
    children: dict[int, _Running],
    lifeline: socket.socket,
    run: Callable[[list[int]], None],
    fds: list[int],
) -> NoReturn:
    code = 70  # EX_SOFTWARE: what `run` didn't expect is our fault
    try:
        die_with_parent(server)
        os.setpgid(0, 0)
        control.close()
        lifeline.close()
        for child in set(children.values()):
            child.close()
        run(fds)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def die_with_parent(parent: int) -> None:
    """Let the kernel kill this process when the thread of `parent` that forked it ends; exit if it already has."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() not in (parent, 0):  # 0: the parent is outside this process's PID namespace
        os._exit(70)


def guard(control: socket.socket, own_process_ids: Callable[[], None]) -> None:
    """Continue in a child process. This process stays behind as its guardian and kills whatever the child leaves.

    `own_process_ids` may give the child a PID namespace. Then the kernel does the same, even if the guardian is killed.
    """
    own_process_ids()
    guardian = os.getpid()
    if (pid := os.fork()) == 0:
        die_with_parent(guardian)
        return
    control.close()
    _adopt_orphans()
    _, status = os.waitpid(pid, 0)
    children = Path(f"/proc/self/task/{guardian}/children")
    with contextlib.suppress(OSError):  # none are left
        while True:
            for orphan in children.read_text().split():
                os.kill(int(orphan), signal.SIGKILL)
            os.waitpid(-1, 0)
    os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


def _adopt_orphans() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def control_from_argv() -> socket.socket:
    """Return the control socket that `ForkServer` handed to this process.

    Garbage collection is off until `serve`: imports create no garbage, and looking for it takes a tenth of their time.
    """
    gc.disable()
    return socket.socket(fileno=int(sys.argv[-1]))
