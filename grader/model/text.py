"""Texts in Korean and English."""

import gettext
import locale
import os
import re
import unicodedata
from functools import cache
from pathlib import Path
from typing import Any, Literal

import msgspec

Language = Literal["ko", "en"]

_FORMULA = re.compile(r"(^|[;,|])(?=[\s\"']*[=+\-@＝＋－＠﹦﹢﹣﹫])")
"""Also behind a semicolon or comma, where a spreadsheet of another locale begins a cell."""
_COMMAND = re.compile(r"(?m)(^[^\S\n]*:|#)(:|#\w*\[)")


class Text(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """A message in both languages, so that the language can be chosen when a report is read."""

    ko: str
    en: str

    def in_(self, language: Language) -> str:
        """Return the message in one language."""
        return self.ko if language == "ko" else self.en


def tr(message: str, /, **values: object) -> Text:
    """Return the English `message` and its Korean translation, both filled with `values`.

    A value that is itself a `Text` is inserted in the language of the message.
    """
    return Text(ko=_fill(korean(message), values, "ko"), en=_fill(message, values, "en"))


def korean(message: str) -> str:
    """Return the Korean translation of an English message as the catalogue has it, or the message itself."""
    return _korean().gettext(message)


def default_language() -> Language:
    """Return the language of the user's locale (gettext's order of variables), English unless it is Korean."""
    names = (os.environ.get(name) for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"))
    name = next(filter(None, names), None) or locale.getlocale()[0] or ""
    return (
        "ko"
        if name.casefold().startswith(("ko_", "ko-", "ko:", "ko.", "korean")) or name == "ko"
        else "en"
    )


def printable(words: str, limit: int = 300) -> str:
    """Return untrusted text as one line of at most `limit` characters without control characters."""
    line = " ".join(words.split())
    if len(line) > limit:
        line = line[:limit] + "…"
    return "".join("\N{REPLACEMENT CHARACTER}" if _is_control(c) else c for c in line)


def visible(text: str) -> str:
    """Return untrusted text with its line breaks and tabs, but without other control characters."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if text.replace("\n", "").replace("\t", "").isprintable():
        return text
    return "".join(
        "\N{REPLACEMENT CHARACTER}" if c not in "\n\t" and _is_control(c) else c for c in text
    )


def all_visible(value: Any) -> Any:
    """Return plain data (what JSON can hold) with every string made `visible`, keys included."""
    match value:
        case str():
            return visible(value)
        case dict():
            return {all_visible(key): all_visible(each) for key, each in value.items()}
        case list() | tuple():
            return [all_visible(each) for each in value]
        case _:
            return value


def unobeyed(text: str) -> str:
    """Return text that a CI server doesn't take for commands (`::error` begins a line, `##[error]` is anywhere)."""
    return _COMMAND.sub(r"\1 \2", text)


def cell(words: str) -> str:
    """Return untrusted text as the cell of a CSV file that no spreadsheet reads as a formula."""
    return unobeyed(_FORMULA.sub(r"\1'", printable(words, 1000)))


def natural(words: str) -> list[tuple[int, str]]:
    """Return a key for sorting in which numbers compare as numbers: version 10 comes after version 9."""
    parts = re.split(r"([0-9]{1,18})", words)
    return [(int(each), "") if i % 2 else (0, each) for i, each in enumerate(parts)]


def _is_control(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


@cache
def _korean() -> gettext.NullTranslations:
    return gettext.translation(
        "grader", Path(__file__).parents[1] / "locale", ["ko"], fallback=True
    )


def _fill(template: str, values: dict[str, object], language: Language) -> str:
    return template.format(
        **{k: v.in_(language) if isinstance(v, Text) else v for k, v in values.items()}
    )
