"""Recorded answers of a submission, so that it needn't run again to give the same answers.

An answer is looked up by all requests that its process got so far, bit by bit, because every copy of a loaded
submission begins in the same state. The first unknown request starts a real process, which gets all earlier requests
again. If it answers them differently from the recording, the submission doesn't repeat itself, and it
must be graded by running alone. Copies share a folder: of the files that another copy wrote, a replayed one has none.
"""

import functools
import hashlib
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import msgspec
import torch

from grader.model.assignment import Limits
from grader.model.errors import InfrastructureError, StaleRecordingError
from grader.model.score import How
from grader.model.submission import Submission
from grader.sandbox import wire
from grader.sandbox.live import LiveProcesses
from grader.sandbox.process import (
    ForkedProcess,
    ProcessDiedError,
    ProcessError,
    ProcessMemoryError,
    ProcessTimeoutError,
)
from grader.sandbox.session import Printed
from grader.sandbox.wire import Reply, Request, WireError

MAX_BYTES = 32 * 2**20
"""A submission that answers with more than this is not recorded."""
MAX_KEPT_BYTES = 2 * 2**20
"""Nor is one whose answers take more than this when compressed: the next grading runs it."""

_VERSION = 1
_DIGEST_BYTES = 16
_FAST = 1  # zlib's level: higher ones take ten times as long to save a fifth of the size
_SANDBOX_SIDE = (
    "accelerators.py", "libraries.py", "lockdown.py", "server.py", "statements.py", "syscalls.py", "wire.py",
    "worker.py",
)  # fmt: skip


class Answer(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True):
    """The answer to one request."""

    allowed: float
    """The CPU seconds that it might take."""
    ended: Literal["", "timeout", "spent", "memory", "died"] = ""
    """How the process ended instead of a reply."""
    structure: bytes = b""
    """The reply's two parts, as the codec gets them."""
    bulk: bytes = b""
    reason: str = ""
    """Why the process died."""
    cpu_seconds: float = 0.0
    memory_bytes: int = 0
    """How far the memory of the process had risen, if this was the last thing that it was asked."""
    output: str = ""
    """What was printed meanwhile."""

    def holds(self, allowed: float) -> bool:
        """Whether it would have been the same with this many CPU seconds allowed."""
        if self.ended == "timeout":
            return allowed <= self.allowed
        return allowed == self.allowed or self.cpu_seconds <= allowed

    def agrees(self, other: "Answer") -> bool:
        """Whether both give the same answer, regardless of the time that they took."""
        return (self.ended, self.structure, self.bulk) == (
            other.ended,
            other.structure,
            other.bulk,
        )

    @property
    def size(self) -> int:
        """Its approximate size in bytes."""
        return len(self.structure) + len(self.bulk) + len(self.output)


def encode(fingerprint: bytes, answers: dict[bytes, Answer]) -> bytes | None:
    """Encode answers; return None if they are too large to keep."""
    if sum(answer.size for answer in answers.values()) > MAX_BYTES:
        return None
    packed = zlib.compress(msgspec.msgpack.encode(answers), _FAST)
    return fingerprint + packed if len(packed) <= MAX_KEPT_BYTES else None


def decode(fingerprint: bytes, recording: bytes) -> dict[bytes, Answer]:
    """Return the answers of a recording; none where the fingerprint is another.

    Raises:
        ValueError: it is damaged.
    """
    if not recording.startswith(fingerprint):
        return {}
    unzip = zlib.decompressobj()
    try:
        packed = unzip.decompress(recording[len(fingerprint) :], 2 * MAX_BYTES)
        if not unzip.eof:
            raise ValueError("the recording has no end")
        return msgspec.msgpack.decode(packed, type=dict[bytes, Answer])
    except (zlib.error, msgspec.MsgspecError) as error:
        raise ValueError(f"the recording is damaged: {error}") from error


def fingerprint_of(submission: Submission, limits: Limits, isolation: str) -> bytes:
    """Return a digest of everything that answers depend on, except the requests."""
    own = (submission.sha256, submission.notebook, submission.cells)
    facts = (_VERSION, sys.version, str(torch.__version__), sandbox_side(), own, limits, isolation)
    return _digest(msgspec.msgpack.encode(facts))


@functools.cache
def sandbox_side() -> bytes:
    """Return a digest of the code that runs in the sandbox."""
    here = Path(__file__).parent
    return _digest(b"".join((here / name).read_bytes() for name in _SANDBOX_SIDE))


class Tape:
    """The answers of one submission, from an earlier grading and from this one."""

    def __init__(
        self, recording: bytes | None, submission: Submission, limits: Limits, isolation: str
    ) -> None:
        """Use the answers in `recording`, unless they come from another submission or another sandbox."""
        self.fingerprint = fingerprint_of(submission, limits, isolation)
        self.damaged = False
        """Whether `recording` could not be read."""
        self.fault: InfrastructureError | None = None
        """What kept us from asking the submission; then what the checks found means nothing."""
        self._recording = recording
        self._known: dict[bytes, Answer] = {}
        self._new: dict[bytes, Answer] = {}
        self._recalled = self._asked = False
        self._repeatable = True
        self._room = MAX_BYTES
        try:
            self._known = decode(self.fingerprint, recording or b"")
        except ValueError:
            self.damaged = True

    @property
    def blank(self) -> bool:
        """Whether nothing is known from an earlier grading."""
        return not self._known

    @property
    def how(self) -> How:
        """How the requests so far were answered."""
        if not self._recalled:
            return "run"
        return "mixed" if self._asked else "replayed"

    def recording(self) -> bytes | None:
        """Return all answers for the next grading; None if that must run the submission again."""
        if self.how == "replayed":
            return self._recording
        return encode(self.fingerprint, self._known | self._new) if self._repeatable else None

    def recall(self, key: bytes, allowed: float) -> Answer | None:
        """Return the known answer to a request that may take `allowed` CPU seconds."""
        answer = self._known.get(key)
        if answer is None or not answer.holds(allowed):
            return None
        self._recalled = True
        return answer

    def keep(self, key: bytes, answer: Answer) -> None:
        """Keep a new answer. A submission that answers the same request in two ways can't be replayed."""
        self._asked = True
        if not self._repeatable:
            return
        before = self._new.setdefault(key, answer)
        self._room -= answer.size if before is answer else 0
        if self._room < 0 or not answer.agrees(before) or answer.ended == "spent":
            self.give_up()

    def keep_memory(self, key: bytes, memory_bytes: int) -> None:
        """Record how far the memory of a process had risen after its answers up to `key`."""
        if key in self._new:
            self._new[key] = msgspec.structs.replace(self._new[key], memory_bytes=memory_bytes)

    def give_up(self) -> None:
        """Give up recording: something happened that no answer shows."""
        self._repeatable = False
        self._new.clear()


class TapedProcesses:
    """A submission's processes. Real ones are started only for requests that the tape has no answer to."""

    def __init__(self, tape: Tape, start: Callable[[], LiveProcesses], limits: Limits) -> None:
        self._tape = tape
        self._start = start
        self._live: LiveProcesses | None = None
        self._printed = Printed(limits)
        self._seen = 0
        self.loaded = TapedProcess(self, tape, tape.fingerprint, self._load)

    @property
    def output(self) -> str:
        """See `Processes`."""
        return self._printed.text

    def copy(self) -> "TapedProcess":
        """See `Processes`. If nothing is known yet, the copy is made at once."""
        process = TapedProcess(self, self._tape, self.loaded.key, self._fork)
        if self._tape.blank:
            process.real()
        return process

    def close(self) -> None:
        """See `Processes`."""
        if self._live is not None:
            self._live.close()

    def printed(self) -> str:
        """Return what the real processes have printed since the last call."""
        text = self._live.output if self._live is not None else ""
        new, self._seen = text[self._seen :], len(text)
        return new

    def add_output(self, text: str) -> None:
        """Count `text` as printed by the submission."""
        self._printed.add(text.encode())

    def _load(self) -> ForkedProcess:
        self._live = self._start()
        return self._live.loaded

    def _fork(self) -> ForkedProcess:
        self.loaded.real()
        assert self._live is not None
        try:
            return self._live.copy()
        except ProcessError as error:
            self._tape.give_up()
            if self._tape.blank:
                raise
            raise StaleRecordingError("the submission can't be forked") from error


class TapedProcess:
    """A process that answers from the tape while it can, then from a real process that got the same requests."""

    def __init__(
        self,
        processes: TapedProcesses,
        tape: Tape,
        key: bytes,
        start: Callable[[], ForkedProcess],
    ) -> None:
        """`start` creates the real process, in the state that `key` stands for."""
        self.memory_bytes = 0
        self.key = key
        """The digest of all that it was asked, and of what it began with."""
        self._processes = processes
        self._tape = tape
        self._start = start
        self._real: ForkedProcess | None = None
        self._replayed: list[tuple[_Request, Answer]] = []
        self._ended = False

    def exchange(
        self, request: Request, cpu_seconds: float, wall_seconds: float
    ) -> tuple[Reply, float]:
        """See `Process`."""
        if self._ended:
            raise ProcessDiedError("the process has ended")
        asked = _Request(wire.encode(request), cpu_seconds, wall_seconds)
        try:
            answer = self._answer(asked)
            self._processes.add_output(answer.output)
            if answer.ended in ("timeout", "spent"):
                raise ProcessTimeoutError(spent=answer.ended == "spent")
            if answer.ended == "memory":
                raise ProcessMemoryError
            if answer.ended == "died":
                raise ProcessDiedError(answer.reason)
            reply = wire.decode_reply(answer.structure, bytearray(answer.bulk))
        except WireError as error:
            self._end()
            raise ProcessDiedError(str(error)) from error
        except ProcessError:
            self._end()
            raise
        return reply, answer.cpu_seconds

    def close(self) -> None:
        """See `Process`."""
        if self._real is not None:
            self._real.close()
            self.memory_bytes = self._real.memory_bytes
            self._tape.keep_memory(self.key, self.memory_bytes)

    def real(self) -> ForkedProcess:
        """Return the real process, asked all that this one was asked.

        Raises:
            InfrastructureError: it can't be started, or answers otherwise than was recorded.
            ProcessError: it can't be copied, and nothing was recorded.
        """
        if self._real is None:
            try:
                self._real = self._start()
                for request, answer in self._replayed:
                    if not answer.agrees(self._ask(self._real, request)):
                        raise StaleRecordingError("the submission doesn't repeat itself")
                self._replayed.clear()
            except InfrastructureError as error:
                self._tape.fault = error
                raise
        return self._real

    def _answer(self, request: "_Request") -> Answer:
        key = _digest(self.key + request.frame)
        answer = self._tape.recall(key, request.cpu_seconds) if self._real is None else None
        if answer is not None:
            self._replayed.append((request, answer))
            self.memory_bytes = answer.memory_bytes
        else:
            answer = self._ask(self.real(), request)
            self._tape.keep(key, answer)
        self.key = key
        return answer

    def _ask(self, process: ForkedProcess, request: "_Request") -> Answer:
        limit = request.cpu_seconds
        try:
            parts, used = process.ask(request.frame, limit, request.wall_seconds)
        except ProcessTimeoutError as error:
            answer = Answer(limit, "spent" if error.spent else "timeout")
        except ProcessMemoryError:
            answer = Answer(limit, "memory")
        except ProcessDiedError as error:
            answer = Answer(limit, "died", reason=str(error))
        else:
            answer = Answer(limit, "", bytes(parts[0]), bytes(parts[1]), cpu_seconds=used)
        return msgspec.structs.replace(answer, output=self._processes.printed())

    def _end(self) -> None:
        self._ended = True
        self.close()


class _Request(msgspec.Struct, frozen=True):
    frame: bytes
    cpu_seconds: float
    wall_seconds: float


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=_DIGEST_BYTES).digest()
