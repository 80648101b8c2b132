"""`--help` of every command is in the reader's language."""

import os
import re
import subprocess
import sys

import pytest
import typer
from typer import rich_utils

from grader.cli import app
from grader.cli.help import _TITLES, command_in

SENTENCE = re.compile(r"\b[A-Za-z]+(?: [a-z]+){2,}")
HANGUL = re.compile("[가-힣]")


def paths(command, *above):
    yield above
    for name, each in getattr(command, "commands", {}).items():
        yield from paths(each, *above, name)


PATHS = list(paths(typer.main.get_command(app)))


def help_of(path, capsys):
    command_in(app, "ko").main([*path, "--help"], prog_name="grader", standalone_mode=False)
    return capsys.readouterr().out


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
def test_no_english_sentence_is_left_in_korean_help(path, capsys, monkeypatch):
    for name in _TITLES:
        monkeypatch.setattr(rich_utils, name, getattr(rich_utils, name))  # is put back

    lines = help_of(path, capsys).partition("예: ")[0].partition("Usage: ")[2].splitlines()[1:]

    assert any(HANGUL.search(line) for line in lines)
    assert [line for line in lines if SENTENCE.search(line)] == []


def test_the_locale_decides():
    shown = {
        lang: subprocess.run(
            [sys.executable, "-m", "grader", "--help"],
            env=os.environ | {"LANG": lang, "LC_ALL": lang, "PYTHONUTF8": "1"},
            capture_output=True,
            check=True,
        ).stdout.decode()
        for lang in ("ko_KR.UTF-8", "C.UTF-8")
    }

    assert "제출하기 전에" in shown["ko_KR.UTF-8"]
    assert "before you hand it in" in shown["C.UTF-8"]
    assert not HANGUL.search(shown["C.UTF-8"])
