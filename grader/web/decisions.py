"""Pages for the work of one student: adjust, excuse, comment, extend, grade again, and undo."""

import contextlib
from datetime import datetime

import msgspec
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response

from grader.gradebook import desk, people, queue, uploads
from grader.gradebook.decisions import excused_from
from grader.gradebook.opening import transaction
from grader.gradebook.people import Account
from grader.model.assignment import Assignment, unknown_assignment
from grader.model.errors import UserError
from grader.model.record import Adjustment, Comment, Record
from grader.model.text import printable, tr
from grader.reports.html import assistant_page
from grader.reports.page import first_lines
from grader.reports.words import flagged
from grader.web.students import hand_in_views, opened
from grader.web.visible import in_section
from grader.web.visit import Address, Visit

_MAX_REASON = 1000
_MAX_WORDS = 4000


class Line(msgspec.Struct, frozen=True):
    """A line of a hand-in that can be commented on."""

    cell: str
    """The number of the notebook's cell, empty in a script."""
    number: int
    source: str


def student_of(visit: Visit, id_: str) -> Account:
    """Return a student that the visitor may see: one with an account, or with work in the gradebook.

    Raises:
        HTTPException: there is none (404).
    """
    with transaction(visit.site.book.reading) as connection:
        known = {each.id: each for each in people.accounts(connection)}
    student = known.get(id_)
    if student is None and visit.site.book.records_of(id_):
        student = Account(id=id_)
    if student is None or not in_section(visit.person, student.section):
        raise HTTPException(404)
    return student


def _student_page(visit: Visit) -> Response:
    site, id_ = visit.site, visit.part("id")
    student = student_of(visit, id_)
    records = site.book.records_of(id_)
    with transaction(site.book.engine) as connection:
        views = hand_in_views(visit, connection, uploads.hand_ins_of(connection, id_), records)
        events = desk.events(connection, id_, 100)
        excused = excused_from(connection, id_)
        desk.log(connection, visit.person.id, "viewed", id_)
    counting = {each.report.assignment: each for each in records if each.counts}
    return visit.page(
        "student.html.j2",
        student=student,
        views=views,
        counting=counting,
        excused=excused,
        flags=[(each.report, flagged(each.report)) for each in records if each.report.flags],
        events=events,
    )


def _work_page(visit: Visit) -> Response:
    site, assignment = visit.site, _assignment(visit, visit.part("name"))
    student = student_of(visit, visit.part("id"))
    records = _records(visit, student, assignment)
    with transaction(site.book.engine) as connection:
        theirs = uploads.hand_ins_of(connection, student.id)
        found = tuple(each for each in theirs if each.assignment == assignment.name)
        views = hand_in_views(visit, connection, found, records)
        due = site.due(connection, student.id, assignment)
        excused = excused_from(connection, student.id)
        desk.log(connection, visit.person.id, "viewed", student.id, "", assignment.name)
    key = (student.id, assignment.name)
    counting = next((each for each in records if each.counts), None)
    return visit.page(
        "work.html.j2",
        student=student,
        assignment=assignment,
        views=views,
        counting=counting,
        excused=assignment.name in excused,
        asked=_asked(visit),
        due=due,
        decisions=[d for d in site.book.decisions() if (d.student, d.assignment) == key],
        comments=[c for c in site.book.comments() if (c.student, c.assignment) == key],
        lines=_lines(counting) if counting else [],
        cell=visit.request.query_params.get("cell", ""),
        line=visit.request.query_params.get("line", ""),
    )


def _records(visit: Visit, student: Account, assignment: Assignment) -> tuple[Record, ...]:
    records = visit.site.book.records_of(student.id)
    return tuple(each for each in records if each.report.assignment == assignment.name)


def _assignment(visit: Visit, name: str) -> Assignment:
    if name not in visit.site.assignments:
        raise unknown_assignment(printable(name), visit.site.assignments)
    return visit.site.assignments[name]


def _lines(record: Record) -> list[Line]:
    shown, _ = first_lines(record.cells)
    notebook = record.report.submission.lower().endswith(".ipynb")
    return [
        Line(_number(cell.name) if notebook else "", number, line)
        for cell in shown
        for number, line in enumerate(cell.source.split("\n"), start=1)
    ]


def _number(cell: str) -> str:
    """The number in a cell's name, as in ``cell 7 (`def train(...):`)``."""
    return "".join(filter(str.isdigit, cell.partition("(")[0]))


def _report(visit: Visit) -> Response:
    assignment = _assignment(visit, visit.part("name"))
    student = student_of(visit, visit.part("id"))
    records = _records(visit, student, assignment)
    record = next((each for each in records if each.counts), None)
    if record is None:
        raise HTTPException(404)
    with transaction(visit.site.book.engine) as connection:
        desk.log(connection, visit.person.id, "viewed", student.id, "", assignment.name)
    html = assistant_page(
        record,
        assignment,
        visit.language,
        twin=f"/students/{student.id}/{assignment.name}",
        name=student.name,
        attempts=records,
        index=f"/class/{assignment.name}",
    )
    return HTMLResponse(html, headers={"Content-Security-Policy": "frame-ancestors 'none'"})


def _adjust(visit: Visit) -> Response:
    student = student_of(visit, visit.part("id"))
    try:
        points = float(visit.field("points"))
    except ValueError as error:
        words = printable(visit.field("points"))
        raise UserError(tr("{points} isn't a valid number of points", points=words)) from error
    return _decide(visit, student, points, excused=False)


def _excuse(visit: Visit) -> Response:
    return _decide(visit, student_of(visit, visit.part("id")), 0.0, excused=True)


def _decide(visit: Visit, student: Account, points: float, excused: bool) -> Response:
    name, reason = visit.field("assignment"), visit.field("reason", _MAX_REASON)
    if not reason:
        raise UserError(tr("give a reason: the student sees it"))
    adjustment = Adjustment(
        points=points,
        reason=reason,
        author=visit.person.name or visit.person.id,
        made_at=datetime.now().astimezone(),
        item=visit.field("item") or None,
        beyond=bool(visit.field("beyond")),
        excused=excused,
    )
    done = visit.site.book.adjust(student.id, name, adjustment)
    after = "excused" if excused else f"{done.decision.adjustment.points:+g} → {done.after}"
    words = f"{name} {after}: {reason}"
    _log(visit, "excused" if excused else "adjusted", student, _points(done.before), words)
    if done.asked != done.decision.adjustment.points:
        return _back(visit, student, f"{name}?asked={done.asked:g}#adjustments")
    return _back(visit, student, name)


def _asked(visit: Visit) -> str | None:
    """The points that were asked for, if the adjustment just made is less."""
    with contextlib.suppress(KeyError, ValueError):
        return f"{float(visit.request.query_params['asked']):+g}"
    return None


def _points(score: float | None) -> str:
    return "" if score is None else f"{score:g}"


def _undo_decision(visit: Visit) -> Response:
    student, number = student_of(visit, visit.part("id")), visit.request.path_params["number"]
    known = {each.id: each for each in visit.site.book.decisions() if each.student == student.id}
    if number not in known:
        raise HTTPException(404)
    undone = visit.site.book.undo(number, visit.person.name or visit.person.id)
    made = undone.adjustment
    what = "excused" if made.excused else f"{made.points:+g}"
    _log(visit, "undid", student, f"{undone.assignment} {what}: {made.reason}")
    return _back(visit, student, undone.assignment)


def _comment(visit: Visit) -> Response:
    student, name = student_of(visit, visit.part("id")), visit.field("assignment")
    words = visit.field("words", _MAX_WORDS)
    if not words:
        raise UserError(tr("write your comment, then save it"))
    given = Comment(
        words=words,
        author=visit.person.name or visit.person.id,
        made_at=datetime.now().astimezone(),
        item=visit.field("item") or None,
    )
    cell, line = _count(visit.field("cell")), _count(visit.field("line"))
    visit.site.book.comment(student.id, name, given, cell=cell, line=line)
    _log(visit, "commented", student, "", f"{name}: {words}")
    return _back(visit, student, name)


def _count(words: str) -> int | None:
    if words and not (words.isascii() and words.isdigit()):
        raise UserError(tr("{words} isn't a number", words=printable(words)))
    return int(words[:9]) if words else None


def _undo_comment(visit: Visit) -> Response:
    student, number = student_of(visit, visit.part("id")), visit.request.path_params["number"]
    known = {each.id: each for each in visit.site.book.comments() if each.student == student.id}
    if number not in known:
        raise HTTPException(404)
    undone = visit.site.book.undo_comment(number, visit.person.name or visit.person.id)
    _log(visit, "withdrew a comment", student, f"{undone.assignment}: {undone.words}")
    return _back(visit, student, undone.assignment)


def _extend(visit: Visit) -> Response:
    site, name = visit.site, visit.field("assignment")
    student = student_of(visit, visit.part("id"))
    assignment = site.assignments.get(name)
    if assignment is None or assignment.late is None:
        raise UserError(tr("{name} has no due date", name=printable(name)))
    try:
        due = datetime.fromisoformat(visit.field("due")) if visit.field("due") else None
    except ValueError as error:
        words = printable(visit.field("due"))
        raise UserError(tr("{due} isn't a date and time", due=words)) from error
    if due is not None and due.tzinfo is None:
        due = due.replace(tzinfo=site.today().tzinfo)
    with transaction(site.book.engine) as connection:
        before = site.due(connection, student.id, assignment)
        uploads.extend(connection, student.id, name, due)
        for each in uploads.hand_ins_of(connection, student.id):
            if each.assignment == name:
                queue.enqueue(connection, each.id, student.id, name, bulk=True)
        after = f"{name} {due}"
        desk.log(connection, visit.person.id, "extended", student.id, str(before), after)
    site.look()
    return _back(visit, student, name)


def _regrade(visit: Visit) -> Response:
    with transaction(visit.site.book.engine) as connection:
        upload = opened(visit, connection)
        queue.enqueue(connection, upload.id, upload.student, upload.assignment, rerun=True)
        desk.log(connection, visit.person.id, "regraded", upload.student, "", upload.origin)
    visit.site.look()
    return visit.go(f"/hand-ins/{upload.key}")


def _log(visit: Visit, action: str, student: Account, before: str = "", after: str = "") -> None:
    with transaction(visit.site.book.engine) as connection:
        desk.log(connection, visit.person.id, action, student.id, before, after)


def _back(visit: Visit, student: Account, page: str) -> Response:
    return visit.go(f"/students/{student.id}/{page}")


ROUTES = [
    Address("/students/{id}", "GET", "assistant", _student_page),
    Address("/students/{id}/{name}", "GET", "assistant", _work_page),
    Address("/students/{id}/{name}/report", "GET", "assistant", _report),
    Address("/students/{id}/adjustments", "POST", "assistant", _adjust),
    Address("/students/{id}/adjustments/{number:int}/undo", "POST", "assistant", _undo_decision),
    Address("/students/{id}/excuses", "POST", "assistant", _excuse),
    Address("/students/{id}/comments", "POST", "assistant", _comment),
    Address("/students/{id}/comments/{number:int}/undo", "POST", "assistant", _undo_comment),
    Address("/students/{id}/extensions", "POST", "assistant", _extend),
    Address("/hand-ins/{key}/regrade", "POST", "assistant", _regrade),
]
