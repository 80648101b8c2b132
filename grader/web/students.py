"""Pages for students: sign in, hand in, watch, read the report, ask."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import msgspec
from anyio import to_thread
from sqlalchemy import Connection
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response, StreamingResponse

from grader.gradebook import decisions, desk, people, queue, uploads
from grader.gradebook.changes import ItemChange, changed_items
from grader.gradebook.desk import Question
from grader.gradebook.opening import transaction
from grader.gradebook.queue import JobView
from grader.gradebook.uploads import Upload
from grader.model.assignment import Assignment
from grader.model.course import shown_time
from grader.model.errors import UserError
from grader.model.record import Record
from grader.model.text import Language, tr
from grader.reports.html import student_page
from grader.web import pages
from grader.web.recognise import recognise, submitted_file
from grader.web.visible import Visible, may_open
from grader.web.visit import COOKIE, Address, Visit, attachment

_MAX_WORDS = 4000
Changed = tuple[ItemChange, ...]


def _sign_in_page(visit: Visit) -> Response:
    """The link of a mail program's preview must not use the link up, so a button does."""
    with transaction(visit.site.book.reading) as connection:
        owner = people.owner_of_link(connection, visit.part("secret"))
    if owner is None:
        _slow_guessing(visit)
    return visit.page("sign_in.html.j2", 200 if owner else 404, owner=owner)


def _sign_in(visit: Visit) -> Response:
    with transaction(visit.site.book.engine) as connection:
        session = people.use_link(connection, visit.part("secret"))
    if session is None:
        _slow_guessing(visit)
        return visit.page("sign_in.html.j2", 404, owner=None)
    answer = visit.go("/")
    answer.set_cookie(
        COOKIE,
        session,
        max_age=int(people.SESSION_SECONDS),
        httponly=True,
        secure=visit.site.secure,
        samesite="lax",
    )
    return answer


def _slow_guessing(visit: Visit) -> None:
    """Only what fails is counted: a whole class may sign in from one address."""
    client = visit.request.client.host if visit.request.client else ""
    if late := visit.site.sign_in_buckets.wait(client):
        raise HTTPException(429, headers={"Retry-After": f"{late:.0f}"})


def _sign_out(visit: Visit) -> Response:
    with transaction(visit.site.book.engine) as connection:
        people.sign_out(connection, visit.request.cookies.get(COOKIE, ""))
    answer = visit.go("/")
    answer.delete_cookie(COOKIE)
    return answer


def _language(visit: Visit) -> Response:
    language = visit.choice("language", Language)
    with transaction(visit.site.book.engine) as connection:
        people.choose_language(connection, visit.person.id, language)
    back = visit.field("back")
    return visit.go(back if back.startswith("/") and not back.startswith(("//", "/\\")) else "/")


class AssignmentView(msgspec.Struct, frozen=True):
    """An assignment on a student's first page."""

    assignment: Assignment
    due: datetime | None
    hand_ins: tuple["HandInView", ...]
    """In order."""
    questions: tuple[Question, ...]
    """What the student asked about them."""
    excused: bool
    """Whether the assignment doesn't count for the student."""

    @property
    def counts(self) -> "HandInView | None":
        """The hand-in that counts, if its score may be shown."""
        if self.excused:
            return None
        found = (each for each in self.hand_ins if each.record is not None and each.record.counts)
        return next((each for each in found if each.score is not None), None)

    def answered(self, upload: Upload) -> bool:
        """Whether a question about a hand-in is answered."""
        return any(each.key == upload.key and each.answer is not None for each in self.questions)


class HandInView(msgspec.Struct, frozen=True):
    """A hand-in with what its reader may see."""

    upload: Upload
    job: JobView
    record: Record | None
    """The latest, also while it is graded again. None before, or where nothing of it may be shown."""
    visible: Visible

    @property
    def score(self) -> float | None:
        """The score, if it may be shown and is known."""
        return self.record.final_score if self.record and self.visible.everything else None


def _home(visit: Visit) -> Response:
    if visit.person.may_act_as("assistant"):
        return visit.go("/class")
    site, person = visit.site, visit.person
    records = site.book.records_of(person.id)
    with transaction(site.book.reading) as connection:
        theirs = hand_in_views(
            visit, connection, uploads.hand_ins_of(connection, person.id), records
        )
        asked = desk.questions(connection, student=person.id)
        excused = decisions.excused_from(connection, person.id)
        views = [
            AssignmentView(
                each,
                site.due(connection, person.id, each),
                tuple(one for one in theirs if one.upload.assignment == each.name),
                asked,
                each.name in excused,
            )
            for each in site.assignments.values()
        ]
    return visit.page("home.html.j2", views=views)


def hand_in_views(
    visit: Visit,
    connection: Connection,
    found: tuple[Upload, ...],
    records: tuple[Record, ...],
) -> tuple[HandInView, ...]:
    """Return hand-ins of one student with what the visitor may see of them."""
    jobs = queue.jobs_of(connection, [each.id for each in found], visit.site.workers)
    by_content = {(each.report.assignment, each.report.sha256): each for each in records}
    by_origin = {each.origin: each for each in records}
    return tuple(
        HandInView(
            upload,
            jobs[upload.id],
            by_origin.get(upload.origin) or by_content.get((upload.assignment, upload.sha256)),
            visit.site.visible(connection, visit.person, upload),
        )
        for upload in found
        if upload.assignment in visit.site.assignments
    )


def _upload(visit: Visit) -> Response:
    assignment = visit.site.assignments.get(visit.part("name"))
    if assignment is None:
        raise HTTPException(404)
    name, content = visit.files.get("file", ("", b""))
    if not name:
        raise UserError(tr("no file was chosen; go back and choose your notebook or script"))
    name, content = submitted_file(name, content, assignment)
    with transaction(visit.site.book.engine) as connection:
        upload = uploads.add_upload(connection, visit.person.id, assignment.name, name, content)
    return visit.go(f"/uploads/{upload.key}")


def _recognised(visit: Visit) -> Response:
    site = visit.site
    with transaction(site.book.reading) as connection:
        upload = _mine(visit, connection)
        if upload.handed_in is not None:
            return visit.go(f"/hand-ins/{upload.key}")
        content = uploads.content_of(connection, upload)
        due = site.due(connection, upload.student, site.assignments[upload.assignment])
        waits = _waits(visit, connection, upload)
    assignment = site.assignments[upload.assignment]
    found = recognise(upload.file, content, assignment, site.assignments)
    late = due is not None and datetime.now().astimezone() > due
    return visit.page(
        "upload.html.j2",
        upload=upload,
        assignment=assignment,
        found=found,
        due=due,
        late=late,
        waits=waits,
    )


def _waits(visit: Visit, connection: Connection, upload: Upload) -> datetime | None:
    """When the hand-in would be graded, if the day's number of graded hand-ins is used up."""
    limit = visit.site.assignments[upload.assignment].feedback.attempts_per_day
    today = visit.site.today()
    done = uploads.handed_in_since(connection, upload.student, upload.assignment, today)
    return today + timedelta(days=done // limit) if limit and done >= limit else None


def _hand_in(visit: Visit) -> Response:
    with transaction(visit.site.book.engine) as connection:
        upload = _mine(visit, connection)
        waits = _waits(visit, connection, upload)
        uploads.hand_in(connection, upload, waits.timestamp() if waits else 0.0)
    visit.site.look()
    return visit.go(f"/hand-ins/{upload.key}")


def _mine(visit: Visit, connection: Connection) -> Upload:
    upload = uploads.find_upload(connection, visit.part("key"))
    if upload is None or upload.student != visit.person.id:
        raise HTTPException(404)
    return upload


def opened(visit: Visit, connection: Connection) -> Upload:
    """Return the hand-in of this address.

    Raises:
        HTTPException: there is none that the visitor may open (404).
    """
    upload = uploads.find_upload(connection, visit.part("key"))
    if upload is None or upload.handed_in is None:
        raise HTTPException(404)
    section = people.section_of(connection, upload.student)
    if upload.assignment not in visit.site.assignments or not may_open(
        visit.person, upload, section
    ):
        raise HTTPException(404)
    return upload


def _view(visit: Visit) -> HandInView:
    return _views(visit)[-1]


def _views(visit: Visit) -> tuple[HandInView, ...]:
    """The hand-in of this address, behind the student's earlier ones for the same assignment."""
    book = visit.site.book
    with transaction(book.reading) as connection:
        upload = opened(visit, connection)
        theirs = uploads.hand_ins_of(connection, upload.student)
    records = book.records_of(upload.student)
    found = tuple(
        each for each in theirs if each.assignment == upload.assignment and each.id <= upload.id
    )
    with transaction(book.reading) as connection:
        return hand_in_views(visit, connection, found, records)


def _changes(view: HandInView, earlier: tuple[HandInView, ...]) -> tuple[Upload, Changed] | None:
    """What differs from the last graded hand-in before this one, as far as it may be seen."""
    graded = [each for each in earlier if each.record is not None]
    if view.record is None or not graded or not view.visible.items:
        return None
    found = changed_items(graded[-1].record, view.record)
    return graded[-1].upload, tuple(each for each in found if each.id in view.visible.items)


def _hand_in_page(visit: Visit) -> Response:
    *earlier, view = _views(visit)
    site = visit.site
    with transaction(site.book.reading) as connection:
        asked = desk.questions(connection, view.upload.id)
        due = site.due(connection, view.upload.student, site.assignments[view.upload.assignment])
        excused = decisions.excused_from(connection, view.upload.student)
    if visit.person.id != view.upload.student:
        with transaction(site.book.engine) as connection:
            desk.log(
                connection, visit.person.id, "viewed", view.upload.student, "", view.upload.origin
            )
    return visit.page(
        "hand_in.html.j2",
        view=view,
        assignment=site.assignments[view.upload.assignment],
        asked=asked,
        due=due,
        excused=view.upload.assignment in excused,
        changes=_changes(view, tuple(earlier)),
    )


async def _events(visit: Visit) -> Response:
    """Server-sent events: a part of the page each time something has changed, `done` at the end."""
    view = await to_thread.run_sync(_view, visit)
    assignment = visit.site.assignments[view.upload.assignment]

    async def events() -> AsyncIterator[str]:
        async for job in visit.site.watch.changes(view.upload.id):
            if job is None:
                yield ": still waiting\n\n"
                continue
            if job.state == "done":
                yield "event: done\ndata: \n\n"
                return
            now = msgspec.structs.replace(view, job=job)
            html = pages.markup("progress.html.j2", "progress", visit.language, now, assignment)
            yield "".join(f"data: {line}\n" for line in html.splitlines()) + "\n"

    return StreamingResponse(
        events(), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"}
    )


def _report(visit: Visit) -> Response:
    view = _view(visit)
    if view.record is None or not view.visible.everything:
        raise HTTPException(404)
    assignment = visit.site.assignments[view.upload.assignment]
    attempts = tuple(
        each
        for each in visit.site.book.records_of(view.upload.student)
        if each.report.assignment == assignment.name
    )
    html = student_page(view.record, assignment, visit.language, view.upload.student, attempts)
    return HTMLResponse(html, headers={"Content-Security-Policy": "frame-ancestors 'none'"})


def _file(visit: Visit) -> Response:
    with transaction(visit.site.book.reading) as connection:
        upload = opened(visit, connection)
        content = uploads.content_of(connection, upload)
    return attachment(content, upload.file, "application/octet-stream")


def _receipt(visit: Visit) -> Response:
    with transaction(visit.site.book.reading) as connection:
        upload = opened(visit, connection)
    assert upload.handed_in is not None
    text = tr(
        "Receipt {number}\nStudent: {student}\nAssignment: {assignment}\nFile: {file}\n"
        "SHA-256: {sha256}\nHanded in: {time}\n",
        number=upload.id,
        student=upload.student,
        assignment=visit.site.assignments[upload.assignment].title,
        file=upload.file,
        sha256=upload.sha256,
        time=shown_time(upload.handed_in, visit.site.course),
    )
    return attachment(text.in_(visit.language), f"receipt-{upload.id}.txt", "text/plain")


def _ask(visit: Visit) -> Response:
    words = visit.field("words", _MAX_WORDS)
    with transaction(visit.site.book.engine) as connection:
        upload = _mine(visit, connection)
        known = {item.id for item in visit.site.assignments[upload.assignment].items}
        item = visit.field("item")
        if not words or item not in known | {""}:
            raise UserError(tr("write your question, then send it"))
        desk.ask(connection, upload.id, item, words)
    return visit.go(f"/hand-ins/{upload.key}#questions")


ROUTES = [
    Address("/sign-in/{secret}", "GET", "anybody", _sign_in_page),
    Address("/sign-in/{secret}", "POST", "anybody", _sign_in),
    Address("/", "GET", "student", _home),
    Address("/sign-out", "POST", "student", _sign_out),
    Address("/language", "POST", "student", _language),
    Address("/assignments/{name}/uploads", "POST", "student", _upload, uploads=True),
    Address("/uploads/{key}", "GET", "student", _recognised),
    Address("/uploads/{key}/hand-in", "POST", "student", _hand_in),
    Address("/hand-ins/{key}", "GET", "student", _hand_in_page),
    Address("/hand-ins/{key}/events", "GET", "student", _events, streams=True),
    Address("/hand-ins/{key}/report", "GET", "student", _report),
    Address("/hand-ins/{key}/file", "GET", "student", _file),
    Address("/hand-ins/{key}/receipt", "GET", "student", _receipt),
    Address("/hand-ins/{key}/questions", "POST", "student", _ask),
]
