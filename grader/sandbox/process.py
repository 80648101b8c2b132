"""A process of a submission as seen from the trusted side: frames out and in, with a deadline."""

import contextlib
import math
import mmap
import os
import re
import select
import signal
import socket
import struct
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

from grader.sandbox import wire
from grader.sandbox.wire import Fork, Ready, Reply, Request, WireError

_MAX_CREDIT = 10  # a process may wait this many times its wall time for a processor
_TICK = 0.05  # seconds between clock checks
_SHARES_TICK = 1.0  # seconds between looks at shares of memory, which take milliseconds
_CLOSE_TICK = 0.2  # seconds between them where they may exceed the limit
_LITTLE = 1 / 8  # of the limit: where memory can't be more, its largest process tells enough
_SLACK = 9 / 8
"""How much more than the limit all processes may take: pages shared with the server become their own, and one process
alone shall meet the kernel's limit first."""
_MAX_WRITTEN = 2 * 2**30  # to files and output; its own file system, if it has one, is smaller
_MAX_THREADS = 256
_READ_AHEAD = 65536  # bytes that are read with a frame's header
_MAX_PROC = 8192  # bytes of a file below /proc that are read
_PAGE = mmap.PAGESIZE
_PATIENCE_WITH_FORKS = 5.0  # seconds, although it takes microseconds
_DESCRIPTOR = struct.Struct("i")
_CREDENTIALS = struct.Struct("iII")  # pid, uid, gid of the sender, filled in by the kernel


class ProcessError(Exception):
    """A process didn't answer a request, and has been killed."""


class ProcessTimeoutError(ProcessError):
    """The process used up its time."""

    def __init__(self, spent: bool = False) -> None:
        super().__init__()
        self.spent = spent
        """Whether the whole submission's time is used up, not just that of one call."""


class ProcessMemoryError(ProcessError):
    """The submission's processes used too much memory in total."""


class ProcessDiedError(ProcessError):
    """The process died, or its reply was malformed."""


class Process(Protocol):
    """A process that answers requests."""

    memory_bytes: int
    """The rise of its resident memory since the start."""

    def exchange(
        self, request: Request, cpu_seconds: float, wall_seconds: float
    ) -> tuple[Reply, float]:
        """Send a request; return the reply and the CPU seconds it took.

        Raises:
            ProcessTimeoutError: no reply within `cpu_seconds` of CPU time or within `wall_seconds`.
            ProcessMemoryError: it used too much memory.
            ProcessDiedError: it died without a reply.
        """

    def close(self) -> None:
        """End the process."""


class Family:
    """All processes of a submission: their total resource usage and limits."""

    def __init__(self, memory_bytes: float, wall_seconds: float) -> None:
        self.memory_bytes = 0
        """The largest observed rise of their memory since the start."""
        self.wall_left = wall_seconds
        """The remaining seconds to wait for them in total."""
        self._most_memory = memory_bytes
        self._shared_at_start = 0
        self._living: list[ForkedProcess] = []
        self._ended_cpu = 0.0
        self._ended_written = 0
        self._next_look = self._looked_at_shares = 0.0

    def add(self, process: "ForkedProcess") -> None:
        """Start counting a process."""
        self._living.append(process)
        if not self._shared_at_start:
            self._shared_at_start = process.shared_memory()
            self._looked_at_shares = time.monotonic()

    def remove(self, process: "ForkedProcess") -> None:
        """Stop counting a process, keeping what it has used."""
        if process in self._living:
            self._living.remove(process)
            self._ended_cpu += process.cpu()
            self._ended_written += process.written()

    def cpu(self) -> float:
        """Return the CPU seconds of all processes, including ended ones."""
        return self._ended_cpu + sum(process.cpu() for process in self._living)

    def look(self) -> None:
        """Check their resource usage, at most once per tick.

        Raises:
            ProcessDiedError: too many threads, or too much output.
            ProcessMemoryError: too much memory.
        """
        now = time.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + _TICK
        if sum(process.threads() for process in self._living) > _MAX_THREADS:
            raise ProcessDiedError(f"it started more than {_MAX_THREADS} threads")
        written = self._ended_written + sum(process.written() for process in self._living)
        if written > _MAX_WRITTEN:
            raise ProcessDiedError(f"it wrote more than {_MAX_WRITTEN >> 20} MiB")
        self._look_at_memory(now)

    def _look_at_memory(self, now: float) -> None:
        # This counts shared memory in every copy: where it is within the limit, the shares are, too.
        resident = sum(process.resident_memory() for process in self._living)
        most = resident - self._shared_at_start
        pause = _CLOSE_TICK if most > self._most_memory else _SHARES_TICK
        if most < _LITTLE * self._most_memory or now < self._looked_at_shares + pause:
            return
        self._looked_at_shares = now
        shares = sum(process.shared_memory() for process in self._living)
        self.memory_bytes = max(self.memory_bytes, shares - self._shared_at_start)
        if self.memory_bytes > _SLACK * self._most_memory:
            raise ProcessMemoryError


class ForkedProcess:
    """A sandboxed process at the other end of a socket. Its time is read from the kernel, not from its replies."""

    def __init__(
        self,
        sock: socket.socket,
        drain: Callable[[], bool],
        output: int,
        family: Family,
        forked_from: "ForkedProcess | None" = None,
    ) -> None:
        """`drain` reads what has been printed to the pipe `output`, and tells whether more can come.

        What is forked from no other hands over the descriptor by which its own forks are granted, if it has one.
        """
        self.memory_bytes = 0
        self._family = family
        self._forked_from = forked_from
        self._forks = -1
        self._socket = sock
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._socket.setblocking(False)
        self._drain = drain
        self._output = output
        self._poll = select.poll()
        self._poll.register(sock, select.POLLIN)
        self._poll.register(output, select.POLLIN)
        self._ahead = bytearray()
        self._pid = 0
        self._pidfd = -1
        self._last_cpu = 0.0

    def greet(self, wall_seconds: float) -> None:
        """Wait for the process's first frame, with which the kernel reveals its process id.

        Raises:
            ProcessTimeoutError: it didn't arrive.
            ProcessDiedError: the process died before.
        """
        with self._clocks(wall_seconds) as clocks:
            self._greet(clocks)
        self._family.add(self)

    def _greet(self, clocks: "_Clocks") -> None:
        self._wait(clocks)
        space = socket.CMSG_SPACE(_CREDENTIALS.size)
        if self._forked_from is None:
            space += socket.CMSG_SPACE(_DESCRIPTOR.size)
        _, ancillary, _, _ = self._socket.recvmsg(0, space, socket.MSG_PEEK)
        for _, kind, payload in ancillary:
            if kind == socket.SCM_CREDENTIALS:
                self._pid = _CREDENTIALS.unpack(payload[: _CREDENTIALS.size])[0]
            if kind == socket.SCM_RIGHTS:
                (self._forks,) = _DESCRIPTOR.unpack(payload[: _DESCRIPTOR.size])
                self._poll.register(self._forks, select.POLLIN)
        try:
            self._pidfd = os.pidfd_open(self._pid)
            self._memory_at_start = self._memory("VmRSS")
            reply = wire.decode_reply(*self._receive(clocks))
        except (OSError, ValueError, WireError) as error:
            raise ProcessDiedError("the process died at its start") from error
        if not isinstance(reply, Ready):
            raise ProcessDiedError("the process began with a wrong frame")

    def exchange(
        self, request: Request, cpu_seconds: float, wall_seconds: float
    ) -> tuple[Reply, float]:
        """See `Process`."""
        frame = wire.encode(request)
        try:
            parts, used = self.ask(frame, cpu_seconds, wall_seconds)
            return wire.decode_reply(*parts), used
        except WireError as error:
            self.close()
            raise ProcessDiedError(str(error)) from error

    def ask(
        self, frame: bytes, cpu_seconds: float, wall_seconds: float
    ) -> tuple[tuple[bytes, bytearray], float]:
        """Exchange an encoded request for an encoded reply, like `Process.exchange`."""
        if self._pidfd < 0:
            raise ProcessDiedError("the process has ended")
        try:
            before = self._family.cpu()
            with self._clocks(wall_seconds, before + cpu_seconds) as clocks:
                self._send(frame, clocks)
                parts = self._receive(clocks)
            return parts, self._family.cpu() - before
        except ProcessError:
            self.close()
            raise
        except (OSError, WireError) as error:
            self.close()
            raise ProcessDiedError(str(error)) from error

    def fork(self, channel: socket.socket, wall_seconds: float) -> None:
        """Ask the process to fork a copy that answers on `channel`, and grant it this one fork.

        Raises:
            ProcessDiedError: it is gone.
            ProcessTimeoutError: it doesn't fork.
        """
        with self._clocks(wall_seconds) as clocks:
            try:
                socket.send_fds(self._socket, [wire.encode(Fork())], [channel.fileno()])
                while self._forks >= 0 and not self._wait_for_fork(clocks):
                    pass
            except OSError as error:
                raise ProcessDiedError(str(error)) from error

    def _clocks(self, wall_seconds: float, cpu_seconds: float = math.inf) -> "_Clocks":
        return _Clocks(self._family, wall_seconds, cpu_seconds, self._starved)

    def _wait_for_fork(self, clocks: "_Clocks") -> bool:
        """Answer one request to fork; return whether it was granted."""
        poll = select.poll()
        poll.register(self._forks, select.POLLIN)
        poll.register(self._socket, select.POLLRDHUP)
        while not (ready := dict(poll.poll(_TICK * 1000))):
            clocks.look()
        clocks.look()
        if self._socket.fileno() in ready:
            raise ProcessDiedError("the process ended instead of forking")
        return self._answer_fork(self._pid)

    def close(self) -> None:
        """Kill the process."""
        if self._pidfd >= 0:
            with contextlib.suppress(OSError, ValueError):
                rise = self._memory("VmHWM") - self._memory_at_start
                self.memory_bytes = max(0, rise, self._family.memory_bytes)
            self._family.remove(self)
            with contextlib.suppress(OSError):
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
            os.close(self._pidfd)
            self._pidfd = -1
        if self._forks >= 0:
            os.close(self._forks)
            self._forks = -1
        self._socket.close()

    def _receive(self, clocks: "_Clocks") -> tuple[bytes, bytearray]:
        while len(self._ahead) < wire.HEADER.size:
            self._wait(clocks)
            data = self._socket.recv(_READ_AHEAD)
            if not data:
                raise WireError("the process ended without a reply")
            self._ahead += data
        structure, bulk = wire.lengths(self._read(wire.HEADER.size, clocks))
        first = bytes(self._read(structure, clocks))
        return first, self._read(bulk, clocks)

    def _read(self, count: int, clocks: "_Clocks") -> bytearray:
        data = bytearray(count)
        done = min(count, len(self._ahead))
        data[:done] = self._ahead[:done]
        del self._ahead[:done]
        view = memoryview(data)
        while done < count:
            self._wait(clocks)
            size = self._socket.recv_into(view[done:])
            if not size:
                raise WireError("the process ended without a reply")
            done += size
        return data

    def _send(self, frame: bytes, clocks: "_Clocks") -> None:
        view = memoryview(frame)
        while view:
            clocks.look()
            try:
                view = view[self._socket.send(view) :]
            except BlockingIOError:
                self._poll.modify(self._socket, select.POLLOUT)
                self._wait(clocks)
                self._poll.modify(self._socket, select.POLLIN)

    def _wait(self, clocks: "_Clocks") -> None:
        """Return when the socket is ready, draining output and checking the clocks in the meantime."""
        while True:
            ready = {fd for fd, _ in self._poll.poll(_TICK * 1000)}
            clocks.look()
            if self._output in ready and not self._drain():
                self._poll.unregister(self._output)
            if self._forks in ready:
                self._answer_fork(None)
            if self._socket.fileno() in ready:
                return

    def _answer_fork(self, granted_to: int | None) -> bool:
        """Whether a request to fork was granted. If it is withdrawn now, the kernel call waits for the next one."""
        from grader.sandbox.lockdown import grant_fork  # Linux only

        forks = os.dup(self._forks)
        answers: list[bool] = []

        def answer() -> None:
            with contextlib.suppress(OSError):  # who waited has been ended
                answers.append(grant_fork(forks, granted_to))
            os.close(forks)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        thread.join(_PATIENCE_WITH_FORKS)
        if thread.is_alive():
            raise ProcessDiedError("the process took its wish to fork back")
        return answers == [True]

    def written(self) -> int:
        """Return the number of bytes written by the process, 0 if it has ended."""
        return max(self._facts("io", "wchar", "write_bytes"), default=0)

    def threads(self) -> int:
        """Return the number of threads of the process, 0 if it has ended."""
        try:
            return os.stat(f"/proc/{self._pid}/task").st_nlink - 2  # noqa: PTH116 (20 times a second)
        except OSError:
            return 0

    def resident_memory(self) -> int:
        """Return its resident memory in bytes, including shared memory; 0 if it has ended."""
        pages = self._read_proc("statm").split()
        return int(pages[1]) * _PAGE if pages else 0

    def shared_memory(self) -> int:
        """Return its proportional share of memory in bytes; 0 if it has ended."""
        return sum(self._facts("smaps_rollup", "Pss")) * 1024

    def cpu(self) -> float:
        """Return the CPU seconds of all its threads, by the clock of `clock_getcpuclockid(3)`."""
        with contextlib.suppress(OSError):
            self._last_cpu = time.clock_gettime(~self._pid << 3 | 2)
        return self._last_cpu

    def _starved(self) -> float:
        """Seconds that the process was ready to run but got no processor: a busy machine is nobody's fault."""
        waited = self._read_proc("schedstat").split()
        return int(waited[1]) / 1e9 if waited else 0.0

    def _memory(self, field: str) -> int:
        return sum(self._facts("status", field)) * 1024

    def _facts(self, file: str, *fields: str) -> list[int]:
        """Numbers out of a file of names and numbers below `/proc`, as far as they are there."""
        names = "|".join(fields).encode()
        found = re.findall(rb"^(?:%b):\s*(\d+)" % names, self._read_proc(file), re.MULTILINE)
        return [int(number) for number in found]

    def _read_proc(self, file: str) -> bytes:
        """A file about the process, empty if it has ended."""
        try:
            fd = os.open(f"/proc/{self._pid}/{file}", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return b""
        try:
            return os.read(fd, _MAX_PROC)
        except OSError:
            return b""
        finally:
            os.close(fd)


class _Clocks:
    """The deadlines of one call. Use it in a `with` statement: its time is taken from that of the whole submission.

    Seconds in which the process got no processor don't count, unless its own threads and processes had them.
    """

    def __init__(
        self,
        family: Family,
        wall_seconds: float,
        cpu_seconds: float,
        starved: Callable[[], float],
    ) -> None:
        """`cpu_seconds` is where the clock of the family may stand at most."""
        self._family = family
        self._wall_seconds, self._cpu_seconds = wall_seconds, cpu_seconds
        self._begin = time.monotonic()
        self._next_look = self._begin + _TICK
        self._starved = starved
        self._before: tuple[float, float] | None = None

    def __enter__(self) -> Self:
        if self._family.wall_left <= 0:
            raise ProcessTimeoutError(spent=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._family.wall_left -= self._passed()

    def look(self) -> None:
        """Look at the clocks, unless that was done a moment ago.

        Raises:
            ProcessTimeoutError: the time is over.
            ProcessDiedError, ProcessMemoryError: the process must be ended.
        """
        now = time.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + _TICK
        if self._before is None:
            self._before = self._starved(), self._family.cpu()
        if now - self._begin > min(self._wall_seconds, self._family.wall_left):
            passed = self._passed()
            if passed > self._family.wall_left:
                raise ProcessTimeoutError(spent=True)
            if passed > self._wall_seconds:
                raise ProcessTimeoutError
        if self._family.cpu() > self._cpu_seconds:
            raise ProcessTimeoutError
        self._family.look()

    def _passed(self) -> float:
        """Seconds since the beginning that count."""
        passed = time.monotonic() - self._begin
        if self._before is None:
            return passed
        starved, cpu = self._before
        own = max(0.0, self._family.cpu() - cpu)
        credit = max(0.0, self._starved() - starved - own)
        return passed - min(credit, _MAX_CREDIT * self._wall_seconds)
