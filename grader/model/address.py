"""Addresses that students' notebooks fetch from."""

from urllib.parse import urlsplit

from grader.model.errors import UserError
from grader.model.text import printable, tr

_LOCAL = ("localhost", "127.0.0.1")


def require_secure(url: str) -> str:
    """Return an address if it is one of https, or of this machine.

    Raises:
        UserError: it isn't.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    local = parts.scheme == "http" and parts.hostname in _LOCAL
    if (
        parts.hostname
        and (parts.scheme == "https" or local)
        and url.isprintable()
        and '"' not in url
    ):
        return url
    raise UserError(tr("{url} must start with https://", url=printable(url)))
