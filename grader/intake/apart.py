"""Read hand-ins in processes with limits of their own: what is hostile costs one file, not the class."""

import io
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Self

import msgspec

from grader.intake.archive import File
from grader.model.errors import UserError, reading
from grader.model.magics import TRANSFORMER, load_transformer
from grader.model.submission import (
    Submission,
    digest_of,
    parse_submission,
    read_submission,
    readable,
)
from grader.model.syntax import SyntaxProblem, is_template, syntax_problems
from grader.model.text import Text, tr

CPU_SECONDS = 30
MEGABYTES = 512
"""On top of what the grader's own process has."""
_WALL_SECONDS = 300.0  # on a busy machine
_NO_MEMORY = 1  # exit code
_FORK = Lock()  # so that no other child holds the end of a pipe


class Examined(msgspec.Struct, frozen=True):
    """A submission, with what its syntax tells where somebody asked for it."""

    submission: Submission
    problems: tuple[SyntaxProblem, ...] = ()
    """What Python can't read of it."""
    template: bool = False
    """Whether no function is filled in."""


class Answer(msgspec.Struct):
    """What a process that reads a file sends to the one that asked for it."""

    examined: Examined | None = None
    error: Text | None = None
    """Why the file can't be read."""
    transformed: bool = False
    """Whether the transformer of magics was loaded, which takes long and is worth doing once for all."""

    @classmethod
    def of(cls, read: Callable[[], Examined]) -> Self:
        """Return what `read` returns, or the reason why it can't."""
        answer = cls()
        try:
            answer.examined = read()
        except UserError as error:
            answer.error = error.text
        except (RuntimeError, ValueError, TypeError, LookupError) as error:  # our own fault
            answer.error = tr("can't be read: {reason}", reason=repr(error))
        answer.transformed = TRANSFORMER in sys.modules
        return answer

    def result(self) -> Examined:
        """Return what was read.

        Raises:
            UserError: the file can't be read.
        """
        if self.examined is None:
            raise UserError(self.error or ended())
        return self.examined


def read_apart(entry: File, file: str, sha256: str) -> Submission:
    """Read the code of `entry` under the name `file`. If that takes too much, the submission's `problem` says so.

    Raises:
        UserError: the file can't be read.
    """

    def read() -> Examined:
        with entry.opened() as stream:
            return Examined(parse_submission(file, stream))

    found = _read(read)
    return found.submission if found else _too_much(file, sha256)


def read_file(path: Path) -> Submission:
    """Read the code of a file on disk, as `read_submission` does.

    Raises:
        UserError: the file doesn't exist, can't be read, or is neither a script nor a notebook.
    """
    if (found := _read(lambda: Examined(read_submission(path)))) is not None:
        return found.submission
    with reading(path), path.open("rb") as stream:
        return _too_much(path.name, digest_of(stream))


def read_content(file: str, content: bytes, functions: tuple[str, ...]) -> Examined:
    """Read the code in `content`, that of a file of this name, as `parse_submission` does.

    Its syntax is looked at if an assignment's `functions` are given.

    Raises:
        UserError: the machine is too busy to read it.
    """

    def read() -> Examined:
        found = parse_submission(file, content)
        if not functions:
            return Examined(found)
        return Examined(found, syntax_problems(found), is_template(found, functions))

    return _read(read) or Examined(_too_much(file, digest_of(io.BytesIO(content))))


def _too_much(file: str, sha256: str) -> Submission:
    reason = tr(
        "the file takes more than {seconds} seconds or {size} MB of memory to read",
        seconds=CPU_SECONDS,
        size=MEGABYTES,
    )
    notebook = file.lower().endswith(".ipynb")
    return Submission(file=readable(file), sha256=sha256, notebook=notebook, problem=reason)


def _read(read: Callable[[], Examined]) -> Examined | None:
    """What `read` returns in a process with limits, or None if it reaches one.

    Raises:
        UserError: the file can't be read.
    """

    data = in_child(lambda: msgspec.msgpack.encode(Answer.of(read)))
    if data is None:
        return None
    answer = msgspec.msgpack.decode(data, type=Answer)
    if answer.transformed:
        load_transformer()
    return answer.result()


def ended() -> Text:
    """Return the reason why a file isn't read whose reader was ended by something else than its limits."""
    return tr("can't be read now, because this machine is too busy; run the same command again")


def in_child(work: Callable[[], bytes]) -> bytes | None:
    """Return what `work` returns in a process with limits, or None if it reaches one.

    Raises:
        UserError: something else ended the process.
    """
    with _FORK:
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            _work(work, reading, writing)
        os.close(writing)
    try:
        with open(reading, "rb", buffering=0) as pipe:  # noqa: PTH123
            data = _all_of(pipe.fileno())
    finally:
        status = _end(child)  # with `data` it is ending by itself
    if data is not None:
        return data
    if os.waitstatus_to_exitcode(status) in (_NO_MEMORY, -signal.SIGXCPU):
        return None
    raise UserError(ended())


def _end(child: int) -> int:
    """The status of a child that ends by itself soon, or else is ended."""
    end = time.monotonic() + 2
    while time.monotonic() < end:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return status
        time.sleep(0.001)
    os.kill(child, signal.SIGKILL)
    return os.waitpid(child, 0)[1]


def _work(work: Callable[[], bytes], reading: int, writing: int) -> None:
    """The child's part, which ends with the child."""
    import resource  # Windows has none, and reads its own file without this

    code = 0
    try:
        os.close(reading)
        with open("/proc/self/statm") as statm:  # noqa: PTH123
            size = int(statm.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (size + MEGABYTES * 2**20,) * 2)
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 1))
        done = work()
        data = memoryview(len(done).to_bytes(8, "big") + done)
        while data:
            data = data[os.write(writing, data) :]
    except MemoryError:
        code = _NO_MEMORY
    finally:
        os._exit(code)  # without the parent's clean-up


def _all_of(pipe: int) -> bytes | None:
    """The whole message, or None if its sender ends before or takes too long."""
    end = time.monotonic() + _WALL_SECONDS
    poll = select.poll()
    poll.register(pipe, select.POLLIN)
    data = bytearray()
    while (left := end - time.monotonic()) > 0 and poll.poll(1000 * left):
        chunk = os.read(pipe, 2**20)
        if not chunk:
            break
        data += chunk
    whole = len(data) >= 8 and len(data) - 8 == int.from_bytes(data[:8], "big")
    return bytes(data[8:]) if whole else None
