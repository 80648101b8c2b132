"""The real processes of a submission: the one that it is loaded in, the copies of that one, and what they print."""

import contextlib
import os
import socket

from grader.model.assignment import Limits
from grader.model.errors import InfrastructureError, SandboxError
from grader.sandbox.process import Family, ForkedProcess, ProcessError
from grader.sandbox.server import WorkerLimits, request_worker
from grader.sandbox.session import Printed

_START_SECONDS = 120.0  # for what is our own work, on a machine however busy
_FORK_SECONDS = 30.0


class LiveProcesses:
    """A locked-down process, to be loaded with a submission and forked."""

    def __init__(
        self,
        control: socket.socket,
        limits: Limits,
        libraries: list[str],
        wall_seconds: float | None = None,
    ) -> None:
        """Start it in the server behind `control`, which loads the `libraries` first.

        All its calls may take `wall_seconds` by the wall clock, by default those of the limits.

        Raises:
            SandboxError: it could not be started.
        """
        self._output = _Output(limits)
        memory_bytes = limits.memory_mb * 2**20
        self._family = Family(memory_bytes, wall_seconds or limits.total_wall_seconds)
        ours, theirs = socket.socketpair()
        # Before anything is sent to it: the kernel tells a sender's number only to who has asked for it.
        self.loaded = ForkedProcess(ours, self._output.drain, self._output.read_end, self._family)
        with theirs:
            try:
                self._child = request_worker(
                    control,
                    theirs,
                    self._output.write_end,
                    WorkerLimits(
                        memory_bytes=int(memory_bytes),
                        cpu_seconds=int(limits.total_cpu_seconds) + 1,
                    ),
                    libraries,
                )
            except InfrastructureError as error:
                self.loaded.close()
                self._output.close_write_end()
                self._output.close()
                raise SandboxError(str(error)) from error
        self._output.close_write_end()
        try:
            self.loaded.greet(_START_SECONDS)
        except ProcessError as error:
            exit_ = self._child.wait(1)
            words = f"the sandbox did not start ({exit_}): {self.output[-2000:]}"
            self.close()
            raise SandboxError(words) from error

    @property
    def output(self) -> str:
        """What all of them have printed so far, cut at its limit."""
        return self._output.text

    def copy(self) -> ForkedProcess:
        """Return a copy of the loaded process as it is now.

        Raises:
            ProcessError: no copy came.
        """
        ours, theirs = socket.socketpair()
        process = ForkedProcess(
            ours, self._output.drain, self._output.read_end, self._family, forked_from=self.loaded
        )
        try:
            with theirs:
                self.loaded.fork(theirs, _FORK_SECONDS)
            process.greet(_FORK_SECONDS)
        except ProcessError:
            process.close()
            raise
        return process

    def close(self) -> None:
        """End all of them."""
        self.loaded.close()
        self._child.close()
        self._output.close()


class _Output:
    """The pipe that processes print to: it is read to the end and kept up to a limit."""

    def __init__(self, limits: Limits) -> None:
        self.read_end, self.write_end = os.pipe()
        os.set_blocking(self.read_end, False)
        self._printed = Printed(limits)

    @property
    def text(self) -> str:
        self.drain()
        return self._printed.text

    def drain(self) -> bool:
        """Keep what can be read now; False if nothing more can ever come."""
        with contextlib.suppress(OSError):
            for _ in range(64):  # a flood must not keep us from looking at the clock
                data = os.read(self.read_end, 65536)
                if not data:
                    return False
                self._printed.add(data)
        return True

    def close_write_end(self) -> None:
        os.close(self.write_end)

    def close(self) -> None:
        if self.read_end >= 0:
            self.drain()
            os.close(self.read_end)
            self.read_end = -1
