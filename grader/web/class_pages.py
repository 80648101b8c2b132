"""Pages for a whole class: the table, exports, handing back, what changed, similar hand-ins, releases, regrades."""

import base64
import io
import tempfile
import zipfile
from pathlib import Path
from typing import Literal
from urllib.parse import quote

import msgspec
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response

from grader.gradebook import desk, queue, uploads
from grader.gradebook.opening import transaction
from grader.grading.work import ORIGIN
from grader.model.assignment import Assignment, unknown_assignment
from grader.model.errors import UserError
from grader.model.record import ClassRecord
from grader.model.score import Verdict
from grader.model.text import printable, tr
from grader.reports.class_page import assignment_view, parts
from grader.reports.export import export
from grader.reports.hand_back import to_canvas, to_moodle
from grader.reports.similar import compare_hand_ins, similar_page
from grader.web.visible import in_section
from grader.web.visit import Address, Visit, attachment

_FORMATS = {
    "csv": ("text/csv", "csv"),
    "json": ("application/json", "json"),
    "canvas": ("text/csv", "csv"),
    "moodle": ("text/csv", "csv"),
}


def _assignment(visit: Visit) -> Assignment:
    name = visit.part("name")
    if name not in visit.site.assignments:
        raise unknown_assignment(printable(name), visit.site.assignments)
    return visit.site.assignments[name]


def class_of(visit: Visit, assignment: Assignment, *, brief: bool = True) -> ClassRecord:
    """Return the students that the visitor may see, with their work for an assignment."""
    record = visit.site.book.class_record(assignment.name, brief=brief)
    record = msgspec.structs.replace(record, assignments=(assignment,))
    everyone = (*record.students, *record.dropped)
    seen = {each.id for each in everyone if in_section(visit.person, each.section)}
    return record if in_section(visit.person, "") else record.among(seen)


def _first(visit: Visit) -> Response:
    return visit.go(f"/class/{next(iter(visit.site.assignments))}")


def _page(visit: Visit) -> Response:
    site, assignment = visit.site, _assignment(visit)
    stamp = _stamp(visit)
    record = class_of(visit, assignment)
    with transaction(site.book.reading) as connection:
        stuck = uploads.stuck(connection)
        depth = queue.depth(connection)
        released = desk.releases(connection).get(assignment.name)
        asked = desk.questions(connection)
    seen = {each.id for each in record.students}
    view = assignment_view(
        1,
        assignment,
        record,
        visit.language,
        lambda id_, name: f"/students/{quote(id_, safe='')}/{name}",
    )
    return visit.page(
        "class.html.j2",
        assignment=assignment,
        view=view,
        stamp=stamp,
        depth=depth,
        stuck=[e for e in stuck if e.assignment == assignment.name and e.student in seen],
        released=released,
        open_questions=sum(each.answer is None and each.student in seen for each in asked),
        **parts(visit.language),
    )


def _stamp(visit: Visit) -> str:
    with transaction(visit.site.book.reading) as connection:
        return desk.stamp(connection, _assignment(visit).name)


def _live(visit: Visit) -> Response:
    return Response(_stamp(visit), media_type="text/plain")


def _export_page(visit: Visit) -> Response:
    return visit.page("export.html.j2", assignment=_assignment(visit), done=None)


def _export(visit: Visit) -> Response:
    assignment, format_ = _assignment(visit), visit.field("format")
    if format_ not in _FORMATS:
        raise UserError(tr("choose a format from the list"))
    text = _template(visit)
    record = class_of(visit, assignment, brief=format_ != "json")
    done = export(record, format_, visit.language, text, visit.field("column") or None)  # type: ignore[arg-type]
    kind, suffix = _FORMATS[format_]
    return visit.page(
        "export.html.j2",
        assignment=assignment,
        done=done,
        file=f"{assignment.name}-{format_}.{suffix}",
        address=f"data:{kind};base64,{base64.b64encode(done.data).decode()}",
    )


def _template(visit: Visit) -> str | None:
    name, template = visit.files.get("template", ("", b""))
    try:
        return template.decode() if name else None
    except UnicodeDecodeError as error:
        words = tr("{path} isn't UTF-8 text; save it as CSV (UTF-8)", path=printable(name))
        raise UserError(words) from error


def _hand_back_page(visit: Visit) -> Response:
    return visit.page("hand_back.html.j2", assignment=_assignment(visit))


def _hand_back(visit: Visit) -> Response:
    """Send a zip of what a platform takes back, with a text of what is left to do by hand."""
    assignment = _assignment(visit)
    platform = visit.choice("platform", Literal["canvas", "moodle"])
    text = _template(visit)
    if text is None:
        raise UserError(tr("choose the file that you downloaded from the platform"))
    record = class_of(visit, assignment, brief=False)
    language = assignment.lang or visit.language
    packed = io.BytesIO()
    with tempfile.TemporaryDirectory() as place, zipfile.ZipFile(packed, "w") as archive:
        folder, sheet = Path(place), Path(f"{platform}.csv")
        if platform == "canvas":
            done = to_canvas(record, sheet, text, folder, language)
        else:
            column = visit.field("column") or None
            done = to_moodle(record, sheet, text, column, folder, language)
        for path in done.paths:
            archive.write(path, path.name, zipfile.ZIP_DEFLATED)
        if lines := [each.in_(visit.language) for each in (*done.notes, *done.remarks)]:
            archive.writestr("notes.txt", "".join(f"{line}\r\n" for line in lines))
    with transaction(visit.site.book.engine) as connection:
        desk.log(connection, visit.person.id, "handed back", assignment.name, "", platform)
    return attachment(packed.getvalue(), f"{assignment.name}-{platform}.zip", "application/zip")


def _scores(visit: Visit) -> Response:
    assignment = _assignment(visit)
    record = class_of(visit, assignment)
    with transaction(visit.site.book.engine) as connection:
        desk.log(connection, visit.person.id, "exported", assignment.name)
    data = export(record, "csv", visit.language).data
    return attachment(data, f"{assignment.name}.csv", "text/csv")


def _changes(visit: Visit) -> Response:
    assignment = _assignment(visit)
    record = class_of(visit, assignment)
    names = {each.id: each.name or each.id for each in record.students}
    runs = visit.site.book.runs()
    wanted = visit.request.query_params.get("since", "")
    since = int(wanted) if wanted.isascii() and wanted.isdigit() else None
    if since is None and len(runs) > 1:
        since = runs[-2].id
    found = visit.site.book.changes(since) if since is not None else ()
    return visit.page(
        "changes.html.j2",
        assignment=assignment,
        runs=runs[:-1],
        since=since,
        names=names,
        changes=[c for c in found if c.assignment == assignment.name and c.student in names],
    )


def _similar(visit: Visit) -> Response:
    assignment = _assignment(visit)
    record = class_of(visit, assignment, brief=False)
    with transaction(visit.site.book.engine) as connection:
        desk.log(connection, visit.person.id, "compared", assignment.name)
    html = similar_page(compare_hand_ins(record), visit.language)
    return HTMLResponse(html, headers={"Content-Security-Policy": "frame-ancestors 'none'"})


def _regrade(visit: Visit) -> Response:
    """Grade hand-ins again by running them: all of them, or those that lost points of an item."""
    site, assignment, item = visit.site, _assignment(visit), visit.field("item")
    if item and item not in {each.id for each in assignment.items}:
        raise HTTPException(404)
    record = class_of(visit, assignment)
    passed = {
        (each.report.student, each.report.sha256)
        for each in record.records
        for result in each.report.items
        if result.id == item and result.verdict is Verdict.PASSED
    }
    site.book.begin_run([ORIGIN], {})
    with transaction(site.book.engine) as connection:
        chosen = [
            each
            for each in uploads.hand_ins_for(connection, assignment.name)
            if (each.student, each.sha256) not in passed
        ]
        for each in chosen:
            queue.enqueue(connection, each.id, each.student, each.assignment, bulk=True, rerun=True)
        after = f"{item or 'all items'}: {len(chosen)} hand-ins"
        desk.log(connection, visit.person.id, "regraded all", assignment.name, "", after)
    site.look()
    return visit.go(f"/class/{assignment.name}")


def _release(visit: Visit) -> Response:
    assignment, released = _assignment(visit), visit.field("released") == "yes"
    with transaction(visit.site.book.engine) as connection:
        desk.release(connection, assignment.name, released)
        action = "released" if released else "took the release back"
        desk.log(connection, visit.person.id, action, assignment.name)
    return visit.go(f"/class/{assignment.name}")


ROUTES = [
    Address("/class", "GET", "assistant", _first),
    Address("/class/{name}", "GET", "assistant", _page),
    Address("/class/{name}/stamp", "GET", "assistant", _live),
    Address("/class/{name}/scores.csv", "GET", "assistant", _scores),
    Address("/class/{name}/export", "GET", "assistant", _export_page),
    Address("/class/{name}/export", "POST", "assistant", _export, uploads=True),
    Address("/class/{name}/hand-back", "GET", "assistant", _hand_back_page),
    Address("/class/{name}/hand-back", "POST", "assistant", _hand_back, uploads=True),
    Address("/class/{name}/changes", "GET", "assistant", _changes),
    Address("/class/{name}/similar", "GET", "assistant", _similar),
    Address("/class/{name}/release", "POST", "teacher", _release),
    Address("/class/{name}/regrade", "POST", "teacher", _regrade),
]
