"""Pages for the course staff: questions, people and their links, the log."""

import msgspec
from starlette.exceptions import HTTPException
from starlette.responses import Response

from grader.gradebook import desk, people
from grader.gradebook.opening import transaction
from grader.gradebook.people import Account
from grader.model.errors import UserError
from grader.model.text import printable, tr
from grader.web.decisions import student_of
from grader.web.visible import in_section
from grader.web.visit import Address, Visit


def _new_link(visit: Visit) -> Response:
    student = student_of(visit, visit.part("id"))
    with transaction(visit.site.book.engine) as connection:
        if student.role != "student" and not visit.person.may_act_as("administrator"):
            raise HTTPException(404)
        people.revoke(connection, student.id)
        link = visit.site.link(people.new_link(connection, student.id))
        desk.log(connection, visit.person.id, "replaced the link", student.id)
    return visit.page("link.html.j2", student=student, link=link)


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
    Address("/students/{id}/link", "POST", "assistant", _new_link),
    Address("/questions", "GET", "assistant", _questions),
    Address("/questions/{id:int}", "POST", "assistant", _answer),
    Address("/people", "GET", "teacher", _people),
    Address("/people", "POST", "teacher", _add_person),
    Address("/people/{id}/remove", "POST", "administrator", _remove_person),
    Address("/log", "GET", "teacher", _log),
]
