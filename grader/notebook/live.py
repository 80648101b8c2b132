"""Run the public checks on the functions in a kernel, and leave the kernel unchanged."""

import ast
import io
import math
import re
import sys
import types
from collections import defaultdict
from collections.abc import Collection, Generator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest

from grader.checks import CheckFailedError, history
from grader.grading.plugin import Grading, item_id
from grader.grading.scoring import make_report
from grader.grading.selfcheck import PUBLIC_CHECKS, run_public_checks
from grader.model.assignment import Assignment
from grader.model.errors import AssignmentError, UserError, reading
from grader.model.score import Curve, ScoreReport, sampled
from grader.model.submission import Submission
from grader.model.text import Text, printable, tr
from grader.notebook.state import Held, forget_modules, unchanged
from grader.sandbox import KernelSandbox, LiveCall, Printed

Namespace = dict[str, Any]

_CELL = re.compile(r"<(?:ipython|python)-input-(\d+)")
_TRAINING = "train"
"""The function that returns the loss history."""
_MIN_HISTORY = 10
"""The minimum number of losses for a curve."""


class Checked(msgspec.Struct, frozen=True):
    """The result of the public checks of an assignment or of some of its items."""

    assignment: Assignment
    report: ScoreReport
    """For the checked items only."""
    calls: dict[str, tuple[LiveCall, ...]]
    """The calls made by an item's checks, by its id."""


def check_namespace(
    assignment: Assignment, namespace: Namespace, items: Collection[str]
) -> Checked:
    """Run the public checks of these items on the functions in a namespace.

    Raises:
        AssignmentError: the checks can't be run.
        KeyboardInterrupt: the user stopped them.
    """
    functions = [namespace[name] for name in assignment.functions if name in namespace]
    held = Held(namespace, *_namespaces(functions, namespace))
    printed = Printed(assignment.limits)
    grading = Grading(assignment)
    grading.submission = Submission(file="", sha256="", notebook=True)
    try:
        with unchanged(held, _Sink(printed)) as sides:
            sandbox = KernelSandbox(
                namespace, code_files(namespace), assignment.limits, sides.student, sides.refresh
            )
            grading.open_sandbox = lambda _: sandbox
            calls = _Calls(sandbox)
            run_public_checks(grading, items, calls)
    finally:
        forget_modules(assignment.folder)
    chosen = tuple(each for each in assignment.items if each.id in items)
    report = make_report(
        msgspec.structs.replace(assignment, items=chosen),
        grading.submission,
        "",
        grading.checks,
        (*_notes(assignment, namespace, held), *grading.remarks),
        printed.text,
    )
    return Checked(assignment, report, {key: tuple(found) for key, found in calls.found.items()})


def items_of(assignment: Assignment, name: str | None) -> tuple[str, ...]:
    """Return the ids of all items, of the item with this name, or of those whose public checks call this function.

    Raises:
        UserError: no item or function has this name, or no check calls the function.
    """
    known = tuple(each.id for each in assignment.items)
    if name is None or name in known:
        return known if name is None else (name,)
    if name in assignment.functions and (found := _items_that_call(assignment, name)):
        return tuple(each for each in known if each in found)
    raise UserError(
        tr(
            "{assignment} has no item {name}; available: {known}",
            name=printable(name, 60),
            assignment=assignment.name,
            known=", ".join(known),
        )
    )


def _items_that_call(assignment: Assignment, function: str) -> set[str]:
    """The items whose public checks call a function, directly or through a helper, according to their source."""
    path = assignment.folder / PUBLIC_CHECKS
    try:
        with reading(path):
            tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError) as error:
        raise AssignmentError(
            tr("can't run the public checks in {path}: {reason}", path=path, reason=error)
        ) from error
    functions = {each.name: each for each in tree.body if isinstance(each, ast.FunctionDef)}

    def calls(name: str, seen: frozenset[str] = frozenset()) -> bool:
        nodes = list(ast.walk(functions[name]))
        if any(isinstance(n, ast.Attribute) and n.attr == function for n in nodes):
            return True
        helpers = {n.id for n in nodes if isinstance(n, ast.Name)} & set(functions) - seen - {name}
        return any(calls(each, seen | {name}) for each in helpers)

    return {
        str(mark.args[0].value)
        for name, each in functions.items()
        for mark in each.decorator_list
        if isinstance(mark, ast.Call) and mark.args and isinstance(mark.args[0], ast.Constant)
        if calls(name)
    }


def loss_curve(checked: Checked, item: str) -> Curve | None:
    """Return the losses that an item's checks recorded or, failing that, the longest history that `train` returned."""
    (result,) = (each for each in checked.report.items if each.id == item)
    histories = [c.values for c in result.curves if c.kind == "loss"]
    for call in checked.calls.get(item, ()) if not histories else ():
        if call.function == _TRAINING:
            with suppress(CheckFailedError):
                histories.append(tuple(history(call.value)))
    longest = max(histories, key=len, default=())
    if len(longest) < _MIN_HISTORY or not all(map(math.isfinite, longest)):
        return None
    return Curve(kind="loss", values=sampled(longest))


def code_files(namespace: Namespace) -> dict[str, str]:
    """Return the files of the student's functions and their names in messages, such as `In [7]`."""
    cells = _cells()
    functions = [each for each in namespace.values() if isinstance(each, types.FunctionType)]
    classes = [each for each in namespace.values() if isinstance(each, type)]
    methods = [
        each
        for kind in classes
        if kind.__module__ == namespace.get("__name__")
        for each in vars(kind).values()
        if isinstance(each, types.FunctionType)
    ]
    codes = [each.__code__ for each in (*functions, *methods)]
    return {
        name: cells.get(name) or _name(name)
        for name in {code.co_filename for code in codes}
        if not _is_library(name)
    } | cells


def _cells() -> dict[str, str]:
    """The executed cells, by the file names that IPython gives them."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if shell is None:
        return {}
    sources = shell.history_manager.input_hist_raw
    return {
        shell.compile.get_code_name(source, source, number): f"In [{number}]"
        for number, raw in enumerate(sources)
        for source in (raw, f"{raw}\n")  # the history has no last empty line
        if raw
    }


def _name(file: str) -> str:
    cell = _CELL.match(file)
    return f"In [{cell[1]}]" if cell else Path(file).name


def _is_library(file: str) -> bool:
    return file.startswith((sys.prefix, sys.base_prefix)) or "site-packages" in file


def _namespaces(functions: list[Any], namespace: Namespace) -> Iterator[Namespace]:
    """The globals of functions imported from the student's own files."""
    for each in functions:
        own = getattr(each, "__globals__", namespace)
        if own is not namespace and not _is_library(str(own.get("__file__", ""))):
            yield own


def _notes(assignment: Assignment, namespace: Namespace, held: Held) -> Iterator[Text]:
    if missing := [name for name in assignment.functions if name not in namespace]:
        yield tr("not defined in this notebook yet: {names}", names=", ".join(missing))
    if not held.complete:
        yield tr(
            "this notebook has more than 1 GB of tensors, so tensors that your functions "
            "changed were not restored"
        )


class _Calls:
    """A pytest plugin that records the calls made by each item's checks."""

    def __init__(self, sandbox: KernelSandbox) -> None:
        self.found: defaultdict[str, list[LiveCall]] = defaultdict(list)
        self._sandbox = sandbox

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        self._sandbox.calls.clear()
        result = yield
        self.found[item_id(item)] += self._sandbox.calls
        return result


class _Sink(io.TextIOBase):
    """Keeps printed output up to the limit in the settings."""

    def __init__(self, printed: Printed) -> None:
        self._printed = printed

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self._printed.add(text.encode("utf-8", "replace"))
        return len(text)
