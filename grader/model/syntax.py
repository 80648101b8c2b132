"""Where Python can't read a submission, and whether a newer one can: nothing is run."""

import ast
import json
import re
import subprocess
import sys
import threading
import warnings
from collections.abc import Collection, Sequence

import msgspec

from grader.model.submission import Cell, Submission

MAX_CHARACTERS = 200_000
"""Longer code isn't looked at: the syntax tree of a million characters can take 6 s and 600 MB to build."""
_one_at_a_time = threading.Lock()


def parse(source: str) -> ast.Module:
    """Return the tree of some code. Unlike `ast.parse` of Python 3.11, it may be called by several threads at a time.

    That counts how deep it is in the interpreter's trees, not in the thread's, and then raises `SystemError`.

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: this Python can't read it.
    """
    with _one_at_a_time:
        return ast.parse(source)


def statements_of(cells: Sequence[Cell]) -> list[list[ast.stmt]]:
    """Return the statements of each cell: none of a cell that this Python can't read, and none of very long code."""
    examined = is_examined(cells)
    return [_statements_of(cell.source) if examined else [] for cell in cells]


def _statements_of(source: str) -> list[ast.stmt]:
    try:
        return parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []


def is_examined(cells: Sequence[Cell]) -> bool:
    """Return whether the code is short enough for its syntax to be looked at."""
    return sum(len(cell.source) for cell in cells) <= MAX_CHARACTERS


def is_template(submission: Submission, functions: Collection[str]) -> bool:
    """Return whether every one of an assignment's functions is unchanged from the template."""
    bodies = [
        each.body
        for statements in statements_of(submission.cells)
        for each in statements
        if isinstance(each, ast.FunctionDef) and each.name in functions
    ]
    return bool(bodies) and all(
        isinstance(body[-1], ast.Raise)
        and "NotImplementedError" in ast.dump(body[-1])
        and all(
            isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant)
            for each in body[:-1]
        )
        for body in bodies
    )


class SyntaxProblem(msgspec.Struct, frozen=True):
    """The first place of a cell that Python can't read."""

    cell: str
    """The name of the cell."""
    line: int
    """Counted from 1."""
    source: str
    """The line as it is written, with spaces for tabs."""
    before: str
    """What stands in it before the place."""
    words: str
    """What Python says."""


def syntax_problems(submission: Submission) -> tuple[SyntaxProblem, ...]:
    """Return what this Python can't read, one problem a cell, in their order; nothing of very long code."""
    if not is_examined(submission.cells):
        return ()
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT if submission.notebook else 0
    found = (_problem(cell, flags) for cell in submission.cells)
    return tuple(problem for problem in found if problem is not None)


def _problem(cell: Cell, flags: int) -> SyntaxProblem | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(cell.source, cell.name, "exec", flags, dont_inherit=True)
    except SyntaxError as error:
        line, column = error.lineno or 1, error.offset or 1
        source = "".join(cell.source.splitlines()[line - 1 : line])
        before = source[: column - 1].expandtabs(4)
        return SyntaxProblem(cell.name, line, source.expandtabs(4), before, error.msg)
    except (ValueError, RecursionError, MemoryError):
        pass  # told when it is loaded
    return None


_ADDED = re.compile(r"\(syntax was added in Python 3\.(\d+)\)")
_PATIENCE = 10.0  # seconds for a parser that needs milliseconds


def newer_python(source: str) -> str | None:
    """Return the Python version that code needs, such as "3.12", if this one can't read it and that one can.

    Ruff knows what each version added, up to the one that it was released with. Without it, nobody can tell.
    """
    try:
        import ruff
    except ImportError:
        return None
    this = f"py3{sys.version_info.minor}"
    command = [ruff.find_ruff_bin(), "check", "--isolated", "--no-cache", "--quiet", "--exit-zero"]
    command += [
        "--target-version",
        this,
        "--select",
        "PLE0100",
        "--output-format",
        "json-lines",
        "-",
    ]
    try:
        done = subprocess.run(
            command,
            input=source.encode("utf-8", "replace"),
            capture_output=True,
            timeout=_PATIENCE,
            check=True,
        )
        found = [json.loads(line) for line in done.stdout.splitlines()]
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    words = [each["message"] for each in found if each["code"] == "invalid-syntax"]
    added = [_ADDED.search(each) for each in words]
    if not added or not all(added):
        return None  # no version reads it, or this one does
    return f"3.{max(int(match[1]) for match in added if match)}"
