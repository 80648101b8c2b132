"""A hand-in that can't be read or graded becomes `ungraded` and never stops a batch, whatever keeps the gradebook."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from grader.gradebook import Gradebook
from grader.grading.batch import find_work, only_one, run_batch
from grader.grading.executor import LocalExecutor
from grader.grading.grader import Grader
from grader.grading.progress import State, processors
from grader.model.assignment import load_assignments
from grader.model.errors import UserError
from grader.model.record import ClassRecord
from grader.model.submission import Cell, Submission
from grader.model.text import Text

pytestmark = pytest.mark.sampled(12)

SETTINGS = """
name = "tiny"
title = { ko = "작은 과제", en = "Tiny" }
functions = ["double"]

[[items]]
id = "double"
title = { ko = "두 배", en = "Double" }
points = 10
"""
CHECKS = """
import pytest
from grader.checks import assert_close, number

@pytest.mark.item("double")
def test_double(student):
    assert_close(number(student.double(2)), 4)
"""
RIGHT = b"def double(x): return 2 * x\n"

Load = Callable[[], Submission]
Graded = Callable[..., tuple[State, ClassRecord]]


@pytest.fixture(scope="module")
def solutions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("solutions")
    (folder / "tiny").mkdir()
    (folder / "tiny" / "assignment.toml").write_text(SETTINGS, encoding="utf-8")
    (folder / "tiny" / "test_tiny.py").write_text(CHECKS)
    return folder


@pytest.fixture
def graded(tmp_path: Path, url: str, grader: Grader, solutions: Path) -> Graded:
    """Grade right hand-ins of two students, and one of a third: its bytes, or whatever `load` makes of them."""
    results = tmp_path / "results"
    (tmp_path / "in").mkdir()

    def run(data: bytes = RIGHT, load: Load | None = None) -> tuple[State, ClassRecord]:
        for student, content in {"ahn": RIGHT, "bad": data + b"\n#", "cho": RIGHT + b"#"}.items():
            (tmp_path / "in" / f"{student}_tiny.py").write_bytes(content)
        work = find_work([tmp_path / "in"], load_assignments(solutions))
        tasks = [
            msgspec.structs.replace(each, load=load) if load and each.student == "bad" else each
            for each in work.tasks
        ]
        work = msgspec.structs.replace(work, tasks=tuple(tasks))
        with only_one(results), Gradebook(results, url, create=True) as book:
            return run_batch(LocalExecutor(grader, processors()), book, work), book.class_record()

    return run


@pytest.mark.parametrize(
    "codec",
    ["unicode_escape", "raw_unicode_escape", "utf-7", "idna", "rot13", "hex", "undefined", "mbcs"],
)
def test_a_strange_encoding_stops_nobody(graded, codec):
    source = f"# -*- coding: {codec} -*-\nx = '\\udc80 +2AA-'\n".encode() + b"\x80" + RIGHT

    state, found = graded(source)

    assert (state.total, state.graded) == (3, 3)
    assert all(found.counting[student, "tiny"].score == 10 for student in ("ahn", "cho"))
    assert ("bad", "tiny") in found.counting


POISON = {
    "prints": "def double(x): print({}); return 2 * x",
    "prints while loading": "print({})\ndef double(x): return 2 * x",
    "raises": "def double(x): raise ValueError({})",
    "raises what is named so": "def double(x): raise type({}, (Exception,), {{}})",
    "raises in a function that is named so": """
def double(x): raise ValueError
double.__code__ = double.__code__.replace(co_name={0}, co_qualname={0}, co_filename={0})""",
    "returns": "def double(x): return {}",
    "returns as a key": "def double(x): return {{{}: 1}}",
    "misses what is named so": "def double(x): raise NameError({0}, name={0})",
    "skips an import that is named so": "import importlib\nimportlib.import_module({})\ndef double(x): return 2 * x",
}
SIGNS = [
    "'\\0'",
    "'\\udc80'",
    "'\\uffff\\U0010ffff'",
    "'\\x1b]0;x\\x07'",
    "'{}%s$1;--\\\\'",
    "'x' * 10**6",
]


@pytest.mark.sampled(24)
@pytest.mark.parametrize("sign", SIGNS)
@pytest.mark.parametrize("name", POISON)
def test_no_text_of_a_submission_keeps_its_report_from_being_stored(graded, name, sign):
    state, found = graded(POISON[name].format(sign).encode())

    assert (state.graded, state.ungraded) == (3, 0)
    assert found.counting["bad", "tiny"].report.gradable


def broken(error: BaseException) -> Load:
    def load() -> Submission:
        raise error

    return load


def holding(**facts: object) -> Load:
    submission = Submission(file="bad_tiny.py", sha256="0" * 64, notebook=False)
    return lambda: msgspec.structs.replace(submission, **facts)


HALF = "\udc80"
UNREADABLE = {
    "no memory": broken(MemoryError()),
    "recursion": broken(RecursionError("too deep")),
    "gone": broken(FileNotFoundError(2, "gone", f"bad{HALF}.py")),
    "told": broken(UserError(Text(ko="읽을 수 없습니다", en="it can't be read"))),
    "half a character in its code": holding(cells=(Cell("bad_tiny.py", f"x = '{HALF}'"),)),
    "half a character in its name": holding(file=HALF, cells=(Cell("x.py", RIGHT.decode()),)),
    "half a character in a cell's name": holding(cells=(Cell(HALF, RIGHT.decode()),)),
    "half a character in a note": holding(
        notes=(Text(ko=HALF, en=HALF),), cells=(Cell("x.py", "x"),)
    ),
    "no submission, half a word": holding(problem=Text(ko=HALF, en=HALF)),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_any_error_of_a_hand_in_appears_in_its_report(graded, name):
    state, found = graded(load=UNREADABLE[name])

    assert (state.graded, state.ungraded) == (3, 1)
    (item,) = found.counting["bad", "tiny"].report.items
    assert item.points is None
    assert "Error" in item.detail
    assert all(found.counting[student, "tiny"].score == 10 for student in ("ahn", "cho"))


def test_a_fault_of_the_gradebook_stops_the_batch(graded, monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise UserError(Text(ko="디스크가 가득 찼습니다", en="the disk is full"))

    monkeypatch.setattr(Gradebook, "add", full)

    with pytest.raises(UserError, match="the disk is full"):
        graded()
