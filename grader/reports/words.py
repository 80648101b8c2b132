"""Say in words what pages and the terminal tell about a hand-in: why a person should look at it, and how late it is."""

from grader.model.assignment import Assignment
from grader.model.course import shown_time
from grader.model.late import lateness
from grader.model.record import Record
from grader.model.score import ScoreReport, Suspicion, Verdict
from grader.model.submission import place
from grader.model.text import Text, tr


def concerns(record: Record) -> tuple[Text, ...]:
    """Return the reasons why a person should look at a hand-in."""
    report = record.report
    found = []
    verdicts = {item.verdict for item in report.items}
    for verdict in (Verdict.UNGRADED, Verdict.FORBIDDEN):
        if verdict in verdicts:
            items = [item.title for item in report.items if item.verdict is verdict]
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
    if not report.flags:
        return ()
    first = {flag.kind: flag for flag in reversed(report.flags)}
    kinds = [kind for kind in Suspicion if kind in first]
    return tuple(
        tr("{place}: {what}", place=place(at.cell, at.line), what=kind.text)
        if (at := first[kind].place)
        else kind.text
        for kind in kinds
    )


def due_text(record: Record, assignment: Assignment) -> Text | None:
    """Return when a hand-in was due and how it stands to that, None if there is no due date."""
    policy = assignment.late
    if policy is None:
        return None
    due = record.due or policy.due
    words = tr("{time}", time=shown_time(due, assignment.course))
    if due > policy.due:
        words = tr("{words} · extended", words=words)
    if record.handed_in is None or record.late_days:
        return words
    if record.handed_in <= due:
        return tr("{words} · in time", words=words)
    if not lateness(policy, record.handed_in, due).late_days:
        return tr("{words} · in the period of grace", words=words)
    return tr(
        "{words} · after that, but only by the time of the file, so nothing is deducted",
        words=words,
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
