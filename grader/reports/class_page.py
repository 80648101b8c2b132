"""Show a class: for each assignment a summary that filters, the table of students, and the statistics of its items.

The page is made of the macros in `templates/class_parts.html.j2`, which show the data types of this module.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache, partial
from statistics import fmean, median
from typing import Any

import msgspec
from markupsafe import Markup, escape

from grader.gradebook.statistics import (
    ItemStatistics,
    MessageGroup,
    item_statistics,
    message_groups,
)
from grader.model.assignment import Assignment, RubricItem
from grader.model.record import ClassRecord, Record, RosterEntry, Standing, Unmatched
from grader.model.score import ItemResult, Verdict
from grader.model.text import Language, Text, tr, visible
from grader.reports.page import filters, render
from grader.reports.plots import losses_plot
from grader.reports.words import concerns, late_text

_SLOWEST = 5
_BARS = 10
_LINKS = 10_000

Address = Callable[[str, str], str | None]
"""The address of the page for a student id and an assignment name, None if there is no such page."""


class Student(msgspec.Struct, frozen=True):
    """A student with a link to the hand-in."""

    name: str
    """The name, or the id where the roster has none."""
    id: str
    link: Markup
    section: str


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A student in the table of an assignment."""

    position: int
    """Its place in the table, from 0."""
    student: Student
    record: Record | None
    """None if nothing was handed in, or if the student is excused."""
    score: float
    """That of the record, 0 without one."""
    standing: Standing
    results: tuple[ItemResult | None, ...]
    """In the order of the columns."""
    marks: tuple[Text, ...]
    """What to know about the score: late days and their cost, several hand-ins, recorded answers; or why it lacks."""
    filters: tuple[str, ...]
    """The keys of the filters that show this row."""


class Tile(msgspec.Struct, frozen=True):
    """A number of the summary. Choosing it shows only its students in the table."""

    key: str
    value: str
    label: Text
    count: int
    """How many students it shows."""


class Bar(msgspec.Struct, frozen=True):
    """A bar of the histogram of scores, a filter like the tiles."""

    key: str
    low: float
    high: float
    count: int
    height: float
    """From 0 to 1, the highest bar."""


class Item(msgspec.Struct, frozen=True):
    """A rubric item with its statistics."""

    item: RubricItem
    statistics: ItemStatistics
    verdicts: tuple[tuple[Verdict, int], ...]
    """The verdicts that occur, each with how many hand-ins have it."""
    groups: tuple[tuple[MessageGroup, tuple[Student, ...]], ...]
    """The reasons why points were lost, the most frequent first, with the students behind each."""


class AssignmentView(msgspec.Struct, frozen=True, kw_only=True):
    """An assignment for which something was handed in."""

    number: int
    """Its position on the page, from 1, part of the names of elements."""
    assignment: Assignment
    sections: tuple[str, ...]
    """Those that the table can be filtered by."""
    tiles: tuple[Tile, ...]
    bars: tuple[Bar, ...]
    """Empty if nothing was graded completely."""
    rows: tuple[Row, ...]
    items: tuple[Item, ...]
    waiting: tuple[tuple[Student, tuple[Text, ...]], ...]
    """The students whose hand-in a person must look at, with the reasons."""
    losses: Markup | None
    """The loss curves of all students; that of row 3 has an id that ends in `-3`."""
    slowest: tuple[tuple[Student, float], ...]
    """Hand-ins with the CPU seconds that they took."""


class ClassView(msgspec.Struct, frozen=True):
    """What the class page shows."""

    assignments: tuple[AssignmentView, ...]
    nothing: tuple[Text, ...]
    """The titles of assignments for which nothing was handed in."""
    unmatched: tuple[Unmatched, ...]
    dropped: tuple[str, ...]
    """Those with work in the gradebook who are no longer on the roster."""


def assignment_view(
    number: int,
    assignment: Assignment,
    record: ClassRecord,
    language: Language,
    address: Address,
) -> AssignmentView:
    """Return what the class page shows of one assignment, the `number`-th on the page.

    `language` is that of the labels in pictures.
    """
    counting = {key[0]: each for key, each in record.counting.items() if key[1] == assignment.name}
    attempts = {
        key[0]: len(each) for key, each in record.attempts.items() if key[1] == assignment.name
    }
    entries, standings, unusable = by_name(record.students), record.standings, record.unusable
    students = {
        entry.id: Student(
            entry.name or entry.id,
            entry.id,
            _link(entry.name or entry.id, address(entry.id, assignment.name)),
            entry.section,
        )
        for entry in entries
    }
    scores = {name: each.score for name, each in counting.items()}
    graded = [scores[name] for name, each in counting.items() if not each.report.ungraded]
    middles = (fmean(graded), median(graded)) if graded else (0.0, 0.0)
    rows = tuple(
        _row(
            position,
            student,
            assignment,
            counting.get(id_),
            scores.get(id_, 0.0),
            standings[id_, assignment.name],
            attempts.get(id_, 0),
            middles,
            tuple(each.text for each in unusable.get(id_, ())),
        )
        for position, (id_, student) in enumerate(students.items())
    )
    positions = {row.student.id: row.position for row in rows}
    curves = {
        f"curve-{number}-{positions[id_]}": curve
        for id_, each in counting.items()
        for item in each.report.items
        for curve in item.curves
        if curve.kind == "loss"
    }
    seconds = [(students[id_], each.report.seconds) for id_, each in counting.items()]
    return AssignmentView(
        number=number,
        assignment=assignment,
        sections=record.sections,
        tiles=_tiles(rows, middles if graded else None, len(record.roster)),
        bars=_bars(graded, assignment.max_score),
        rows=rows,
        items=_items(assignment, record, rows),
        waiting=tuple(
            (row.student, concerns(row.record))
            for row in rows
            if row.record is not None and "waiting" in row.filters
        ),
        losses=losses_plot(
            curves, tr("Loss curves of {count} students", count=len(curves)).in_(language)
        )
        if curves
        else None,
        slowest=tuple(sorted(seconds, key=lambda pair: -pair[1])[:_SLOWEST]),
    )


def parts(language: Language) -> dict[str, Any]:
    """Return what the macros of `templates/class_parts.html.j2` read besides the views."""
    say: Callable[[Text], str] = lambda text: text.in_(language)  # noqa: E731
    return {
        "t": {name: say(text) for name, text in _WORDS.items()},
        "say": say,
        **_parts(language),
    }


def class_view(record: ClassRecord, language: Language, address: Address) -> ClassView:
    """Return what the class page shows. `language` is that of the labels in pictures."""
    handed_in = {name for _, name in record.counting}
    shown = [each for each in record.assignments if each.name in handed_in]
    return ClassView(
        assignments=tuple(
            assignment_view(number, each, record, language, address)
            for number, each in enumerate(shown, start=1)
        ),
        nothing=tuple(each.title for each in record.assignments if each.name not in handed_in),
        unmatched=record.unmatched,
        dropped=tuple(entry.name or entry.id for entry in by_name(record.dropped)),
    )


def class_page(record: ClassRecord, language: Language, address: Address) -> str:
    """Return the class page, for staff only."""
    return render(
        "class.html.j2",
        language,
        _WORDS,
        script="class.js",
        view=class_view(record, language, address),
        **_parts(language),
    )


def _cells(language: Language, results: Iterable[ItemResult | None]) -> Markup:
    """A row's cells of the items. They are few different ones, so that a large table needn't make each anew."""
    empty = Markup('<td role="cell"></td>')
    return Markup(
        "".join(
            [
                empty if each is None else _cell(language, each.verdict, each.points)
                for each in results
            ]
        )
    )


@lru_cache(1024)
def _cell(language: Language, verdict: Verdict, points: float | None) -> Markup:
    shown = filters()["number"](points)
    words = "" if verdict is Verdict.PASSED else verdict.text.in_(language)
    hidden = Markup('<span class="sr"> {}</span>').format(words) if words else ""
    return Markup('<td role="cell" class="{}">{}{}</td>').format(verdict, shown, hidden)


@lru_cache(_LINKS)
def _link(name: str, address: str | None) -> Markup:
    words = f"<bdi>{escape(visible(name))}</bdi>"
    return Markup(f'<a href="{escape(address)}">{words}</a>' if address else words)


def by_name(students: Iterable[RosterEntry]) -> list[RosterEntry]:
    """Return students sorted by what a table calls them."""
    return sorted(students, key=lambda entry: (entry.name or entry.id, entry.id))


def _row(
    position: int,
    student: Student,
    assignment: Assignment,
    record: Record | None,
    score: float,
    standing: Standing,
    attempts: int,
    middles: tuple[float, float],
    unusable: tuple[Text, ...],
) -> Row:
    if record is None:
        nothing: tuple[ItemResult | None, ...] = (None,) * len(assignment.items)
        return Row(
            position=position,
            student=student,
            record=None,
            score=score,
            standing=standing,
            results=nothing,
            marks=unusable if standing is Standing.MISSING else (),
            filters=("excused" if standing is Standing.EXCUSED else "missing",),
        )
    marks = []
    if late := late_text(record):
        marks.append(late)
    if attempts > 1:
        marks.append(tr("{count} hand-ins", count=attempts))
    if record.report.flags:
        marks.append(tr("For you to look at"))
    if record.how != "run":
        marks.append(RECORDED[record.how])
    conditions = {
        "in": True,
        "late": late is not None,
        "waiting": bool(concerns(record)),
        "ungraded": record.report.ungraded,
    }
    if not record.report.ungraded:
        bar = min(_BARS - 1, int(_BARS * score / assignment.max_score))
        conditions |= {
            "mean": score < middles[0],
            "median": score < middles[1],
            f"bar{bar}": True,
        }
    return Row(
        position=position,
        student=student,
        record=record,
        score=score,
        standing=standing,
        results=tuple(record.report.by_item.get(item.id) for item in assignment.items),
        marks=tuple(marks),
        filters=tuple(key for key, holds in conditions.items() if holds),
    )


def _tiles(
    rows: Sequence[Row], middles: tuple[float, float] | None, roster: int
) -> tuple[Tile, ...]:
    def count(key: str) -> int:
        return sum(key in row.filters for row in rows)

    handed_in = count("in")
    values = [
        ("all", str(len(rows)), tr("students")),
        ("in", f"{handed_in} / {len(rows)}" if roster else str(handed_in), Standing.HANDED_IN.text),
        ("missing", str(count("missing")), Standing.MISSING.text),
        ("late", str(count("late")), tr("late")),
        ("ungraded", str(count("ungraded")), tr("ungraded")),
        ("waiting", str(count("waiting")), tr("need a person")),
    ]
    if excused := count("excused"):
        values.insert(3, ("excused", str(excused), Standing.EXCUSED.text))
    if middles:
        values[3:3] = [
            ("mean", f"{middles[0]:.1f}", tr("mean; {count} below", count=count("mean"))),
            ("median", f"{middles[1]:.1f}", tr("median; {count} below", count=count("median"))),
        ]
    return tuple(
        Tile(key, value, label, len(rows) if key == "all" else count(key))
        for key, value, label in values
    )


def _bars(scores: Sequence[float], highest: float) -> tuple[Bar, ...]:
    if not scores:
        return ()
    counts = [0] * _BARS
    for score in scores:
        counts[min(_BARS - 1, int(_BARS * score / highest))] += 1
    return tuple(
        Bar(f"bar{n}", n * highest / _BARS, (n + 1) * highest / _BARS, count, count / max(counts))
        for n, count in enumerate(counts)
    )


def _items(assignment: Assignment, whole: ClassRecord, rows: Sequence[Row]) -> tuple[Item, ...]:
    students = {row.student.id: row.student for row in rows}
    # The first of equals gives a group its words: by id, which no name changes.
    rows = sorted(rows, key=lambda row: row.student.id)
    statistics = [each for each in item_statistics(whole) if each.assignment == assignment.name]
    return tuple(
        Item(
            item,
            each,
            tuple((v, each.verdicts[v]) for v in Verdict if v in each.verdicts),
            tuple(
                (group, tuple(students[id_] for id_ in group.students))
                for group in message_groups(
                    (row.student.id, result)
                    for row in rows
                    for result in row.results[n : n + 1]
                    if result
                )
            ),
        )
        for n, (item, each) in enumerate(zip(assignment.items, statistics, strict=True))
    )


RECORDED = {
    "replayed": tr("from recorded answers"),
    "mixed": tr("partly from recorded answers"),
}


def _parts(language: Language) -> dict[str, Any]:
    return {
        "cells": partial(_cells, language),
        "links": lambda students: Markup(", ".join([each.link for each in students])),
        "shown": tr("showing {shown} of {all} students", shown="{shown}", all="{all}"),
        "students": lambda count: (
            tr("1 student") if count == 1 else tr("{count} students", count=count)
        ),
        "verdicts": list(Verdict),
    }


_WORDS = {
    "any_item": tr("any item"),
    "any_section": tr("any section"),
    "any_verdict": tr("any verdict"),
    "class_table": tr("Table of the students"),
    "cpu_seconds": tr("CPU seconds"),
    "difficulty": tr("difficulty"),
    "discrimination": tr("discrimination"),
    "distribution": tr("Scores: points, and students above each bar"),
    "file_column": tr("file"),
    "highlight": tr("Highlight a student in the loss curves"),
    "item": tr("Item"),
    "losses": tr("Loss curves"),
    "loss_axes": tr("x axis: training progress (%), y axis: loss."),
    "messages": tr("Why points were lost"),
    "dropped": Standing.DROPPED.text,
    "nobody": tr("no one"),
    "nothing": tr("Nothing was handed in for:"),
    "nothing_at_all": tr("Nothing has been handed in yet."),
    "overview": tr("Results"),
    "reason": tr("reason"),
    "search": tr("Search"),
    "section": tr("Section"),
    "show": tr("Show in the table"),
    "slowest": tr("Slowest submissions"),
    "statistics": tr("Rubric item statistics"),
    "statistics_words": tr(
        "Difficulty is the mean score divided by the maximum: 1 is easy. Discrimination is "
        "the correlation with the points of all other items: review an item whose value is "
        "near 0 or negative."
    ),
    "student": tr("student"),
    "table_words": tr(
        "Points per item. The total includes late penalties and adjustments. A dash (–) means"
        " not handed in or not graded."
    ),
    "total": tr("total"),
    "ungraded": Verdict.UNGRADED.text,
    "unmatched": tr("Unmatched files (student or assignment unknown)"),
    "verdict": tr("Verdict"),
    "waiting": tr("Needs a person"),
}
