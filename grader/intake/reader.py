"""Read uploads from a small process of its own: a server of web pages, large and with many threads, is slow to fork."""

import atexit
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from functools import partial
from threading import Lock, Thread

import msgspec

from grader.intake import apart
from grader.intake.apart import Answer, Examined
from grader.model.errors import UserError
from grader.model.submission import Submission

_CHUNK = 2**20  # bytes


class _Request(msgspec.Struct):
    file: str
    content: bytes
    functions: tuple[str, ...]


class _Reader:
    """The process that forks for each upload. It starts with the first one, and ends with this process."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._running: tuple[subprocess.Popen[bytes], socket.socket] | None = None
        atexit.register(self.close)

    def ask(self, request: bytes) -> bytes:
        """Return the answer; it is empty if the process that reads ended before."""
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                self._send(theirs.fileno())
            try:
                ours.sendall(request)
                ours.shutdown(socket.SHUT_WR)
                return _all_of(ours)
            except ConnectionError:
                return b""

    def _send(self, connection: int) -> None:
        with self._lock:
            try:
                socket.send_fds(self._started(), [b"."], [connection])
            except ConnectionError:  # somebody has ended it
                self.close()
                socket.send_fds(self._started(), [b"."], [connection])

    def _started(self) -> socket.socket:
        if self._running is None:
            ours, theirs = socket.socketpair()
            with theirs:
                process = subprocess.Popen(
                    [sys.executable, "-P", "-m", __name__, str(theirs.fileno())],
                    pass_fds=[theirs.fileno()],
                )
            self._running = process, ours
        return self._running[1]

    def close(self) -> None:
        if self._running is not None:
            process, requests = self._running
            requests.close()
            process.wait()
            self._running = None


_READER = _Reader()


def read_content(file: str, content: bytes) -> Submission:
    """Read the code in `content`, that of a file of this name, as `parse_submission` does.

    Raises:
        UserError: the machine is too busy to read it.
    """
    return examine(file, content, ()).submission


def examine(file: str, content: bytes, functions: tuple[str, ...]) -> Examined:
    """Read the code in `content` and look at its syntax: an assignment's `functions` may be as in the template.

    Raises:
        UserError: the machine is too busy to read it.
    """
    data = _READER.ask(msgspec.msgpack.encode(_Request(file, content, functions)))
    if not data:
        raise UserError(apart.ended())
    return msgspec.msgpack.decode(data, type=Answer).result()


def serve(requests: socket.socket) -> None:
    """Read for each connection that `requests` brings, until its other end is closed."""
    for each in (signal.SIGINT, signal.SIGTERM):  # it ends with its parent
        signal.signal(each, signal.SIG_IGN)
    while found := socket.recv_fds(requests, 1, 1)[1]:
        connection = socket.socket(fileno=found[0])
        Thread(target=_answer, args=(connection,), daemon=True).start()


def _answer(connection: socket.socket) -> None:
    with connection, suppress(OSError):
        try:
            request = msgspec.msgpack.decode(_all_of(connection), type=_Request)
            answer = Answer.of(partial(apart.read_content, *msgspec.structs.astuple(request)))
            connection.sendall(msgspec.msgpack.encode(answer))
        finally:
            connection.shutdown(socket.SHUT_RDWR)  # children that read something else hold it open


def _all_of(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(_CHUNK), b""))


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
