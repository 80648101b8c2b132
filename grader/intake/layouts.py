"""Read students, late marks and times from the paths of a download or of folders.

| where | path | student without a roster | matched to a roster by |
|---|---|---|---|
| a platform of the table in `platforms` | as it says | as it says: the login, else the name | both |
| Gradescope | `submission_5/wine.ipynb` beside `submission_metadata.yml` | the sid, else the email | sid, email, name |
| nbgrader | `submitted/kim/wine/wine.ipynb` | `kim` | that word |
| a folder each | `20251234_kim/hw/wine (1).ipynb` | `20251234_kim` | any word of it, or all together |
| flat files | `20251234_kim_wine.ipynb` | `20251234_kim` | any word of it, or all together |

Moodle's number differs between assignments, so it is added to a name (`Minsu Kim (31)`) only if two students of one
download share the name. A platform's naming takes precedence over the names of enclosing folders.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, tzinfo
from pathlib import PurePosixPath
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from grader.intake.apart import in_child
from grader.intake.archive import File
from grader.intake.names import bare, lookups, student_in, student_of_folder
from grader.intake.platforms import Found, platform_of, time_in
from grader.intake.roster import RosterIndex
from grader.model.assignment import Assignment
from grader.model.errors import UserError
from grader.model.record import Unmatched
from grader.model.submission import SUFFIXES, readable
from grader.model.text import Text, printable, tr

METADATA = "submission_metadata.yml"
TIMESTAMP = "timestamp.txt"

_MAX_METADATA = 200 * 2**20


class Owner(msgspec.Struct, frozen=True):
    """A student as named in a path."""

    student: str
    """The id if there is no roster."""
    words: tuple[str, ...]
    """Words to look up in the roster: ids, names, an email."""
    where: tuple[str, ...] | None = None
    """The folder that names the student, or holds the file that does; None if the platform names the student."""


class PathInfo(msgspec.Struct, frozen=True, kw_only=True):
    """The information in the path of a file."""

    owners: tuple[Owner, ...] = ()
    """The students named by the platform; several for a group hand-in."""
    candidates: tuple[Owner, ...] = ()
    """Candidates from the enclosing folders, the outermost first, if no platform names a student."""
    file: str
    """The file name that the student chose."""
    folders: tuple[str, ...] = ()
    """Folders that may name the assignment, the nearest first."""
    assignment_first: bool = False
    """Whether the nearest folder takes precedence over the file name, as in nbgrader."""
    late_mark: bool = False
    handed_in: datetime | None = None
    """The platform's time; None if it doesn't record one."""
    version: int | None = None
    """The platform's number of the attempt."""
    draft: bool = False
    """Whether the platform says that it wasn't handed in."""


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """How the files below one given path are organised."""

    base: int
    """The number of path parts above the students' folders."""
    crowds: frozenset[tuple[str, ...]] = frozenset()
    """Folders that hold files of several students."""
    words: re.Pattern[str]
    """Assignment names within folder names."""
    submitted: int | None = None
    """The number of path parts above the students in an nbgrader tree."""
    groups: dict[tuple[str, ...], tuple[tuple[Owner, ...], datetime | None]] = {}
    """Gradescope's submitters per folder, and the time."""
    metadata: frozenset[str] = frozenset()
    """The origins of Gradescope's metadata files."""
    times: dict[tuple[str, ...], datetime] = {}
    """nbgrader's timestamp per folder."""
    namesakes: frozenset[tuple[tuple[str, ...], str]] = frozenset()
    """Names shared by several students of one platform's download, with the folder of the download."""
    common: tuple[str, ...] = ()
    """The folders that all scripts have in common."""
    all_named: bool = False
    """Whether a platform named every script, so that no student can have chosen such a name for a few."""
    zone: tzinfo | None = None
    """The zone of times that a platform writes without one; by default this machine's."""


def layout_of(
    entries: Sequence[File], assignments: Iterable[Assignment], index: RosterIndex
) -> tuple[Layout, list[Unmatched]]:
    """Detect how the files below one given path are organised. Also return unreadable platform files."""
    common = _common([entry.parts[:-1] for entry in entries])
    groups: dict[tuple[str, ...], tuple[tuple[Owner, ...], datetime | None]] = {}
    times: dict[tuple[str, ...], datetime] = {}
    metadata = set()
    unmatched = []
    scripts = [entry.parts for entry in entries if is_script(entry.name)]
    assignments = list(assignments)
    zones = [a.course.timezone for a in assignments if a.course.timezone]
    zone = ZoneInfo(zones[0]) if zones else None
    submitted = common.index("submitted") + 1 if "submitted" in common else None
    for entry in entries:
        folder = entry.parts[:-1]
        try:
            if entry.name == METADATA and folder == common[: len(folder)]:
                metadata.add(entry.origin)
                groups.update(_gradescope(entry))
            elif entry.name == TIMESTAMP and submitted is not None:
                if len(folder) == submitted + 2:  # deeper down it is a file of the student's
                    times[folder] = _timestamp(entry)
            elif entry.name == TIMESTAMP and (time := time_in(_line(entry))):
                times[folder] = _in_zone(time, zone)
        except UserError as error:
            unmatched.append(Unmatched(entry.origin, error.text))
    names = [re.escape(word) for a in assignments for word in (a.name, *a.aliases)]
    words = re.compile(rf"(?<![^\W_])(?:{'|'.join(names)})(?![^\W_])", re.IGNORECASE)
    named = [(e.parts, found) for e in entries if (found := platform_of(e.origin, words))]
    layout = Layout(
        base=_base(scripts, words),
        crowds=_crowds(scripts, words, index),
        words=words,
        submitted=submitted,
        groups=groups,
        metadata=frozenset(metadata),
        times=times,
        namesakes=_namesakes(named),
        common=_common([parts[:-1] for parts in scripts]),
        all_named=set(scripts) <= {parts for parts, _ in named},
        zone=zone,
    )
    return layout, unmatched


def path_info(parts: tuple[str, ...], layout: Layout) -> PathInfo:
    """Return the information in the path of a file in a download with this layout."""
    folders = tuple(reversed(parts[:-1]))
    for depth in range(len(parts) - 1, 0, -1):
        if found := layout.groups.get(parts[:depth]):
            return PathInfo(owners=found[0], file=parts[-1], folders=folders, handed_in=found[1])
    named = platform_of("/".join(parts), layout.words)
    if named and (layout.all_named or parts[: named.depth] == layout.common[: named.depth]):
        return _named_info(parts, named, layout)
    if layout.submitted is not None and len(parts) > layout.submitted + 1:
        student = parts[layout.submitted]
        return PathInfo(
            owners=(Owner(student, (student,)),),
            file=parts[-1],
            folders=parts[layout.submitted + 1 : -1],
            assignment_first=True,
            handed_in=layout.times.get(parts[: layout.submitted + 2]),
        )
    base = len(parts) if parts[:-1] in layout.crowds else layout.base
    candidates = tuple(
        _owner(student, parts[: at + 1])
        for at in range(base, len(parts) - 1)
        if (student := student_of_folder(parts[at], layout.words))
    )
    return PathInfo(candidates=candidates, file=parts[-1], folders=folders)


def _named_info(parts: tuple[str, ...], found: Found, layout: Layout) -> PathInfo:
    is_namesake = (parts[: found.depth], found.student) in layout.namesakes
    time = found.handed_in and _in_zone(found.handed_in, layout.zone)
    if found.time_file:
        time = layout.times.get(found.time_file[:-1])
    return PathInfo(
        owners=(Owner(found.namesake if is_namesake else found.student, found.words),),
        file=found.file,
        folders=(found.homework, *reversed(parts[:-1])),
        late_mark=found.late_mark,
        handed_in=time,
        version=found.version,
        draft=found.draft,
    )


def owner_in(file: str, assignment: Assignment) -> Owner | None:
    """Return the student named in a file name besides the assignment, or None."""
    student = student_in(PurePosixPath(readable(file)).stem, assignment.name_pattern)
    return _owner(student, ()) if student else None


def owner_of_name(name: str, layout: Layout) -> tuple[Owner, ...]:
    """Return the student who may be named in the name of a file that isn't a submission."""
    student = student_in(bare(name), layout.words)
    return (_owner(student, ()),) if student else ()


def is_script(name: str) -> bool:
    """Return whether a file of this name can be a submission."""
    return name.lower().endswith(SUFFIXES)


def _owner(student: str, where: tuple[str, ...]) -> Owner:
    return Owner(student, lookups(student), where)


def _namesakes(
    named: Iterable[tuple[tuple[str, ...], Found]],
) -> frozenset[tuple[tuple[str, ...], str]]:
    names: defaultdict[tuple[tuple[str, ...], str], set[str]] = defaultdict(set)
    for parts, found in named:
        names[parts[: found.depth], found.student].add(found.namesake)
    return frozenset(name for name, found in names.items() if len(found) > 1)


def _common(folders: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """The folders common to all files, from the top."""
    if not folders:
        return ()
    first, last = min(folders), max(folders)
    length = next(
        (i for i, pair in enumerate(zip(first, last, strict=False)) if len(set(pair)) > 1), None
    )
    return first[: min(len(first), len(last)) if length is None else length]


def _base(scripts: Sequence[tuple[str, ...]], words: re.Pattern[str]) -> int:
    """The folders that all files share stand around students if the folders in the last of them have several names."""
    common = _common([parts[:-1] for parts in scripts])
    below = {parts[len(common)] for parts in scripts if len(parts) > len(common) + 1}
    several = len({name for each in below if (name := student_of_folder(each, words))}) > 1
    return len(common) if several else 1


def _crowds(
    scripts: Sequence[tuple[str, ...]], words: re.Pattern[str], index: RosterIndex
) -> frozenset[tuple[str, ...]]:
    """Folders with files of several students: two if it is the only folder, else three that name the assignment.

    Several versions of one student's file don't count as several students, nor do the modules of one submission. A
    folder that names a student of the roster, or stands among folders or files of students, is that student's.
    """
    stems: defaultdict[tuple[str, ...], list[str]] = defaultdict(list)
    for parts in scripts:
        stems[parts[:-1]].append(PurePosixPath(parts[-1]).stem)
    only = len(stems) == 1

    def is_crowd(folder: tuple[str, ...]) -> bool:
        telling = [stem for stem in stems[folder] if words.search(stem)]
        named = stems[folder] if only and not telling else telling
        owners = {student_in(stem, words) for stem in named} - {""}
        own = student_in(bare(folder[-1]), words) if folder else ""
        enough = 2 if only else 3
        known = bool(own and index) and not isinstance(index.only(lookups(own)), Text)
        return (
            len(owners) >= enough
            and not known
            and not any(own and own in owner for owner in owners)
        )

    crowds = {folder for folder in stems if is_crowd(folder)}
    alone = {
        folder
        for folder in crowds
        if len(folder) > 1
        and not index  # which tells students from other folders
        and any(
            other[: len(folder) - 1] == folder[:-1]
            and other[: len(folder)] != folder
            and not any(other[:n] in crowds for n in range(len(folder), len(other) + 1))
            for other in stems
        )
    }
    return frozenset(crowds - alone)


_Listed = list[tuple[str, tuple[Owner, ...], datetime | None]]
"""The submissions of a Gradescope export: the folder's name, the submitters, and the time with its zone."""


def _gradescope(
    entry: File,
) -> Iterator[tuple[tuple[str, ...], tuple[tuple[Owner, ...], datetime | None]]]:
    data = in_child(lambda: _listed(entry.read(_MAX_METADATA)))
    if not data:
        raise UserError(tr("isn't a Gradescope list of submissions; export it again"))
    for name, group, time in msgspec.msgpack.decode(data, type=_Listed):
        yield (*entry.parts[:-1], name), (group, time)


def _listed(metadata: bytes) -> bytes:
    """The submissions that the file lists, encoded; nothing if it is something else."""
    import yaml

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
        """Reads an export's plain data and ignores Ruby objects."""

    Loader.add_multi_constructor("", lambda loader, suffix, node: None)
    try:
        found: _Listed = [
            (
                str(name),
                tuple(_submitter(each) for each in fact[":submitters"]),
                _zoned(fact.get(":created_at")),
            )
            for name, fact in yaml.load(metadata, Loader).items()
        ]
        return msgspec.msgpack.encode(found)
    except (yaml.YAMLError, AttributeError, LookupError, TypeError, ValueError, RecursionError):
        return b""


def _submitter(person: dict[str, Any]) -> Owner:
    words = tuple(
        printable(str(fact))
        for key in (":sid", ":email", ":name")
        if (fact := person.get(key)) and isinstance(fact, str | int)  # no list of lists of lists
    )
    return Owner(words[0], words)


def _zoned(time: object) -> datetime | None:
    """Gradescope writes UTC; YAML has already converted times without a zone to UTC."""
    if not isinstance(time, datetime):
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _line(entry: File) -> str:
    return entry.read(200).decode("utf-8", "replace").strip()


def _in_zone(time: datetime, zone: tzinfo | None) -> datetime:
    return time.replace(tzinfo=zone) if zone else time.astimezone()


def _timestamp(entry: File) -> datetime:
    """Parse nbgrader's `2025-05-01 23:58:01.123456 UTC`, where the zone may be a name or an abbreviation.

    Raises:
        UserError: the time can't be read.
    """
    words = _line(entry)
    moment, _, zone = words.rpartition(" ")
    try:
        return datetime.fromisoformat(moment).replace(tzinfo=ZoneInfo(_ZONES.get(zone, zone)))
    except (ValueError, KeyError, OSError) as error:
        raise UserError(
            tr("has no time with a known time zone, so nothing in this folder counts as late")
        ) from error


_ZONES = {"KST": "Asia/Seoul", "JST": "Asia/Tokyo"}
"""Unambiguous abbreviations that nbgrader may write."""
