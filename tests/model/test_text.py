"""The Korean catalogue is complete, and `tr` and `default_language` choose the right language."""

import ast
import gettext
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

import grader
from grader.model.text import Text, all_visible, default_language, tr, unobeyed

PACKAGE = Path(grader.__file__).parent
CATALOGUE = PACKAGE / "locale" / "ko" / "LC_MESSAGES" / "grader.po"

LOCALE_VARIABLES = ("LC_MESSAGES", "LANGUAGE", "LC_ALL", "LC_CTYPE", "LANG")


@pytest.fixture(scope="module")
def messages() -> set[str]:
    methods = [
        ("cli/*.py", "grader.cli.help:extract"),
        ("web/templates/**.j2", "jinja2"),
        ("**.py", "python"),
    ]
    found = extract_from_dir(PACKAGE, methods, keywords={"tr": None})
    return {message for _, _, message, _, _ in found}


@pytest.fixture(scope="module")
def catalogue() -> Catalog:
    with CATALOGUE.open("rb") as file:
        return read_po(file, locale="ko")


@pytest.fixture(scope="module")
def translations(catalogue) -> dict[str, str]:
    return {entry.id: entry.string for entry in catalogue if entry.id}


def fields(template: str) -> list[str]:
    return sorted(name for _, name, _, _ in Formatter().parse(template) if name is not None)


def code(text: str) -> list[str]:
    return sorted(re.findall(r"`[^`]*`", text))


def calls_of_tr() -> Iterator[tuple[str, ast.Call]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", None) == "tr":
                yield f"{path.relative_to(PACKAGE)}:{node.lineno}", node


def test_every_message_has_a_korean_translation(messages, translations):
    translated = {message for message, korean in translations.items() if korean.strip()}

    assert "not implemented" in messages
    assert set() == messages - translated


def test_no_translation_is_stale(messages, translations, catalogue):
    assert set() == translations.keys() - messages
    assert list(catalogue.obsolete) == []


def test_no_translation_is_a_guess(catalogue):
    assert [entry.id for entry in catalogue if entry.id and entry.fuzzy] == []


def test_the_compiled_catalogue_is_that_of_the_source(translations):
    with CATALOGUE.with_suffix(".mo").open("rb") as file:  # if it is not: make messages
        compiled = gettext.GNUTranslations(file)

    assert translations == {message: compiled.gettext(message) for message in translations}


def test_translations_keep_the_placeholders(translations):
    wrong = {m: korean for m, korean in translations.items() if fields(m) != fields(korean)}

    assert wrong == {}


def test_translations_keep_the_code(translations):
    wrong = {m: korean for m, korean in translations.items() if code(m) != code(korean)}

    assert wrong == {}


def test_no_particle_depends_on_the_sound_of_a_value(translations):
    particle = re.compile(r"\}`?(?:이|가|은|는|을|를|과|와|로|으로|라고|이라고)(?![가-힣])")

    assert [korean for korean in translations.values() if particle.search(korean)] == []


def test_every_call_gives_a_literal_message_and_its_values():
    wrong = [
        place
        for place, call in calls_of_tr()
        if len(call.args) != 1
        or not isinstance(call.args[0], ast.Constant)
        or set(fields(call.args[0].value)) != {keyword.arg for keyword in call.keywords}
    ]

    assert wrong == []


def test_values_are_filled_into_both_languages():
    text = tr("`{name}` is not implemented yet", name="train")

    assert (
        Text(ko="`train` 함수가 아직 구현되지 않았습니다", en="`train` is not implemented yet")
        == text
    )


def test_a_text_is_filled_in_in_its_own_language():
    cell = tr("cell {number}", number=7)

    text = tr("{where}, line {line}", where=cell, line=3)

    assert Text(ko="7번째 셀, 3번째 줄", en="cell 7, line 3") == text


def test_braces_in_a_value_are_left_alone():
    text = tr("{type}: {message}", type="KeyError", message="{reason}")

    assert Text(ko="KeyError: {reason}", en="KeyError: {reason}") == text


def test_a_message_without_a_translation_stays_english():
    text = tr("{count} new words", count=2)

    assert Text(ko="2 new words", en="2 new words") == text


def test_a_text_is_read_in_either_language():
    text = Text(ko="통과", en="passed")

    assert (text.in_("ko"), text.in_("en")) == ("통과", "passed")


@pytest.mark.parametrize(
    "variables, language",
    [
        ({"LANG": "ko_KR.UTF-8"}, "ko"),
        ({"LANG": "ko"}, "ko"),
        ({"LC_ALL": "ko_KR.UTF-8"}, "ko"),
        ({"LC_ALL": "ko_KR.UTF-8", "LANG": "en_US.UTF-8"}, "ko"),
        ({"LC_ALL": "en_US.UTF-8", "LANG": "ko_KR.UTF-8"}, "en"),
        ({"LC_ALL": "C.UTF-8", "LANG": "ko_KR.UTF-8"}, "en"),
        ({"LANG": "en_GB.UTF-8"}, "en"),
        ({"LANG": "ja_JP.UTF-8"}, "en"),
        ({"LANG": "C"}, "en"),
        ({"LANG": "no locale at all"}, "en"),
        ({"LANG": "xx_YY"}, "en"),
        ({}, "en"),
    ],
    ids=str,
)
def test_the_language_is_that_of_the_locale(monkeypatch, variables, language):
    for name in LOCALE_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert language == default_language()


@pytest.mark.parametrize(
    "line", ["::error::x", "  ::stop-commands::x", "a\n::set-output::", "x ##[error]", "##vso[x]"]
)
def test_no_line_is_a_command_to_a_ci_server(line):
    assert not re.search(r"(?m)^\s*::|##\w*\[", unobeyed(line))


@pytest.mark.parametrize("line", ["y = x[::2]", "### head", "a::b", "std::max", ":", "#"])
def test_other_lines_stay_as_they_are(line):
    assert line == unobeyed(line)


def test_control_characters_are_replaced_wherever_they_are_in_data():
    data = {"a\x1b[2J": ["b\x9b", {"c": "two\nlines"}], "n": 1.5, "none": None}

    assert all_visible(data) == {"a�[2J": ["b�", {"c": "two\nlines"}], "n": 1.5, "none": None}
