"""Walk the files of a folder or an archive. Nothing is unpacked to disk, and no path can lead outside."""

import gzip
import io
import mmap
import os
import re
import shutil
import stat
import struct
import tarfile
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import IO, cast

import msgspec

from grader.model.errors import UserError
from grader.model.record import Unmatched
from grader.model.submission import MAX_BYTES, SUFFIXES, readable
from grader.model.text import Text, printable, tr

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz")
MAX_DEPTH = 3
"""The maximum nesting of archives: the class's, a student's, and one inside that."""
MAX_RATIO = 200
"""The maximum compression ratio of a file above 1 MB. Notebooks reach 20."""
MAX_ARCHIVE = 100 * 2**20
"""The maximum size of a nested archive in bytes."""

_MB = 2**20
_HEADER = 30  # bytes of a zip member before its name
_LOCKED = 0x1  # the flag of a member with a password
_MAX_HIDDEN = 10_000  # files looked at in a hidden folder
_MAX_PARTS = 50  # of a path: what reads it must not take long
_MAX_PATH = 2000  # characters
_PLATFORM_FILES = ("submission_metadata.yml", "timestamp.txt")
_JUNK = ("__MACOSX", "__pycache__", ".DS_Store", "Thumbs.db", "desktop.ini")
"""What systems and Jupyter leave behind."""


class File(msgspec.Struct, frozen=True, kw_only=True):
    """A regular file in a folder or archive."""

    parts: tuple[str, ...]
    """The readable path parts from the given path down to the file; an archive counts as a folder."""
    modified: datetime | None
    """With a time zone; None if invalid."""
    in_archive: bool
    """Whether `modified` comes from an archive. A zip may lack the time zone; then it is this machine's."""
    open: Callable[[], IO[bytes]]
    """Open it anew. Reading may raise anything if the file is damaged; see `opened`."""

    @property
    def name(self) -> str:
        """The name of the file without its folders."""
        return self.parts[-1]

    @property
    def origin(self) -> str:
        """The path for display."""
        return "/".join(self.parts)

    @contextmanager
    def opened(self) -> Iterator[IO[bytes]]:
        """Open it for reading.

        Raises:
            UserError: the file can't be read, in the block too.
        """
        try:
            with self.open() as file:
                yield file
        except (UserError, _RefusedError, MemoryError):
            raise
        except OSError as error:
            raise UserError(_unreadable(error)) from error
        except Exception as error:  # as for whole archives
            raise UserError(tr("can't be unpacked: damaged or password-protected")) from error

    def read(self, limit: int) -> bytes:
        """Return at most this many bytes.

        Raises:
            UserError: the file can't be read.
        """
        with self.opened() as file:
            return file.read(limit)


class Folder(msgspec.Struct, frozen=True):
    """A folder or an opened archive, even if it is empty."""

    parts: tuple[str, ...]
    """As for a file."""


Found = File | Folder | Unmatched


def walk(path: Path, without: Path | None = None) -> Iterator[Found]:
    """Yield every file and folder in `path` (a folder, an archive or a file), and what is refused with the reason.

    Links, devices, pipes, names that point outside, hidden folders that hold a script or notebook, and archives that
    are broken, encrypted, nested too deeply or too large are refused. The folder `without` (the results) and files left
    behind by operating systems and Jupyter are skipped.

    Raises:
        UserError: the path doesn't exist.
    """
    parts = (_name(path.resolve().name),)
    if path.is_dir():
        yield from _in_folder(path, parts, without)
    elif path.is_symlink():
        yield _refused((_name(path.name),), link())
    elif path.is_file():
        yield from _file(path, parts, depth=0)
    else:
        raise UserError(tr("{path}: no such file, folder or archive", path=path))


def is_archive(name: str) -> bool:
    """Return whether `walk` opens a file of this name as an archive."""
    return name.lower().endswith(ARCHIVES)


class _RefusedError(Exception):
    def __init__(self, text: Text) -> None:
        super().__init__(text.en)
        self.text = text


class _Budget:
    """What an archive, including nested ones, may still unpack."""

    def __init__(self, entries: int, size: int) -> None:
        self._entries_left = self._entries = entries
        self._size_left = self._size = size

    def spend(self, entries: int, size: int) -> None:
        self._entries_left -= entries
        self._size_left -= size
        if self._entries_left < 0:
            raise _RefusedError(tr("contains more than {limit} files", limit=self._entries))
        if self._size_left < 0:
            raise _RefusedError(tr("unpacks to more than {limit} MB", limit=self._size // _MB))

    @property
    def entries(self) -> int:
        return max(self._entries_left, 0)

    @property
    def size(self) -> int:
        return max(self._size_left, 0)


def _budget(depth: int) -> _Budget:
    """The budget of a whole class is larger than a student's."""
    return _Budget(200_000, 50_000 * _MB) if depth == 0 else _Budget(5_000, 500 * _MB)


def _in_folder(top: Path, parts: tuple[str, ...], without: Path | None) -> Iterator[Found]:
    pending = [(top, parts)]
    while pending:
        folder, above = pending.pop()
        yield Folder(above)
        try:
            found = sorted(os.scandir(folder), key=lambda each: each.name)
        except OSError as error:
            yield _refused(above, _unreadable(error))
            continue
        alike = _alike((readable(each.name),) for each in found)
        for each in found:
            here = (*above, _name(each.name))
            is_folder = each.is_dir(follow_symlinks=False)
            if problem := _too_long(here) or _name_problem(here[-1:], alike, each.name):
                yield _refused(here, problem)
            elif is_folder and _is_hidden(each.name):
                if any(_is_handed_in(each.name, name) for name in _names_below(Path(each.path))):
                    yield _refused(here, _hidden())
            elif _is_junk(each.name):
                continue
            elif each.is_symlink():
                yield _refused(here, link())
            elif is_folder:
                if without is None or not without.exists() or not without.samefile(each.path):
                    pending.append((Path(each.path), here))
            elif each.is_file(follow_symlinks=False):
                yield from _file(Path(each.path), here, depth=1)
            else:
                yield _refused(here, _device())


def _names_below(folder: Path) -> Iterator[str]:
    files = (name for _, _, names in os.walk(folder) for name in names)
    return islice(files, _MAX_HIDDEN)


def _file(path: Path, parts: tuple[str, ...], depth: int) -> Iterator[Found]:
    if is_archive(parts[-1]):
        yield from _in_archive(path, parts, depth, _budget(depth))
        return
    try:
        modified = _time(path.stat().st_mtime)
    except OSError as error:
        yield _refused(parts, _unreadable(error))
        return
    entry = File(parts=parts, modified=modified, in_archive=False, open=partial(_open, path))
    if not _is_apple_double(entry):
        yield entry


def _in_archive(
    source: Path | bytes, parts: tuple[str, ...], depth: int, budget: _Budget
) -> Iterator[Found]:
    try:
        if depth > MAX_DEPTH:
            raise _RefusedError(tr("contains archives that are nested too deeply"))
        from_archive = _from_zip if parts[-1].lower().endswith(".zip") else _from_tar
        found = from_archive(source, parts, budget)
    except _RefusedError as error:
        yield _refused(parts, error.text)
        return
    except Exception:  # a broken file can make zipfile and tarfile raise anything
        yield _refused(parts, tr("isn't a readable archive; unpack it by hand"))
        return
    yield Folder(parts)
    for each in found:
        if not isinstance(each, File) or not is_archive(each.name):
            yield each
            continue
        try:
            data = each.read(MAX_ARCHIVE + 1)
        except UserError as error:
            yield _refused(each.parts, error.text)
            continue
        if len(data) > MAX_ARCHIVE:
            yield _refused(each.parts, tr("is larger than {limit} MB", limit=MAX_ARCHIVE // _MB))
            continue
        inner = _budget(depth + 1) if depth == 0 else budget
        yield from _in_archive(data, each.parts, depth + 1, inner)


def _from_zip(source: Path | bytes, parts: tuple[str, ...], budget: _Budget) -> list[Found]:
    _refuse_crowd(source, budget)
    with zipfile.ZipFile(io.BytesIO(source) if isinstance(source, bytes) else source) as archive:
        members = archive.infolist()
    if sum(m.compress_size for m in members) > _size(source):
        raise zipfile.BadZipFile  # the same bytes as many files
    budget.spend(len(members), sum(_cost(m.filename, m.file_size) for m in members))
    alike = _alike(below for each in members if (below := _below(_zip_name(each))))
    found: list[Found] = []
    for member in members:
        kind = stat.S_IFMT(member.external_attr >> 16)
        below = _below(_zip_name(member))
        is_folder = kind == stat.S_IFDIR or member.is_dir()
        here = (*parts, *map(_name, below or (_zip_name(member),)))
        if below and (other := _no_file(parts, below, is_folder)):
            found.extend(other)
            continue
        shown, written = here[len(parts) :], "/".join(below or ())
        if problem := (
            _problem(below, here, kind) or _name_problem(shown, alike, written) or _bomb(member)
        ):
            found.append(_refused(here, problem))
            continue
        entry = File(
            parts=here,
            modified=_zip_time(member),
            in_archive=True,
            open=partial(_open_member, *_packed(source, member), member),
        )
        if not _is_apple_double(entry):
            found.append(entry)
    return found


def _size(source: Path | bytes) -> int:
    return source.stat().st_size if isinstance(source, Path) else len(source)


def _packed(source: Path | bytes, member: zipfile.ZipInfo) -> tuple[Path | bytes, int]:
    """Where the member with its header is: of an archive in memory only what is needed is kept."""
    begin = member.header_offset
    if isinstance(source, Path):
        return source, begin
    if not _is_wanted(member.filename):
        return b"", 0
    header = source[begin : begin + _HEADER].ljust(_HEADER, b"\0")
    return source[begin : begin + _HEADER + _before_content(header) + member.compress_size], 0


def _open_member(source: Path | bytes, begin: int, member: zipfile.ZipInfo) -> IO[bytes]:
    """Open a member without its archive, which would hold a descriptor as long as one of its members is known."""
    with ExitStack() as stack:
        file = source.open("rb") if isinstance(source, Path) else io.BytesIO(source)
        stack.callback(file.close)
        file.seek(begin)
        header = file.read(_HEADER)
        if header[:4] != b"PK\3\4" or member.flag_bits & _LOCKED:
            raise zipfile.BadZipFile
        file.seek(begin + _HEADER + _before_content(header))
        opened = zipfile.ZipExtFile(file, "r", member, None, True)
        stack.pop_all()
    return cast(IO[bytes], opened)


def _before_content(header: bytes) -> int:
    """The number of bytes between a member's header and its content."""
    return sum(struct.unpack_from("<HH", header, 26))


def _from_tar(source: Path | bytes, parts: tuple[str, ...], budget: _Budget) -> list[Found]:
    found: list[Found] = []
    written: dict[int, tuple[str, ...]] = {}
    with ExitStack() as stack:
        stream: IO[bytes] = stack.enter_context(
            source.open("rb") if isinstance(source, Path) else io.BytesIO(source)
        )
        if parts[-1].lower().endswith("gz"):
            stream = cast(IO[bytes], stack.enter_context(gzip.GzipFile(fileobj=stream)))
        bounded = cast(IO[bytes], _Bounded(stream, min(budget.size, 500 * _MB)))
        archive = stack.enter_context(tarfile.open(fileobj=bounded, mode="r|"))
        for member in archive:
            budget.spend(1, member.size)
            below = _below(readable(member.name))
            here = (*parts, *map(_name, below or (member.name,)))
            if below and (other := _no_file(parts, below, member.isdir())):
                found.extend(other)
                continue
            kind = 0 if member.isreg() else stat.S_IFLNK if _is_link(member) else stat.S_IFIFO
            if problem := _problem(below, here, kind):
                found.append(_refused(here, problem))
                continue
            packed = _squeezed(_tar_file(archive, member)) if _is_wanted(member.name) else b""
            entry = File(
                parts=here,
                modified=_time(member.mtime),
                in_archive=True,
                open=partial(_unsqueezed, packed),
            )
            if not _is_apple_double(entry):
                written[len(found)] = below or ()
                found.append(entry)
    alike = _alike(written.values())
    for at, path in written.items():
        here = (*parts, *map(_name, path))
        if problem := _name_problem(here[len(parts) :], alike, "/".join(path)):
            found[at] = _refused(here, problem)
    return found


class _Bounded:
    """A stream with a size limit, so that a header that claims gigabytes doesn't fill the memory."""

    def __init__(self, stream: IO[bytes], size: int) -> None:
        self._stream = stream
        self._limit = self._left = size

    def read(self, size: int) -> bytes:
        data = self._stream.read(min(size, self._left + 1))
        self._left -= len(data)
        if self._left < 0:
            raise _RefusedError(tr("unpacks to more than {limit} MB", limit=self._limit // _MB))
        return data


def _tar_file(archive: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    file = archive.extractfile(member)
    assert file is not None  # it is a regular file
    return file


def _is_link(member: tarfile.TarInfo) -> bool:
    return member.issym() or member.islnk()


def _squeezed(file: IO[bytes]) -> bytes:
    """The content compressed, so that the archive can be closed."""
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", compresslevel=1) as packed:
        shutil.copyfileobj(file, packed, _MB)
    return buffer.getvalue()


def _unsqueezed(packed: bytes) -> IO[bytes]:
    return cast(IO[bytes], gzip.GzipFile(fileobj=io.BytesIO(packed)))


def _open(path: Path) -> IO[bytes]:
    return path.open("rb")


def _refuse_crowd(source: Path | bytes, budget: _Budget) -> None:
    """Refuse too many entries before `zipfile` creates an object for each."""
    entry = re.compile(rb"PK\x01\x02")
    if isinstance(source, bytes):
        count = sum(1 for _ in islice(entry.finditer(source), budget.entries + 1))
    else:
        with (
            source.open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
        ):
            count = sum(1 for _ in islice(entry.finditer(content), budget.entries + 1))
    if count > budget.entries:
        budget.spend(count, 0)


def _cost(name: str, size: int) -> int:
    if is_archive(name):
        return min(size, MAX_ARCHIVE)
    return min(size, MAX_BYTES) if _is_wanted(name) else 0


def _is_wanted(name: str) -> bool:
    wanted = name.lower().endswith((*SUFFIXES, *ARCHIVES, *_PLATFORM_FILES))
    return wanted or name.rpartition("/")[2].startswith("._")


def _problem(below: tuple[str, ...] | None, here: tuple[str, ...], kind: int) -> Text | None:
    if below is None:
        return tr("the name points outside the archive")
    if problem := _too_long(here):
        return problem
    if kind == stat.S_IFLNK:
        return link()
    return _device() if kind not in (0, stat.S_IFREG) else None


def _bomb(member: zipfile.ZipInfo) -> Text | None:
    if member.filename.lower().endswith(".ipynb"):
        return None  # outputs that repeat themselves; they are read in pieces and dropped
    if member.file_size > _MB and member.file_size > MAX_RATIO * member.compress_size:
        return tr("is compressed more than {limit}:1, unlike any real submission", limit=MAX_RATIO)
    return None


def _zip_name(member: zipfile.ZipInfo) -> str:
    """The name in a zip: without the UTF-8 flag it may be CP949 or still UTF-8."""
    if member.flag_bits & 0x800:
        return readable(member.filename)
    try:
        raw = member.filename.encode("cp437")
    except UnicodeEncodeError:  # Python 3.12 has read the Unicode name from an extra field
        return readable(member.filename)
    return readable(raw.decode("utf-8", "surrogateescape"))


def _below(name: str) -> tuple[str, ...] | None:
    """The parts of a member's name; None if it points outside the archive."""
    name = name.replace("\\", "/")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if not parts or ".." in parts or name.startswith("/") or re.match(r"[A-Za-z]:", name):
        return None
    return tuple(parts)


def _name(raw: str) -> str:
    return printable(readable(raw), 1000)


def _no_file(
    parts: tuple[str, ...], below: tuple[str, ...], is_folder: bool
) -> tuple[Folder | Unmatched, ...]:
    """What a member of the archive `parts` is if it is no file to look at: a folder, a hidden one, or junk in one."""
    folders = below if is_folder else below[:-1]
    hidden = next((at for at, name in enumerate(folders) if _is_hidden(name)), None)
    above = (*parts, *map(_name, folders[:hidden]))
    if hidden is not None:
        name = _name(folders[hidden])
        is_wanted = not is_folder and _is_handed_in(name, below[-1])
        return (Folder(above), *([_refused((*above, name), _hidden())] if is_wanted else ()))
    return (Folder(above),) if is_folder or _is_junk(below[-1]) else ()


def _is_hidden(folder: str) -> bool:
    return folder in _JUNK or folder.startswith(".")


def _is_junk(file: str) -> bool:
    return file in _JUNK


def _is_handed_in(hidden_folder: str, file: str) -> bool:
    """Whether a file in a hidden folder may be a hand-in, and not a copy that a program made of one."""
    is_copy = hidden_folder == ".ipynb_checkpoints" or file.startswith("._")
    return file.lower().endswith(SUFFIXES) and not is_copy


def _is_apple_double(entry: File) -> bool:
    """Whether it is what macOS stores beside a file, rather than a file with such a name."""
    if not entry.name.startswith("._"):
        return False
    try:
        return entry.read(4) in (b"", b"\0\5\x16\7")
    except UserError:
        return False


def _alike(paths: Iterable[tuple[str, ...]]) -> set[tuple[str, ...]]:
    """The shown paths of files and folders that only differ in spaces or in signs that can't be shown."""
    found: defaultdict[tuple[str, ...], set[tuple[str, ...]]] = defaultdict(set)
    for path in paths:
        shown = tuple(map(_name, path[:_MAX_PARTS]))
        for n in range(1, len(shown) + 1):
            found[shown[:n]].add(path[:n])
    return {shown for shown, written in found.items() if len(written) > 1}


def _name_problem(shown: tuple[str, ...], alike: set[tuple[str, ...]], written: str) -> Text | None:
    if alike and any(shown[:n] in alike for n in range(1, min(len(shown), _MAX_PARTS) + 1)):
        return tr(
            "has the same name as another one but for spaces or hidden signs; rename the one written {name}",
            name=_with_hidden_signs(readable(written)),
        )
    return None


def _with_hidden_signs(name: str) -> str:
    """A name in which spaces and what can't be shown are told apart."""
    return "".join(
        "␣" if c == " " else c if c.isprintable() else c.encode("unicode_escape").decode("ascii")
        for c in name[:_MAX_PATH]
    )


def _too_long(parts: tuple[str, ...]) -> Text | None:
    if len(parts) > _MAX_PARTS or sum(map(len, parts)) > _MAX_PATH:
        return tr("has too long a path; give it a shorter one")
    return None


def _hidden() -> Text:
    return tr("is a hidden folder; if it was handed in, give it another name")


def _zip_time(member: zipfile.ZipInfo) -> datetime | None:
    """The exact time if the archive has it in Unix seconds, else the local time without a zone."""
    extra = member.extra
    while len(extra) >= 4:
        kind, size = struct.unpack_from("<HH", extra)
        if kind == 0x5455 and size >= 5 and len(extra) >= 9 and extra[4] & 1:
            return _time(struct.unpack_from("<i", extra, 5)[0])
        extra = extra[4 + size :]
    try:
        return datetime(*member.date_time).astimezone()
    except (ValueError, OverflowError, OSError):
        return None


def _time(seconds: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _refused(parts: tuple[str, ...], reason: Text) -> Unmatched:
    return Unmatched(printable("/".join(parts), _MAX_PATH), reason)


def _unreadable(error: OSError) -> Text:
    return tr("can't be read: {reason}", reason=error.strerror or error)


def link() -> Text:
    """Return why a link is refused."""
    return tr("is a link; replace it with the file itself")


def _device() -> Text:
    return tr("is a device or a pipe")
