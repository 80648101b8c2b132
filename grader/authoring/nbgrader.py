"""Import an assignment from an nbgrader notebook: its solution cells, points, and tests as checks."""

import ast
import builtins
import re
import textwrap
from pathlib import Path

import jupytext
import msgspec
import nbformat

from grader.authoring.regions import BEGIN, END, SOLUTION
from grader.authoring.toml import settings_toml
from grader.model.assignment import SETTINGS, Assignment, RubricItem
from grader.model.errors import UserError, reading, writing
from grader.model.syntax import parse
from grader.model.text import Text, tr

_MODULES = frozenset({"math", "numpy", "torch", "pytest"})
_NAMES = frozenset(dir(builtins)) - {"exec", "eval", "open", "input", "globals", "locals", "vars"}
_PURE = ast.Assert | ast.Assign | ast.Import | ast.ImportFrom | ast.Expr | ast.For


class NotebookCell(msgspec.Struct, frozen=True, kw_only=True):
    """A cell of the notebook with its nbgrader metadata."""

    kind: str
    source: str
    grade: bool = False
    solution: bool = False
    grade_id: str = ""
    points: float = 0.0


class Import(msgspec.Struct, frozen=True, kw_only=True):
    """The result of an import."""

    assignment: Assignment
    files: dict[str, str]
    """The files of the assignment's folder, by name."""
    left: tuple[Text, ...]
    """What the author has to do by hand."""


def import_nbgrader(path: Path) -> Import:
    """Read the instructor's version of a notebook.

    Raises:
        UserError: it isn't a notebook, or it has no graded nbgrader test that can be imported.
    """
    cells = _read(path)
    name = re.sub(r"\W+", "_", path.stem, flags=re.ASCII).strip("_").lower() or "imported"
    if name[0].isdigit():
        name = f"hw_{name}"
    left: list[Text] = []
    functions = [f for cell in cells if cell.solution for f in _functions(cell.source)]
    items, checks = [], []
    taken: set[str] = set()
    for cell in cells:
        if not cell.grade:
            continue
        identifier = re.sub(r"\W", "_", cell.grade_id, flags=re.ASCII) or f"item_{len(taken) + 1}"
        check = None if cell.solution else _check(cell.source, identifier, frozenset(functions))
        if check is None or identifier in taken or cell.points <= 0:
            left.append(
                tr(
                    "{cell} ({points} points) does more than call functions and compare "
                    "results: write its check and item by hand",
                    cell=cell.grade_id,
                    points=f"{cell.points:g}",
                )
            )
            continue
        taken.add(identifier)
        items.append(RubricItem(identifier, Text(identifier, identifier), cell.points))
        checks.append(check)
    if not items or not functions:
        raise UserError(
            tr("{path} has no graded test of a function that can be imported", path=path.name)
        )
    assignment = Assignment(name, Text(path.stem, path.stem), tuple(functions), tuple(items))
    solution = [_solution_cell(cell, left) for cell in cells if not cell.grade or cell.solution]
    return Import(
        assignment=assignment,
        files={
            SETTINGS: _settings(assignment),
            SOLUTION: _script(solution),
            f"test_{name}.py": _HEADER + "\n\n".join(checks),
        },
        left=tuple(left),
    )


def write_import(imported: Import, solutions: Path) -> Path:
    """Write the files of an import below `solutions` and return their folder.

    Raises:
        UserError: the folder already exists or can't be written.
    """
    folder = solutions / imported.assignment.name
    if folder.exists():
        raise UserError(tr("{path} already exists; choose another name", path=folder))
    with writing(folder):
        folder.mkdir(parents=True)
        for name, text in imported.files.items():
            (folder / name).write_text(text, encoding="utf-8")
    return folder


_HEADER = '''"""The hidden checks, imported from nbgrader."""

import pytest

'''


def _read(path: Path) -> list[NotebookCell]:
    with reading(path):
        data = path.read_bytes()
    try:
        notebook = nbformat.reads(data.decode(), as_version=4)
    except Exception as error:  # a broken file can make nbformat raise anything
        raise UserError(tr("{path} isn't a readable notebook", path=path)) from error
    return [_cell(cell) for cell in notebook.cells]


def _cell(cell: nbformat.NotebookNode) -> NotebookCell:
    says = cell.metadata.get("nbgrader") or {}
    return NotebookCell(
        kind=cell.cell_type,
        source=cell.source,
        grade=bool(says.get("grade")),
        solution=bool(says.get("solution")),
        grade_id=str(says.get("grade_id") or ""),
        points=_points(says.get("points")),
    )


def _points(value: object) -> float:
    """The points of a cell; 0 (which isn't imported) if they aren't a number."""
    try:
        return float(str(value))
    except ValueError:
        return 0.0


def _functions(source: str) -> list[str]:
    try:
        return [n.name for n in parse(source).body if isinstance(n, ast.FunctionDef)]
    except SyntaxError:
        return []


def _solution_cell(cell: NotebookCell, left: list[Text]) -> NotebookCell:
    if (
        cell.kind == "code"
        and cell.solution
        and not re.search(f"{BEGIN}.*{END}", cell.source, re.S)
    ):
        left.append(
            tr(
                "{cell} has no solution region: mark the part that students write",
                cell=cell.grade_id,
            )
        )
    return cell


def _script(cells: list[NotebookCell]) -> str:
    make = {"code": nbformat.v4.new_code_cell, "markdown": nbformat.v4.new_markdown_cell}
    notebook = nbformat.v4.new_notebook(
        cells=[make[cell.kind](cell.source) for cell in cells if cell.kind in make]
    )
    notebook.metadata["jupytext"] = {"notebook_metadata_filter": "-all"}
    script: str = jupytext.writes(notebook, fmt="py:percent")
    return script


def _settings(assignment: Assignment) -> str:
    return settings_toml(assignment, ("name", "title", "functions"), ("id", "title", "points"))


def _check(source: str, name: str, functions: frozenset[str]) -> str | None:
    """The test cell as a check that calls the student's functions, or None if it does anything else."""
    try:
        tree = parse(textwrap.dedent(source))
    except SyntaxError:
        return None
    if not _only_compares(tree, functions):
        return None
    body = ast.unparse(ast.fix_missing_locations(_Calls(functions).visit(tree)))
    return (
        f'\n@pytest.mark.item("{name}")\ndef test_{name}(student):\n'
        + textwrap.indent(body, "    ")
        + "\n"
    )


def _only_compares(tree: ast.Module, functions: frozenset[str]) -> bool:
    nodes = list(ast.walk(tree))
    aliases = [a for n in nodes if isinstance(n, ast.Import | ast.ImportFrom) for a in n.names]
    imported = {(alias.asname or alias.name).split(".")[0] for alias in aliases}
    modules = [a.name for n in nodes if isinstance(n, ast.Import) for a in n.names]
    modules += [n.module or "" for n in nodes if isinstance(n, ast.ImportFrom)]
    variables = [n for n in nodes if isinstance(n, ast.Name)]
    assigned = {n.id for n in variables if isinstance(n.ctx, ast.Store)}
    names = {n.id for n in variables if isinstance(n.ctx, ast.Load)}
    calls = [n.func for n in nodes if isinstance(n, ast.Call)]
    called = {function.id for function in calls if isinstance(function, ast.Name)}
    statements = [n for n in nodes if isinstance(n, ast.stmt)]
    return (
        all(isinstance(node, _PURE) for node in statements)
        and any(isinstance(node, ast.Assert) or _asserts(node) for node in statements)
        and bool(names & functions)
        and names & functions <= called
        and not assigned & functions
        and names <= functions | imported | assigned | _NAMES
        and all(module.split(".")[0] in _MODULES for module in modules)
        and "*" not in imported  # not allowed inside a function
    )


def _asserts(node: ast.stmt) -> bool:
    """Whether a statement calls something like `np.testing.assert_allclose`."""
    call = node.value if isinstance(node, ast.Expr) else None
    function = call.func if isinstance(call, ast.Call) else None
    return isinstance(function, ast.Attribute) and function.attr.startswith("assert")


class _Calls(ast.NodeTransformer):
    """Redirect calls to the student, and compare lists with lists."""

    def __init__(self, functions: frozenset[str]) -> None:
        self._functions = functions

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id not in self._functions:
            return node
        return ast.Attribute(ast.Name("student", ast.Load()), node.id, node.ctx)
