"""The terminal: what commands print, in signs that it can show."""

import codecs
import io
import sys
from typing import IO, Any, cast

from rich.console import Console
from rich.text import Text

from grader.model.text import unobeyed, visible

_SIGNS = {
    "✓": "v",
    "✗": "x",
    "–": "-",
    "—": "-",
    "−": "-",
    "·": "-",
    "…": "...",
    "→": "->",
    "≤": "<=",
    "≥": ">=",
    "×": "x",
    "“": '"',
    "”": '"',
    "‘": "'",
    "’": "'",
}


def console(*, stderr: bool = False) -> Console:
    """Return a console that prints words as they are: no markup, no colours of its own making.

    Neither the terminal nor a CI server that reads along obeys what a name or a message holds.
    """
    plain_signs()
    return _Console(stderr=stderr, markup=False, highlight=False)


class _Console(Console):
    @property
    def file(self) -> IO[str]:
        """Where it prints to."""
        return cast(IO[str], _Unobeyed(super().file))

    @file.setter
    def file(self, new_file: IO[str]) -> None:
        self._file = new_file

    def render_str(self, text: str, **options: Any) -> Text:
        """Return words of whatever origin for printing."""
        return super().render_str(visible(text), **options)


class _Unobeyed:
    """A stream whose lines are no commands to a CI server."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        return self._stream.write(unobeyed(text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def plain_signs() -> None:
    """Let standard output and error print a plain letter for a sign that their encoding lacks."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors != _NAME:
            stream.reconfigure(errors=_NAME)


def shows_korean(stream: IO[str]) -> bool:
    """Whether the stream's encoding has Hangul."""
    try:
        "한글".encode(getattr(stream, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(map(_sign, lacking)), error.end


def _sign(character: str) -> str:
    if "─" <= character <= "▟":  # the lines of plots and bars; tables have their own way
        return "#"
    plain = _SIGNS.get(character)
    return character.encode("ascii", "backslashreplace").decode() if plain is None else plain


_NAME = "grader.plain"
codecs.register_error(_NAME, _plain)
