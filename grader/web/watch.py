"""Tell waiting pages about their jobs: one look at the queue for all of them, several times a second."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator

import anyio
from anyio import to_thread

from grader.gradebook import Gradebook
from grader.gradebook.opening import transaction
from grader.gradebook.queue import JobView, jobs_of

_SHORTEST_TICK, _LONGEST_TICK = 0.1, 0.5
"""Seconds between looks at the queue, for one page and for many."""
_MOVES_A_SECOND = 100
_ALIVE_SECONDS = 15.0


class Watch:
    """The jobs that pages wait for."""

    def __init__(self, book: Gradebook, workers: int) -> None:
        self._book, self._workers = book, workers
        self._waiting: defaultdict[int, set[asyncio.Event]] = defaultdict(set)
        self._now: dict[int, JobView] = {}
        self._told: dict[int, float] = {}

    @property
    def waiting(self) -> int:
        """The number of pages that wait."""
        return sum(len(pages) for pages in list(self._waiting.values()))

    async def changes(self, upload: int) -> AsyncIterator[JobView | None]:
        """Yield the job of an upload each time it has changed, until it is done; None when nothing has for a while.

        What is sent then finds out whether the page is still there, and keeps proxies from ending the connection.
        """
        changed = asyncio.Event()
        self._waiting[upload].add(changed)
        last = None
        try:
            while last is None or last.state != "done":
                now = self._now.get(upload)
                if now is not None and now != last:
                    last = now
                    yield now
                else:
                    with anyio.move_on_after(_ALIVE_SECONDS) as quiet:
                        await changed.wait()
                        changed.clear()
                    if quiet.cancelled_caught:
                        yield None
        finally:
            self._waiting[upload].discard(changed)
            if not self._waiting[upload]:
                del self._waiting[upload]
                self._now.pop(upload, None)
                self._told.pop(upload, None)

    async def run(self) -> None:
        """Look at the queue for ever."""
        while True:
            if self._waiting:
                found = await to_thread.run_sync(self._look, tuple(self._waiting))
                for upload, job in found.items():
                    if upload in self._waiting and self._is_news(upload, job):
                        self._now[upload], self._told[upload] = job, time.monotonic()
                        for event in self._waiting[upload]:
                            event.set()
            await asyncio.sleep(min(_LONGEST_TICK, _SHORTEST_TICK * max(1, len(self._waiting))))

    def _is_news(self, upload: int, job: JobView) -> bool:
        """Whether to tell it now. Each job that ends moves all that wait: of these, only so many are told a second."""
        before = self._now.get(upload)
        if before is not None and before.state == job.state == "waiting":
            pause = len(self._waiting) / _MOVES_A_SECOND
            return before != job and time.monotonic() - self._told[upload] > pause
        return before != job

    def _look(self, uploads: tuple[int, ...]) -> dict[int, JobView]:
        with transaction(self._book.reading) as connection:
            return jobs_of(connection, uploads, self._workers)
