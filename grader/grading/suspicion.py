"""Flag what honest code rarely does, for a person to look at. Nothing is run, and no flag costs points."""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from grader.model.assignment import Assignment
from grader.model.score import Flag, Place, Suspicion
from grader.model.submission import Submission
from grader.model.syntax import statements_of

_MAX_FLAGS = 20
_LOADS_DATA = "load_data"
"""The function in which public data sets are loaded, if an assignment has it."""
_DATA_SETS = frozenset({"load_wine", "load_iris", "fetch_openml", "fetch_ucirepo"})
_LABELS = frozenset(
    {"y", "Y", "y_train", "y_test", "Y_train", "Y_test", "target", "targets", "labels"}
)
_STACK = frozenset(
    {
        "_getframe",
        "_current_frames",
        "currentframe",
        "extract_stack",
        "walk_stack",
        "getouterframes",
    }
) | frozenset({"f_back", "f_locals", "tb_frame", "get_objects", "get_referrers"})
_INTERNALS = re.compile(r"(gc|ctypes|grader\..+)(\.|$)")

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_TELLING = {ast.Attribute, ast.Name, ast.Import, ast.ImportFrom}
_LEAVES = {ast.Name, ast.Constant}


def suspicions(submission: Submission, assignment: Assignment) -> tuple[Flag, ...]:
    """Return the flags of a submission's code, at most one of a kind for each line."""
    statements = [
        (cell, each, _nodes(each))
        for cell, found in zip(submission.cells, statements_of(submission.cells), strict=True)
        for each in found
    ]
    graded = _reached(
        {each.name: nodes for _, each, nodes in statements if isinstance(each, Definition)},
        set(assignment.functions) - {_LOADS_DATA},
    )
    found: dict[Flag, None] = {}
    for cell, statement, nodes in statements:
        inside = isinstance(statement, Definition) and statement.name in graded
        for kind, node in _found_in(statement, nodes, inside):
            place = Place(cell.name, getattr(node, "lineno", statement.lineno))
            found[Flag(kind=kind, place=place)] = None
    return tuple(found)[:_MAX_FLAGS]


def _nodes(statement: ast.stmt) -> list[ast.AST]:
    """The nodes of a statement that say something, in the order of `ast.walk`, which takes five times as long."""
    nodes: list[ast.AST] = [statement]
    for node in nodes:
        if type(node) in _LEAVES:
            continue
        for name in node._fields:
            value = getattr(node, name, None)
            if type(value) is list:
                nodes += [each for each in value if isinstance(each, ast.AST)]
            elif isinstance(value, ast.AST) and value._fields:  # not what it is read or written for
                nodes.append(value)
    return nodes


def _reached(definitions: Mapping[str, list[ast.AST]], names: Iterable[str]) -> set[str]:
    """The definitions that these names use, directly or through others; not the one that loads data."""
    reached, left = set(), list(names)
    while left:
        name = left.pop()
        if name in definitions and name not in reached and name != _LOADS_DATA:
            reached.add(name)
            left += {each.id for each in definitions[name] if isinstance(each, ast.Name)}
    return reached


def _found_in(
    statement: ast.stmt, nodes: Sequence[ast.AST], inside: bool
) -> Iterator[tuple[Suspicion, ast.AST]]:
    """What a statement of a module does; `inside` a definition that graded functions use, more is looked for."""
    for node in nodes:
        if type(node) not in _TELLING:
            continue
        match node:
            case ast.Attribute(attr=name) | ast.Name(id=name) if name in _STACK:
                yield Suspicion.INSPECTS_CALLERS, node
            case ast.Attribute(value=ast.Name(id="inspect"), attr="stack"):
                yield Suspicion.INSPECTS_CALLERS, node
            case ast.Import(names=names) if any(_INTERNALS.match(n.name) for n in names):
                yield Suspicion.IMPORTS_INTERNALS, node
            case ast.ImportFrom(module=str(name)) if _INTERNALS.match(name):
                yield Suspicion.IMPORTS_INTERNALS, node
            case ast.ImportFrom(module="inspect", names=names) if any(
                n.name == "stack" for n in names
            ):
                yield Suspicion.INSPECTS_CALLERS, node
            case ast.Attribute(attr=name) | ast.Name(id=name) if inside and name in _DATA_SETS:
                yield Suspicion.LOADS_DATA_SET, node
    if inside:
        parts = map(_nodes, statement.body) if isinstance(statement, ast.ClassDef) else [nodes]
        for part in parts:
            yield from ((Suspicion.LOOKS_LABELS_UP, each) for each in _global_labels(part))


def _global_labels(function: Sequence[ast.AST]) -> Iterator[ast.AST]:
    """Names of labels that a function reads although neither it nor a function within gets or makes them."""
    arguments = {each.arg for each in function if isinstance(each, ast.arg)}
    names = [each for each in function if isinstance(each, ast.Name)]
    own = arguments | {each.id for each in names if not isinstance(each.ctx, ast.Load)}
    return (each for each in names if each.id in _LABELS - own)
