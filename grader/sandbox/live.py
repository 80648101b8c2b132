"""The real processes of a submission: the one that loaded it, its copies, and their printed output."""

import contextlib
import os
import socket

from grader.model.assignment import Limits
from grader.model.errors import InfrastructureError, SandboxError
from grader.sandbox.process import Family, ForkedProcess, ProcessError
from grader.sandbox.server import WorkerLimits, request_worker
from grader.sandbox.session import Printed

_START_SECONDS = 120.0  # generous, because this is our own work on a busy machine
_FORK_SECONDS = 30.0


class LiveProcesses:
    """A locked-down process that loads a submission and is forked."""

    def __init__(
        self,
        control: socket.socket,
        limits: Limits,
        libraries: list[str],
        wall_seconds: float | None = None,
    ) -> None:
        """Start the process in the server behind `control`, which first loads the `libraries`.

        `wall_seconds` limits the wall-clock time of all its calls, by default as in the limits.

        Raises:
            SandboxError: it can't be started.
        """
        self._output = _Output(limits)
        memory_bytes = limits.memory_mb * 2**20
        self._family = Family(memory_bytes, wall_seconds or limits.total_wall_seconds)
        ours, theirs = socket.socketpair()
        # Before anything is sent: the kernel reveals a sender's process id only to those who asked for it.
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
        """The output of all processes so far, cut at its limit."""
        return self._output.text

    def copy(self) -> ForkedProcess:
        """Return a copy of the loaded process in its current state.

        Raises:
            ProcessError: the copy failed.
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
        """Kill all processes."""
        self.loaded.close()
        self._child.close()
        self._output.close()


class _Output:
    """The pipe for printed output. All of it is read, but only a limited amount is kept."""

    def __init__(self, limits: Limits) -> None:
        self.read_end, self.write_end = os.pipe()
        os.set_blocking(self.read_end, False)
        self._printed = Printed(limits)

    @property
    def text(self) -> str:
        self.drain()
        return self._printed.text

    def drain(self) -> bool:
        """Read what is available now; return False at the end of the output."""
        with contextlib.suppress(OSError):
            for _ in range(64):  # a flood of output must not delay the clock
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
