"""Notebooks are shown as they were handed in, and nothing in them runs, fetches, or leaves its box."""

import base64
import importlib.util
import re
import subprocess
import sys

import nbformat
import pytest

from grader.gradebook.extract import MAX_NOTEBOOK
from grader.model.record import ClassRecord
from grader.reports.html import write_site
from grader.reports.notebook import clean, notebook_view

PIXEL = base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()
HOSTILE = [
    "<script>document.title = 'pwned'</script>",
    '<img src=x onerror="document.title = 1">',
    '<img src="https://example.org/track.png">',
    '<img src="data:text/html;base64,PHNjcmlwdD4=">',
    '<iframe src="https://example.org"></iframe>',
    '<iframe srcdoc="<script>1</script>"></iframe>',
    "<object data=x></object><embed src=x>",
    "<svg><script>1</script><image href='https://example.org/x.png'/></svg>",
    "<svg onload=alert(1)>",
    "<style>body { display: none }</style>",
    '<div style="position: fixed; inset: 0; background: url(https://example.org)">x</div>',
    '<div class="warning tile score" id="items">x</div>',
    '<a href="javascript:alert(1)">x</a>',
    '<a href="data:text/html,<script>1</script>">x</a>',
    '<form action="https://example.org"><input name=a><button>x</button></form>',
    '<base href="https://example.org"><meta http-equiv=refresh content="0;url=https://example.org">',
    '<link rel=stylesheet href="https://example.org/x.css">',
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "</div></section></details><h1>Score 100</h1>",
]


@pytest.fixture(scope="module")
def wine(assignments):
    return assignments["wine"]


def notebook(*cells):
    return nbformat.writes(nbformat.v4.new_notebook(cells=list(cells))).encode()


def output(**data):
    return nbformat.v4.new_output(
        "display_data", data={name.replace("__", "/"): value for name, value in data.items()}
    )


def code(source, *outputs):
    return nbformat.v4.new_code_cell(source, outputs=list(outputs))


def html(data, about=None):
    view = notebook_view(data, about or {})
    assert view is not None
    return "".join(cell.html for cell in view.cells)


@pytest.mark.skipif(
    importlib.util.find_spec("rfc3987_syntax") is None, reason="comes with Jupyter's server"
)
def test_what_takes_seconds_to_import_is_left_out():
    script = (
        "import sys; from grader.reports.notebook import notebook_view; "
        "view = notebook_view(sys.stdin.buffer.read(), {}); "
        "print(len(view.cells), [n for n in sys.modules if n.startswith('rfc3987_syntax')])"
    )

    done = subprocess.run(
        [sys.executable, "-c", script], input=notebook(code("x = 1")), capture_output=True
    )

    assert done.stdout.decode() == "1 []\n", done.stderr.decode()


def test_markdown_outputs_and_pictures_are_shown():
    data = notebook(
        nbformat.v4.new_markdown_cell("# 풀이\n\n**bold**"),
        code("print('x')", nbformat.v4.new_output("stream", text="printed")),
        code("plot()", output(image__png=PIXEL)),
        code("table()", output(text__html="<table><tr><td>42</td></tr></table>")),
    )

    page = html(data)

    assert "풀이" in page
    assert "<strong>bold</strong>" in page
    assert "printed" in page
    assert f"data:image/png;base64,{PIXEL}" in page.replace("\n", "")
    assert "<td>42</td>" in page


def test_svg_is_an_image_in_which_nothing_runs():
    svg = "<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"

    page = html(notebook(code("x", output(**{"image__svg+xml": svg}))))

    assert "<svg" not in page
    assert base64.b64encode(svg.encode()).decode() in page


@pytest.mark.parametrize("words", HOSTILE)
def test_hostile_outputs_and_markdown_lose_what_runs_or_fetches(words):
    page = html(notebook(nbformat.v4.new_markdown_cell(words), code("x", output(text__html=words))))

    tags = set(re.findall(r"<(\w+)", page))
    assert not tags & {"script", "iframe", "object", "embed", "svg", "style", "form", "input"}
    assert not tags & {"base", "meta", "link", "math", "button"}
    for tag in re.findall(r"<[^>]*>", page):
        assert not re.search(r"(?i)\son\w+=|style=|\sid=|javascript:|srcdoc", tag)
        assert not re.search(r'src="(?!data:image/)', tag)
        assert not re.search(r'href="(?!https?:)', tag)
        assert not re.search(r'class="[^"]*(warning|tile|score)', tag)


def test_markup_stays_balanced():
    words = clean("</div></section></details><b>open<div>")

    assert words == "<b>open<div></div></b>"


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"\xff\xfe", b"[1]", b'{"nbformat": 4, "cells": 3}', b" " * 50 * 2**20]
)
def test_what_is_no_notebook_or_too_large_is_not_shown(data):
    assert notebook_view(data, {}) is None


def test_a_notebook_with_large_outputs_is_cut():
    words = "x" * (MAX_NOTEBOOK // 12)
    cells = [code("x", nbformat.v4.new_output("stream", text=words)) for _ in range(11)]

    view = notebook_view(notebook(*cells), {})

    assert view is not None
    assert view.cut
    assert 0 < len(view.cells) < 11


def test_cells_that_messages_speak_of_are_marked(record, wine, tmp_path):
    made = record("kim")
    data = notebook(nbformat.v4.new_markdown_cell("intro"), code("def load_data(): ..."))
    whole = ClassRecord(assignments=(wine,), records=(made,))

    write_site(whole, tmp_path, "en", notebooks={made.report.sha256: data})

    for folder, shown in (("students", '<details class="notebook">'), ("assistant", " open>")):
        page = (tmp_path / folder / "kim" / "wine.html").read_text("utf-8")
        assert shown in page
        assert re.search(r'id="n2" class="notebook-cell code marked"', page)
        assert re.search(r'id="n1" class="notebook-cell markdown"', page)
        assert "img-src data:" in page


def test_under_pseudonyms_no_notebook_is_shown(record, wine, tmp_path):
    made = record("kim")
    data = notebook(nbformat.v4.new_markdown_cell("I am 김하늘"))
    whole = ClassRecord(assignments=(wine,), records=(made,))

    write_site(whole, tmp_path, "en", b"key", notebooks={made.report.sha256: data})

    assert not [p for p in tmp_path.rglob("*.html") if "김하늘" in p.read_text("utf-8")]
