"""Pages for new versions of an assignment: other settings, or another folder, examined before they go live."""

import math
from collections.abc import Iterator
from pathlib import Path

import msgspec
from starlette.exceptions import HTTPException
from starlette.responses import Response

from grader.authoring.push import pack, settings_zip, unpacked
from grader.authoring.toml import changed_toml
from grader.gradebook import desk, digest_of, versions
from grader.gradebook.opening import transaction
from grader.gradebook.versions import Version
from grader.model.assignment import SETTINGS, Assignment, unknown_assignment
from grader.model.errors import UserError, reading
from grader.model.text import printable, tr
from grader.web.class_pages import class_of
from grader.web.visit import Address, Visit

_MAX_REASON = 1000


class Setting(msgspec.Struct, frozen=True):
    """A setting that the form changed."""

    path: str
    """As in `changed_toml`."""
    before: object
    after: object

    @property
    def words(self) -> str:
        """The change, for the log."""
        return f"{self.path}: {self.before} → {self.after}"


def _assignment(visit: Visit) -> Assignment:
    name = visit.part("name")
    if name not in visit.site.assignments:
        raise unknown_assignment(printable(name), visit.site.assignments)
    return visit.site.assignments[name]


def _settings_page(visit: Visit) -> Response:
    assignment = _assignment(visit)
    with transaction(visit.site.book.reading) as connection:
        found = versions.versions(connection, assignment.name)
    return visit.page("settings.html.j2", assignment=assignment, versions=found)


def _change_settings(visit: Visit) -> Response:
    assignment = _assignment(visit)
    changed = [each for each in _settings(visit, assignment) if each.before != each.after]
    if not changed:
        raise UserError(tr("change something, then look at the preview"))
    path = assignment.folder / SETTINGS
    with reading(path):
        text = path.read_text(encoding="utf-8")
    content = settings_zip(changed_toml(text, {each.path: each.after for each in changed}))
    words = "; ".join(each.words for each in changed)
    return _propose(visit, assignment.name, "settings", words, content)


def _settings(visit: Visit, assignment: Assignment) -> Iterator[Setting]:
    for item in assignment.items:
        points = _number(visit.field(f"points.{item.id}"))
        yield Setting(f"items.{item.id}.points", item.points, points)
    for name, value in assignment.thresholds.items():
        yield Setting(f"thresholds.{name}", value, _number(visit.field(f"threshold.{name}")))
    yield Setting("counts", assignment.counts, visit.field("counts"))
    before = assignment.feedback
    show, attempts = visit.field("show"), visit.field("attempts_per_day")
    yield Setting("feedback.show", before.show, show)
    number = int(_number(attempts)) if attempts else None
    yield Setting("feedback.attempts_per_day", before.attempts_per_day, number)


def _number(words: str) -> float:
    try:
        found = float(words)
    except ValueError:
        found = math.nan
    if not math.isfinite(found):
        raise UserError(tr("{words} isn't a number", words=printable(words) or "–"))
    return int(found) if found.is_integer() else found


def _upload(visit: Visit) -> Response:
    name, content = visit.files.get("file", ("", b""))
    if not name:
        raise UserError(tr("no file was chosen; go back and choose a zip of the folder"))
    with unpacked(content) as new:
        words = printable(Path(name).name, 100)
        return _propose(visit, new.name, "folder", words, pack(new.folder))


def _propose(visit: Visit, name: str, kind: versions.Kind, words: str, content: bytes) -> Response:
    with transaction(visit.site.book.engine) as connection:
        number = versions.propose(connection, name, kind, words, visit.person.id, content)
        desk.log(connection, visit.person.id, "proposed", name, "", f"version {number}: {words}")
    return visit.go(f"/versions/{number}")


def _version(visit: Visit) -> Version:
    with transaction(visit.site.book.reading) as connection:
        found = versions.version(connection, visit.request.path_params["number"])
    if found is None:
        raise HTTPException(404)
    return found


def _version_page(visit: Visit) -> Response:
    version = _version(visit)
    assignment = visit.site.assignments.get(version.assignment)
    names = {}
    if assignment is not None:
        record = class_of(visit, assignment)
        names = {each.id: each.name or each.id for each in record.students}
    return visit.page("version.html.j2", version=version, assignment=assignment, names=names)


def _apply(visit: Visit) -> Response:
    version, reason = _version(visit), visit.field("reason", _MAX_REASON)
    assignment = visit.site.assignments.get(version.assignment)
    if assignment is not None and version.base != digest_of(assignment):
        raise UserError(
            tr(
                "{name} has changed since this version was examined; propose it again",
                name=version.assignment,
            )
        )
    with transaction(visit.site.book.engine) as connection:
        done = versions.apply(connection, version.id, visit.person.id, reason)
    if not done:
        raise UserError(tr("this version can't go live; a version with findings needs a reason"))
    return visit.go(f"/versions/{version.id}")


def _discard(visit: Visit) -> Response:
    version = _version(visit)
    with transaction(visit.site.book.engine) as connection:
        versions.discard(connection, version.id)
        after = f"version {version.id}"
        desk.log(connection, visit.person.id, "discarded", version.assignment, "", after)
    return visit.go(f"/versions/{version.id}")


ROUTES = [
    Address("/class/{name}/settings", "GET", "teacher", _settings_page),
    Address("/class/{name}/settings", "POST", "teacher", _change_settings),
    Address("/versions", "POST", "teacher", _upload, uploads=True),
    Address("/versions/{number:int}", "GET", "teacher", _version_page),
    Address("/versions/{number:int}/apply", "POST", "teacher", _apply),
    Address("/versions/{number:int}/discard", "POST", "teacher", _discard),
]
