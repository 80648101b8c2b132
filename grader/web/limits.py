"""Bounds on what one client may ask for: token buckets, and the size and time of an upload."""

import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import anyio
from starlette.exceptions import HTTPException
from starlette.requests import Request

from grader.model.submission import MAX_BYTES, MAX_FILE

MAX_UPLOAD = MAX_FILE + 2**20
"""Bytes of a request with an upload: a notebook with its outputs, and the form around it."""
MAX_FORM = 2**18
"""Bytes of any other request."""
UPLOAD_SECONDS = 600.0
_MAX_CLIENTS = 100_000
_DISCARDED = 2
"""How many times the limit is read, and thrown away, of what is too large."""


class Buckets:
    """A token bucket for each client: `burst` requests at once, then one every `seconds`."""

    def __init__(self, burst: int, seconds: float) -> None:
        self._burst, self._seconds = burst, seconds
        self._full_at: dict[str, float] = {}
        self._lock = threading.Lock()

    def wait(self, client: str) -> float:
        """Take a token and return 0, or return the seconds until there is one."""
        now = time.monotonic()
        with self._lock:
            if len(self._full_at) > _MAX_CLIENTS:
                self._full_at = {k: v for k, v in self._full_at.items() if v > now}
            full_at = max(now, self._full_at.get(client, now)) + self._seconds
            late = full_at - now - self._burst * self._seconds
            if late > 0:
                return late
            self._full_at[client] = full_at
            return 0.0


Form = tuple[dict[str, str], dict[str, tuple[str, bytes]]]


@asynccontextmanager
async def bounded_form(request: Request, limit: int, large: anyio.Lock) -> AsyncIterator[Form]:
    """Read a form of at most `limit` bytes, counted while they arrive: its fields, and its files' names and contents.

    A file arrives on disk. One that is larger than a submission without outputs may be, is taken into memory only while
    the block holds `large`.

    Raises:
        HTTPException: it is larger (413), takes longer than `UPLOAD_SECONDS` (408), or isn't a form (400).
    """
    bounded = Request(request.scope, _counted(request.receive, limit))
    try:
        with anyio.fail_after(UPLOAD_SECONDS):
            form = await bounded.form(max_files=1, max_fields=200, max_part_size=MAX_FORM)
    except TimeoutError as error:
        raise HTTPException(408) from error
    async with AsyncExitStack() as stack:
        stack.push_async_callback(form.close)
        fields, files = {}, {}
        for name, value in form.items():
            if isinstance(value, str):
                fields[name] = value
                continue
            if (value.size or 0) > MAX_BYTES:
                await stack.enter_async_context(large)
            files[name] = (value.filename or "", await value.read())
        yield fields, files


def _counted(
    receive: Callable[[], Awaitable[MutableMapping[str, Any]]], limit: int
) -> Callable[[], Awaitable[MutableMapping[str, Any]]]:
    seen = 0

    async def counted() -> MutableMapping[str, Any]:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen <= limit:
            return message
        while message.get("more_body") and seen <= _DISCARDED * limit:
            message = await receive()  # a browser shows the answer only when it has sent everything
            seen += len(message.get("body", b""))
        raise HTTPException(413)

    return counted
