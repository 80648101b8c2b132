"""Show score reports as tables in a terminal."""

from collections.abc import Iterable, Iterator, Sequence
from statistics import fmean, median
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from grader.model.assignment import Assignment
from grader.model.record import ClassRecord, Standing, Total
from grader.model.score import ScoreReport, Verdict, drawable
from grader.model.text import Language, printable, tr
from grader.reports.words import concerns, flagged, late_text

if TYPE_CHECKING:
    from grader.gradebook.statistics import ItemStatistics

_MAX_PRINTED = 5
_MAX_LISTED = 10
_MAX_MESSAGE = 1000
_BARS = "▁▂▃▄▅▆▇█"
_MAX_BARS = 40

_STYLES = {Verdict.PASSED: "green", Verdict.PARTIAL: "yellow", Verdict.UNGRADED: "bold magenta"}


def item_table(report: ScoreReport, language: Language) -> RenderableType:
    """Return one report: a row for each rubric item, then the notes."""
    heads = [tr("item"), tr("points"), tr("verdict"), tr("time"), tr("message")]
    score = None if report.ungraded else report.score
    title = f"{report.student} · {report.assignment} · {_score(report, score)}"
    table = Table(title=_line(title), title_justify="left", expand=False)
    for head, justify in zip(heads, ("left", "right", "left", "right", "left"), strict=True):
        table.add_column(head.in_(language), justify=justify, overflow="fold")  # type: ignore[arg-type]
    for item in report.items:
        table.add_row(
            _line((item.short or item.title).in_(language)),
            f"{_points(item.points)} / {item.max_points:g}",
            _line(item.verdict.text.in_(language), style=_STYLES.get(item.verdict, "red")),
            f"{item.seconds:.2f} s",
            _line(item.message.in_(language)),
        )
    notes = [_line(f"· {note.in_(language)}", style="dim") for note in report.notes]
    if report.not_blocked:
        holes = ", ".join(report.not_blocked)
        text = tr("isolation: {level}; not blocked: {holes}", level=report.isolation, holes=holes)
        notes.append(_line(text.in_(language), style="bold magenta"))
    notes += [_line(f"! {flag.in_(language)}", style="magenta") for flag in flagged(report)]
    return Group(table, *_losses(report, language), *notes, *_printed(report, language))


def _losses(report: ScoreReport, language: Language) -> Iterator[Text]:
    """Draw each loss curve that checks recorded as one line of bars, between its first and its last value."""
    for item in report.items:
        for curve in item.curves:
            if curve.kind == "loss" and len(curve.values) > 1:
                values = drawable(curve.values)
                title, loss = item.title.in_(language), tr("loss").in_(language)
                yield _line(f"{title}: {loss} {values[0]:.3f} {_bars(values)} {values[-1]:.3f}")


def _bars(values: Sequence[float]) -> str:
    low, high = min(values), max(values)
    last, width = len(values) - 1, min(len(values), _MAX_BARS)
    shown = (values[last * n // (width - 1)] for n in range(width))
    return "".join(_BARS[round((value - low) / (high - low or 1) * 7)] for value in shown)


def _printed(report: ScoreReport, language: Language) -> list[Text]:
    """The last lines of what the submission printed."""
    lines = [line for line in map(printable, report.output.splitlines()) if line]
    if not lines:
        return []
    head = tr("Lines printed by the submission: {count}. The last ones:", count=len(lines))
    return [
        _line(head.in_(language)),
        *(_line(x, style="dim") for x in lines[-_MAX_PRINTED:]),
    ]


def class_summary(record: ClassRecord, language: Language) -> RenderableType:
    """Return a class in 80 columns: a line per assignment, then the students to look at, late ones and missing ones."""
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column(
        tr("assignment").in_(language), no_wrap=True, overflow="ellipsis", max_width=34
    )
    heads = (Standing.HANDED_IN.text, tr("mean"), tr("median"), tr("late"), Verdict.UNGRADED.text)
    for head in heads:
        table.add_column(head.in_(language), justify="right", no_wrap=True)
    counting, students = record.counting, record.students
    for assignment in record.assignments:
        found = [each for (_, name), each in counting.items() if name == assignment.name]
        if not found:
            continue
        scores = [each.score for each in found if not each.report.ungraded]
        table.add_row(
            _line(assignment.title.in_(language)),
            f"{len(found)} / {len(students)}" if record.roster else str(len(found)),
            f"{fmean(scores):.1f}" if scores else "–",
            f"{median(scores):g}" if scores else "–",
            str(sum(late_text(each) is not None for each in found)),
            str(sum(each.report.ungraded for each in found)),
        )
    who = {each.id: f"{each.name} ({each.id})" if each.name else each.id for each in students}
    short = {each.name: (each.short or each.title).in_(language) for each in record.assignments}

    def about(key: tuple[str, str], what: str) -> str:
        return f"{who[key[0]]} · {short[key[1]]}: {what}"

    waiting = [
        about(key, "; ".join(each.in_(language) for each in reasons))
        for key, one in counting.items()
        if (reasons := concerns(one))
    ]
    late = [
        about(key, words.in_(language))
        for key, one in counting.items()
        if (words := late_text(one)) is not None
    ]
    handed_in = {name for _, name in counting}
    lacking: dict[str, list[str]] = {}
    for (student, name), standing in record.standings.items():
        if standing is Standing.MISSING and name in handed_in:
            lacking.setdefault(student, []).append(short[name])
    missing = [
        who[student] + (f": {', '.join(names)}" if len(handed_in) > 1 else "")
        for student, names in lacking.items()
    ]
    nothing = [each for name, each in short.items() if name not in handed_in]
    parts = [
        (tr("Need a person"), waiting, "bold magenta"),
        (tr("Late hand-ins"), late, "yellow"),
        (Standing.MISSING.text, missing, ""),
        (tr("Nothing was handed in for:"), nothing, "dim"),
    ]
    lists = [
        part
        for head, lines, style in parts
        if lines
        for part in _listed(head.in_(language), lines, style, language)
    ]
    return Group(table, *lists, *_dropped(record, language))


def _listed(
    head: str, lines: list[str], style: str, language: Language
) -> Iterator[RenderableType]:
    yield _line(f"{head.rstrip(':')}: {len(lines)}", style)
    for line in lines[:_MAX_LISTED]:
        yield Padding(_line(line), (0, 0, 0, 2))
    if len(lines) > _MAX_LISTED:
        more = tr("… and {count} more on the class page", count=len(lines) - _MAX_LISTED)
        yield Padding(Text(more.in_(language), "dim"), (0, 0, 0, 2))


def class_table(record: ClassRecord, language: Language) -> RenderableType:
    """Return a class: a row per student, a column per assignment, with the score that counts."""
    legend = tr("– not handed in · EX excused · ! needs your attention")
    table = Table(caption=legend.in_(language))
    table.add_column(tr("student").in_(language))
    for assignment in record.assignments:
        table.add_column(
            _line((assignment.short or assignment.title).in_(language)), justify="right"
        )
    counting, standings, unusable = record.counting, record.standings, record.unusable

    def cell(key: tuple[str, str]) -> str:
        if standings[key] is Standing.EXCUSED:
            return "EX"
        each = counting.get(key)
        return "–" if each is None else _score(each.report, each.final_score)

    for student in record.students:
        name = f"{student.name} ({student.id})" if student.name else student.id
        if why := unusable.get(student.id):
            name = f"{name} – {why[0].text.in_(language)}"
        scores = [_line(cell((student.id, each.name))) for each in record.assignments]
        table.add_row(_line(name), *scores)
    return Group(table, *_dropped(record, language))


def _dropped(record: ClassRecord, language: Language) -> list[Text]:
    if not record.dropped:
        return []
    who = ", ".join(entry.name or entry.id for entry in record.dropped)
    return [_line(f"{Standing.DROPPED.text.in_(language)}: {who}", style="dim")]


def totals_table(totals: Iterable[Total], language: Language) -> RenderableType:
    """Return a class that is too large for a row per student: a row per assignment."""
    table = Table()
    table.add_column(tr("assignment").in_(language))
    for head in (tr("submissions"), tr("mean score"), tr("ungraded")):
        table.add_column(head.in_(language), justify="right")
    for total in totals:
        table.add_row(
            _line(total.assignment),
            str(total.hand_ins),
            "–" if total.mean is None else f"{total.mean:.1f}",
            str(total.ungraded),
        )
    return table


def statistics_table(record: ClassRecord, language: Language) -> RenderableType:
    """Return the statistics of a class: a table per assignment, a row per rubric item. Undefined values are dashes."""
    from grader.gradebook.statistics import item_statistics

    statistics = item_statistics(record)
    tables = [
        _item_statistics(each, [i for i in statistics if i.assignment == each.name], language)
        for each in record.assignments
    ]
    explained = tr(
        "diff.: difficulty, mean score ÷ maximum · disc.: discrimination, correlation with the other items"
    )
    return Group(
        *(part for each in tables for part in (each, "")),
        *_dropped(record, language),
        _line(explained.in_(language), style="dim"),
    )


def _item_statistics(
    assignment: Assignment, items: Iterable["ItemStatistics"], language: Language
) -> Table:
    titles = {item.id: item.short or item.title for item in assignment.items}
    table = Table(
        title=_line(assignment.title.in_(language)),
        title_justify="left",
        box=SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    table.add_column(tr("item").in_(language), overflow="fold", min_width=14)
    for head in (tr("graded"), tr("mean"), tr("diff."), tr("disc."), tr("time")):
        table.add_column(head.in_(language), justify="right", no_wrap=True)
    table.add_column(tr("verdicts").in_(language), overflow="fold", min_width=16)
    for each in items:
        table.add_row(
            _line(titles[each.item].in_(language)),
            str(each.count),
            "–" if each.mean is None else f"{each.mean:.2f} / {each.max_points:g}",
            _decimal(each.difficulty),
            _decimal(each.discrimination),
            "–" if each.seconds is None else f"{each.seconds:.2f} s",
            _line(_verdicts(each, language)),
        )
    return table


def _verdicts(statistics: "ItemStatistics", language: Language) -> str:
    counts = statistics.verdicts
    return ", ".join(f"{v.text.in_(language)} {counts[v]}" for v in Verdict if v in counts)


def _decimal(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _line(words: str, style: str = "") -> Text:
    """Text shown as it is: no markup, no control characters."""
    return Text(printable(words, _MAX_MESSAGE), style)


def _score(report: ScoreReport, score: float | None) -> str:
    return f"{_points(score)} / {report.max_score:g}" + ("" if report.gradable else " !")


def _points(points: float | None) -> str:
    return "–" if points is None else f"{points:g}"
