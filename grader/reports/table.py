"""Score reports as tables for a terminal."""

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text as Line

from grader.assignment import Assignment
from grader.score import ScoreReport, Verdict
from grader.text import Language, printable, tr

_MAX_PRINTED = 5

_STYLES = {Verdict.PASSED: "green", Verdict.PARTIAL: "yellow", Verdict.UNGRADED: "bold magenta"}


def item_table(report: ScoreReport, language: Language) -> RenderableType:
    """Return one report: a row for each rubric item, then the notes."""
    heads = [tr("item"), tr("points"), tr("verdict"), tr("time"), tr("message")]
    title = f"{printable(report.student)} · {report.assignment} · {_score(report)}"
    table = Table(title=escape(title), title_justify="left", expand=False)
    for head, justify in zip(heads, ("left", "right", "left", "right", "left"), strict=True):
        table.add_column(head.in_(language), justify=justify, overflow="fold")  # type: ignore[arg-type]
    for item in report.items:
        table.add_row(
            Line(item.title.in_(language)),
            f"{_points(item.points)} / {item.max_points:g}",
            Line(item.verdict.text.in_(language), style=_STYLES.get(item.verdict, "red")),
            f"{item.seconds:.2f} s",
            Line(item.message.in_(language)),
        )
    notes = [Line(f"· {note.in_(language)}", style="dim") for note in report.notes]
    return Group(table, *notes, *_printed(report, language))


def _printed(report: ScoreReport, language: Language) -> list[Line]:
    """The last lines of what the submission printed."""
    lines = [line for line in map(printable, report.output.splitlines()) if line]
    if not lines:
        return []
    head = tr("The submission printed {count} lines; the last ones:", count=len(lines))
    return [Line(head.in_(language)), *(Line(f"  {x}", style="dim") for x in lines[-_MAX_PRINTED:])]


def class_table(
    reports: list[ScoreReport], assignments: list[Assignment], language: Language
) -> RenderableType:
    """Return a class: a row for each student, a column for each assignment."""
    table = Table(caption=tr("– not handed in · ! a person must look").in_(language))
    table.add_column(tr("student").in_(language))
    for assignment in assignments:
        table.add_column(Line(assignment.title.in_(language)), justify="right")
    cells = {(report.student, report.assignment): report for report in reports}
    for student in sorted({report.student for report in reports}):
        row = [cells.get((student, assignment.name)) for assignment in assignments]
        table.add_row(
            Line(printable(student)), *(Line("–") if r is None else Line(_score(r)) for r in row)
        )
    return table


def _score(report: ScoreReport) -> str:
    return f"{report.score:g} / {report.max_score:g}" + ("" if report.gradable else " !")


def _points(points: float | None) -> str:
    return "–" if points is None else f"{points:g}"
