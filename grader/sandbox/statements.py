"""Runs a cell so that a failing import or Colab call ends only its own statement. Runs in the student's process."""

import ast
import re
import sys
import types
from collections.abc import Iterator

from grader.sandbox.wire import Reason

GUARD = "_grader_goes_on"
"""The name of the function that decides whether a cell goes on after a statement that raised."""
_MAX_DEPTH = 4  # blocks in blocks; CPython allows 20 in all, and each statement becomes one more
_MAX_TEXT = 100
_COLAB = re.compile(r"(?<![\w/.])/content\b|google\.colab|'google' has no attribute 'colab'")
_COLAB_CALL = re.compile(
    r"\b(drive\.(mount|flush_and_unmount)|files\.(upload|download)|userdata\.get|auth\.authenticate_user)\("
)
_COLAB_NAMES = ("drive", "files", "userdata", "google")
_PLAIN = (ast.Global, ast.Nonlocal, ast.Pass, ast.Break, ast.Continue)
_BODIES = ("body", "orelse", "finalbody")


class Failure:
    """A statement that raised an exception which doesn't end its cell."""

    def __init__(self, statement: ast.stmt, error: BaseException, reason: Reason, about: str):
        """`about` is the package or the name that is missing."""
        self.statement = ast.unparse(statement).partition("\n")[0][:_MAX_TEXT]
        self.error = error
        self.reason = reason
        self.about = about
        self.names = sorted(set(_bound(statement)))


class Guard:
    """Decides whether a cell continues after an exception, and records the skipped statements."""

    def __init__(self) -> None:
        self.failures: list[Failure] = []
        self._statements: list[ast.stmt] = []
        self._lost: set[str] = set()

    def compile(self, source: str, name: str, flags: int) -> types.CodeType:
        """Compile a cell whose statements call this guard when they raise.

        Raises:
            SyntaxError: Python can't read it.
        """
        tree = compile(source, name, "exec", flags | ast.PyCF_ONLY_AST, dont_inherit=True)
        try:
            assert isinstance(tree, ast.Module)
            tree.body = [*self._guarded(tree.body, 0)]
            code: types.CodeType = compile(tree, name, "exec", flags, dont_inherit=True)
        except (SyntaxError, RecursionError, ValueError):  # told as Python tells it
            code = compile(source, name, "exec", flags, dont_inherit=True)
        return code

    def __call__(self, index: int) -> bool:
        """Whether the cell continues after the current exception."""
        error = sys.exc_info()[1]
        statement = self._statements[index]
        why = self._why(statement, error) if error is not None else None
        if error is None or why is None:
            return False
        failure = Failure(statement, error, *why)
        self.failures.append(failure)
        self._lost.update(failure.names)
        return True

    def _why(self, statement: ast.stmt, error: BaseException) -> tuple[Reason, str] | None:
        if not isinstance(error, Exception) or isinstance(error, MemoryError):
            return None
        name = getattr(error, "name", None)
        words = ast.unparse(statement)
        imports = isinstance(statement, ast.Import | ast.ImportFrom)
        paths = [str(getattr(error, each, "")) for each in ("filename", "filename2")]
        texts = (*paths, str(error)[:2000], words if imports else "")
        if any(map(_COLAB.search, texts)) or _COLAB_CALL.search(words):
            return "colab", ""
        if isinstance(error, NameError) and isinstance(name, str):
            if name in self._lost or "*" in self._lost:
                return "depends", name
            return ("colab", "") if name in _COLAB_NAMES else None
        if isinstance(error, ModuleNotFoundError) and isinstance(name, str):
            return "package", name.partition(".")[0]
        if isinstance(error, ImportError) or imports:
            return "import", ""
        return None

    def _guarded(self, body: list[ast.stmt], depth: int) -> Iterator[ast.stmt]:
        for position, statement in enumerate(body):
            for each in _parts(statement):
                self._descend(each, depth)
                documents = isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant)
                future = isinstance(each, ast.ImportFrom) and each.module == "__future__"
                if (documents and not position) or future or isinstance(each, _PLAIN):
                    yield each
                else:
                    yield self._wrapped(each)

    def _descend(self, statement: ast.stmt, depth: int) -> None:
        """Guard the blocks inside a statement that run in its own scope, unless the student guards them."""
        if depth >= _MAX_DEPTH or isinstance(
            statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
        ):
            return
        own = isinstance(statement, ast.Try | ast.TryStar) and bool(statement.handlers)
        suppresses = isinstance(statement, ast.With) and any(
            "suppress" in ast.unparse(item) for item in statement.items
        )
        blocks: list[ast.AST] = [statement]
        blocks += getattr(statement, "handlers", []) + getattr(statement, "cases", [])
        for block in blocks:
            for field in _BODIES:
                inner = getattr(block, field, None)
                if inner and not (block is statement and field == "body" and (own or suppresses)):
                    setattr(block, field, [*self._guarded(inner, depth + 1)])

    def _wrapped(self, statement: ast.stmt) -> ast.stmt:
        """`try: statement` `except: if not guard(index): raise`, all of it on the statement's lines."""
        self._statements.append(statement)
        call = ast.Call(ast.Name(GUARD, ast.Load()), [ast.Constant(len(self._statements) - 1)], [])
        decide = ast.If(ast.UnaryOp(ast.Not(), call), [ast.Raise()], [])
        guarded = ast.Try([statement], [ast.ExceptHandler(None, None, [decide])], [], [])
        ast.copy_location(guarded, statement)
        for node in (guarded.handlers[0], *ast.walk(decide)):
            if not isinstance(node, ast.expr_context | ast.unaryop):
                ast.copy_location(node, statement)
        return guarded


def _parts(statement: ast.stmt) -> list[ast.stmt]:
    """Split an import of several names into single imports, so that one failure doesn't lose the others."""
    if isinstance(statement, ast.Import) and len(statement.names) > 1:
        return [ast.copy_location(ast.Import([alias]), statement) for alias in statement.names]
    if (
        isinstance(statement, ast.ImportFrom)
        and len(statement.names) > 1
        and statement.module != "__future__"
    ):
        return [
            ast.copy_location(ast.ImportFrom(statement.module, [alias], statement.level), statement)
            for alias in statement.names
        ]
    return [statement]


def _bound(node: ast.AST) -> Iterator[str]:
    """The names that a statement would have bound in its own scope."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            yield node.name
        case ast.Import():
            yield from (a.asname or a.name.partition(".")[0] for a in node.names)
        case ast.ImportFrom():
            yield from (a.asname or a.name for a in node.names)
        case ast.Name(ctx=ast.Store()):
            yield node.id
        case ast.Lambda() | ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
            pass
        case _:
            for child in ast.iter_child_nodes(node):
                yield from _bound(child)
