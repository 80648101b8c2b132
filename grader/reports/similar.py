"""Show pairs of hand-ins that share code: a list for the terminal, and a page with both side by side."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec
from rich.table import Table

from grader.gradebook.similarity import Pair, clusters, similar, source_of
from grader.model.assignment import Assignment
from grader.model.record import ClassRecord
from grader.model.submission import Cell, read_submission
from grader.model.text import Language, Text, printable, tr
from grader.reports.page import CUT, first_lines, render

_MAX_SIDE_BY_SIDE = 100
_MAX_ROWS = 30
LEAST = 0.5
"""The lowest similarity that is listed by default."""


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """What was compared for one assignment, and what was found."""

    title: Text
    hand_ins: Mapping[str, Sequence[Cell]]
    """The code of each student."""
    pairs: Sequence[Pair]


def compare_hand_ins(record: ClassRecord, least: float = LEAST) -> list[Comparison]:
    """Compare the hand-ins that count, each team's once. `least` is the lowest similarity of a pair that is listed."""
    found = []
    for each in record.assignments:
        hand_ins = {
            student: one.cells
            for (student, name), one in record.counting.items()
            if name == each.name and not one.handed_in_by
        }
        if hand_ins:
            pairs = similar(hand_ins, _usual(each), least)
            found.append(Comparison(title=each.title, hand_ins=hand_ins, pairs=pairs))
    return found


def _usual(assignment: Assignment) -> Iterable[Sequence[Cell]]:
    """The reference solution, which holds the template's code, and its variants."""
    folder = assignment.folder
    for path in (folder / "solution.py", *sorted(folder.glob("variants/*"))):
        if path.is_file() and path.suffix in (".py", ".ipynb"):
            yield read_submission(path).cells


def similar_table(comparison: Comparison, language: Language) -> Table:
    """Return the most similar pairs as a table."""
    title = tr(
        "{title}: {pairs} similar pairs among {count} hand-ins",
        title=comparison.title,
        pairs=len(comparison.pairs),
        count=len(comparison.hand_ins),
    )
    table = Table(title=title.in_(language), title_justify="left")
    for word in (_WORDS["student"], _WORDS["student"], _WORDS["similarity"]):
        table.add_column(word.in_(language))
    for pair in comparison.pairs[:_MAX_ROWS]:
        table.add_row(printable(pair.one), printable(pair.other), _percent(pair).in_(language))
    if len(comparison.pairs) > _MAX_ROWS:
        more = tr("{count} more on the page", count=len(comparison.pairs) - _MAX_ROWS)
        table.add_row("…", "…", more.in_(language))
    return table


def similar_page(comparisons: Sequence[Comparison], language: Language) -> str:
    """Return the page of all pairs, with both hand-ins side by side and their common lines marked."""
    return render(
        "similar.html.j2",
        language,
        _WORDS,
        sections=[
            {
                "title": each.title,
                "pairs": each.pairs,
                "groups": [group for group in clusters(each.pairs) if len(group) > 2],
                "shown": [_side_by_side(each, pair) for pair in each.pairs[:_MAX_SIDE_BY_SIDE]],
            }
            for each in comparisons
        ],
        percent=_percent,
    )


def _side_by_side(comparison: Comparison, pair: Pair) -> dict[str, object]:
    (one, one_cut), (other, other_cut) = (
        first_lines(comparison.hand_ins[name]) for name in (pair.one, pair.other)
    )
    return {
        "pair": pair,
        "cut": one_cut or other_cut,
        "one": _lines(source_of(one), pair.identical, [match.one for match in pair.matches]),
        "other": _lines(source_of(other), pair.identical, [match.other for match in pair.matches]),
    }


def _lines(source: str, every: bool, spans: Sequence[tuple[int, int]]) -> list[tuple[bool, str]]:
    """The lines of a hand-in, those that stand in the other one too marked True."""
    marked = {line for first, last in spans for line in range(first, last + 1)}
    return [
        ((every or number in marked) and bool(line.strip()), line)
        for number, line in enumerate(source.split("\n"), start=1)
    ]


def _percent(pair: Pair) -> Text:
    if pair.identical:
        return tr("identical")
    return Text(ko=f"{pair.similarity:.0%}", en=f"{pair.similarity:.0%}")


_WORDS = {
    "cut": CUT,
    "groups": tr("Groups of three or more"),
    "nothing": tr("No pair of hand-ins is this similar."),
    "pairs": tr("Pairs, the most similar first"),
    "similar": tr("Similar hand-ins"),
    "similarity": tr("similarity"),
    "staff_only": tr("For staff only."),
    "student": tr("student"),
    "warning": tr(
        "Similarity isn't proof of copying: two students may have followed the same example. "
        "Read both hand-ins and talk to the students before you decide."
    ),
    "what_counts": tr(
        "The percentage says how much of the smaller hand-in's own code is also in the other one. "
        "Rare code weighs more. Names, comments and the order of functions make no difference; "
        "code of the template and of usual solutions isn't counted."
    ),
}
