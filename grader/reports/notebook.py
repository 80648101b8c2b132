"""Show a notebook as it was handed in, with its Markdown, outputs and pictures. Nothing in it runs or is fetched."""

import base64
import importlib
import re
import sys
import warnings
from collections.abc import Mapping, Sequence
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any

import msgspec
import nh3
from markupsafe import Markup
from pygments.token import STANDARD_TYPES

from grader.gradebook.extract import MAX_NOTEBOOK
from grader.model.text import Text, visible

if TYPE_CHECKING:
    from nbconvert import HTMLExporter  # imported where it is used: that takes seconds
    from nbformat import NotebookNode

_MAX_HTML = 8 * 2**20
"""The number of characters after which no more cells are shown."""
_TAGS = {
    *("a", "b", "blockquote", "br", "code", "dd", "del", "div", "dl", "dt", "em", "h1", "h2", "h3", "h4", "h5", "h6"),
    *("hr", "i", "img", "kbd", "li", "ol", "p", "pre", "s", "span", "strong", "sub", "sup"),
    *("table", "tbody", "td", "th", "thead", "tr", "u", "ul"),
}  # fmt: skip
_ATTRIBUTES = {
    "*": {"class"},
    "a": {"href"},
    "img": {"src", "alt"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan"},
}
_CLASSES = {*STANDARD_TYPES.values(), "highlight"} - {""}
_ANSI = re.compile(r"ansi-[a-z-]+")
_PICTURE = re.compile(r"data:image/(png|jpeg|gif|webp|svg\+xml);base64,[A-Za-z0-9+/=\s]*")
_LINK = re.compile(r"https?://", re.IGNORECASE)


class CellView(msgspec.Struct, frozen=True):
    """A cell of a notebook."""

    number: int
    """From 1, counting all cells, as in messages."""
    kind: str
    html: Markup
    about: tuple[Text, ...]
    """The titles of rubric items whose message speaks of this cell."""


class NotebookView(msgspec.Struct, frozen=True):
    """A notebook as pages show it."""

    cells: tuple[CellView, ...]
    cut: bool
    """Whether cells are left out because there is too much to show."""


def notebook_view(data: bytes, about: Mapping[int, Sequence[Text]]) -> NotebookView | None:
    """Return a notebook for a page, None if it can't be read or is larger than `MAX_NOTEBOOK`.

    `about` are the titles of the rubric items whose messages speak of a cell, by its number.
    """
    if len(data) > MAX_NOTEBOOK:
        return None
    nbformat = _nbformat()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            notebook = nbformat.reads(data.decode("utf-8-sig"), as_version=4)
            cells, left = [], _MAX_HTML
            for number, cell in enumerate(notebook.cells, start=1):
                html = _html(cell)
                left -= len(html)
                if left < 0:
                    break
                kind = cell.cell_type if cell.cell_type in ("code", "markdown") else "raw"
                cells.append(CellView(number, kind, html, tuple(about.get(number, ()))))
    except Exception:  # a student's file can make the libraries raise anything
        return None
    return NotebookView(tuple(cells), cut=len(cells) < len(notebook.cells))


@cache
def _nbformat() -> ModuleType:
    """nbformat without the grammar of addresses that JSON Schema's package compiles for 2 s where Jupyter is installed.

    No schema of a notebook has an address of that kind.
    """
    grammar = "rfc3987_syntax"
    sys.modules.setdefault(grammar, None)  # type: ignore[arg-type]
    try:
        return importlib.import_module("nbformat")
    finally:
        if sys.modules.get(grammar) is None:  # another thread may have been faster
            sys.modules.pop(grammar, None)


def _html(cell: "NotebookNode") -> Markup:
    from nbformat.v4 import new_notebook

    for output in cell.get("outputs", ()):
        _draw_svg(output)
    html, _ = _exporter().from_notebook_node(new_notebook(cells=[cell]))
    return Markup(clean(html))


def clean(html: str) -> str:
    """Return markup without scripts, styles, forms, frames, names of our style sheet, and anything that is fetched."""
    return nh3.clean(
        visible(html),
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        attribute_filter=_filter,
        clean_content_tags={"script", "style", "svg", "math", "iframe", "template", "title", "textarea"},
        url_schemes={"http", "https", "data"},
    )  # fmt: skip


def _filter(tag: str, attribute: str, value: str) -> str | None:
    if attribute == "class":
        known = [name for name in value.split() if name in _CLASSES or _ANSI.fullmatch(name)]
        return " ".join(known) or None
    if attribute == "src":
        return value if _PICTURE.fullmatch(value) else None
    if attribute == "href":
        return value if _LINK.match(value) else None
    return value


def _draw_svg(output: Any) -> None:
    """Turn an SVG picture into an image: within an `img`, nothing of it runs or is fetched."""
    data = output.get("data") or {}
    svg = data.pop("image/svg+xml", None)
    if svg and "image/png" not in data:
        coded = base64.b64encode("".join(svg).encode()).decode()
        data["text/html"] = f'<img alt="SVG" src="data:image/svg+xml;base64,{coded}">'


@cache
def _exporter() -> "HTMLExporter":
    from nbconvert import HTMLExporter

    return HTMLExporter(  # type: ignore[no-untyped-call]
        template_name="basic",
        exclude_input_prompt=True,
        exclude_output_prompt=True,
        anchor_link_text="",
    )
