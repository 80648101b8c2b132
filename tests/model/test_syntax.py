"""Code is read by several threads at a time."""

import gc
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from grader.model.submission import Cell
from grader.model.syntax import MAX_CHARACTERS, statements_of

SOURCE = "".join(f"def f{n}(x):\n    return {'(' * 20}x{')' * 20}\n" for n in range(300))


@pytest.fixture
def threads_take_turns() -> Iterator[None]:
    """Let another thread run whenever garbage is collected, which happens while a tree is made."""

    def let_others_run(*_: object) -> None:
        time.sleep(0)

    gc.callbacks.append(let_others_run)
    try:
        yield
    finally:
        gc.callbacks.remove(let_others_run)


def test_threads_read_code_side_by_side(threads_take_turns):
    with ThreadPoolExecutor(4) as pool:
        counts = list(pool.map(lambda _: len(statements_of([Cell("x", SOURCE)])[0]), range(40)))

    assert set(counts) == {300}


def test_what_python_cannot_read_has_no_statements():
    assert statements_of([Cell("x", "def f(:")]) == [[]]
    assert statements_of([Cell("x", "x = '\0'")]) == [[]]


def test_very_long_code_is_not_looked_at():
    line = "a=1\n"
    cells = [Cell("x", line), Cell("y", line * (MAX_CHARACTERS // len(line)))]

    assert statements_of(cells) == [[], []]
    assert len(statements_of(cells[:1])[0]) == 1
