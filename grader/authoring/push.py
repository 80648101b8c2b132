"""Bring a new version of an assignment to a running course: pack it, examine it, and let it go live."""

import fcntl
import io
import shutil
import tempfile
import threading
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Any, Self

import msgspec

from grader.authoring.audit import audit
from grader.gradebook import Gradebook, counted_again, digest_of, uploads, versions
from grader.gradebook.changes import Change, changes
from grader.gradebook.opening import transaction
from grader.gradebook.versions import Claim, Examined, Live
from grader.grading.grader import Grader
from grader.grading.work import task_of_upload
from grader.model.assignment import (
    SETTINGS,
    Assignment,
    is_beside,
    load_assignment,
    load_assignments,
)
from grader.model.errors import AssignmentError, GraderError, UserError, reading
from grader.model.score import ScoreReport
from grader.model.text import Text, printable, tr

MAX_BYTES = 64 * 2**20
"""Of all files of an assignment's folder."""
_MAX_FILES = 2000
_MARKER = ".version"
_LOOK_SECONDS = 1.0
_PAUSE_SECONDS = 5.0  # after a failure of ours

Replacing = Callable[[], AbstractContextManager[Callable[[Assignment], None]]]
"""Guards the replacement of an assignment's folder; what it gives is called with the new version."""


# --- folders and zips


def pack(folder: Path) -> bytes:
    """Return a zip of an assignment's folder, without hidden files and caches.

    Raises:
        UserError: it holds no assignment, can't be read, or is too large.
    """
    load_assignment(folder)
    data = io.BytesIO()
    total = 0
    with reading(folder), zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder)
            if path.is_file() and not is_beside(name):
                total += path.stat().st_size
                if total > MAX_BYTES:
                    raise _too_large()
                archive.write(path, name.as_posix())
    return data.getvalue()


def settings_zip(text: str) -> bytes:
    """Return a zip of a settings file alone."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(SETTINGS, text)
    return data.getvalue()


def unpack(content: bytes, folder: Path) -> None:
    """Unpack a zip of an assignment into a folder; in the zip, it may stand in a folder of its own.

    Raises:
        UserError: it is no such zip.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            files = [each for each in archive.infolist() if not each.is_dir()]
            settings = [PurePosixPath(each.filename) for each in files]
            settings = [each for each in settings if each.name == SETTINGS]
            if not settings:
                raise UserError(tr("the zip contains no {file}", file=SETTINGS))
            top = min(settings, key=lambda each: len(each.parts)).parent
            if len(files) > _MAX_FILES or sum(each.file_size for each in files) > MAX_BYTES:
                raise _too_large()
            for each in files:
                path = PurePosixPath(each.filename)
                if path.is_relative_to(top):
                    _write(archive, each, path.relative_to(top), folder)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, EOFError) as error:
        words = tr("the zip can't be read: {reason}", reason=printable(str(error)))
        raise UserError(words) from error


@contextmanager
def unpacked(content: bytes) -> Iterator[Assignment]:
    """Return the assignment in a zip, in a folder that is removed at the end.

    Raises:
        UserError: it is no such zip.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        unpack(content, folder)
        yield load_assignment(folder)


def _write(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: PurePosixPath, folder: Path
) -> None:
    if path.is_absolute() or ".." in path.parts or "\\" in member.filename:
        words = tr("the zip holds a file outside its folder: {path}", path=printable(str(path)))
        raise UserError(words)
    if any(part.startswith((".", "__pycache__", "__MACOSX")) for part in path.parts):
        return
    there = folder / path
    there.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(member) as source:
        data = source.read(MAX_BYTES + 1)  # the size in the zip's list may be a lie
    if len(data) > MAX_BYTES:
        raise _too_large()
    there.write_bytes(data)


def _too_large() -> UserError:
    return UserError(
        tr(
            "an assignment may have {files} files with {limit} MB in total",
            files=_MAX_FILES,
            limit=MAX_BYTES >> 20,
        )
    )


# --- examining


def examine(
    grader: Grader,
    book: Gradebook,
    assignments: Mapping[str, Assignment],
    claimed: Claim,
    jobs: int = 1,
) -> Examined:
    """Find out what a version would do, and store it: the audit of a folder, and whose score would change.

    The checks are run as in `grader audit`; scores come from recorded answers where the submission isn't asked
    anything new. Nothing of the course changes.

    Raises:
        InfrastructureError: this machine can't grade; the version can be examined again.
    """
    old = assignments.get(claimed.version.assignment)
    with tempfile.TemporaryDirectory() as name:
        try:
            new = _unpacked(claimed, old, Path(name))
        except UserError as error:
            done, content = Examined(findings=(error.text,), usable=False), claimed.content
        else:
            done, content = _examined(grader, book, claimed, old, new, jobs), pack(new.folder)
    with transaction(book.engine) as connection:
        versions.finish(connection, claimed, done, content, digest_of(old) if old else "")
    return done


def _unpacked(claimed: Claim, old: Assignment | None, folder: Path) -> Assignment:
    version = claimed.version
    if version.kind == "settings" and old is not None:
        shutil.copytree(old.folder, folder, dirs_exist_ok=True, ignore=_HIDDEN)
    unpack(claimed.content, folder)
    new = load_assignment(folder)
    if new.name != version.assignment:
        raise AssignmentError(
            tr(
                "this is the assignment {name}, not {wanted}",
                name=new.name,
                wanted=version.assignment,
            )
        )
    return msgspec.structs.replace(new, course=old.course) if old else new


def _examined(
    grader: Grader,
    book: Gradebook,
    claimed: Claim,
    old: Assignment | None,
    new: Assignment,
    jobs: int,
) -> Examined:
    def alive(_: object) -> None:
        with transaction(book.engine) as connection:
            versions.renew(connection, claimed)

    findings: tuple[Text, ...] = ()
    try:
        if claimed.version.kind == "folder":
            findings = tuple(
                tr("{subject}: {text}", subject=each.subject, text=each.text)
                for each in audit(grader, new, jobs, show=alive).findings
            )
        found, graded = _preview(grader, book, old, new, alive) if old else ((), 0)
    except UserError as error:
        return Examined(findings=(error.text,), usable=False)
    finally:
        grader.stop(new)
    return Examined(findings=findings, usable=True, changes=found, graded=graded)


def _preview(
    grader: Grader,
    book: Gradebook,
    old: Assignment,
    new: Assignment,
    alive: Callable[[object], None],
) -> tuple[tuple[Change, ...], int]:
    """Whose score would change, and how many hand-ins were graded to find out."""
    record = book.class_record(old.name, brief=True)
    known, digests = {new.name: new}, {new.name: digest_of(new)}
    with transaction(book.reading) as connection:
        hand_ins = {each.origin: each for each in uploads.hand_ins_for(connection, new.name)}
    reports: dict[tuple[str, str], ScoreReport] = {}
    after = []
    for each in record.records:
        upload = hand_ins.get(each.origin)
        if upload is None:
            after.append(each)
            continue
        with transaction(book.reading) as connection:
            task = task_of_upload(connection, upload, known, digests)
        content = (upload.sha256, upload.file)
        if content not in reports:
            recording = book.recording(task)
            graded = grader.grade(new, task.load(), upload.student, recording)
            reports[content] = graded.report.brief
            alive(None)
        report = msgspec.structs.replace(reports[content], student=each.report.student)
        digest = digests[new.name]
        after.append(
            msgspec.structs.replace(each, report=report, penalty=task.penalty, digest=digest)
        )
    now = msgspec.structs.replace(record, assignments=(new,), records=tuple(after))
    settings = {digest_of(old): _settings(old), digests[new.name]: _settings(new)}
    return changes(record, counted_again(now), settings), len(reports)


def _settings(assignment: Assignment) -> Any:
    return msgspec.to_builtins(msgspec.structs.replace(assignment, folder=Path()), enc_hook=str)


# --- going live


def catch_up(book: Gradebook, assignments: Mapping[str, Assignment]) -> dict[str, Assignment]:
    """Install what went live while nothing was served, and return the assignments as they are then."""
    root = _root(assignments)
    with transaction(book.reading) as connection:
        wanted = versions.live(connection)
    for name, live in wanted.items():
        _install(book, root, _folder(root, assignments, name), live)
    return load_assignments(root)


class _Watcher(ABC):
    """A thread that looks at the gradebook every few seconds, and tells what went wrong unless it is being ended."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()

    def _run(self) -> None:
        pause = _LOOK_SECONDS
        while not self._ended.wait(pause):
            pause = _LOOK_SECONDS
            try:
                self._look()
            except (GraderError, OSError) as error:
                if not self._ended.is_set():
                    self._tell(printable(str(error)))
                pause = _PAUSE_SECONDS

    @abstractmethod
    def _look(self) -> None: ...


class Follower(_Watcher):
    """A thread that installs what goes live and says so. Use it in a `with` statement."""

    def __init__(
        self,
        book: Gradebook,
        assignments: Mapping[str, Assignment],
        follow: Callable[[Assignment], None],
        replacing: Replacing = lambda: nullcontext(lambda assignment: None),
        tell: Callable[[str], None] = lambda line: None,
    ) -> None:
        """`follow` is called with each new version behind what `replacing` gives."""
        super().__init__(tell)
        self._book, self._assignments = book, dict(assignments)
        self._follow, self._replacing = follow, replacing
        self._root = _root(assignments)
        with transaction(book.reading) as connection:
            self._seen = versions.live(connection)

    def _look(self) -> None:
        with transaction(self._book.reading) as connection:
            wanted = versions.live(connection)
        for name, live in wanted.items():
            if name in self._seen and self._seen[name] >= live:
                continue
            with self._replacing() as replace:
                _install(self._book, self._root, _folder(self._root, self._assignments, name), live)
                new = load_assignments(self._root)[name]
                replace(new)
            self._assignments[name] = new
            self._seen[name] = live
            self._follow(new)


class Examiner(_Watcher):
    """A thread that examines proposed versions, one at a time. Use it in a `with` statement."""

    def __init__(
        self,
        book: Gradebook,
        open_grader: Callable[[], AbstractContextManager[Grader]],
        assignments: Callable[[], Mapping[str, Assignment]],
        tell: Callable[[str], None] = lambda line: None,
    ) -> None:
        """`open_grader` starts a grader for one version; `assignments` returns those that are live."""
        super().__init__(tell)
        self._book, self._open_grader, self._assignments = book, open_grader, assignments

    def _look(self) -> None:
        with transaction(self._book.engine) as connection:
            claimed = versions.claim(connection)
        if claimed is not None:
            self._examine(claimed)

    def _examine(self, claimed: Claim) -> None:
        try:
            with self._open_grader() as grader:
                examine(grader, self._book, self._assignments(), claimed)
        except (GraderError, OSError):
            with transaction(self._book.engine) as connection:
                versions.give_back(connection, claimed)
            raise


_HIDDEN = shutil.ignore_patterns(".*", "__pycache__")


def _root(assignments: Mapping[str, Assignment]) -> Path:
    return next(iter(assignments.values())).folder.parent


def _folder(root: Path, assignments: Mapping[str, Assignment], name: str) -> Path:
    return assignments[name].folder if name in assignments else root / name


def _install(book: Gradebook, root: Path, folder: Path, live: Live) -> None:
    """Replace a folder by a version, unless this machine has it already. Other processes may be doing the same."""
    with (root / ".lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        marker = folder / _MARKER
        if marker.is_file() and int(marker.read_text()) >= live.serial:
            return
        with transaction(book.reading) as connection:
            content = versions.content_of(connection, live.id)
        with tempfile.TemporaryDirectory(dir=root.parent, prefix=".grader-") as name:
            new = Path(name, "new")
            new.mkdir(mode=0o755)
            unpack(content, new)
            (new / _MARKER).write_text(str(live.serial))
            if folder.exists():
                folder.rename(Path(name, "old"))
            new.rename(folder)
