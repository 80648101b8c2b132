"""Where Python can't read a submission: found by compiling its cells, running nothing."""

import ast
import warnings

import msgspec

from grader.model.submission import Cell, Submission


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
    """Return what this Python can't read, one problem a cell, in their order."""
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
