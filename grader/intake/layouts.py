"""Read students, late marks and times from the paths of a learning platform's download.

| platform | path | student without a roster | matched to a roster by |
|---|---|---|---|
| Canvas | `kimminsu_LATE_101_2002_wine-1.ipynb` | `kimminsu_101` | user id, name |
| Canvas, anonymous | `anon_x7Kq2_2002_wine.ipynb` | `anon_x7Kq2` | that word |
| Moodle | `Minsu Kim_31_assignsubmission_file_/wine.ipynb`, or flat | `Minsu Kim` | name |
| Moodle, blind | `Participant_31_assignsubmission_file_/wine.ipynb` | `Participant 31` | that word |
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
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from grader.intake.archive import ARCHIVES, Entry, is_archive
from grader.model.assignment import Assignment
from grader.model.errors import UserError
from grader.model.record import Unmatched
from grader.model.submission import SUFFIXES, readable
from grader.model.text import printable, tr

METADATA = "submission_metadata.yml"
TIMESTAMP = "timestamp.txt"

_MAX_METADATA = 200 * 2**20
_CANVAS = re.compile(
    r"(?P<name>(?P<anonymous>anon)|[^_]+)(?P<late>_LATE)?"
    r"_(?!(?:19|20)\d\d_\d\d?_\d\d?(?!\d))(?P<user>\d+|(?(anonymous)[0-9A-Za-z]+|(?!)))(?P<late_too>_LATE)?_\d+_(?P<file>.+)"
)
_CANVAS_AGAIN = re.compile(r"-\d+(?=\.\w+$)")
_MOODLE = re.compile(r"(?P<name>.+?)_(?P<number>\d+)_assignsubmission_[a-z]+_?(?P<file>.*)")
_BLIND = ("participant", "참가자", "참여자")
_NOISE = re.compile(
    r"\(\d+\)|(?<![^\W_])(?:copy|복사본|사본|(?:final|최종|hw|homework|assignment|과제|숙제)\d*|submissions?|submitted"
    r"|submit|제출|제출물|수정|수정본|downloads?)(?![^\W_])",
    re.IGNORECASE,
)


class Owner(msgspec.Struct, frozen=True):
    """A student as named in a path."""

    student: str
    """The id if there is no roster."""
    words: tuple[str, ...]
    """Words to look up in the roster: ids, names, an email."""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """The information in the path of a file."""

    owners: tuple[Owner, ...] = ()
    """The students named by the platform; several for a group hand-in."""
    perhaps: tuple[Owner, ...] = ()
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
    """Names shared by several students of one Moodle download, with the folder of the download."""


def layout_of(
    entries: Sequence[Entry], assignments: Iterable[Assignment]
) -> tuple[Layout, list[Unmatched]]:
    """Detect how the files below one given path are organised. Also return unreadable platform files."""
    common = _common([entry.parts[:-1] for entry in entries])
    groups: dict[tuple[str, ...], tuple[tuple[Owner, ...], datetime | None]] = {}
    times: dict[tuple[str, ...], datetime] = {}
    metadata = set()
    unmatched = []
    submitted = common.index("submitted") + 1 if "submitted" in common else None
    for entry in entries:
        folder = entry.parts[:-1]
        try:
            if entry.name == METADATA and folder == common[: len(folder)]:
                metadata.add(entry.origin)
                groups.update(_gradescope(entry))
            elif entry.name == TIMESTAMP and submitted is not None:
                times[folder] = _timestamp(entry)
        except UserError as error:
            unmatched.append(Unmatched(entry.origin, error.text))
    names = [re.escape(word) for a in assignments for word in (a.name, *a.aliases)]
    words = re.compile(rf"(?<![^\W_])(?:{'|'.join(names)})(?![^\W_])", re.IGNORECASE)
    layout = Layout(
        base=_base(entries, common, words),
        crowds=_crowds(entries, words),
        words=words,
        submitted=submitted,
        groups=groups,
        metadata=frozenset(metadata),
        times=times,
        namesakes=_namesakes(entries),
    )
    return layout, unmatched


def place_of(entry: Entry, layout: Layout) -> Place:
    """Return the information in the path of `entry` in a download with this layout."""
    parts = entry.parts
    folders = tuple(reversed(parts[:-1]))
    for depth in range(len(parts) - 1, 0, -1):
        if found := layout.groups.get(parts[:depth]):
            return Place(owners=found[0], file=entry.name, folders=folders, handed_in=found[1])
    for depth, part in enumerate(parts):
        file = parts[-1] if depth < len(parts) - 1 else ""
        if match := _MOODLE.fullmatch(part):
            owner = _moodle_owner(match, (parts[:depth], match["name"]) in layout.namesakes)
            return Place(owners=(owner,), file=file or match["file"], folders=folders)
        is_top = depth == 0 and len(parts) > 1  # the download's own name, which is arbitrary
        is_file = depth == len(parts) - 1 or is_archive(part)
        if is_file and not is_top and (match := _CANVAS.fullmatch(part)):
            return Place(
                owners=(_canvas_owner(match),),
                file=file or _CANVAS_AGAIN.sub("", match["file"]),
                folders=folders,
                late_mark=bool(match["late"] or match["late_too"]),
            )
    if layout.submitted is not None and len(parts) > layout.submitted + 1:
        student = parts[layout.submitted]
        return Place(
            owners=(Owner(student, (student,)),),
            file=entry.name,
            folders=parts[layout.submitted + 1 : -1],
            assignment_first=True,
            handed_in=layout.times.get(parts[:-1]),
        )
    base = len(parts) if parts[:-1] in layout.crowds else layout.base
    named = [_student_in(_bare(part), layout.words) for part in parts[base:-1]]
    perhaps = tuple(_owner(student) for student in named if student)
    return Place(perhaps=perhaps, file=entry.name, folders=folders)


def owner_in(file: str, assignment: Assignment) -> Owner | None:
    """Return the student named in a file name besides the assignment, or None."""
    student = _student_in(PurePosixPath(readable(file)).stem, assignment.name_pattern)
    return _owner(student) if student else None


def words_of(name: str) -> tuple[str, ...]:
    """Return the words of a name."""
    return tuple(re.findall(r"[^\W_]+", name))


def is_script(name: str) -> bool:
    """Return whether a file of this name can be a submission."""
    return name.lower().endswith(SUFFIXES)


def _owner(student: str) -> Owner:
    return Owner(student, tuple(dict.fromkeys((student, *re.split(r"[\s_]+", student)))))


def _student_in(stem: str, assignment: re.Pattern[str]) -> str:
    rest = _NOISE.sub("", assignment.sub("", stem))
    return re.sub(r"([_\-\s.])[_\-\s.]+", r"\1", rest).strip("_- .")


def _bare(folder: str) -> str:
    """The name of a folder, or of an archive without its suffix."""
    if is_archive(folder):
        return re.sub("|".join(re.escape(each) + "$" for each in ARCHIVES), "", folder, flags=re.I)
    return folder


def _canvas_owner(match: re.Match[str]) -> Owner:
    student = f"{match['name']}_{match['user']}"
    return Owner(student, (student,) if match["anonymous"] else (match["user"], match["name"]))


def _moodle_owner(match: re.Match[str], is_namesake: bool) -> Owner:
    name, number = match["name"], match["number"]
    if name.casefold() in _BLIND:
        name = f"{name} {number}"
    elif is_namesake:
        name = f"{name} ({number})"
    return Owner(name, (name,))


def _namesakes(entries: Iterable[Entry]) -> frozenset[tuple[tuple[str, ...], str]]:
    numbers: defaultdict[tuple[tuple[str, ...], str], set[str]] = defaultdict(set)
    for entry in entries:
        for depth, part in enumerate(entry.parts):
            if match := _MOODLE.fullmatch(part):
                numbers[entry.parts[:depth], match["name"]].add(match["number"])
                break
    return frozenset(name for name, found in numbers.items() if len(found) > 1)


def _common(folders: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """The folders common to all files, from the top."""
    if not folders:
        return ()
    first, last = min(folders), max(folders)
    length = next(
        (i for i, pair in enumerate(zip(first, last, strict=False)) if len(set(pair)) > 1), None
    )
    return first[: min(len(first), len(last)) if length is None else length]


def _base(entries: Iterable[Entry], common: tuple[str, ...], words: re.Pattern[str]) -> int:
    """The depth of the students' folders: a common folder that contains several names isn't a student's."""
    folders = {entry.parts[:-1] for entry in entries if is_script(entry.name)}
    base = 1
    while len(common) > base:
        below = {f[base + 1] for f in folders if len(f) > base + 1}
        if len({name for name in below if _student_in(_bare(name), words)}) < 2:
            break
        base += 1
    return base


def _crowds(entries: Iterable[Entry], words: re.Pattern[str]) -> frozenset[tuple[str, ...]]:
    """Folders with files of several students: at least two, or three that name the assignment if other folders exist.

    Several versions of one student's file count once, and so do the modules of one submission.
    """
    stems: defaultdict[tuple[str, ...], list[str]] = defaultdict(list)
    for entry in entries:
        if is_script(entry.name):
            stems[entry.parts[:-1]].append(PurePosixPath(entry.name).stem)
    only = len(stems) == 1

    def is_crowd(folder: tuple[str, ...]) -> bool:
        telling = [stem for stem in stems[folder] if words.search(stem)]
        named = stems[folder] if only and not telling else telling
        owners = {_student_in(stem, words) for stem in named} - {""}
        own = _student_in(_bare(folder[-1]), words) if folder else ""
        enough = 2 if only else 3
        return len(owners) >= enough and not any(own and own in owner for owner in owners)

    return frozenset(filter(is_crowd, stems))


def _gradescope(
    entry: Entry,
) -> Iterator[tuple[tuple[str, ...], tuple[tuple[Owner, ...], datetime | None]]]:
    import yaml

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
        """Reads an export's plain data and ignores Ruby objects."""

    Loader.add_multi_constructor("", lambda loader, suffix, node: None)
    try:
        content = yaml.load(entry.read(_MAX_METADATA), Loader)
        facts = [
            (str(name), fact[":submitters"], fact.get(":created_at"))
            for name, fact in content.items()
        ]
        owners = [tuple(_submitter(each) for each in people) for _, people, _ in facts]
    except (
        yaml.YAMLError,
        AttributeError,
        LookupError,
        TypeError,
        ValueError,
        RecursionError,
    ) as error:
        raise UserError(tr("isn't a Gradescope list of submissions; export it again")) from error
    for (name, _, time), group in zip(facts, owners, strict=True):
        yield (*entry.parts[:-1], name), (group, _zoned(time))


def _submitter(person: dict[str, Any]) -> Owner:
    words = tuple(
        printable(str(person[key])) for key in (":sid", ":email", ":name") if person.get(key)
    )
    return Owner(words[0], words)


def _zoned(time: object) -> datetime | None:
    """Gradescope writes UTC; YAML has already converted times without a zone to UTC."""
    if not isinstance(time, datetime):
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _timestamp(entry: Entry) -> datetime:
    """Parse nbgrader's `2025-05-01 23:58:01.123456 UTC`, where the zone may be a name or an abbreviation.

    Raises:
        UserError: the time can't be read.
    """
    words = entry.read(200).decode("utf-8", "replace").strip()
    moment, _, zone = words.rpartition(" ")
    try:
        return datetime.fromisoformat(moment).replace(tzinfo=ZoneInfo(_ZONES.get(zone, zone)))
    except (ValueError, KeyError, OSError) as error:
        raise UserError(
            tr("has no time with a known time zone, so nothing in this folder counts as late")
        ) from error


_ZONES = {"KST": "Asia/Seoul", "JST": "Asia/Tokyo"}
"""Unambiguous abbreviations that nbgrader may write."""
