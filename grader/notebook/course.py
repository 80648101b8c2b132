"""Find the assignment of a notebook and its public checks."""

import os
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import msgspec

from grader.grading.selfcheck import PUBLIC_CHECKS
from grader.model.address import require_secure
from grader.model.assignment import (
    SETTINGS,
    Assignment,
    load_assignment,
    load_assignments,
    unknown_assignment,
)
from grader.model.builtin import built_in_course
from grader.model.errors import UserError
from grader.model.submission import MAX_BYTES, closest
from grader.model.text import printable, tr

ASSIGNMENTS = "assignments"
_MAX_FETCHED = 2**20
"""Bytes of a file that is fetched."""
_FETCH_SECONDS = 10.0
_COLAB_SECONDS = 5.0


class Released(msgspec.Struct, frozen=True):
    """The metadata that `grader release` writes into a notebook under `grader`."""

    assignment: str = ""
    url: str = ""
    """The address of the folder with the public checks, or empty."""


def assignment_of(namespace: dict[str, Any], name: str | None, url: str | None) -> Assignment:
    """Return the assignment of the notebook whose names are in `namespace`.

    Its name is the one that the caller says, else that of the notebook's metadata or of its folder, else what the
    names of the functions tell. Its checks are those beside the notebook, in `assignments` here or above, at the
    address that the caller or the metadata says, or those that come with this package, in this order.

    Raises:
        UserError: there are no checks, or it isn't known for which assignment.
    """
    path = notebook_path(namespace)
    released = _released(path)
    name, url = name or released.assignment or None, url or released.url or None
    known: dict[str, Assignment] = {}
    tied: list[Assignment] = []
    defined = {key for key in namespace if not key.startswith("_")}
    for found in _courses(path, url):
        if name is not None and name in found:
            return found[name]
        if name is None and len(found) == 1:
            return next(iter(found.values()))
        best = closest(defined, found.values())
        if name is None and len(best) == 1:
            return best[0]
        known, tied = known | found, tied or best
    if not known:
        raise UserError(
            tr("no public checks found for this notebook: run it in the folder of your assignment")
        )
    if name is not None:
        raise unknown_assignment(printable(name, 60), known)
    raise UserError(
        tr(
            "can't tell which assignment this notebook is for: choose it with {call}; "
            "available: {known}",
            call='grader.check(assignment="…")',
            known=", ".join(each.name for each in tied or known.values()),
        )
    )


def require_functions(assignment: Assignment, namespace: dict[str, Any]) -> None:
    """Raise an error if there is nothing to check.

    Raises:
        UserError: none of the assignment's functions is defined.
    """
    if not any(name in namespace for name in assignment.functions):
        raise UserError(
            tr(
                "none of the functions of {assignment} is defined in this notebook yet "
                "({names}): run the cells that define them first",
                assignment=assignment.name,
                names=", ".join(assignment.functions),
            )
        )


def notebook_path(namespace: dict[str, Any]) -> Path | None:
    """Return the file of the running notebook if the editor reveals it (VS Code, Jupyter)."""
    for told in (namespace.get("__vsc_ipynb_file__"), os.environ.get("JPY_SESSION_NAME")):
        for path in (Path(told), Path(Path(told).name)) if isinstance(told, str) and told else ():
            if path.suffix == ".ipynb" and path.is_file():
                return path.resolve()
    return None


def _released(path: Path | None) -> Released:
    """The notebook's metadata, or nothing if it can't be read."""
    with suppress(OSError, msgspec.MsgspecError, UnicodeDecodeError):
        if path is not None and path.stat().st_size <= MAX_BYTES:
            return _Notebook.of(path.read_bytes()).metadata.grader
    with suppress(Exception):  # only Colab has it, and its face is no public one
        if "google.colab" in sys.modules:
            from google.colab import _message

            answer = _message.blocking_request("get_ipynb", timeout_sec=_COLAB_SECONDS)
            return msgspec.convert(answer["ipynb"], type=_Notebook, strict=False).metadata.grader
    return Released()


class _Metadata(msgspec.Struct, frozen=True):
    grader: Released = Released()


class _Notebook(msgspec.Struct, frozen=True):
    metadata: _Metadata = _Metadata()

    @classmethod
    def of(cls, data: bytes) -> "_Notebook":
        return msgspec.json.decode(data, type=cls)


def _courses(path: Path | None, url: str | None) -> Iterator[dict[str, Assignment]]:
    """The assignments that there are, nearest first; an address is asked only if what is near doesn't do."""
    here = Path.cwd()
    for folder in dict.fromkeys([*([path.parent] if path else []), here]):
        if (folder / SETTINGS).is_file():
            own = load_assignment(folder)
            yield {own.name: own}
    starts = [*(path.parents if path else ()), here, *here.parents]
    nearest = next((at for at in starts if any(_settings(at / ASSIGNMENTS))), None)
    if nearest is not None:
        yield load_assignments(nearest / ASSIGNMENTS)
    if url is not None:
        own = load_assignment(fetched(url))
        yield {own.name: own}
    elif any(_settings(built_in := built_in_course() / ASSIGNMENTS)):
        yield load_assignments(built_in)


def _settings(folder: Path) -> Iterable[Path]:
    return folder.glob(f"*/{SETTINGS}")


@cache
def fetched(url: str) -> Path:
    """Return a folder that holds the settings and the public checks from an address, fetched once in a kernel.

    Raises:
        UserError: the address is not secure, can't be reached, or holds what is too large.
    """
    folder = tempfile.TemporaryDirectory(prefix="grader-")
    _FOLDERS.append(folder)
    for name in (SETTINGS, PUBLIC_CHECKS):
        data = _fetch(f"{url.rstrip('/')}/{name}")
        Path(folder.name, name).write_bytes(data)
    return Path(folder.name)


_FOLDERS: list[tempfile.TemporaryDirectory[str]] = []
"""Removed when the kernel exits."""


class _Redirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req: Any, fp: Any, *args: Any) -> urllib.request.Request | None:
        try:
            require_secure(args[-1])
        except UserError:
            fp.close()  # the base class closes it only if this returns
            raise
        return super().redirect_request(req, fp, *args)


def _fetch(url: str) -> bytes:
    opener = urllib.request.build_opener(_Redirects)
    deadline = time.monotonic() + _FETCH_SECONDS
    try:
        with opener.open(require_secure(url), timeout=_FETCH_SECONDS) as answer:
            data = b""
            while len(data) <= _MAX_FETCHED and (part := answer.read1(2**16)):
                data += part
                if time.monotonic() > deadline:
                    raise TimeoutError(f"it takes more than {_FETCH_SECONDS:.0f} s")
    except (OSError, ValueError, HTTPException) as error:
        if isinstance(error, HTTPError):
            error.close()
        reason = getattr(error, "reason", None) or error
        raise UserError(
            tr(
                "can't fetch the public checks from {url}: {reason}",
                url=printable(url),
                reason=printable(str(reason)),
            )
        ) from error
    if len(data) > _MAX_FETCHED:
        raise UserError(tr("{url} is larger than {limit} MB", url=printable(url), limit=1))
    return data
