"""Whatever a name or a message holds, neither the terminal nor a CI server obeys it."""

import re

import pytest
from rich.table import Table

from grader.cli.console import console

OBEYED = re.compile(r"(?m)[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]|^\s*::|##\w*\[")
HOSTILE = [
    "\x1b[2J\x1b]0;pwned\x07",
    "\x9b2J",
    "kim\u202egnp.exe",
    "::error title=x::pwned",
    "  ::add-mask::a",
    "done ##[error]pwned",
    "a\r::error::b",
]


@pytest.mark.parametrize("words", HOSTILE)
@pytest.mark.parametrize("stderr", [False, True])
def test_nothing_printed_is_obeyed(capsys, words, stderr):
    console(stderr=stderr).print(words, soft_wrap=True)
    console(stderr=stderr).print(f"{'x' * 79} {words}", width=80)
    table = Table(words, box=None, title=words)
    table.add_row(words)
    console(stderr=stderr).print(table)

    printed = capsys.readouterr()
    assert printed[stderr].strip()
    assert OBEYED.search(printed.out + printed.err) is None
