"""A course: what its assignments share, read from the settings file beside `solutions` and `assignments`."""

from datetime import datetime
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import msgspec

from grader.model.errors import UserError, reading
from grader.model.text import Language, Text, tr

COURSE = "course.toml"


class Privacy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long students' work is kept."""

    keep_days: Annotated[int, msgspec.Meta(ge=1)] | None = None
    """Days after a student's last hand-in or grading when `grader forget --expired` removes what is kept about them."""


class Course(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The settings of a course. All of them may be left out."""

    title: Text | None = None
    lang: Language | None = None
    """What students read unless they ask for another language; by default that of their locale."""
    timezone: str = ""
    """The IANA name of the zone that times are shown in, as in "Asia/Seoul"; by default each time's own."""
    contact: str = ""
    """Whom students ask: an email address, or the address of a page."""
    hand_in: Text | None = None
    """Where students hand in, a sentence or two for the README of every assignment."""
    privacy: Privacy = Privacy()


def load_course(folder: Path) -> Course:
    """Read the settings of the course in `folder` or in the nearest folder above; defaults if there are none.

    Raises:
        UserError: the settings can't be read, or their content is invalid.
    """
    path = course_file(folder)
    return Course() if path is None else _read(path)


def course_file(folder: Path) -> Path | None:
    """Return the settings file of the course in `folder` or in the nearest folder above, if there is one."""
    candidates = (at / COURSE for at in (folder.resolve(), *folder.resolve().parents))
    return next((path for path in candidates if path.is_file()), None)


def shown_time(moment: datetime, course: Course) -> str:
    """Return a time for people, in the zone of the course, with its offset: `2025-05-01 23:59 (UTC+09:00)`."""
    if course.timezone:
        moment = moment.astimezone(ZoneInfo(course.timezone))
    offset = moment.isoformat()[-6:]
    zone = "UTC" if offset == "+00:00" else f"(UTC{offset})"
    return f"{moment:%Y-%m-%d %H:%M} {zone}"


def _read(path: Path) -> Course:
    try:
        with reading(path):
            course = msgspec.toml.decode(path.read_bytes(), type=Course)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UserError(tr("{path} is invalid: {reason}", path=path, reason=error)) from error
    try:
        if course.timezone:
            ZoneInfo(course.timezone)
    except (OSError, ValueError, LookupError) as error:
        raise UserError(
            tr(
                "{path}: unknown time zone {zone}; use a name such as Asia/Seoul",
                path=path,
                zone=course.timezone,
            )
        ) from error
    return course
