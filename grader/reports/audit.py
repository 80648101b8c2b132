"""An audit for the terminal and as a page: what was tested, what no test fails, and what must be mended."""

from collections.abc import Sequence
from itertools import groupby

from rich.text import Text as RichText

from grader.authoring.audit import Audit, Finding, Margin
from grader.model.text import Language, Text, tr
from grader.reports.page import render


def audit_text(audit: Audit, language: Language) -> RichText:
    """Return an audit as text, with the difference of each mutant that survived."""
    style = "red" if audit.findings else "green"
    text = RichText(_summary(audit).in_(language) + "\n", style=style)
    for item, count in audit.failed_by.items():
        text.append(f"  {item:<24} ", style="default")
        if count:
            words = tr("{count} mutants lose it", count=count)
            text.append(words.in_(language) + "\n", style="default")
        else:
            text.append(tr("no mutant loses it").in_(language) + "\n", style="yellow")
    for threshold, margins in groupby(audit.margins, key=lambda margin: margin.closest.threshold):
        words = _closest(next(margins))
        text.append(f"  {threshold:<24} {words.in_(language)}\n", style="default")
    for finding in audit.findings:
        text.append_text(_finding(finding, language))
    return text


def audit_page(audits: Sequence[Audit], language: Language) -> str:
    """Return a page of audits, with all margins and all mutants. It tells hidden checks: it is for authors only."""
    return render("audit.html.j2", language, _WORDS, audits=audits, summary=_summary)


def _summary(audit: Audit) -> Text:
    return tr(
        "{assignment}: {samples} submissions, {mutants} mutants ({equivalent} declared equivalent), "
        "{findings} findings",
        assignment=audit.assignment,
        samples=len(audit.samples),
        mutants=len(audit.mutants),
        equivalent=audit.equivalent,
        findings=len(audit.findings),
    )


def _closest(margin: Margin) -> Text:
    """The sample that comes closest to a threshold."""
    measure = margin.closest
    text = tr(
        "{sample} comes closest: {value}, asked is {bound}",
        sample=margin.sample,
        value=f"{measure.value:.4g}",
        bound=f"{'≤' if measure.at_most else '≥'} {measure.bound:.4g}",
    )
    if margin.spreads is None:
        return text
    spreads = f"{margin.spreads:.1f}"
    return tr("{text}, {spreads} times its spread away", text=text, spreads=spreads)


def _finding(finding: Finding, language: Language) -> RichText:
    text = RichText(f"\n{finding.subject}: ", style="bold")
    text.append(finding.text.in_(language) + "\n", style="not bold")
    for line in finding.diff.splitlines():
        style = {"-": "red", "+": "green"}.get(line[:1], "default")
        text.append(f"    {line}\n", style=f"not bold {style}")
    return text


_WORDS = {
    "audit": tr("Audit of the checks"),
    "authors_only": tr("For authors only: this page tells hidden checks."),
    "bound": tr("asked"),
    "change": tr("change"),
    "distance": tr("distance"),
    "equivalent": tr("may keep every point"),
    "findings": tr("To be mended"),
    "item": tr("item"),
    "lost": tr("loses"),
    "lost_by_mistakes": tr("mistakes that must lose it"),
    "lost_by_mutants": tr("mutants that lose it"),
    "margins": tr("Distances from the thresholds"),
    "margins_words": tr(
        "Of each right submission, the value that comes closest to the threshold. The spread is the standard "
        "deviation of its values under the seeds that were tried; a distance below 2 spreads deserves a look."
    ),
    "mutant": tr("mutant"),
    "mutants": tr("Mutants"),
    "nothing": tr("nothing"),
    "rubric": tr("Rubric items"),
    "sample": tr("submission"),
    "spread": tr("spread"),
    "spreads": tr("in spreads"),
    "threshold": tr("threshold"),
    "value": tr("value"),
}
