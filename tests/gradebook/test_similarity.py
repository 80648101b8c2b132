"""Disguised copies are found, and rank above every pair of honest hand-ins of the same homework."""

import ast
import builtins
import random
from pathlib import Path

import pytest

from grader.gradebook.similarity import Pair, clusters, similar, source_of
from grader.model.submission import Cell, read_submission

ROOT = Path(__file__).parents[2]
ASSIGNMENTS = ("binary", "multinomial", "wine")
COPY = "the copy"


def cells(path):
    return read_submission(path).cells


def script(source):
    return (Cell(name="x.py", source=source),)


SIBLINGS = {"power_then_components.py", "robust_then_row_lengths.py"}
"""Variants that one author wrote from `columns_moved.py`."""


def honest(name):
    """Hand-ins of one homework that were written independently."""
    files = [
        *(ROOT / "tests" / "class" / name).glob("right*"),
        *(ROOT / "examples" / "class").glob(f"*_{name}.*"),
        *(ROOT / "solutions" / name / "variants").glob("*.py"),
    ]
    return {path.name: cells(path) for path in sorted(files) if path.name not in SIBLINGS}


def usual(name):
    return [cells(ROOT / "solutions" / name / "solution.py")]


class Renamed(ast.NodeTransformer):
    """Other names for variables and parameters, and no type hints."""

    def __init__(self, kept):
        self.kept = kept

    def visit_Name(self, node):
        if node.id not in self.kept and not hasattr(builtins, node.id):
            node.id = f"my_{node.id[::-1]}"
        return node

    def visit_arg(self, node):
        node.arg, node.annotation = f"my_{node.arg[::-1]}", None
        return node


def disguised(code):
    """The same code renamed, in another order, with other comments, and each statement in a cell of its own."""
    tree = ast.parse(source_of(code))
    kept = {
        alias.asname or alias.name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    } | {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    statements = Renamed(kept).visit(tree).body
    functions = [each for each in statements if isinstance(each, ast.FunctionDef)]
    others = [each for each in statements if not isinstance(each, ast.FunctionDef)]
    random.Random(7).shuffle(functions)
    return tuple(
        Cell(name=f"cell {number}", source=f"# my own work\n{ast.unparse(each)}\n")
        for number, each in enumerate([*others, *functions], start=1)
    )


def parses(code):
    try:
        ast.parse(source_of(code))
    except SyntaxError:
        return False
    return True


@pytest.mark.long
@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_disguised_copies_stand_above_all_honest_pairs(name):
    class_ = honest(name)
    originals = [each for each in class_ if each.startswith("right") and parses(class_[each])][::4]

    highest = max(pair.similarity for pair in similar(class_, usual(name), least=0.0))

    assert len(class_) >= 30
    for original in originals:
        with_copy = class_ | {COPY: disguised(class_[original])}
        first = similar(with_copy, usual(name))[0]
        assert {first.one, first.other} == {original, COPY}
        assert first.similarity > highest


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_honest_hand_ins_are_not_listed(name):
    assert similar(honest(name), usual(name)) == []


def test_the_same_code_comes_first_and_is_called_identical():
    class_ = honest("wine")
    class_["twin"] = class_["right_unscaled_adam.ipynb"]

    first = similar(class_, usual("wine"))[0]

    assert (first.one, first.other) == ("right_unscaled_adam.ipynb", "twin")
    assert first.identical
    assert first.similarity == 1


def test_the_template_and_the_reference_do_not_count():
    reference = cells(ROOT / "solutions" / "wine" / "solution.py")
    template = cells(ROOT / "assignments" / "wine" / "wine.py")
    more = script(reference[0].source + "\nnumber = 1\n")

    pairs = similar({"kim": reference, "lee": more, "park": template}, [reference])

    assert pairs == []


def test_matches_name_the_lines_on_both_sides():
    function = (
        "def f(x, y):\n"
        "    total = 0\n"
        "    for a, b in zip(x, y):\n"
        "        total += a * b - (a + b) ** 2\n"
        "    return total / len(x)\n"
    )
    other = function.replace("total", "s").replace("def f", "def g")

    (pair,) = similar({"kim": script(function), "lee": script(f"import math\n\n\n{other}")})

    (match,) = pair.matches
    assert match.one[0] in (1, 2)
    assert match.other == (match.one[0] + 3, match.one[1] + 3)
    assert match.one[1] == 5


@pytest.mark.parametrize("source", ["", "def f(:", "(" * 5000, "\0", "# only a comment"])
def test_code_that_cannot_be_parsed_is_similar_to_nothing(source):
    pairs = similar({"kim": script(source), "lee": script(source + " ")})

    assert [pair for pair in pairs if not pair.identical] == []


def test_pairs_that_share_a_hand_in_are_one_cluster():
    pairs = [
        Pair(one=one, other=other, similarity=0.9, identical=False)
        for one, other in ("ab", "cd", "bc", "xy")
    ]

    assert clusters(pairs) == [("a", "b", "c", "d"), ("x", "y")]
