"""What a grader and its grading processes say to each other."""

import socket
import struct

import msgspec

from grader.model.score import How, ItemResult, ScoreReport
from grader.model.submission import Submission

READY = b"\0ready"
"""The greeting of a server whose checks are collected."""
_LENGTH = struct.Struct(">I")


class Order(msgspec.Struct):
    """What a grading process is asked."""

    submission: Submission
    student: str
    isolation: str
    wall_seconds: float
    """What all calls of the submission may take."""
    recording: bytes | None
    watched: bool = False
    """Whether each rubric item is sent as soon as it is finished."""


class Finished(msgspec.Struct, frozen=True, tag=True):
    """A rubric item that is finished while others aren't."""

    item: ItemResult


class Graded(msgspec.Struct, frozen=True, tag=True):
    """A submission's report, and the data for grading it again."""

    report: ScoreReport
    recording: bytes | None = None
    """The submission's recorded answers; None if the next grading must run it anyway."""
    how: How = "run"
    """Whether the submission ran, its recorded answers were enough, or both were used."""


def send(sock: socket.socket, data: bytes) -> None:
    """Send a message as a whole."""
    sock.sendall(_LENGTH.pack(len(data)) + data)


def receive(sock: socket.socket) -> bytes:
    """Return the next message, and leave those after it on the socket.

    Raises:
        ConnectionError: the other side is gone.
    """
    return _read(sock, _LENGTH.unpack(_read(sock, _LENGTH.size))[0])


def _read(sock: socket.socket, count: int) -> bytes:
    data = bytearray()
    while len(data) < count:
        part = sock.recv(count - len(data))
        if not part:
            raise ConnectionError("the other side is gone")
        data += part
    return bytes(data)
