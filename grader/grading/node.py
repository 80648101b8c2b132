"""What runs on the workers of a cluster: one warm grader per worker process, and batches of hand-ins."""

import asyncio
import hashlib
import platform
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import msgspec
from distributed import Worker, get_worker
from distributed.core import Status
from distributed.diagnostics.plugin import WorkerPlugin

import grader
from grader.grading.grader import Grader, grade_one, reason_of
from grader.grading.order import Graded
from grader.model.assignment import Assignment, load_assignment
from grader.model.errors import GradingError, UserError
from grader.model.score import ItemResult, Verdict
from grader.model.submission import Cell, Submission
from grader.model.text import Text, tr
from grader.sandbox import Level

_SAME = ("torch", "numpy", "scipy", "scikit-learn", "pandas", "msgspec", "distributed")
"""Packages on which an answer may depend, or that both sides speak with."""
_NOTHING = Submission(
    file="nothing.py", sha256="", notebook=False, cells=(Cell("nothing.py", "pass"),)
)
"""A submission that a healthy machine grades: with no points."""


class Packed(msgspec.Struct, frozen=True):
    """The files of an assignment, on their way to a worker."""

    sha256: str
    """The digest of `data`."""
    data: bytes
    """MessagePack: the content of each file by its path."""


class HandedIn(msgspec.Struct, frozen=True):
    """One hand-in of a batch."""

    student: str
    submission: Submission
    recording: bytes | None
    watched: bool


class Batch(msgspec.Struct, frozen=True):
    """Hand-ins for one assignment, graded one after the other by one thread of a worker."""

    key: str
    assignment: str
    """The digest of the assignment."""
    hand_ins: tuple[HandedIn, ...]
    alone: bool = False
    """Whether nothing else may run in the same worker, because the batch may have killed one."""


class Answer(msgspec.Struct, frozen=True):
    """What became of a hand-in."""

    graded: Graded
    seconds: float
    error: Text | None = None
    """What concerns the assignment, and so every hand-in."""


class Began(msgspec.Struct, frozen=True, tag=True):
    """A worker began to grade a batch."""

    key: str


class Watched(msgspec.Struct, frozen=True, tag=True):
    """A rubric item that is finished while others aren't."""

    key: str
    number: int
    """Of the hand-in in its batch."""
    item: ItemResult


class Refused(msgspec.Struct, frozen=True, tag=True):
    """A worker that gets no work."""

    worker: str
    reason: Text


Event = Began | Watched | Refused
"""What workers tell the client while they work."""


class UnfitError(Exception):
    """The worker can't grade. The hand-ins of its batch aren't at fault."""


def versions() -> dict[str, str]:
    """Return what must be the same on both sides, by name."""
    found = {"torch-grader": grader.__version__}
    found["Python"] = ".".join(platform.python_version_tuple()[:2])
    for name in _SAME:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "-"
    return found


def pack(files: Mapping[str, bytes]) -> Packed:
    """Pack the content of files, given by their paths."""
    data = msgspec.msgpack.encode(files)
    return Packed(hashlib.sha256(data).hexdigest(), data)


def unpack(packed: Packed, folder: Path) -> Assignment:
    """Write the files of an assignment into a folder, and return it.

    Raises:
        GradingError: something was changed on the way.
    """
    if hashlib.sha256(packed.data).hexdigest() != packed.sha256:
        raise GradingError("the files of an assignment were damaged on their way")
    for name, content in msgspec.msgpack.decode(packed.data, type=dict[str, bytes]).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return load_assignment(folder)


def grade_batch(plugin: str, data: bytes) -> bytes:
    """Grade a `Batch` with the warm grader of the worker that this runs on, and return its `Answer`s."""
    node = get_worker().plugins[plugin]
    assert isinstance(node, Node)
    return node.grade(data)


class Node(WorkerPlugin):  # type: ignore[misc]
    """Keeps a grader warm in each worker process of a cluster.

    A worker that is fit to grade offers a resource with the plugin's name, one for each of its threads, and batches ask
    for it. So a worker whose versions differ, that is less closed than it must be or that can't grade gets no work.
    """

    idempotent = True
    """Whether a client that registers it once more changes nothing."""

    def __init__(
        self, name: str, minimum: Level, same: Mapping[str, str], packed: Mapping[str, Packed]
    ) -> None:
        """`same` holds the client's versions, `packed` the assignments by their digests."""
        self.name = name
        self._minimum: Level = minimum
        self._same = dict(same)
        self._packed = dict(packed)

    def open_grader(self) -> AbstractContextManager[Grader]:
        """Return the grader to keep warm."""
        return Grader(self._minimum)

    def setup(self, worker: Worker) -> None:
        """Start to get warm, without waiting."""
        self._worker = worker
        self._turns = _Turns()
        self._stack = ExitStack()
        self._assignments: dict[str, Assignment] = {}
        self._starting = asyncio.ensure_future(self._start())

    async def teardown(self, worker: Worker) -> None:
        """End the grader and remove the assignments."""
        await asyncio.wait([self._starting])
        await asyncio.to_thread(self._stack.close)

    def grade(self, data: bytes) -> bytes:
        """Grade a `Batch` and return its `Answer`s.

        Raises:
            UnfitError: this worker can't grade; it asks to be started again.
        """
        batch = msgspec.msgpack.decode(data, type=Batch)
        with self._turns.take(batch.alone):
            self._say(Began(batch.key))
            numbered = enumerate(batch.hand_ins)
            return msgspec.msgpack.encode(
                [self._grade(batch, number, each) for number, each in numbered]
            )

    async def _start(self) -> None:
        reason = await asyncio.to_thread(self._open)
        if reason is None:
            await self._worker.set_resources(**{self.name: self._worker.state.nthreads})
            # Dask looks for tasks that no worker could take when a worker starts to run, not when it offers more.
            self._worker.status = Status.paused
            self._worker.status = Status.running
        else:
            self._say(Refused(self._worker.address, reason))

    def _open(self) -> Text | None:
        """Get warm; return why this worker gets no work, if so."""
        if different := _difference(self._same, versions()):
            return different
        try:
            # A submission can't read the worker's own folder, and the next worker here removes what a killed one left.
            folder = Path(tempfile.mkdtemp(prefix="grader-", dir=self._worker.local_directory))
            self._stack.callback(shutil.rmtree, folder, ignore_errors=True)
            for digest, packed in self._packed.items():
                self._assignments[digest] = unpack(packed, folder / digest[:16])
            self._grader = self._stack.enter_context(self.open_grader())
            self._grader.isolation  # noqa: B018
            self._grader.start(self._assignments.values())
            return self._problem(next(iter(self._assignments.values())))
        except UserError as error:
            return error.text
        except Exception as error:
            return tr("it can't grade: {reason}", reason=reason_of(error))

    def _grade(self, batch: Batch, number: int, each: HandedIn) -> Answer:
        begin = time.monotonic()
        assignment = self._assignments[batch.assignment]
        show = partial(self._show, batch.key, number) if each.watched else None
        graded, error = grade_one(
            self._grader, assignment, each.submission, each.student, each.recording, show
        )
        if error is None and _is_ungraded(graded) and (problem := self._problem(assignment)):
            self._say(Refused(self._worker.address, problem))
            self._worker.loop.add_callback(self._worker.close_gracefully, restart=True)
            raise UnfitError(graded.report.items[0].detail)
        if error is not None and not isinstance(error, UserError):
            raise UnfitError(str(error))
        text = error.text if isinstance(error, UserError) else None
        return Answer(graded, time.monotonic() - begin, text)

    def _problem(self, assignment: Assignment) -> Text | None:
        """Return why this machine can't grade even a submission that does nothing, if it can't."""
        graded, error = grade_one(self._grader, assignment, _NOTHING, "", None, None)
        if isinstance(error, UserError) or not _is_ungraded(graded):
            return None  # the checks are at fault, if anything is
        return tr("it can't grade: {reason}", reason=graded.report.items[0].detail)

    def _show(self, key: str, number: int, item: ItemResult) -> None:
        self._say(Watched(key, number, item))

    def _say(self, event: Event) -> None:
        self._worker.log_event(self.name, msgspec.msgpack.encode(event))


class _Turns:
    """Lets batches run together, and one that must be alone only by itself."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._running = 0
        self._alone = False

    @contextmanager
    def take(self, alone: bool) -> Iterator[None]:
        with self._changed:
            self._changed.wait_for(lambda: not self._alone)
            self._alone = alone
            self._changed.wait_for(lambda: not alone or not self._running)
            self._running += 1
        try:
            yield
        finally:
            with self._changed:
                self._running -= 1
                self._alone = self._alone and not alone
                self._changed.notify_all()


def _difference(theirs: Mapping[str, str], ours: Mapping[str, str]) -> Text | None:
    for name, there in theirs.items():
        if ours[name] != there:
            return tr(
                "it has {name} {here}, and this machine has {there}; install the same version on both",
                name=name,
                here=ours[name],
                there=there,
            )
    return None


def _is_ungraded(graded: Graded) -> bool:
    return all(item.verdict is Verdict.UNGRADED for item in graded.report.items)
