"""Make mutants: copies of a solution with one fault each, typical of machine learning or of programming in general.

An operator takes a node of the syntax tree and yields replacements for it: a node or a list of statements. Its name is
the name of the fault.
"""

import ast
import difflib
import hashlib
from collections.abc import Callable, Iterator

import msgspec

from grader.authoring.regions import Region
from grader.model.syntax import parse

Replacement = ast.expr | list[ast.stmt]


class Mutant(msgspec.Struct, frozen=True):
    """A copy of a solution with one fault."""

    operator: str
    function: str
    diff: str
    """The change to the function, as lines that start with - or +."""
    source: str

    @property
    def key(self) -> str:
        """The mutant's key, which stays the same as long as its operator, function and diff do."""
        digest = hashlib.sha256(self.diff.encode()).hexdigest()[:8]
        return f"{self.operator}:{self.function}:{digest}"


class _Place(msgspec.Struct):
    """The position of a node in the syntax tree."""

    function: ast.FunctionDef
    holder: ast.AST
    field: str
    index: int | None
    loop: str
    """The variable of the enclosing loop, if any."""
    following: ast.stmt | None
    globals: frozenset[str]

    def put(self, replacement: object) -> None:
        if self.index is None:
            setattr(self.holder, self.field, replacement)
        else:
            nodes = getattr(self.holder, self.field)
            nodes[self.index : self.index + 1] = (
                replacement if isinstance(replacement, list) else [replacement]
            )


Operator = Callable[[ast.AST, _Place], Iterator[Replacement]]
_OPERATORS: dict[str, Operator] = {}


def make_mutants(source: str, regions: list[Region]) -> list[Mutant]:
    """Return the mutants of a source: one per operator and place in its regions, without duplicates."""
    tree = parse(source)
    found: dict[str, Mutant] = {}
    places = list(_places(tree, regions))
    for name, operator in _OPERATORS.items():
        for node, place, region in places:
            before = ast.unparse(place.function)
            for replacement in list(operator(node, place)):
                mutated = _mutate(tree, place, replacement)
                diff = _diff(before, mutated[0])
                if diff and mutated[1] not in found:
                    found[mutated[1]] = Mutant(name, region.function, diff, mutated[1])
    return list(found.values())


def _mutate(tree: ast.Module, place: _Place, replacement: Replacement) -> tuple[str, str]:
    """The source of the function and of the module with the replacement, which is undone afterwards."""
    old = getattr(place.holder, place.field)
    kept = list(old) if isinstance(old, list) else old
    place.put(replacement)
    try:
        if isinstance(old, list) and not old:
            old.append(ast.Pass())
        ast.fix_missing_locations(tree)
        return ast.unparse(place.function), ast.unparse(tree)
    finally:
        if isinstance(old, list):
            old[:] = kept
        else:
            setattr(place.holder, place.field, old)


def _diff(before: str, after: str) -> str:
    lines = list(difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0))
    return "\n".join(line for line in lines[2:] if not line.startswith("@@"))


def _places(tree: ast.Module, regions: list[Region]) -> Iterator[tuple[ast.AST, _Place, Region]]:
    names = frozenset(
        node.id
        for stmt in tree.body
        for node in ast.walk(stmt)
        if isinstance(stmt, ast.Assign) and isinstance(node, ast.Name)
    )

    def visit(node: ast.AST, function: ast.FunctionDef | None, loop: str) -> Iterator[_Found]:
        if isinstance(node, ast.FunctionDef):
            function = node
        if isinstance(node, ast.For) and isinstance(node.target, ast.Name):
            loop = node.target.id
        for field, value in ast.iter_fields(node):
            children = value if isinstance(value, list) else [value]
            for index, child in enumerate(children):
                if not isinstance(child, ast.AST) or _only_tells(child):
                    continue
                region = next((r for r in regions if _inside(child, r)), None)
                following = children[index + 1] if index + 1 < len(children) else None
                if function and region:
                    at = index if isinstance(value, list) else None
                    following = following if isinstance(following, ast.stmt) else None
                    yield (
                        child,
                        _Place(function, node, field, at, loop, following, names),
                        region,
                    )
                yield from visit(child, function, loop)

    return visit(tree, None, "")


_Found = tuple[ast.AST, _Place, Region]


def _inside(node: ast.AST, region: Region) -> bool:
    line = getattr(node, "lineno", 0)
    return bool(region.first < line < region.last)


def _only_tells(node: ast.AST) -> bool:
    """Whether a statement only prints the progress of a loop."""
    if isinstance(node, ast.If):
        return not node.orelse and all(map(_only_tells, node.body))
    return isinstance(node, ast.Expr) and _called(node.value) == "print"


# --- helpers for operators ------------------------------------------------------------------------------------------


def _operator(function: Operator) -> Operator:
    _OPERATORS[function.__name__.removeprefix("_")] = function
    return function


def _expr(template: str, *nodes: ast.AST) -> ast.expr:
    (statement,) = _stmts(template, *nodes)
    assert isinstance(statement, ast.Expr)
    return statement.value


def _stmts(template: str, *nodes: ast.AST) -> list[ast.stmt]:
    return parse(template.format(*map(ast.unparse, nodes))).body


def _called(node: ast.AST | None) -> str:
    """The last part of the called name, empty if the node isn't a call of a name."""
    function = node.func if isinstance(node, ast.Call) else None
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _statement_calls(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Expr) and _called(node.value) == name


def _is_loss(node: ast.AST) -> bool:
    """Whether a node calls a loss function with outputs and targets."""
    name = _called(node).lower()
    known = "loss" in name or "entropy" in name or name == "criterion"
    return isinstance(node, ast.Call) and known and len(node.args) == 2


def _returned(node: ast.AST) -> ast.expr | None:
    return node.value if isinstance(node, ast.Return) else None


def _gives_loss(place: _Place) -> bool:
    return "loss" in place.function.name


def _with_arguments(call: ast.Call, *args: ast.expr) -> ast.expr:
    return ast.Call(call.func, list(args), call.keywords)


def _without(statements: list[ast.stmt], name: str) -> tuple[list[ast.stmt], list[ast.stmt]]:
    gone = [each for each in statements if _statement_calls(each, name)]
    return [each for each in statements if each not in gone], gone


# --- faults of training loops ----------------------------------------------------------------------------------------


@_operator
def _no_zero_grad(node: ast.AST, place: _Place) -> Iterator[Replacement]:
    if _statement_calls(node, "zero_grad"):
        yield []


@_operator
def _no_backward(node: ast.AST, place: _Place) -> Iterator[Replacement]:
    if _statement_calls(node, "backward"):
        yield []


@_operator
def _no_step(node: ast.AST, place: _Place) -> Iterator[Replacement]:
    if _statement_calls(node, "step"):
        yield []


@_operator
def _zero_grad_before_step(node: ast.AST, place: _Place) -> Iterator[Replacement]:
    if isinstance(node, ast.For):
        body, zeroing = _without(node.body, "zero_grad")
        step = next((i for i, each in enumerate(body) if _statement_calls(each, "step")), None)
        if zeroing and step is not None:
            yield [ast.For(node.target, node.iter, body[:step] + zeroing + body[step:], [])]


@_operator
def _zero_grad_before_loop(node: ast.AST, place: _Place) -> Iterator[Replacement]:
    if isinstance(node, ast.For):
        body, zeroing = _without(node.body, "zero_grad")
        if zeroing and body:
            yield [*zeroing, ast.For(node.target, node.iter, body, [])]


@_operator
def _optimizer_of_another_model(node: ast.AST, place: _Place) -> Iterator[Replacement]:
    if _called(node) == "parameters" and isinstance(node, ast.Call):
        assert isinstance(node.func, ast.Attribute)
        yield _expr("__import__('copy').deepcopy({}).parameters()", node.func.value)


@_operator
def _climbs_the_loss(node: ast.AST, place: _Place) -> Iterator[Replacement]:
    if isinstance(node, ast.Expr) and _statement_calls(node, "backward"):
        assert isinstance(node.value, ast.Call)
        assert isinstance(node.value.func, ast.Attribute)
        yield _stmts("(-{}).backward()", node.value.func.value)


@_operator
def _detached_before_backward(node: ast.AST, place: _Place) -> Iterator[Replacement]:
    if isinstance(node, ast.Expr) and _statement_calls(node, "backward"):
        assert isinstance(node.value, ast.Call)
        assert isinstance(node.value.func, ast.Attribute)
        yield _stmts("{}.detach().requires_grad_().backward()", node.value.func.value)


@_operator
def _history_of_every_tenth_epoch(node: ast.AST, place: _Place) -> Iterator[Replacement]:
    if place.loop and _statement_calls(node, "append"):
        yield _stmts(f"if {place.loop} % 10 == 0:\n    {{}}", node)


@_operator
def _history_of_the_last_epoch(node: ast.AST, place: _Place) -> Iterator[Replacement]:
    if isinstance(node, ast.Expr) and place.loop and _statement_calls(node, "append"):
        assert isinstance(node.value, ast.Call)
        assert isinstance(node.value.func, ast.Attribute)
        yield _stmts("{} = [{}]", node.value.func.value, node.value.args[0])


@_operator
def _history_made_up(node: ast.AST, place: _Place) -> Iterator[Replacement]:
    if isinstance(node, ast.Expr) and place.loop and _statement_calls(node, "append"):
        assert isinstance(node.value, ast.Call)
        assert isinstance(node.value.func, ast.Attribute)
        yield _stmts(f"{{}}.append(1 / (1 + {place.loop}))", node.value.func.value)


@_operator
def _return_in_the_loop(node: ast.AST, place: _Place) -> Iterator[Replacement]:
    if isinstance(node, ast.For) and isinstance(place.following, ast.Return):
        yield [ast.For(node.target, node.iter, [*node.body, place.following], [])]


@_operator
def _argument_ignored(node: ast.AST, place: _Place) -> Iterator[Replacement]:
    """Use the default instead of the argument, or a variable of the notebook: `x_train` instead of `x`."""
    if not isinstance(node, ast.Name) or not isinstance(node.ctx, ast.Load):
        return
    arguments = place.function.args
    names = [each.arg for each in (*arguments.posonlyargs, *arguments.args)]
    defaults = dict(zip(reversed(names), reversed(arguments.defaults), strict=False))
    if node.id in defaults:
        yield defaults[node.id]
    elif node.id in names and f"{node.id}_train" in place.globals:
        yield _expr(f"{node.id}_train")


# --- faults of losses and outputs ------------------------------------------------------------------------------------

_REDUCING = {
    *("BCELoss", "BCEWithLogitsLoss", "CrossEntropyLoss", "MSELoss", "L1Loss", "NLLLoss"),
    *("binary_cross_entropy", "cross_entropy", "mse_loss", "l1_loss", "nll_loss"),
}


@_operator
def _sum_for_mean(node: ast.AST, place: _Place) -> Iterator[Replacement]:
    if isinstance(node, ast.Call) and _called(node) in _REDUCING:
        for reduction in ("sum", "none"):
            keyword = ast.keyword("reduction", ast.Constant(reduction))
            yield ast.Call(node.func, node.args, [*node.keywords, keyword])


@_operator
def _activation_before_the_loss(node: ast.AST, place: _Place) -> Iterator[Replacement]:
    if isinstance(node, ast.Call) and _is_loss(node):
        for activation in ("softmax(-1)", "sigmoid()"):
            yield _with_arguments(node, _expr(f"{{}}.{activation}", node.args[0]), node.args[1])


@_operator
def _labels_shuffled(node: ast.AST, place: _Place) -> Iterator[Replacement]:
    if isinstance(node, ast.Call) and _is_loss(node):
        yield _with_arguments(node, node.args[0], _expr("{}.flip(0)", node.args[1]))


@_operator
def _loss_of_swapped_arguments(node: ast.AST, place: _Place) -> Iterator[Replacement]:
    if isinstance(node, ast.Call) and _is_loss(node):
        yield _with_arguments(node, *reversed(node.args))


@_operator
def _loss_without_gradient(node: ast.AST, place: _Place) -> Iterator[Replacement]:
    if _gives_loss(place) and (value := _returned(node)):
        yield _stmts("return ({}).detach()", value)
        yield _stmts("return ({}).item()", value)


@_operator
def _loss_of_the_wrong_sign(node: ast.AST, place: _Place) -> Iterator[Replacement]:
    if _gives_loss(place) and (value := _returned(node)):
        yield _stmts("return -({})", value)


@_operator
def _wrong_axis(node: ast.AST, place: _Place) -> Iterator[Replacement]:
    if isinstance(node, ast.Call):
        for i, each in enumerate(node.keywords):
            if each.arg in ("dim", "axis"):
                axis = 1 if ast.unparse(each.value) == "0" else 0
                other = ast.keyword(each.arg, ast.Constant(axis))
                yield ast.Call(
                    node.func, node.args, [*node.keywords[:i], other, *node.keywords[i + 1 :]]
                )


@_operator
def _activation_in_the_model(node: ast.AST, place: _Place) -> Iterator[Replacement]:
    if isinstance(value := _returned(node), ast.Call) and _called(value) in (
        "Linear",
        "Sequential",
    ):
        yield _stmts("return nn.Sequential({}, nn.Softmax(dim=-1))", value)


@_operator
def _no_bias(node: ast.AST, place: _Place) -> Iterator[Replacement]:
    if isinstance(node, ast.Call) and _called(node) == "Linear":
        yield ast.Call(
            node.func, node.args, [*node.keywords, ast.keyword("bias", ast.Constant(False))]
        )


@_operator
def _constant_prediction(node: ast.AST, place: _Place) -> Iterator[Replacement]:
    if value := _returned(node):
        yield _stmts("return ({}) * 0", value)


@_operator
def _wrong_shape(node: ast.AST, place: _Place) -> Iterator[Replacement]:
    if value := _returned(node):
        yield _stmts("return ({})[None]", value)


@_operator
def _rounded_result(node: ast.AST, place: _Place) -> Iterator[Replacement]:
    if value := _returned(node):
        yield _stmts("return ({}).round()", value)


@_operator
def _returns_none(node: ast.AST, place: _Place) -> Iterator[Replacement]:
    if _returned(node):
        yield _stmts("return None")


_DTYPES = {"float32": "float64", "int64": "float32", "float": "double", "long": "int"}


@_operator
def _wrong_dtype(node: ast.AST, place: _Place) -> Iterator[Replacement]:
    if isinstance(node, ast.Attribute) and node.attr in _DTYPES:
        yield ast.Attribute(node.value, _DTYPES[node.attr], node.ctx)


_CONFUSED = {
    "argmax": "argmin",
    "max": "min",
    "sum": "mean",
    "mean": "sum",
    "abs": "neg",
    "sigmoid": "tanh",
    "Sigmoid": "Tanh",
    "softmax": "log_softmax",
    "exp": "exp2",
    "log": "log2",
}


@_operator
def _wrong_function(node: ast.AST, place: _Place) -> Iterator[Replacement]:
    if isinstance(node, ast.Attribute) and node.attr in _CONFUSED:
        yield ast.Attribute(node.value, _CONFUSED[node.attr], node.ctx)


# --- faults of data --------------------------------------------------------------------------------------------------


def _parts(node: ast.AST) -> dict[str, ast.expr]:
    """The parts of a split that a statement returns, by name."""
    value = _returned(node)
    names = value.elts if isinstance(value, ast.Tuple) else []
    return {ast.unparse(each): each for each in names}


@_operator
def _rows_and_labels_apart(node: ast.AST, place: _Place) -> Iterator[Replacement]:
    for name in (parts := _parts(node)):
        yield _stmts("return " + ", ".join(f"{n}.flip(0)" if n == name else n for n in parts))


@_operator
def _test_rows_from_training(node: ast.AST, place: _Place) -> Iterator[Replacement]:
    parts = _parts(node)
    train = {n: n.replace("test", "train") for n in parts if "test" in n}
    if train and all(name in parts for name in train.values()):
        yield _stmts(
            "return " + ", ".join(f"{train[n]}[:len({n})]" if n in train else n for n in parts)
        )


@_operator
def _parts_in_another_order(node: ast.AST, place: _Place) -> Iterator[Replacement]:
    if len(parts := list(_parts(node))) == 4:
        yield _stmts("return {0}, {2}, {1}, {3}".format(*parts))


@_operator
def _scaled_wrongly(node: ast.AST, place: _Place) -> Iterator[Replacement]:
    """Leave scaling out, apply it twice, or fit it to each part separately."""
    if isinstance(node, ast.Call) and _called(node) == "transform":
        assert isinstance(node.func, ast.Attribute)
        scaler, data = node.func.value, node.args[0]
        yield data
        yield _expr("{0}.transform({0}.transform({1}))", scaler, data)
        yield _expr("{}.fit_transform({})", scaler, data)


# --- faults of any program -------------------------------------------------------------------------------------------


@_operator
def _keyword_left_out(node: ast.AST, place: _Place) -> Iterator[Replacement]:
    if isinstance(node, ast.Call):
        for each in node.keywords:
            yield ast.Call(node.func, node.args, [k for k in node.keywords if k is not each])


_COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.GtE),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.LtE),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
}


@_operator
def _other_comparison(node: ast.AST, place: _Place) -> Iterator[Replacement]:
    if isinstance(node, ast.Compare):
        for other in _COMPARISONS.get(type(node.ops[0]), ()):
            yield ast.Compare(node.left, [other(), *node.ops[1:]], node.comparators)


_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.FloorDiv: ast.Mod,
    ast.MatMult: ast.Mult,
    ast.Pow: ast.Mult,
}


@_operator
def _other_arithmetic(node: ast.AST, place: _Place) -> Iterator[Replacement]:
    if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
        yield ast.BinOp(node.left, _ARITHMETIC[type(node.op)](), node.right)
        yield node.left


@_operator
def _sign_left_out(node: ast.AST, place: _Place) -> Iterator[Replacement]:
    if isinstance(node, ast.UnaryOp):
        yield node.operand


@_operator
def _condition_turned_round(node: ast.AST, place: _Place) -> Iterator[Replacement]:
    if isinstance(node, ast.If | ast.While):
        yield [type(node)(_expr("not ({})", node.test), node.body, node.orelse)]


@_operator
def _constant_off_by_one(node: ast.AST, place: _Place) -> Iterator[Replacement]:
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        assert isinstance(node.value, int | float)
        for step in (1, -1):
            yield _expr(f"({node.value + step})")


@_operator
def _statement_left_out(node: ast.AST, place: _Place) -> Iterator[Replacement]:
    if isinstance(node, ast.Expr | ast.Assign | ast.AugAssign | ast.Return):
        yield []
