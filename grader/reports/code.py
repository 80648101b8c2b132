"""Show Python code with numbered lines and highlighted syntax."""

import keyword
from collections.abc import Collection
from functools import lru_cache
from typing import ClassVar

from markupsafe import Markup
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexer import RegexLexer, bygroups, words
from pygments.token import Comment, Keyword, Name, Number, String, Text

from grader.model.text import visible

_PREFIX = "[bBfFrRtTuU]{0,2}"
_SIGN = r"(?:[^\w\s\"'#.]|\.(?!\d)|[ \t])"
"""What may follow a name without starting something that is highlighted."""


class _Lexer(RegexLexer):  # type: ignore[misc]
    """Tells apart what the style sheet colours. The library's lexer knows more and takes five times as long."""

    name = "Python"
    tokens: ClassVar = {
        "root": [
            (r"^([ \t]*)(@[\w.]+)", bygroups(Text, Name.Decorator)),
            (r"\b(def|class)([ \t]+)(\w+)", bygroups(Keyword, Text, Name.Function)),
            (words(keyword.kwlist, prefix=r"\b", suffix=r"\b"), Keyword),
            (rf"{_PREFIX}(\"\"\"|''')(?:[^\\]|\\[\s\S])*?(?:\1|\Z)", String),
            (rf"{_PREFIX}(?:\"(?:[^\"\\\n]|\\[\s\S])*\"?|'(?:[^'\\\n]|\\[\s\S])*'?)", String),
            (r"#.*", Comment),
            (r"(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][-+]?\d+)?\w*", Number.Integer),
            (rf"\w+{_SIGN}*\n?|{_SIGN}+\n?|[\s\S]", Text),
        ]
    }


def code_view(source: str, anchor: str, marked: Collection[int] = ()) -> Markup:
    """Return code as markup. A line's id is `anchor`, a dash and its number; `marked` lines stand out."""
    return Markup(highlight(visible(source), _LEXER, _formatter(anchor, frozenset(marked))))


_LEXER = _Lexer(stripnl=False, ensurenl=False)


@lru_cache(100)
def _formatter(anchor: str, marked: frozenset[int]) -> "HtmlFormatter[str]":
    return HtmlFormatter(linenos="inline", linespans=anchor, hl_lines=list(marked))
