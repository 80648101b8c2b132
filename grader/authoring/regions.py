"""The parts of a solution that students write, between its markers."""

import ast

import msgspec

from grader.model.assignment import Assignment
from grader.model.errors import AssignmentError
from grader.model.syntax import parse
from grader.model.text import tr

SOLUTION = "solution.py"
BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"


class Region(msgspec.Struct, frozen=True):
    """A part of the solution that students write."""

    first: int
    """The line of its begin marker, starting at 1."""
    last: int
    """The line of its end marker."""
    function: str
    """The function that contains it, `Class.method` for a method."""


def find_regions(assignment: Assignment, source: str) -> list[Region]:
    """Return the solution regions of a source in order.

    Raises:
        AssignmentError: a marker is unpaired, a region is outside a function, or there are no regions.
    """
    functions = _functions(parse(source))
    regions: list[Region] = []
    begin = 0
    for number, line in enumerate(source.splitlines(), start=1):
        if line.strip() not in (BEGIN, END):
            continue
        around = [name for name, node in functions if _spans(node, number)]
        if (line.strip() == BEGIN) == bool(begin) or not around:
            raise not_releasable(
                assignment,
                tr(
                    "{file}, line {line}: each solution region needs one {begin} and one "
                    "{end}, both inside the same function",
                    line=number,
                    file=SOLUTION,
                    begin=BEGIN,
                    end=END,
                ),
            )
        if begin:
            regions.append(Region(begin, number, around[-1]))
        begin = 0 if begin else number
    if begin or not regions:
        raise not_releasable(
            assignment, tr("{file} has no complete solution region", file=SOLUTION)
        )
    return regions


def not_releasable(assignment: Assignment, reason: object) -> AssignmentError:
    """Return the error that says why students can't get the assignment."""
    return AssignmentError(
        tr("{name} can't be released: {reason}", name=assignment.name, reason=reason)
    )


def _functions(tree: ast.AST, outer: str = "") -> list[tuple[str, ast.stmt]]:
    found: list[tuple[str, ast.stmt]] = []
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.append((outer + node.name, node))
        prefix = f"{node.name}." if isinstance(node, ast.ClassDef) else ""
        found.extend(_functions(node, outer + prefix))
    return found


def _spans(node: ast.stmt, line: int) -> bool:
    # An end marker is a comment after the last statement, which is one line beyond the end of the node.
    return node.lineno < line <= (node.end_lineno or 0) + 1
