"""Learning platforms whose downloads are recognised by their paths. To add a platform, add an entry to the table.

Gradescope and nbgrader need more than a path (a list of submitters, one folder of times): see `layouts`.
"""

import re
from datetime import datetime

import msgspec

from grader.intake.names import lookups, student_in
from grader.model.text import printable


class Platform(msgspec.Struct, frozen=True, kw_only=True):
    """The naming scheme of a platform's downloads."""

    name: str
    path: re.Pattern[str]
    """A whole path, or its end from a folder on. Groups, as far as the platform has them: `id` and `name` of the
    student (one of them at least), `number` of the student within the download, `homework`, `time` and `version` of the
    attempt, `late` (any group whose name begins so), `file` or `flat` (the student's own name of the file)."""
    student: str = "{login}"
    """How the student is called without a roster: `login` is the id, or else the name."""
    namesake: str = "{login}"
    """The same where two students of a download would have the same name."""
    times: tuple[str, ...] = ()
    """The formats of `time`, as `strptime` reads them; the zone is that of the course."""
    time_file: str = ""
    """A file next to the attachments' folder that contains the time."""
    again: re.Pattern[str] | None = None
    """What the platform adds to the name of a file that is handed in again."""
    own_name: bool = True
    """Whether the name of the given folder or archive may be part of the path."""
    teams: bool = False
    """Whether a team's name and a dash may stand before the student's name."""
    for_space: str = "_"
    """What an underscore in a name stands for."""
    drafts: bool = False
    """Whether these files were saved there, but not handed in."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """The information in the path of a file on one of these platforms."""

    depth: int
    """The number of path parts above the platform's own."""
    student: str
    namesake: str
    """How the student is called if another one of the same download has the same name."""
    words: tuple[str, ...]
    """To be looked up in a roster."""
    file: str
    homework: str = ""
    version: int | None = None
    late_mark: bool = False
    handed_in: datetime | None = None
    """Without a time zone."""
    time_file: tuple[str, ...] | None = None
    """The path of the file that contains the time."""
    draft: bool = False


_MOODLE = r"_(?P<number>\d+)_assignsubmission_[a-z]+_?(?P<flat>[^/]*)(?:/(?P<file>.+))?"
_CANVAS = r"_(?:(?!attempt_\d{4}-)[^/]+\.(?:zip|tar|tar\.gz|tgz)/(?P<file>.+)|(?!attempt_\d{4}-)(?P<flat>[^/]+))"

PLATFORMS = (
    Platform(
        name="Moodle, anonymous",
        path=re.compile(r"(?P<name>(?:[^/]+-)?(?:participant|참가자|참여자))" + _MOODLE, re.I),
        student="{name} {number}",
        namesake="{name} {number}",
    ),
    Platform(
        name="Moodle",
        path=re.compile(r"(?P<name>[^/]+?)" + _MOODLE),
        namesake="{name} ({number})",
        teams=True,
    ),
    Platform(
        name="Canvas, anonymous",
        path=re.compile(
            r"(?P<late>LATE_)?(?P<name>anon)(?P<late_2>_LATE)?_(?P<number>[0-9A-Za-z]+)(?P<late_3>_LATE)?_\d+"
            + _CANVAS
        ),
        student="{name}_{number}",
        namesake="{name}_{number}",
        again=re.compile(r"-\d+(?=\.\w+$)"),
        own_name=False,
    ),
    Platform(
        name="Canvas",
        path=re.compile(
            r"(?P<name>[^_/]+?(?P<more>(?:_[^_/]+)+?)??)(?P<late>_LATE)?_(?!(?:19|20)\d\d_\d\d?_\d\d?(?!\d))"
            r"(?P<id>(?(more)\d{2,}|\d+))(?P<late_2>_LATE)?_(?(more)\d{3,}|\d+)" + _CANVAS
        ),
        student="{name}_{id}",
        namesake="{name}_{id}",
        again=re.compile(r"-\d+(?=\.\w+$)"),
        own_name=False,
    ),
    Platform(
        name="Blackboard",
        path=re.compile(
            r"(?P<homework>(?:(?!_attempt_\d)[^/])+)_(?P<id>[^/_]+)_attempt_(?P<time>\d{4}(?:-\d\d){5})"
            r"(?:_(?P<file>[^/]+)|\.txt)"
        ),
        namesake="{homework}_{id}",
        times=("%Y-%m-%d-%H-%M-%S",),
    ),
    Platform(
        name="Brightspace",
        path=re.compile(
            r"\d+-\d+ ?- (?P<name>[^/]+?) ?- (?P<time>[^/]*?\d{4}[^/]*?)(?: ?- (?P<flat>[^/]+)|/(?P<file>.+))"
        ),
        times=(
            *("%b %d, %Y %I%M %p", "%B %d, %Y %I%M %p", "%d %B, %Y %H%M", "%d %b, %Y %H%M"),
            *("%b %d, %Y %I:%M %p", "%B %d, %Y %I:%M %p", "%Y-%m-%d %H%M", "%Y-%m-%d %H:%M"),
            *("%d %B, %Y %I%M %p", "%d %B %Y %I%M %p", "%d %B %Y %H%M", "%B %d, %Y %H%M"),
        ),
    ),
    Platform(
        name="Sakai",
        path=re.compile(
            r"(?P<name>[^/()]+)\((?P<id>[^/()]+)\)/Submission attachment\(s\)/(?P<file>.+)", re.I
        ),
        times=("%Y%m%d%H%M%S%f", "%Y%m%d%H%M%S", "%b %d, %Y %I:%M %p", "%Y-%m-%d %H:%M:%S"),
        time_file="timestamp.txt",
    ),
    Platform(
        name="Autolab",
        path=re.compile(
            r"(?P<id>(?P<mail>[^/@]+@)?[^/@]+?)_(?P<version>\d+)_(?P<file>(?(mail)[^/]+|[^/]*handin[^/]*\.\w+))"
        ),
    ),
    Platform(
        name="Teams, not handed in",
        path=re.compile(
            r"(?:Working files|작업 중인 파일|작업 파일)/(?P<name>[^/]+)/(?P<homework>[^/]+)/(?P<file>.+)"
        ),
        drafts=True,
    ),
    Platform(
        name="Teams",
        path=re.compile(
            r"(?P<all>(?:Submitted files|제출된 파일|제출한 파일)/)?(?P<name>[^/]+)/(?P<homework>[^/]+)/"
            r"(?:(?:Version|버전) (?P<version>\d+)/|(?(all)|(?!)))(?P<file>.+)"
        ),
    ),
    Platform(
        name="ILIAS",
        for_space=" ",
        path=re.compile(
            r"(?P<homework>[^/]+)/[^/]+/(?P<name>[^\W\d_]+(?:[ _-][^\W\d_]+)+?)_(?P<id>[^/_ ]+)_\d{2,}/(?P<file>.+)"
        ),
    ),
    Platform(
        name="GitHub Classroom",
        path=re.compile(
            r"(?P<homework>[^/]+)-submissions/(?P=homework)-(?P<id>[^/]+)/(?P<file>.+)"
        ),
    ),
    Platform(
        name="Google Classroom",
        path=re.compile(
            r"(?P<name>[^\W\d_]+(?:[ .,'’-]{1,2}[^\W\d_]+){0,5}) - "
            r"(?:(?:Copy of|사본 -) )?(?P<flat>[^/]+\.(?:ipynb|py))",
            re.I,
        ),
    ),
)


def platform_of(path: str, assignments: re.Pattern[str]) -> Found | None:
    """Return the information in the end of `path` for the matching platform, or None.

    What names an assignment, with or without words such as "homework", isn't taken for a student.
    """
    parts = path.split("/")
    for platform in PLATFORMS:
        for start in range(len(parts)):
            if start == 0 and len(parts) > 1 and not platform.own_name:
                continue
            match = platform.path.fullmatch("/".join(parts[start:]))
            if match and _names_somebody(match.groupdict(), assignments):
                return _found(platform, match, parts, start)
    return None


def _names_somebody(groups: dict[str, str | None], assignments: re.Pattern[str]) -> bool:
    name = groups.get("name") or ""
    student = student_in(name, assignments)
    if groups.keys() == {"name", "flat"}:  # nothing but a dash tells the one from the other
        return student == name
    return bool(groups.get("id") or student)


def time_in(words: str) -> datetime | None:
    """Parse a platform's time in any known format, without a zone."""
    line = printable(words, 60)
    for platform in PLATFORMS:
        for form in platform.times:
            try:
                return datetime.strptime(line, form)
            except ValueError:
                continue
    return None


def _found(platform: Platform, match: re.Match[str], parts: list[str], depth: int) -> Found:
    groups = {key: value or "" for key, value in match.groupdict().items()}
    name = groups.get("name", "").strip().replace("_", platform.for_space)
    login = groups.get("id", "").strip()
    named = groups | {"name": name, "id": login, "login": login or name}
    student = platform.student.format_map(named)
    words = (student,) if "{number}" in platform.student else (login, *lookups(name))
    if platform.teams:
        words += tuple(lookups(name[at + 1 :])[0] for at, sign in enumerate(name) if sign == "-")
    file = (groups.get("file") or groups.get("flat") or parts[-1]).split("/")[-1]
    if platform.again and not groups.get("file"):
        file = platform.again.sub("", file)
    version = groups.get("version")
    time_file = None
    if platform.time_file:
        above = len(parts) - 1 - groups.get("file", "").count("/") - 1
        time_file = (*parts[:above], platform.time_file)
    return Found(
        depth=depth,
        student=student,
        namesake=platform.namesake.format_map(named),
        words=tuple(filter(None, words)),
        file=file,
        homework=groups.get("homework", ""),
        version=int(version) if version else None,
        late_mark=any(value for key, value in groups.items() if key.startswith("late")),
        handed_in=time_in(groups.get("time", "")),
        time_file=time_file,
        draft=platform.drafts,
    )
