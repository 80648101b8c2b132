"""Find pairs of hand-ins that share more code than the assignment and its usual solutions explain."""

import ast
import hashlib
import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from math import log

import msgspec

from grader.model.submission import Cell
from grader.model.syntax import statements_of

GRAM = 12
"""Tokens in a fragment: about two statements. Shorter fragments match by chance."""
_SHORTEST = 8  # tokens of a function: anybody may write a shorter one
_WINDOW = 6  # of the fragments in a row, one is kept: winnowing, Schleimer et al., SIGMOD 2003
_COMMON = (
    0.25  # a fragment in more hand-ins than this part of the class is the homework's, not anybody's
)


class Match(msgspec.Struct, frozen=True):
    """Lines of one hand-in whose code stands in the other as well."""

    one: tuple[int, int]
    """First and last line in the first hand-in, counted from 1 over all its cells."""
    other: tuple[int, int]


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """Two hand-ins that share code."""

    one: str
    other: str
    similarity: float
    """The part (0 to 1) of the smaller hand-in's own code that stands in the other; rare code weighs more."""
    identical: bool
    """Whether the code is the same to the letter."""
    matches: tuple[Match, ...] = ()


def source_of(cells: Sequence[Cell]) -> str:
    """Return the code of all cells as one text, whose lines `Match` counts."""
    return "\n".join(cell.source for cell in cells)


def similar(
    hand_ins: Mapping[str, Sequence[Cell]],
    known: Iterable[Sequence[Cell]] = (),
    least: float = 0.5,
) -> list[Pair]:
    """Return the pairs of hand-ins with a similarity of at least `least`, the most similar first.

    Names, numbers, texts, comments, type hints, imports and the order of functions and cells make no difference.
    What stands in `known` (the template, the reference solution and its variants) isn't counted.
    """
    usual = {each for cells in known for each in _fragments(cells)}
    found = {name: _without(_fragments(cells), usual) for name, cells in hand_ins.items()}
    owners: dict[bytes, list[str]] = defaultdict(list)
    for name, fragments in found.items():
        for fragment in fragments:
            owners[fragment].append(name)
    most = max(2, _COMMON * len(hand_ins))
    weights = {
        fragment: log((len(hand_ins) + 1) / len(names))
        for fragment, names in owners.items()
        if len(names) <= most
    }
    totals = {
        name: sum(weights.get(each, 0.0) for each in fragments) for name, fragments in found.items()
    }
    floor = statistics.median(totals.values()) / 2 if totals else 0.0
    shared: dict[tuple[str, str], float] = defaultdict(float)
    for fragment, weight in weights.items():
        for pair in combinations(sorted(owners[fragment]), 2):
            shared[pair] += weight
    pairs = [
        Pair(
            one=one,
            other=other,
            similarity=round(weight / size, 3),
            identical=False,
            matches=_matches(found[one], found[other], weights),
        )
        for (one, other), weight in shared.items()
        if (size := max(min(totals[one], totals[other]), floor)) and weight >= least * size
    ]
    same = _identical(hand_ins)
    different = [pair for pair in pairs if (pair.one, pair.other) not in same]
    return [*same.values(), *sorted(different, key=lambda p: (-p.similarity, p.one, p.other))]


def clusters(pairs: Iterable[Pair]) -> list[tuple[str, ...]]:
    """Return the groups of hand-ins that pairs connect, the largest first."""
    groups: list[set[str]] = []
    for pair in pairs:
        touched = [group for group in groups if {pair.one, pair.other} & group]
        groups = [group for group in groups if group not in touched]
        groups.append({pair.one, pair.other}.union(*touched))
    return sorted((tuple(sorted(group)) for group in groups), key=lambda g: (-len(g), g))


_Lines = tuple[int, int]


def _identical(hand_ins: Mapping[str, Sequence[Cell]]) -> dict[tuple[str, str], Pair]:
    by_source: dict[str, list[str]] = defaultdict(list)
    for name, cells in hand_ins.items():
        by_source[source_of(cells)].append(name)
    return {
        (one, other): Pair(one=one, other=other, similarity=1.0, identical=True)
        for names in by_source.values()
        for one, other in combinations(sorted(names), 2)
    }


def _without(fragments: dict[bytes, _Lines], usual: set[bytes]) -> dict[bytes, _Lines]:
    return {fragment: lines for fragment, lines in fragments.items() if fragment not in usual}


def _matches(
    one: dict[bytes, _Lines], other: dict[bytes, _Lines], weights: Mapping[bytes, float]
) -> tuple[Match, ...]:
    """The lines of common fragments, those that touch in both hand-ins joined."""
    spans = sorted((one[each], other[each]) for each in one.keys() & other.keys() & weights.keys())
    joined: list[Match] = []
    for here, there in spans:
        last = joined[-1] if joined else None
        if last and here[0] <= last.one[1] + 1 and last.other[0] <= there[0] <= last.other[1] + 1:
            joined[-1] = Match(
                (last.one[0], max(last.one[1], here[1])),
                (last.other[0], max(last.other[1], there[1])),
            )
        else:
            joined.append(Match(here, there))
    return tuple(joined)


def _fragments(cells: Sequence[Cell]) -> dict[bytes, _Lines]:
    """A choice of the code's fragments, which two copies agree on, each with its first and last line."""
    chosen: dict[bytes, _Lines] = {}
    for tokens in _streams(cells):
        if len(tokens) < _SHORTEST:
            continue
        count = max(1, len(tokens) - GRAM + 1)
        digests = [_digest(tokens[at : at + GRAM]) for at in range(count)]
        for start in range(max(1, count - _WINDOW + 1)):
            at = min(range(start, min(start + _WINDOW, count)), key=digests.__getitem__)
            lines = [line for _, line in tokens[at : at + GRAM]]
            chosen[digests[at]] = (min(lines), max(lines))
    return chosen


def _digest(tokens: list[tuple[str, int]]) -> bytes:
    words = " ".join(word for word, _ in tokens)
    return hashlib.blake2b(words.encode("utf-8", "replace"), digest_size=8).digest()


def _streams(cells: Sequence[Cell]) -> Iterator[list[tuple[str, int]]]:
    """The words of each function with their lines, and those between functions. What doesn't parse has none."""
    parsed = [(each.source, found) for each, found in zip(cells, statements_of(cells), strict=True)]
    own = {
        node.attr
        for _, statements in parsed
        for statement in statements
        for node in ast.walk(statement)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
    }
    between: list[tuple[str, int]] = []
    above = 0
    for source, statements in parsed:
        for statement in statements:
            tokens = [(word, above + line) for word, line in _tokens(statement, own)]
            if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                yield tokens
            else:
                between += tokens
        above += source.count("\n") + 1
    if between:
        yield between


def _tokens(root: ast.AST, own: set[str]) -> Iterator[tuple[str, int]]:
    pending: list[tuple[ast.AST, int]] = [(root, 1)]
    while pending:
        node, line = pending.pop()
        line = getattr(node, "lineno", line)
        if word := _word(node, own):
            yield word, line
        pending += [(child, line) for child in reversed(_children(node))]


_SILENT = (ast.Module, ast.Import, ast.ImportFrom, ast.expr_context, ast.Expr, ast.arguments)


def _word(node: ast.AST, own: set[str]) -> str:
    """What makes no difference is left out; the names of libraries' attributes are kept, others are folded."""
    match node:
        case ast.Attribute(attr=name):
            return "attribute" if name in own else f".{name}"
        case ast.Constant(value=value):
            return type(value).__name__
        case _ if isinstance(node, _SILENT):
            return ""
        case _:
            return type(node).__name__


def _children(node: ast.AST) -> list[ast.AST]:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return []  # a docstring
    if isinstance(node, ast.Import | ast.ImportFrom):
        return []
    hints = {id(getattr(node, name, None)) for name in ("annotation", "returns")}
    return [child for child in ast.iter_child_nodes(node) if id(child) not in hints]
