"""In a terminal, a command says what it is waiting for."""

import time

import pytest

from grader.cli.waiting import Waiting
from grader.model.text import Text

TEXT = Text(ko="샌드박스를 시작합니다 …", en="Starting the sandbox …")


@pytest.mark.slow
@pytest.mark.parametrize(
    "terminal, seconds, shown", [(True, 0.9, True), (True, 0.0, False), (False, 0.9, False)]
)
@pytest.mark.parametrize("language", ["ko", "en"])
def test_what_is_waited_for(monkeypatch, capsys, terminal, seconds, shown, language):
    monkeypatch.setenv("TTY_COMPATIBLE", "1" if terminal else "0")

    with Waiting(language) as waiting:
        waiting.tell(TEXT)
        time.sleep(seconds)

    printed = capsys.readouterr()
    assert (TEXT.in_(language) in printed.err) == shown
    assert printed.out == ""
    assert shown or not printed.err.strip("\x1b[?25hl")
