"""The application: every address with the role that it needs, the session, and the headers of each answer."""

import contextlib
import time
import traceback
from collections.abc import AsyncIterator
from functools import partial
from importlib.resources import files
from pathlib import Path

import anyio
from anyio import to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from grader.gradebook import people
from grader.gradebook.opening import transaction
from grader.gradebook.people import Account
from grader.model.errors import UserError
from grader.model.text import Language, tr
from grader.reports.page import style_sheet
from grader.web import (
    account,
    class_pages,
    decisions,
    limits,
    operations,
    pages,
    staff,
    students,
    versions,
)
from grader.web.site import Site
from grader.web.visit import COOKIE, Address, Visit

ROUTES = [
    *operations.ROUTES,
    *students.ROUTES,
    *account.ROUTES,
    *staff.ROUTES,
    *decisions.ROUTES,
    *class_pages.ROUTES,
    *versions.ROUTES,
]
"""Every address of the site."""

_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # with `no-referrer` browsers send forms with `Origin: null`
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def create_app(site: Site) -> Starlette:
    """Return the application."""

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(site.watch.run)
            yield
            tasks.cancel_scope.cancel()

    script = Path(str(files("grader.reports").joinpath("templates", "class.js")))
    static = [
        Route("/static/page.css", lambda _: Response(style_sheet(), media_type="text/css")),
        Route("/static/class.js", lambda _: FileResponse(script)),
        Mount("/static", StaticFiles(packages=[("grader.web", "static")])),
    ]
    return Starlette(
        routes=[*static, *(_route(site, each) for each in ROUTES)],
        lifespan=lifespan,
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=list(site.hosts))],
        exception_handlers={
            HTTPException: partial(_refused, site),
            UserError: partial(_told, site),
            500: partial(_failed, site),
        },
    )


def _route(site: Site, address: Address) -> Route:
    return Route(address.path, partial(_observed, site, address), methods=[address.method])


async def _observed(site: Site, address: Address, request: Request) -> Response:
    begin = time.monotonic()
    status = 500
    try:
        answer = await _answer(site, address, request)
        status = answer.status_code
        return answer
    except HTTPException as error:
        status = error.status_code
        raise
    except UserError:
        status = 422
        raise
    finally:
        site.metrics.observe(address.method, address.path, status, time.monotonic() - begin)


async def _answer(site: Site, address: Address, request: Request) -> Response:
    if address.method == "POST":
        _refuse_other_sites(request)
    visit = await to_thread.run_sync(_visit, site, request)
    if address.role != "anybody" and not (visit.who and visit.who.may_act_as(address.role)):
        raise HTTPException(404 if visit.who else 401)
    if address.method == "POST":
        if address.uploads and (late := site.upload_buckets.wait(visit.person.id)):
            raise HTTPException(429, headers={"Retry-After": f"{late:.0f}"})
        limit = limits.MAX_UPLOAD if address.uploads else limits.MAX_FORM
        async with limits.bounded_form(request, limit, site.large_uploads) as form:
            visit.form, visit.files = form
            answer = await to_thread.run_sync(address.handler, visit)
            visit.files = {}
    elif address.streams:
        answer = await address.handler(visit)  # type: ignore[misc]
    else:
        answer = await to_thread.run_sync(address.handler, visit)
    assert isinstance(answer, Response)
    return _with_headers(answer)


def _visit(site: Site, request: Request) -> Visit:
    session = request.cookies.get(COOKIE, "")
    who = None
    if session:
        with transaction(site.book.reading) as connection:
            who = people.signed_in(connection, session)
    return Visit(site=site, request=request, who=who, language=_language(site, request, who))


def _language(site: Site, request: Request, who: Account | None) -> Language:
    if who is not None and who.language is not None:
        return who.language
    if site.language is not None:
        return site.language
    accepted = request.headers.get("accept-language", "").casefold()
    return "ko" if accepted.startswith("ko") else "en"


def _refuse_other_sites(request: Request) -> None:
    """Forms are taken from pages of this site only."""
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    same = origin is None or origin.partition("://")[2] == request.headers.get("host")
    if site not in (None, "same-origin", "none") or not same or (site is None and origin is None):
        raise HTTPException(403)


def _with_headers(answer: Response) -> Response:
    for name, value in _HEADERS.items():
        answer.headers.setdefault(name, value)
    return answer


async def _refused(site: Site, request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    visit = await to_thread.run_sync(_visit, site, request)
    words = {
        400: tr("The form couldn't be read. Go back and try again."),
        401: tr("Sign in with your personal link. If you have lost it, ask the course staff."),
        403: tr("This form came from another site, so nothing was changed."),
        404: tr("There is no such page, or it isn't yours."),
        408: tr("The upload took too long. Nothing was handed in; try again."),
        413: tr("The file is too large. The limit is {limit} MB.", limit=limits.MAX_UPLOAD >> 20),
        429: tr("Too many requests. Wait a moment and try again."),
    }.get(error.status_code, tr("This request can't be carried out."))
    answer = visit.page("message.html.j2", error.status_code, words=words)
    answer.headers.update(error.headers or {})
    if error.status_code in (408, 413):
        answer.headers["Connection"] = "close"  # the rest of the body isn't read
    return _with_headers(answer)


async def _told(site: Site, request: Request, error: Exception) -> Response:
    assert isinstance(error, UserError)
    visit = await to_thread.run_sync(_visit, site, request)
    return _with_headers(visit.page("message.html.j2", 422, words=error.text))


async def _failed(site: Site, request: Request, error: Exception) -> Response:
    frame = traceback.extract_tb(error.__traceback__)[-1]  # an address may hold somebody's id
    site.tell(f"{type(error).__name__}: {error} ({frame.filename}:{frame.lineno})")
    words = tr("Something went wrong here. What you handed in is safe; try again in a moment.")
    language = _language(site, request, None)
    html = pages.render("message.html.j2", language, site=site, person=None, path="/", words=words)
    return _with_headers(HTMLResponse(html, 500))
