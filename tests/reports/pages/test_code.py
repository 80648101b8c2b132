"""Code is shown as it is, with what readers look for in colour."""

import html
import re

import hypothesis.strategies as st
import pytest
from hypothesis import given

from grader.reports.code import code_view

PIECES = [
    "def f(x):\n",
    "    return x@y.T\n",
    '"""a\n',
    "'",
    '"',
    "\\",
    "#",
    "\n",
    "@",
    "f'{x}'",
    "1.e-3",
    ".5",
    "<&>",
]


def shown(source, kind):
    """The highlighted parts of one kind."""
    found = re.findall(rf'<span class="{kind}\w?">(.*?)</span>', code_view(source, "c1"))
    return [html.unescape(each) for each in found]


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_no_character_is_lost(source):
    lines = re.sub(r'<span class="linenos">.*?</span>|<.*?>', "", code_view(source, "c1"))

    assert html.unescape(lines).rstrip("\n") == source.rstrip("\n")


@pytest.mark.parametrize(
    "source, kind, parts",
    [
        ("import torch\nfor forest in x: pass", "k", ["import", "for", "in", "pass"]),
        ("x = f(1, 2.5e-3) + a1 - .5", "m", ["1", "2.5e-3", ".5"]),
        ("a = 'it\\'s' + rb\"#\" # 'c'", "s", ["'it\\'s'", 'rb"#"']),
        ("a = '#' # def x", "c", ["# def x"]),
        ("    @torch.no_grad()\nasync def train(x): x @ y\nclass A: pass", "n", ["@torch.no_grad", "train", "A"]),
        ('x = """a\n# b"""\n# c', "s", ['"""a', '# b"""']),
        ("x = 'no end\ny = 1", "s", ["'no end"]),
    ],
)  # fmt: skip
def test_what_readers_look_for_is_highlighted(source, kind, parts):
    assert shown(source, kind) == parts
