"""The own account: what is kept about it, as a download, and an end to all sessions."""

from starlette.responses import Response

from grader.gradebook import desk, people, uploads
from grader.gradebook.opening import transaction
from grader.web.visit import Address, Visit, attachment


def _account(visit: Visit) -> Response:
    return visit.page("account.html.j2")


def _export(visit: Visit) -> Response:
    site, person = visit.site, visit.person
    with transaction(site.book.engine) as connection:
        desk.log(connection, person.id, "exported", person.id)
        theirs = uploads.hand_ins_of(connection, person.id)
        shown = {
            each.origin
            for each in theirs
            if each.assignment in site.assignments
            and site.visible(connection, person, each).everything
        }
    data = site.book.about(person.id).for_themselves(shown).zipped()
    return attachment(data, f"{person.id}.zip", "application/zip")


def _sign_out_everywhere(visit: Visit) -> Response:
    with transaction(visit.site.book.engine) as connection:
        people.revoke(connection, visit.person.id)
        desk.log(connection, visit.person.id, "signed out everywhere", visit.person.id)
    return visit.go("/")


ROUTES = [
    Address("/account", "GET", "student", _account),
    Address("/account/export", "POST", "student", _export),
    Address("/account/sign-out-everywhere", "POST", "student", _sign_out_everywhere),
]
