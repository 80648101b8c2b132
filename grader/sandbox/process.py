"""One process of a submission as the trusted side sees it: frames out and in, under a deadline."""

import contextlib
import os
import select
import signal
import socket
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from grader.sandbox import wire
from grader.sandbox.wire import Fork, Ready, Reply, Request, WireError

_TICK = 0.05  # seconds between looks at the clock
_CREDENTIALS = struct.Struct("iII")  # pid, uid, gid of the sender, filled in by the kernel


class ProcessTimeoutError(Exception):
    """The process used up its time; it has been killed."""


class ProcessDiedError(Exception):
    """The process died, or sent what is no reply; it has been killed."""


class Process(Protocol):
    """A process that answers requests."""

    memory_bytes: int
    """How far its resident memory rose above where it began."""

    def exchange(
        self, request: Request, cpu_seconds: float, wall_seconds: float
    ) -> tuple[Reply, float]:
        """Send a request; return the reply and the CPU seconds it took.

        Raises:
            ProcessTimeoutError: neither within `cpu_seconds` of its own time nor within `wall_seconds`.
            ProcessDiedError: there is no reply, nor will be.
        """

    def close(self) -> None:
        """End the process."""


class ForkedProcess:
    """A sandboxed process at the other end of a socket. Its time is read from the kernel, not from its words."""

    def __init__(self, sock: socket.socket, drain: Callable[[], bool], output: int) -> None:
        """`drain` reads what has been printed to the pipe `output`, and tells whether more can come."""
        self.memory_bytes = 0
        self._socket = sock
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._socket.setblocking(False)
        self._drain = drain
        self._output = output
        self._poll = select.poll()
        self._poll.register(sock, select.POLLIN)
        self._poll.register(output, select.POLLIN)
        self._pid = 0
        self._pidfd = -1

    def greet(self, wall_seconds: float) -> None:
        """Wait for the process's first frame, by which the kernel tells us its number.

        Raises:
            ProcessTimeoutError: it didn't come.
            ProcessDiedError: the process died before.
        """
        clocks = _Clocks(wall_seconds, lambda: False, self._starved)
        self._wait(clocks)
        _, ancillary, _, _ = self._socket.recvmsg(
            0, socket.CMSG_SPACE(_CREDENTIALS.size), socket.MSG_PEEK
        )
        for _, kind, payload in ancillary:
            if kind == socket.SCM_CREDENTIALS:
                self._pid = _CREDENTIALS.unpack(payload[: _CREDENTIALS.size])[0]
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
        try:
            parts, used = self.ask(wire.encode(request), cpu_seconds, wall_seconds)
            return wire.decode_reply(*parts), used
        except WireError as error:
            self.close()
            raise ProcessDiedError(str(error)) from error

    def ask(
        self, frame: bytes, cpu_seconds: float, wall_seconds: float
    ) -> tuple[tuple[bytes, bytearray], float]:
        """Exchange a request for a reply, both encoded; otherwise as `Process.exchange`."""
        try:
            before = self._cpu()
            self._socket.settimeout(wall_seconds)
            self._socket.sendall(frame)
            self._socket.setblocking(False)
            exhausted: Callable[[], bool] = lambda: self._cpu() - before > cpu_seconds  # noqa: E731
            parts = self._receive(_Clocks(wall_seconds, exhausted, self._starved))
            return parts, self._cpu() - before
        except (TimeoutError, ProcessTimeoutError) as error:
            self.close()
            raise ProcessTimeoutError from error
        except (OSError, WireError) as error:
            self.close()
            raise ProcessDiedError(str(error)) from error

    def fork(self, channel: socket.socket) -> None:
        """Ask the process for a copy of itself that answers on `channel`.

        Raises:
            ProcessDiedError: it is gone.
        """
        try:
            socket.send_fds(self._socket, [wire.encode(Fork())], [channel.fileno()])
        except OSError as error:
            raise ProcessDiedError(str(error)) from error

    def close(self) -> None:
        """Kill the process."""
        if self._pidfd >= 0:
            with contextlib.suppress(OSError, ValueError):
                self.memory_bytes = max(0, self._memory("VmHWM") - self._memory_at_start)
            with contextlib.suppress(OSError):
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
            os.close(self._pidfd)
            self._pidfd = -1
        self._socket.close()

    def _receive(self, clocks: "_Clocks") -> tuple[bytes, bytearray]:
        structure, bulk = wire.lengths(self._read(wire.HEADER.size, clocks))
        first = bytes(self._read(structure, clocks))
        return first, self._read(bulk, clocks)

    def _read(self, count: int, clocks: "_Clocks") -> bytearray:
        data = bytearray(count)
        view, done = memoryview(data), 0
        while done < count:
            clocks.look()
            try:
                size = self._socket.recv_into(view[done:])
            except BlockingIOError:
                self._wait(clocks)
                continue
            if not size:
                raise WireError("the process ended without a reply")
            done += size
        return data

    def _wait(self, clocks: "_Clocks") -> None:
        """Return when the socket can be read; meanwhile drain what is printed and look at the clocks."""
        while True:
            ready = {fd for fd, _ in self._poll.poll(_TICK * 1000)}
            if self._output in ready and not self._drain():
                self._poll.unregister(self._output)
            if self._socket.fileno() in ready:
                return
            clocks.look()

    def _cpu(self) -> float:
        """CPU seconds of all the process's threads (the clock of `clock_getcpuclockid(3)`)."""
        try:
            return time.clock_gettime(~self._pid << 3 | 2)
        except OSError as error:
            raise WireError("the process has ended") from error

    def _starved(self) -> float:
        """Seconds that the process was ready to run but got no processor: a busy machine is nobody's fault."""
        try:
            return int(Path(f"/proc/{self._pid}/schedstat").read_text().split()[1]) / 1e9
        except (OSError, IndexError):
            return 0.0

    def _memory(self, field: str) -> int:
        for line in Path(f"/proc/{self._pid}/status").read_text().splitlines():
            name, _, value = line.partition(":")
            if name == field:
                return int(value.split()[0]) * 1024
        return 0


class _Clocks:
    """The deadline of one call. Seconds in which the process got no processor don't count."""

    def __init__(
        self, wall_seconds: float, exhausted: Callable[[], bool], starved: Callable[[], float]
    ) -> None:
        now = time.monotonic()
        self._deadline, self._next_look = now + wall_seconds, now + _TICK
        self._exhausted, self._starved = exhausted, starved
        self._starved_before: float | None = None

    def look(self) -> None:
        """Look at the clocks, unless that was done a moment ago.

        Raises:
            ProcessTimeoutError: the time is over.
        """
        now = time.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + _TICK
        if self._starved_before is None:
            self._starved_before = self._starved()
        if now > self._deadline and now > self._deadline + self._starved() - self._starved_before:
            raise ProcessTimeoutError
        if self._exhausted():
            raise ProcessTimeoutError
