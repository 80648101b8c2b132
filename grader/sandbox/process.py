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

_MAX_CREDIT = 10  # how many times its wall time a process may wait for a processor
_TICK = 0.05  # seconds between looks at the clock
_MAX_WRITTEN = (
    2 * 2**30
)  # to files and output together; where it has a file system of its own, that is smaller
_DESCRIPTOR = struct.Struct("i")
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

    def __init__(
        self,
        sock: socket.socket,
        drain: Callable[[], bool],
        output: int,
        forked_from: "ForkedProcess | None" = None,
    ) -> None:
        """`drain` reads what has been printed to the pipe `output`, and tells whether more can come.

        What is forked from no other hands over the descriptor by which its own forks are granted, if it has one.
        """
        self.memory_bytes = 0
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
        self._pid = 0
        self._pidfd = -1

    def greet(self, wall_seconds: float) -> None:
        """Wait for the process's first frame, by which the kernel tells us its number.

        Raises:
            ProcessTimeoutError: it didn't come.
            ProcessDiedError: the process died before.
        """
        clocks = _Clocks(wall_seconds, lambda: None, self._starved)
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
        """Exchange a request for a reply, both encoded; otherwise as `Process.exchange`."""
        try:
            before = self._cpu()
            self._socket.settimeout(wall_seconds)
            self._socket.sendall(frame)
            self._socket.setblocking(False)
            parts = self._receive(
                _Clocks(wall_seconds, lambda: self._watch(before + cpu_seconds), self._starved)
            )
            return parts, self._cpu() - before
        except (TimeoutError, ProcessTimeoutError) as error:
            self.close()
            raise ProcessTimeoutError from error
        except ProcessDiedError:
            self.close()
            raise
        except (OSError, WireError) as error:
            self.close()
            raise ProcessDiedError(str(error)) from error

    def fork(self, channel: socket.socket, wall_seconds: float) -> None:
        """Ask the process for a copy of itself that answers on `channel`, and grant it that one fork.

        Raises:
            ProcessDiedError: it is gone.
            ProcessTimeoutError: it doesn't fork.
        """
        clocks = _Clocks(wall_seconds, lambda: None, self._starved)
        try:
            socket.send_fds(self._socket, [wire.encode(Fork())], [channel.fileno()])
            while self._forks >= 0 and not self._wait_for_fork(clocks):
                pass
        except OSError as error:
            raise ProcessDiedError(str(error)) from error

    def _wait_for_fork(self, clocks: "_Clocks") -> bool:
        """Answer one wish to fork; return whether it was granted."""
        poll = select.poll()
        poll.register(self._forks, select.POLLIN)
        poll.register(self._socket, select.POLLRDHUP)
        while not (ready := dict(poll.poll(_TICK * 1000))):
            clocks.look()
        if self._socket.fileno() in ready:
            raise ProcessDiedError("the process ended instead of forking")
        return self._answer_fork(self._pid)

    def close(self) -> None:
        """Kill the process."""
        if self._pidfd >= 0:
            with contextlib.suppress(OSError, ValueError):
                self.memory_bytes = max(0, self._memory("VmHWM") - self._memory_at_start)
            with contextlib.suppress(OSError):
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
            os.close(self._pidfd)
            self._pidfd = -1
        if self._forks >= 0:
            os.close(self._forks)
            self._forks = -1
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
            if self._forks in ready:
                with contextlib.suppress(OSError):  # who waited has been ended
                    self._answer_fork(None)
            if self._socket.fileno() in ready:
                return
            clocks.look()

    def _answer_fork(self, granted_to: int | None) -> bool:
        from grader.sandbox.lockdown import grant_fork  # Linux only

        return grant_fork(self._forks, granted_to)

    def _watch(self, cpu_seconds: float) -> None:
        """Stop a process whose clock is past `cpu_seconds`, or which fills the disk."""
        if self._cpu() > cpu_seconds:
            raise ProcessTimeoutError
        if (
            sum(process.written() for process in (self, self._forked_from) if process)
            > _MAX_WRITTEN
        ):
            raise ProcessDiedError(f"it wrote more than {_MAX_WRITTEN >> 20} MiB")

    def written(self) -> int:
        """Return how many bytes the process has written anywhere, 0 if it is gone."""
        return max(self._facts("io", "wchar", "write_bytes"), default=0)

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
        return sum(self._facts("status", field)) * 1024

    def _facts(self, file: str, *fields: str) -> list[int]:
        """Numbers out of a file of names and numbers below `/proc`, as far as they are there."""
        try:
            lines = Path(f"/proc/{self._pid}/{file}").read_text().splitlines()
        except OSError:
            return []
        return [int(line.split()[1]) for line in lines if line.partition(":")[0] in fields]


class _Clocks:
    """The deadline of one call. Seconds in which the process got no processor don't count."""

    def __init__(
        self, wall_seconds: float, watch: Callable[[], None], starved: Callable[[], float]
    ) -> None:
        """`watch` raises when something else than the time is over."""
        now = time.monotonic()
        self._wall_seconds = wall_seconds
        self._deadline, self._next_look = now + wall_seconds, now + _TICK
        self._watch, self._starved = watch, starved
        self._starved_before: float | None = None

    def look(self) -> None:
        """Look at the clocks, unless that was done a moment ago.

        Raises:
            ProcessTimeoutError: the time is over.
            ProcessDiedError: the process must be ended.
        """
        now = time.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + _TICK
        if self._starved_before is None:
            self._starved_before = self._starved()
        if now > self._deadline:
            starved = self._starved() - self._starved_before
            if now > self._deadline + min(starved, _MAX_CREDIT * self._wall_seconds):
                raise ProcessTimeoutError
        self._watch()
