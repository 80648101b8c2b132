"""The terminal: what commands print, in signs that it can show."""

import codecs
import io
import sys
from typing import IO

from rich.console import Console

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
    """Return a console that prints words as they are: no markup, no colours of its own making."""
    plain_signs()
    return Console(stderr=stderr, markup=False, highlight=False)


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
