"""A visit: one request with who makes it, and the addresses that answer visits."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal
from urllib.parse import quote

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from grader.gradebook.people import Account, Role
from grader.model.text import Language
from grader.web import pages
from grader.web.site import Site

COOKIE = "grader_session"
Anybody = Literal["anybody"]
Handler = Callable[["Visit"], Response]


def attachment(data: bytes | str, name: str, media_type: str) -> Response:
    """Return a response that a browser stores as a file of this name."""
    disposition = f"attachment; filename*=utf-8''{quote(name, safe='')}"
    return Response(data, media_type=media_type, headers={"Content-Disposition": disposition})


class Visit(msgspec.Struct, kw_only=True):
    """A request, with who makes it."""

    site: Site
    request: Request
    who: Account | None
    language: Language
    form: Mapping[str, str] = {}
    files: Mapping[str, tuple[str, bytes]] = {}
    """Uploaded files by the name of their field: their names and contents."""

    @property
    def person(self) -> Account:
        """Who is signed in.

        Raises:
            HTTPException: nobody (401).
        """
        if self.who is None:
            raise HTTPException(401)
        return self.who

    def part(self, name: str) -> str:
        """A part of the address."""
        return str(self.request.path_params[name])

    def field(self, name: str, limit: int = 10_000) -> str:
        """A field of the form, an empty one if it is missing."""
        return self.form.get(name, "").strip()[:limit]

    def choice(self, name: str, choices: Any) -> Any:
        """One of `choices`, a literal type, that a field of the form holds.

        Raises:
            HTTPException: it holds something else (400).
        """
        try:
            return msgspec.convert(self.field(name), choices)
        except msgspec.ValidationError as error:
            raise HTTPException(400) from error

    def page(self, template: str, status: int = 200, **values: object) -> HTMLResponse:
        """Render a page for this person."""
        html = pages.render(
            template, self.language, site=self.site, person=self.who, path=self.path, **values
        )
        return HTMLResponse(html, status)

    @property
    def path(self) -> str:
        """The address of this page on the site; the first page's for the answer to a form, which has no own."""
        return self.request.url.path if self.request.method == "GET" else "/"

    def go(self, path: str) -> RedirectResponse:
        """Send the browser to another page after a form."""
        return RedirectResponse(path, 303)


class Address(msgspec.Struct, frozen=True):
    """An address of the site: what answers, and the role that it needs."""

    path: str
    method: Literal["GET", "POST"]
    role: Role | Anybody
    handler: Handler | Callable[["Visit"], Awaitable[Response]]
    uploads: bool = False
    """Whether its form may hold a file."""
    streams: bool = False
    """Whether the handler is asynchronous."""
