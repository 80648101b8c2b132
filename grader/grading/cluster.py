"""Grade on the workers of a Dask cluster: hand-ins travel there in batches, and reports come back as they are done."""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import msgspec
from distributed import Client, Future, KilledWorker, Scheduler, as_completed

from grader.gradebook import digest_of, files_of
from grader.grading.executor import TICK_SECONDS, Done, Request, failed, load
from grader.grading.grader import reason_of
from grader.grading.node import (
    Answer,
    Batch,
    Began,
    Event,
    HandedIn,
    Node,
    Refused,
    UnfitError,
    grade_batch,
    pack,
    versions,
)
from grader.model.assignment import Assignment
from grader.model.errors import UserError
from grader.model.submission import Submission
from grader.model.text import Text, tr
from grader.sandbox import Level

_PLUGIN = "grader-"
_BATCH_SECONDS = 30.0
"""The work in a batch: 100 times what the engine needs for it, and little enough to lose."""
_BATCH_BYTES = 4 * 2**20
_AHEAD = 2
"""Batches in flight for each slot: one that runs, and one that waits there."""
_LANDING = 4
"""Batches that land before the workers get new ones: they must not wait for a slow disk."""
_SHARES = 4
"""Into how many batches for each slot the rest is divided near the end."""
_FAILURES = 5
"""Lost workers that a batch survives before it is suspected. A cluster that shrinks loses some, too."""
_LEAVING_SECONDS = 10.0
"""How long workers may take to end their graders before the cluster is left alone, or closed."""
_LOOK_SECONDS = 2.0  # between looks at the workers


class ClusterExecutor:
    """Grades on the workers of a cluster. Use it in a `with` statement and from one thread.

    Dask schedules, balances and repeats what a lost worker had. A batch that was running each time when workers died is
    split into its hand-ins, and each runs alone: the one that kills workers is found and ends `ungraded`.
    """

    def __init__(
        self,
        client: Client,
        minimum: Level = "full",
        tell: Callable[[Text], None] = lambda text: None,
        node: type[Node] = Node,
    ) -> None:
        """Use workers that have at least the isolation `minimum`; `tell` is called with each that gets no work."""
        self.client = client
        self.plugin = ""
        """The name of the plugin on the workers. Each set of assignments has its own."""
        self.usual: dict[str, float] = {}
        """The usual seconds for a hand-in, by assignment: as measured here."""
        self._minimum: Level = minimum
        self._tell = tell
        self._node = node
        self._sent: Collection[str] = ()
        self._slots = 0
        self._looked = 0.0
        self._told_waiting = False
        self._refused: dict[str, Text] = {}
        self._began: Counter[str] = Counter()
        self._watched: dict[str, _Batch] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.plugin and self.client.status == "running":
            self._end_plugin()

    @property
    def slots(self) -> int:
        """The number of hand-ins graded at a time: the threads of the workers that are ready."""
        self._look()
        return self._slots

    def start(self, assignments: Iterable[Assignment]) -> None:
        """Send the assignments to the workers, unless they have them, and wait until the first worker is ready.

        Raises:
            UserError: no worker is fit to grade, somebody else uses the cluster, or it is lost.
        """
        packed = {
            digest_of(each): pack(
                {str(name): (each.folder / name).read_bytes() for name in files_of(each)}
            )
            for each in assignments
        }
        try:
            if packed.keys() != self._sent:
                self._name_plugin()
                self._sent = packed.keys()
            if self.client.run_on_scheduler(_take, self.plugin, self.client.id, _FAILURES):
                raise UserError(
                    tr("another `grader` uses this cluster; wait until it has finished")
                )
            self._looked = 0.0
            node = self._node(self.plugin, self._minimum, versions(), packed)
            self.client.register_plugin(node, name=self.plugin)  # unless it is there already
        except ImportError as error:
            raise UserError(
                tr(
                    "the cluster's machines lack a package ({reason}): install 'torch-grader[cluster]' on each,"
                    " in the version of this machine",
                    reason=error,
                )
            ) from error
        except OSError as error:
            raise self._lost() from error
        while not self._look():
            time.sleep(TICK_SECONDS)
            self._looked = 0.0

    def grade(self, requests: Iterator[Request | None]) -> Generator[Sequence[Done]]:
        """Grade hand-ins, and several times a second yield those that are done, in any order.

        Raises:
            UserError: the cluster is lost, or no worker is fit to grade any more.
        """
        flow = _Flow(self)
        try:
            while flow.fill(requests) or flow.busy:
                self._look()
                yield list(flow.finished())
        finally:
            flow.cancel()

    def submit(self, batch: "_Batch") -> Future:
        """Send a batch to the cluster."""
        data = msgspec.msgpack.encode(batch.message())
        if any(each.request.show for each in batch.hand_ins):
            self._watched[batch.key] = batch
        return self.client.submit(
            grade_batch,
            self.plugin,
            data,
            key=batch.key,
            pure=False,
            resources={self.plugin: 1},
            priority=1 if batch.alone else 0,
        )

    def forget(self, batch: "_Batch") -> int:
        """Return how often workers began a batch that is over."""
        self._watched.pop(batch.key, None)
        return self._began.pop(batch.key, 0)

    def _name_plugin(self) -> None:
        """Let the workers begin anew: what they keep of other assignments is removed."""
        if self.plugin:
            self._end_plugin()
        self._refused.clear()
        self.plugin = f"{_PLUGIN}{uuid4().hex}-{self.client.id}"
        self.client.subscribe_topic(self.plugin, self._hear)

    def _end_plugin(self) -> None:
        self.client.run_on_scheduler(_end, self.plugin)
        self.client.unsubscribe_topic(self.plugin)

    def _look(self) -> int:
        """Count the slots every now and then."""
        if time.monotonic() - self._looked < _LOOK_SECONDS:
            return self._slots
        try:
            if self.client.status != "running":
                raise self._lost()
            workers, self._slots = self.client.run_on_scheduler(_count, self.plugin)
        except OSError as error:
            raise self._lost() from error
        self._looked = time.monotonic()
        if workers and not self._slots and self._refused.keys() >= set(workers):
            raise UserError(next(iter(self._refused.values())))
        if not workers and not self._told_waiting:
            self._told_waiting = True
            self._tell(tr("Waiting for workers …"))
        return self._slots

    def _lost(self) -> UserError:
        return UserError(
            tr(
                "the connection to the cluster is lost; the results so far are saved. Run the same command again to"
                " continue"
            )
        )

    def _hear(self, event: tuple[float, bytes]) -> None:
        heard = msgspec.msgpack.decode(event[1], type=Event)
        if isinstance(heard, Began):
            self._began[heard.key] += 1
        elif isinstance(heard, Refused):
            text = tr(
                "the worker at {worker} gets no work: {reason}",
                worker=heard.worker,
                reason=heard.reason,
            )
            self._refused[heard.worker] = text
            self._tell(text)
        elif heard.key in self._watched:
            show = self._watched[heard.key].hand_ins[heard.number].request.show
            if show is not None:
                show(heard.item)


class _Loaded(msgspec.Struct, frozen=True):
    request: Request
    submission: Submission


class _Batch:
    """Hand-ins for one assignment that travel together."""

    def __init__(self, hand_ins: Iterable[_Loaded] = (), alone: bool = False) -> None:
        self.key = f"{_PLUGIN}{uuid4().hex}"
        self.hand_ins = list(hand_ins)
        self.alone = alone
        self.seconds = 0.0
        self.bytes = 0

    def message(self) -> Batch:
        digest = self.hand_ins[0].request.task.digest
        hand_ins = (
            HandedIn(
                each.request.task.student,
                each.submission,
                each.request.recording,
                each.request.show is not None,
            )
            for each in self.hand_ins
        )
        return Batch(self.key, digest, tuple(hand_ins), self.alone)


class _Flow:
    """The batches of one stream of requests: those being filled, those to send, and those in flight."""

    def __init__(self, cluster: ClusterExecutor) -> None:
        self._cluster = cluster
        self._results = as_completed(
            loop=cluster.client.loop, with_results=True, raise_errors=False
        )
        self._filling: dict[str, _Batch] = {}
        self._again: deque[_Batch] = deque()
        self._flying: dict[Future, _Batch] = {}
        self._done: deque[tuple[Future, Any]] = deque()
        self._failed: list[Done] = []
        self._ahead = 1
        self._more = True

    @property
    def busy(self) -> bool:
        """Whether anything isn't finished yet."""
        return bool(self._filling or self._again or self._flying or self._failed)

    def fill(self, requests: Iterator[Request | None]) -> bool:
        """Send what there is room for, for a moment; return whether requests may follow."""
        end = time.monotonic() + TICK_SECONDS
        while self._room() and time.monotonic() < end:
            if self._again:
                self._send(self._again.popleft())
                continue
            request = self._next(requests)
            if request is None:
                for batch in self._filling.values():
                    self._again.append(batch)
                self._filling.clear()
                if not self._again:
                    break
            else:
                self._add(request)
        return self._more

    def finished(self) -> Iterator[Done]:
        """Wait for a moment, and yield what is done."""
        with self._results.thread_condition:
            ready = self._done or self._results.has_ready()
            if not ready and (self._flying or not self._room()):
                self._results.thread_condition.wait(TICK_SECONDS)
        yield from self._failed
        self._failed.clear()
        self._done.extend(self._results.next_batch(block=False))
        for _ in range(min(len(self._done), _LANDING)):
            future, result = self._done.popleft()
            batch = self._flying.pop(future)
            began = self._cluster.forget(batch)
            if isinstance(result, bytes):  # whatever became of the worker since
                yield from self._dones(batch, result)
            elif isinstance(result, tuple):  # type, error, traceback
                yield from self._failure(batch, began, result[1])
            else:
                raise self._cluster._lost()

    def cancel(self) -> None:
        """Give up what is in flight."""
        if self._flying and self._cluster.client.status == "running":
            self._cluster.client.cancel(list(self._flying))
        self._results.clear()

    def _room(self) -> bool:
        slots, flying = self._cluster._slots, len(self._flying)
        at_work = flying - len(self._done)
        return at_work < slots * self._ahead and flying < slots * (self._ahead + 1)

    def _next(self, requests: Iterator[Request | None]) -> Request | None:
        if self._more:
            try:
                return next(requests)
            except StopIteration:
                self._more = False
        return None

    def _add(self, request: Request) -> None:
        self._ahead = _AHEAD if request.left else 1
        try:
            loaded = _Loaded(request, load(request.task))
        except Exception as error:
            self._failed.append(failed(request, reason_of(error)))
            return
        digest = request.task.digest
        batch = self._filling.setdefault(digest, _Batch())
        usual = self._cluster.usual.get(request.task.assignment.name)
        batch.hand_ins.append(loaded)
        batch.seconds += request.seconds or usual or _BATCH_SECONDS
        batch.bytes += sum(len(cell.source) for cell in loaded.submission.cells)
        batch.bytes += len(request.recording or b"")
        rest = request.left * (usual or 0.0) / (self._cluster._slots * _SHARES)
        if batch.seconds >= min(_BATCH_SECONDS, rest) or batch.bytes >= _BATCH_BYTES:
            self._send(self._filling.pop(digest))

    def _send(self, batch: _Batch) -> None:
        future = self._cluster.submit(batch)
        self._flying[future] = batch
        self._results.add(future)

    def _dones(self, batch: _Batch, data: bytes) -> Iterator[Done]:
        answers = msgspec.msgpack.decode(data, type=list[Answer])
        for each, answer in zip(batch.hand_ins, answers, strict=True):
            name = each.request.task.assignment.name
            usual = self._cluster.usual.get(name, answer.seconds)
            self._cluster.usual[name] = usual + (answer.seconds - usual) / 20
            yield Done(
                request=each.request,
                submission=each.submission,
                graded=answer.graded,
                seconds=answer.seconds,
                error=UserError(answer.error) if answer.error else None,
            )

    def _failure(self, batch: _Batch, began: int, error: BaseException) -> Iterator[Done]:
        """Find what a batch failed of: its worker, or one of its hand-ins."""
        killed = isinstance(error, KilledWorker)
        if isinstance(error, UnfitError) or (killed and began < 2):
            self._again.append(_Batch(batch.hand_ins, batch.alone))
        elif len(batch.hand_ins) > 1 or (killed and not batch.alone):
            self._again.extend(_Batch([each], alone=killed) for each in batch.hand_ins)
        else:
            reason = f"each of {began} workers that graded it died" if killed else reason_of(error)
            yield failed(batch.hand_ins[0].request, reason)


def _take(plugin: str, client: str, failures: int, dask_scheduler: Scheduler) -> bool:
    """Remove what graders left here that were killed; return whether one of them is alive."""
    plugins = dask_scheduler.worker_plugins
    others = [name for name in plugins if name.startswith(_PLUGIN) and name != plugin]
    clients = tuple(each for each in dask_scheduler.clients if each != client)
    alive = [name for name in others if name.endswith(clients)]
    for name in others:
        if name not in alive:
            dask_scheduler.loop.add_callback(_end, name, dask_scheduler)  # without waiting for it
    dask_scheduler.allowed_failures = max(failures, dask_scheduler.allowed_failures)
    return bool(alive)


async def _end(plugin: str, dask_scheduler: Scheduler) -> None:
    """Remove a plugin, and wait for a while until the workers have."""
    # It may not have been sent, and a worker that has ended meanwhile has removed it itself.
    with suppress(ValueError, OSError, TimeoutError):
        await asyncio.wait_for(
            dask_scheduler.unregister_worker_plugin(None, plugin), _LEAVING_SECONDS
        )


def _count(plugin: str, dask_scheduler: Scheduler) -> tuple[list[str], int]:
    """Return the addresses of the workers, and the number of slots."""
    offered: dict[str, Any] = dask_scheduler.resources.get(plugin, {})
    return list(dask_scheduler.workers), int(sum(offered.values()))
