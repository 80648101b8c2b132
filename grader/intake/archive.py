"""Walk the files of a folder or an archive. Nothing is unpacked to disk, and no path can lead outside."""

import gzip
import io
import mmap
import os
import re
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
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
_PLATFORM_FILES = ("submission_metadata.yml", "timestamp.txt")
_JUNK = ("__MACOSX", "__pycache__", ".DS_Store", "Thumbs.db", "desktop.ini")


class File(msgspec.Struct, frozen=True, kw_only=True):
    """A regular file in a folder or archive."""

    parts: tuple[str, ...]
    """The readable path parts from the given path down to the file; an archive counts as a folder."""
    modified: datetime | None
    """With a time zone; None if invalid."""
    in_archive: bool
    """Whether `modified` comes from an archive. A zip may lack the time zone; then it is this machine's."""
    read: Callable[[int], bytes]
    """Return at most this many bytes. Raises UserError if the file can't be read."""

    @property
    def name(self) -> str:
        """The name of the file without its folders."""
        return self.parts[-1]

    @property
    def origin(self) -> str:
        """The path for display."""
        return "/".join(self.parts)


def walk(path: Path, without: Path | None = None) -> Iterator[File | Unmatched]:
    """Yield every file in `path` (a folder, an archive or a file), and refused files with the reason.

    Links, devices, pipes, names that point outside, and archives that are broken, encrypted, nested too deeply or too
    large are refused. The folder `without` (the results) and files left behind by operating systems and Jupyter are
    skipped.

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


def _in_folder(
    top: Path, parts: tuple[str, ...], without: Path | None
) -> Iterator[File | Unmatched]:
    pending = [(top, parts)]
    while pending:
        folder, above = pending.pop()
        try:
            found = sorted(os.scandir(folder), key=lambda each: each.name)
        except OSError as error:
            yield _refused(above, _unreadable(error))
            continue
        for each in found:
            here = (*above, _name(each.name))
            is_folder = each.is_dir(follow_symlinks=False)
            if _is_junk(each.name, is_folder):
                continue
            if each.is_symlink():
                yield _refused(here, link())
            elif is_folder:
                if without is None or not without.exists() or not without.samefile(each.path):
                    pending.append((Path(each.path), here))
            elif each.is_file(follow_symlinks=False):
                yield from _file(Path(each.path), here, depth=1)
            else:
                yield _refused(here, _device())


def _file(path: Path, parts: tuple[str, ...], depth: int) -> Iterator[File | Unmatched]:
    if is_archive(parts[-1]):
        yield from _in_archive(path, parts, depth, _budget(depth))
        return
    try:
        modified = _time(path.stat().st_mtime)
    except OSError as error:
        yield _refused(parts, _unreadable(error))
        return
    read = partial(_read, partial(_open, path))
    yield File(parts=parts, modified=modified, in_archive=False, read=read)


def _in_archive(
    source: Path | bytes, parts: tuple[str, ...], depth: int, budget: _Budget
) -> Iterator[File | Unmatched]:
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
    for each in found:
        if isinstance(each, Unmatched) or not is_archive(each.name):
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


def _from_zip(
    source: Path | bytes, parts: tuple[str, ...], budget: _Budget
) -> list[File | Unmatched]:
    _refuse_crowd(source, budget)
    archive = zipfile.ZipFile(io.BytesIO(source) if isinstance(source, bytes) else source)
    members = archive.infolist()
    budget.spend(len(members), sum(_cost(m.filename, m.file_size) for m in members))
    found: list[File | Unmatched] = []
    for member in members:
        kind = stat.S_IFMT(member.external_attr >> 16)
        below = _below(_zip_name(member))
        if kind == stat.S_IFDIR or member.is_dir() or (below and _is_left_behind(below)):
            continue
        here = (*parts, *map(_name, below or (_zip_name(member),)))
        if problem := _problem(below, kind) or _bomb(member):
            found.append(_refused(here, problem))
            continue
        read = partial(_read, partial(archive.open, member))
        entry = File(parts=here, modified=_zip_time(member), in_archive=True, read=read)
        found.append(entry if isinstance(source, Path) else _kept(entry))
    return found


def _from_tar(
    source: Path | bytes, parts: tuple[str, ...], budget: _Budget
) -> list[File | Unmatched]:
    found: list[File | Unmatched] = []
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
            if member.isdir() or (below and _is_left_behind(below)):
                continue
            here = (*parts, *map(_name, below or (member.name,)))
            kind = 0 if member.isreg() else stat.S_IFLNK if _is_link(member) else stat.S_IFIFO
            if problem := _problem(below, kind):
                found.append(_refused(here, problem))
                continue
            read = partial(_read, partial(_tar_file, archive, member))
            entry = File(parts=here, modified=_time(member.mtime), in_archive=True, read=read)
            found.append(_kept(entry))
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


def _kept(entry: File) -> File:
    """The same entry with its content kept compressed, so that the archive can be closed."""
    if not _is_wanted(entry.name):
        return entry
    limit = MAX_ARCHIVE + 1 if is_archive(entry.name) else MAX_BYTES + 1
    try:
        packed = zlib.compress(entry.read(limit), 1)
    except UserError as error:
        return msgspec.structs.replace(entry, read=partial(_raise, error.text))
    return msgspec.structs.replace(entry, read=partial(_unpack, packed))


def _unpack(packed: bytes, limit: int) -> bytes:
    return zlib.decompressobj().decompress(packed, limit)


def _raise(text: Text, limit: int) -> bytes:
    raise UserError(text)


def _read(open_: Callable[[], IO[bytes]], limit: int) -> bytes:
    try:
        with open_() as file:
            return file.read(limit)
    except _RefusedError:
        raise
    except OSError as error:
        raise UserError(_unreadable(error)) from error
    except Exception as error:  # as for whole archives
        raise UserError(tr("can't be unpacked: damaged or password-protected")) from error


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
    return name.lower().endswith((*SUFFIXES, *ARCHIVES, *_PLATFORM_FILES))


def _problem(below: tuple[str, ...] | None, kind: int) -> Text | None:
    if below is None:
        return tr("the name points outside the archive")
    if kind == stat.S_IFLNK:
        return link()
    return _device() if kind not in (0, stat.S_IFREG) else None


def _bomb(member: zipfile.ZipInfo) -> Text | None:
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


def _is_left_behind(below: tuple[str, ...]) -> bool:
    return _is_junk(below[-1], False) or any(_is_junk(part, True) for part in below[:-1])


def _is_junk(name: str, is_folder: bool) -> bool:
    return name in _JUNK or name.startswith("." if is_folder else "._")


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
    return Unmatched("/".join(parts), reason)


def _unreadable(error: OSError) -> Text:
    return tr("can't be read: {reason}", reason=error.strerror or error)


def link() -> Text:
    """Return why a link is refused."""
    return tr("is a link; replace it with the file itself")


def _device() -> Text:
    return tr("is a device or a pipe")
