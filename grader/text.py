"""What people read, in Korean and in English."""

import unicodedata
from functools import cache
from importlib.resources import files
from typing import Literal, cast

import msgspec
from babel import Locale, UnknownLocaleError, default_locale
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

Language = Literal["ko", "en"]

_MAX_LINE = 300


class Text(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A message in both languages, so that whoever reads a report later chooses the language."""

    ko: str
    en: str

    def in_(self, language: Language) -> str:
        """Return the message in one language."""
        return self.ko if language == "ko" else self.en


def tr(message: str, /, **values: object) -> Text:
    """Return the English `message` and its Korean translation, with `values` filled into both.

    A value that is itself a `Text` is filled in in the language of the message.
    """
    entry = _korean().get(message)
    translated = cast(str, entry.string) if entry and entry.string else message
    return Text(ko=_fill(translated, values, "ko"), en=_fill(message, values, "en"))


def default_language() -> Language:
    """Return the language of the user's locale, English where it is neither of the two."""
    try:
        name = default_locale("LC_MESSAGES")
        return "ko" if name and Locale.parse(name).language == "ko" else "en"
    except (ValueError, UnknownLocaleError):
        return "en"


def printable(words: str) -> str:
    """Return what somebody else wrote as one line of at most 300 characters that a terminal shows as it is."""
    line = " ".join(words.split())
    if len(line) > _MAX_LINE:
        line = line[:_MAX_LINE] + "…"
    return "".join("\N{REPLACEMENT CHARACTER}" if _is_control(c) else c for c in line)


def _is_control(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


@cache
def _korean() -> Catalog:
    with files("grader").joinpath("locale/ko/LC_MESSAGES/grader.po").open("rb") as file:
        return read_po(file, locale="ko")


def _fill(template: str, values: dict[str, object], language: Language) -> str:
    return template.format(
        **{k: v.in_(language) if isinstance(v, Text) else v for k, v in values.items()}
    )
