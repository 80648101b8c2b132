"""Render a page as one file: style and script are inline, and its content policy blocks everything else."""

import base64
import hashlib
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from grader.model.course import shown_time
from grader.model.score import Verdict
from grader.model.submission import Cell
from grader.model.text import Language, Text, printable, tr, visible
from grader.reports.words import days

MAX_SUMMARY = 160
"""Characters shown of a message in a list."""

MAX_LINES = 3_000
MAX_CHARACTERS = 300_000
CUT = tr(
    "Only the beginning is shown: {lines} lines or {characters} characters.",
    lines=f"{MAX_LINES:,}",
    characters=f"{MAX_CHARACTERS:,}",
)

_MARKS = {
    Verdict.PASSED: "✓",
    Verdict.PARTIAL: "◐",
    Verdict.UNGRADED: "?",
    Verdict.FORBIDDEN: "⊘",
}


def render(
    template: str,
    language: Language,
    words: Mapping[str, Text],
    script: str = "",
    pictures: bool = False,
    **values: object,
) -> str:
    """Return a page. The template reads the `words` as `t.name`; `script` is the file name of its script.

    With `pictures`, the page may show images that are part of it.
    """
    say: Callable[[Text], str] = lambda text: text.in_(language)  # noqa: E731
    style, code = style_sheet(), _asset(script) if script else ""
    return (
        _environment()
        .get_template(template)
        .render(
            language=language,
            say=say,
            t={name: text.in_(language) for name, text in words.items()},
            days=days,
            mark=mark,
            style=Markup(style),
            script=Markup(code),
            policy=f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(code)}'; "
            f"base-uri 'none'; form-action 'none'{'; img-src data:' if pictures else ''}",
            **values,
        )
    )


def first_lines(cells: Sequence[Cell]) -> tuple[tuple[Cell, ...], bool]:
    """Return the beginning of a hand-in, and whether it was cut: at most `MAX_LINES` lines and `MAX_CHARACTERS`."""
    found: list[Cell] = []
    lines, characters = MAX_LINES, MAX_CHARACTERS
    for cell in cells:
        source = "\n".join(visible(cell.source[:characters]).split("\n")[:lines])
        cut = len(source) < len(visible(cell.source))
        found.append(Cell(cell.name, source))
        lines -= source.count("\n") + 1
        characters -= len(source)
        if cut or lines <= 0 or characters <= 0:
            return tuple(found), cut or len(found) < len(cells)
    return tuple(found), False


def write_page(path: Path, page: str) -> None:
    """Write a page atomically, creating missing folders. A file that says the same stays as it is."""
    data = page.encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_file() and path.read_bytes() == data:
        return
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(data)
    Path(file.name).chmod(0o644)
    Path(file.name).replace(path)


def mark(verdict: Verdict) -> str:
    """Return the sign of a verdict."""
    return _MARKS.get(verdict, "✗")


@cache
def style_sheet() -> str:
    """Return the style sheet, with the marks of verdicts in tables: an element for each would slow large ones down."""
    marks = (f'.scroll td.{v}::before {{ content: "{mark(v)}" / ""; }}' for v in Verdict)
    return "\n".join((_asset("page.css"), *marks))


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("grader.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: visible(value) if type(value) is str else value,
    )
    environment.filters |= filters()
    return environment


def filters() -> dict[str, Callable[..., str]]:
    """Return the filters of all pages. Numbers need no escaping, which large tables notice."""

    def shown(form: str) -> Callable[[float | None], Markup]:
        return lambda value: Markup("–" if value is None else format(value, form))

    return {
        "number": shown("g"),
        "short": shown(".2f"),
        "digits": shown(".4g"),
        "shorten": lambda words: printable(words, MAX_SUMMARY),
        "time": shown_time,
    }


@cache
def _asset(name: str) -> str:
    return files("grader.reports").joinpath("templates", name).read_text("utf-8")


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
