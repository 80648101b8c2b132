"""Learning platforms whose downloads are recognised by their paths alone. To add a platform, add an entry here.

Canvas, Moodle, Gradescope and nbgrader need more than a path (namesakes, a list of submitters): see `layouts`.
"""

import re
from datetime import datetime

import msgspec

from grader.model.text import printable


class Platform(msgspec.Struct, frozen=True):
    """The naming scheme of a platform's downloads."""

    name: str
    path: re.Pattern[str]
    """A whole path, or its end from a folder on. Groups: `id` and `name` of the student (one of them at least), `file`,
    `homework`, and `time` or `version` of the attempt."""
    times: tuple[str, ...] = ()
    """The formats of `time`, as `strptime` reads them; the zone is that of the course."""
    time_file: str = ""
    """A file next to the attachments' folder that contains the time."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """The information in the path of a file on one of these platforms."""

    depth: int
    """The number of path parts above the platform's own."""
    student: str
    words: tuple[str, ...]
    file: str
    homework: str = ""
    version: int | None = None
    handed_in: datetime | None = None
    """Without a time zone."""
    time_file: tuple[str, ...] | None = None
    """The path of the file that contains the time."""


PLATFORMS = (
    Platform(
        "Blackboard",
        re.compile(
            r"(?P<homework>(?:(?!_attempt_\d)[^/])+)_(?P<id>[^/_]+)_attempt_(?P<time>\d{4}(?:-\d\d){5})"
            r"(?:_(?P<file>[^/]+)|\.txt)"
        ),
        ("%Y-%m-%d-%H-%M-%S",),
    ),
    Platform(
        "Brightspace",
        re.compile(
            r"\d+-\d+ ?- (?P<name>[^/]+?) ?- (?P<time>[^/]*?\d{4}[^/]*?)(?: ?- (?P<flat>[^/]+)|/(?P<file>.+))"
        ),
        (
            *("%b %d, %Y %I%M %p", "%B %d, %Y %I%M %p", "%d %B, %Y %H%M", "%d %b, %Y %H%M"),
            *("%b %d, %Y %I:%M %p", "%B %d, %Y %I:%M %p", "%Y-%m-%d %H%M", "%Y-%m-%d %H:%M"),
            *("%d %B, %Y %I%M %p", "%d %B %Y %I%M %p", "%d %B %Y %H%M", "%B %d, %Y %H%M"),
        ),
    ),
    Platform(
        "Sakai",
        re.compile(
            r"(?P<name>[^/()]+)\((?P<id>[^/()]+)\)/Submission attachment\(s\)/(?P<file>.+)", re.I
        ),
        ("%Y%m%d%H%M%S%f", "%Y%m%d%H%M%S", "%b %d, %Y %I:%M %p", "%Y-%m-%d %H:%M:%S"),
        "timestamp.txt",
    ),
    Platform(
        "Autolab",
        re.compile(
            r"(?P<id>[^/_]+@[^/]+?|[^/]+?)_(?P<version>\d+)_(?P<file>[^/]*handin[^/]*\.\w+)"
        ),
    ),
    Platform(
        "Teams",
        re.compile(
            r"(?P<name>[^/]+)/(?P<homework>[^/]+)/(?:Version|버전) (?P<version>\d+)/(?P<file>.+)"
        ),
    ),
    Platform(
        "ILIAS",
        re.compile(
            r"(?P<homework>[^/]+)/[^/]+/(?P<name>[^\W\d_]+(?:[ _-][^\W\d_]+)+?)_(?P<id>[^/_ ]+)_\d{2,}/(?P<file>.+)"
        ),
    ),
)


def platform_of(path: str) -> Found | None:
    """Return the information in the end of `path` for the matching platform, or None."""
    parts = path.split("/")
    for platform in PLATFORMS:
        for start in range(len(parts)):
            if match := platform.path.fullmatch("/".join(parts[start:])):
                return _found(platform, match, parts, start)
    return None


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
    groups = match.groupdict()
    name = (groups.get("name") or "").strip().replace("_", " ")
    login = (groups.get("id") or "").strip()
    file = (groups.get("file") or groups.get("flat") or parts[-1]).split("/")[-1]
    version = groups.get("version")
    time_file = None
    if platform.time_file:
        above = len(parts) - 1 - (groups.get("file") or "").count("/") - 1
        time_file = (*parts[:above], platform.time_file)
    return Found(
        depth=depth,
        student=login or name,
        words=tuple(filter(None, (login, name))),
        file=file,
        homework=groups.get("homework") or "",
        version=int(version) if version else None,
        handed_in=time_in(groups.get("time") or ""),
        time_file=time_file,
    )
