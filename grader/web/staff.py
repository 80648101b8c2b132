"""Pages for the course staff: the class, one student, questions, releases, the log."""

from collections import Counter
from datetime import datetime
from statistics import fmean, median

import msgspec
from starlette.exceptions import HTTPException
from starlette.responses import Response

from grader.gradebook import desk, people, queue, uploads
from grader.gradebook.opening import transaction
from grader.gradebook.people import Account
from grader.gradebook.scores import Score, scores
from grader.model.assignment import Assignment, unknown_assignment
from grader.model.errors import UserError
from grader.model.record import Adjustment
from grader.model.text import printable, tr
from grader.reports.csv import to_csv
from grader.reports.words import flagged
from grader.web.students import hand_in_views, opened
from grader.web.visible import in_section
from grader.web.visit import Address, Visit


class Row(msgspec.Struct, frozen=True):
    """A student in the table of a class."""

    student: Account
    score: Score | None
    """None without a graded hand-in."""


def _assignment(visit: Visit) -> Assignment:
    name = visit.part("name")
    if name not in visit.site.assignments:
        raise unknown_assignment(name, visit.site.assignments)
    return visit.site.assignments[name]


def _class(visit: Visit) -> Response:
    return visit.go(f"/class/{next(iter(visit.site.assignments))}")


def _class_page(visit: Visit) -> Response:
    site, assignment = visit.site, _assignment(visit)
    with transaction(site.book.reading) as connection:
        students = [
            each
            for each in people.accounts(connection)
            if each.role == "student" and in_section(visit.person, each.section)
        ]
        found = scores(connection, assignment)
        stuck = uploads.stuck(connection)
        depth = queue.depth(connection)
        released = desk.releases(connection).get(assignment.name)
        open_questions = sum(each.answer is None for each in desk.questions(connection))
    known = {each.id for each in students}
    strangers = (
        [Account(id=each) for each in found if each not in known] if _sees_all(visit) else []
    )
    rows = [Row(each, found.get(each.id)) for each in [*students, *strangers]]
    totals = [row.score.total for row in rows if row.score and row.score.total is not None]
    return visit.page(
        "class.html.j2",
        assignment=assignment,
        rows=rows,
        handed_in=sum(row.score is not None for row in rows),
        late=sum(row.score is not None and row.score.late_days > 0 for row in rows),
        mean=fmean(totals) if totals else None,
        median=median(totals) if totals else None,
        bars=_bars(totals, assignment.max_score),
        depth=depth,
        stuck=[each for each in stuck if each.assignment == assignment.name],
        released=released,
        open_questions=open_questions,
    )


def _sees_all(visit: Visit) -> bool:
    return in_section(visit.person, "")


def _bars(totals: list[float], most: float) -> list[tuple[str, int, float]]:
    """A histogram of ten bars: the range of scores, the students, and the height in percent."""
    counts = Counter(min(9, int(10 * total / most)) for total in totals)
    highest = max(counts.values(), default=1)
    return [
        (f"{most * at / 10:g}–{most * (at + 1) / 10:g}", counts[at], 100 * counts[at] / highest)
        for at in range(10)
    ]


def _student_page(visit: Visit) -> Response:
    site, id_ = visit.site, visit.part("id")
    records = site.book.records_of(id_)
    with transaction(site.book.engine) as connection:
        student = _student(visit, people.accounts(connection), id_, bool(records))
        theirs = hand_in_views(visit, connection, uploads.hand_ins_of(connection, id_), records)
        due = {
            name: site.due(connection, id_, each)
            for name, each in site.assignments.items()
            if each.late
        }
        events = desk.events(connection, id_, 100)
        desk.log(connection, visit.person.id, "viewed", id_)
    return visit.page(
        "student.html.j2",
        student=student,
        views=theirs,
        records=records,
        flags=[(each.report, flagged(each.report)) for each in records if each.report.flags],
        due=due,
        events=events,
    )


def _student(
    visit: Visit, accounts: tuple[Account, ...], id_: str, handed_in: bool = False
) -> Account:
    known = {each.id: each for each in accounts}
    student = known.get(id_) or (Account(id=id_) if handed_in else None)
    if student is None or not in_section(visit.person, student.section):
        raise HTTPException(404)
    return student


def _new_link(visit: Visit) -> Response:
    with transaction(visit.site.book.engine) as connection:
        student = _student(visit, people.accounts(connection), visit.part("id"))
        if student.role != "student" and not visit.person.may_act_as("administrator"):
            raise HTTPException(404)
        people.revoke(connection, student.id)
        link = visit.site.link(people.new_link(connection, student.id))
        desk.log(connection, visit.person.id, "replaced the link", student.id)
    return visit.page("link.html.j2", student=student, link=link)


def _adjust(visit: Visit) -> Response:
    book, id_ = visit.site.book, visit.part("id")
    with transaction(book.reading) as connection:
        _student(visit, people.accounts(connection), id_, handed_in=True)
    try:
        points = float(visit.field("points"))
    except ValueError as error:
        words = printable(visit.field("points"))
        raise UserError(tr("{points} isn't a valid number of points", points=words)) from error
    reason = visit.field("reason", 1000)
    if not reason:
        raise UserError(tr("give a reason: the student sees it"))
    name = visit.field("assignment")
    adjustment = Adjustment(
        points=points,
        reason=reason,
        author=visit.person.name or visit.person.id,
        made_at=datetime.now().astimezone(),
        item=visit.field("item") or None,
    )
    book.adjust(id_, name, adjustment)
    with transaction(book.engine) as connection:
        words = f"{name} {points:+g}: {reason}"
        desk.log(connection, visit.person.id, "adjusted", id_, "", words)
    return visit.go(f"/students/{id_}")


def _extend(visit: Visit) -> Response:
    site, id_, name = visit.site, visit.part("id"), visit.field("assignment")
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
        _student(visit, people.accounts(connection), id_, handed_in=True)
        before = site.due(connection, id_, assignment)
        uploads.extend(connection, id_, name, due)
        for each in uploads.hand_ins_of(connection, id_):
            if each.assignment == name:
                queue.enqueue(connection, each.id, id_, name, bulk=True)
        desk.log(connection, visit.person.id, "extended", id_, str(before), f"{name} {due}")
    site.look()
    return visit.go(f"/students/{id_}")


def _regrade_one(visit: Visit) -> Response:
    with transaction(visit.site.book.engine) as connection:
        upload = opened(visit, connection)
        queue.enqueue(connection, upload.id, upload.student, upload.assignment, rerun=True)
        desk.log(connection, visit.person.id, "regraded", upload.student, "", upload.origin)
    visit.site.look()
    return visit.go(f"/hand-ins/{upload.key}")


def _regrade_all(visit: Visit) -> Response:
    assignment = _assignment(visit)
    with transaction(visit.site.book.engine) as connection:
        for each in uploads.hand_ins_for(connection, assignment.name):
            queue.enqueue(connection, each.id, each.student, each.assignment, bulk=True, rerun=True)
        desk.log(connection, visit.person.id, "regraded all", assignment.name)
    visit.site.look()
    return visit.go(f"/class/{assignment.name}")


def _release(visit: Visit) -> Response:
    assignment, released = _assignment(visit), visit.field("released") == "yes"
    with transaction(visit.site.book.engine) as connection:
        desk.release(connection, assignment.name, released)
        action = "released" if released else "took the release back"
        desk.log(connection, visit.person.id, action, assignment.name)
    return visit.go(f"/class/{assignment.name}")


def _questions(visit: Visit) -> Response:
    with transaction(visit.site.book.reading) as connection:
        sections = {each.id: each.section for each in people.accounts(connection)}
        found = [
            each
            for each in desk.questions(connection)
            if in_section(visit.person, sections.get(each.student, ""))
        ]
    return visit.page("questions.html.j2", questions=found)


def _answer(visit: Visit) -> Response:
    words = visit.field("words", 4000)
    if not words:
        raise UserError(tr("write your answer, then send it"))
    with transaction(visit.site.book.engine) as connection:
        found = desk.questions(connection, question=visit.request.path_params["id"])
        sections = {each.id: each.section for each in people.accounts(connection)}
        if not found or not in_section(visit.person, sections.get(found[0].student, "")):
            raise HTTPException(404)
        author = visit.person.name or visit.person.id
        desk.answer(connection, found[0].id, words, author)
        before = found[0].answer or ""
        desk.log(connection, visit.person.id, "answered", found[0].student, before, words)
    return visit.go("/questions")


def _scores(visit: Visit) -> Response:
    record = visit.site.book.class_record().only(_assignment(visit).name)
    with transaction(visit.site.book.engine) as connection:
        desk.log(connection, visit.person.id, "exported", visit.part("name"))
    return Response(
        to_csv(record, visit.language),
        media_type="text/csv",
        headers={"Content-Disposition": f'attachment; filename="{visit.part("name")}.csv"'},
    )


def _log(visit: Visit) -> Response:
    with transaction(visit.site.book.reading) as connection:
        found = desk.events(connection)
    return visit.page("log.html.j2", events=found)


def _people(visit: Visit) -> Response:
    with transaction(visit.site.book.reading) as connection:
        found = people.accounts(connection)
    return visit.page("people.html.j2", people=found)


def _add_person(visit: Visit) -> Response:
    try:
        new = msgspec.convert(
            {name: visit.field(name, 200) for name in ("id", "name", "email", "role", "section")},
            Account,
        )
    except msgspec.ValidationError as error:
        raise UserError(tr("choose a role from the list")) from error
    if not new.id or printable(new.id) != new.id:
        raise UserError(tr("give the account an id"))
    if not visit.person.may_act_as(new.role):
        raise HTTPException(404)
    with transaction(visit.site.book.engine) as connection:
        if any(each.id == new.id for each in people.accounts(connection)):
            raise UserError(tr("there is already an account {id}", id=new.id))
        people.put_accounts(connection, [new])
        link = visit.site.link(people.new_link(connection, new.id))
        desk.log(connection, visit.person.id, "added", new.id, "", new.role)
    return visit.page("link.html.j2", student=new, link=link)


def _remove_person(visit: Visit) -> Response:
    with transaction(visit.site.book.engine) as connection:
        gone = people.account(connection, visit.part("id"))
        if gone.id == visit.person.id or not visit.person.may_act_as(gone.role):
            raise HTTPException(404)
        people.remove(connection, gone.id)
        desk.log(connection, visit.person.id, "removed", gone.id, gone.role)
    return visit.go("/people")


ROUTES = [
    Address("/class", "GET", "assistant", _class),
    Address("/class/{name}", "GET", "assistant", _class_page),
    Address("/class/{name}/scores.csv", "GET", "assistant", _scores),
    Address("/class/{name}/release", "POST", "teacher", _release),
    Address("/class/{name}/regrade", "POST", "teacher", _regrade_all),
    Address("/students/{id}", "GET", "assistant", _student_page),
    Address("/students/{id}/link", "POST", "assistant", _new_link),
    Address("/students/{id}/adjustments", "POST", "assistant", _adjust),
    Address("/students/{id}/extensions", "POST", "assistant", _extend),
    Address("/hand-ins/{key}/regrade", "POST", "assistant", _regrade_one),
    Address("/questions", "GET", "assistant", _questions),
    Address("/questions/{id:int}", "POST", "assistant", _answer),
    Address("/people", "GET", "teacher", _people),
    Address("/people", "POST", "teacher", _add_person),
    Address("/people/{id}/remove", "POST", "administrator", _remove_person),
    Address("/log", "GET", "teacher", _log),
]
