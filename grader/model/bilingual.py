"""Extract one language from bilingual prose: Korean, followed by English in italics or on separate lines.

Text without a counterpart in the other language, such as a table or a formula, is kept for both.
"""

import re

from grader.model.text import Language

_HANGUL = re.compile(r"[가-힣]")
_LINE = r"(?![ \t]*(?:[-*|#] |\*\S))[^\n]+"
_PAIR = re.compile(
    rf"^(?P<mark>#+ |[ \t]*- |)(?P<ko>{_LINE}(?:\n{_LINE})*?)"
    r"(?:\n\n?[ \t]*| )\*(?P<en>[^*\s](?:(?!\n\n).)*?)\*$",
    re.MULTILINE | re.DOTALL,
)
_DOCSTRING = re.compile(
    r'"""(?P<ko>(?:(?!""").)*?)\n\n(?P<indent>[ \t]*)(?P<en>(?:(?!""").)*?)"""', re.DOTALL
)
_COMMENTS = re.compile(r"(?:^[ \t]*#(?! ?%%)[^\n]*\n)+", re.MULTILINE)
_MARKDOWN_CELL = re.compile(r"(^# %% \[markdown\][^\n]*\n)((?:#[^\n]*\n)+)", re.MULTILINE)


def markdown_in(text: str, language: Language) -> str:
    """Return Markdown in one language."""

    def choose(pair: re.Match[str]) -> str:
        return pair["mark"] + pair[language] if _HANGUL.search(pair["ko"]) else pair[0]

    return _PAIR.sub(choose, text)


def code_in(text: str, language: Language) -> str:
    """Return a script in percent format with its Markdown cells, docstrings and comments in one language."""

    def cell(found: re.Match[str]) -> str:
        words = re.sub(r"(?m)^# ?", "", found[2])
        chosen = markdown_in(words, language).rstrip("\n")
        return found[1] + re.sub(r"(?m)^(?=.)", "# ", chosen).replace("\n\n", "\n#\n") + "\n"

    def docstring(found: re.Match[str]) -> str:
        if not _HANGUL.search(found["ko"]) or _HANGUL.search(found["en"]):
            return found[0]
        chosen = found["ko"] if language == "ko" else found["en"].strip()
        return f'"""{chosen}\n{found["indent"]}"""' if "\n" in chosen else f'"""{chosen}"""'

    def comments(found: re.Match[str]) -> str:
        lines = found[0].splitlines(keepends=True)
        korean = [line for line in lines if _HANGUL.search(line)]
        english = [line for line in lines if not _HANGUL.search(line)]
        if not korean or not english:
            return found[0]
        return "".join(korean if language == "ko" else english)

    parts = re.split(r"(?m)(?=^# %%)", text)
    return "".join(
        _MARKDOWN_CELL.sub(cell, part)
        if part.startswith("# %% [markdown]")
        else _COMMENTS.sub(comments, _DOCSTRING.sub(docstring, part))
        for part in parts
    )
