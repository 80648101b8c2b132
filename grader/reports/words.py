"""Say in words what pages and the terminal tell about a hand-in: why a person should look at it, and how late it is."""

from grader.model.record import Record
from grader.model.score import ScoreReport, Suspicion, Verdict
from grader.model.submission import place
from grader.model.text import Text, tr


def concerns(record: Record) -> tuple[Text, ...]:
    """Return the reasons why a person should look at a hand-in."""
    report = record.report
    found = []
    for verdict in (Verdict.UNGRADED, Verdict.FORBIDDEN):
        items = [item.title for item in report.items if item.verdict is verdict]
        if items:
            titles = Text(
                ko=", ".join(title.ko for title in items), en=", ".join(t.en for t in items)
            )
            found.append(tr("{verdict}: {items}", verdict=verdict.text, items=titles))
    if not report.gradable and not report.ungraded:
        found.append(report.items[0].message)
    if report.gradable and report.isolation != "full":
        found.append(tr("graded with isolation level {level}, not full", level=report.isolation))
    return (*found, *flagged(report))


def flagged(report: ScoreReport) -> tuple[Text, ...]:
    """Return what is suspicious about a submission, for assistants only, with the first line of each kind."""
    first = {flag.kind: flag for flag in reversed(report.flags)}
    kinds = [kind for kind in Suspicion if kind in first]
    return tuple(
        tr("{place}: {what}", place=place(at.cell, at.line), what=kind.text)
        if (at := first[kind].place)
        else kind.text
        for kind in kinds
    )


def late_text(record: Record) -> Text | None:
    """Return how late a hand-in is and what that costs, None if it is in time."""
    if not record.late_days:
        return tr("marked late by the platform, time unknown") if record.late_mark else None
    late = tr("late by {days}", days=days(record.late_days))
    if not record.penalty:
        return late
    return tr("{late}, −{points}", late=late, points=f"{record.penalty:g}")


def days(count: int) -> Text:
    """Return a number of days."""
    return tr("1 day") if count == 1 else tr("{count} days", count=count)
