"""Show an audit in the terminal or as a page: what was tested, what no check catches, and what to fix."""

from collections.abc import Sequence
from itertools import groupby

from rich.text import Text as RichText

from grader.authoring.audit import Audit, Finding, Margin
from grader.model.text import Language, Text, tr
from grader.reports.page import render


def audit_text(audit: Audit, language: Language) -> RichText:
    """Return an audit as text, with the diff of each surviving mutant."""
    style = "red" if audit.findings else "green"
    text = RichText(_summary(audit).in_(language) + "\n", style=style)
    for item, count in audit.failed_by.items():
        text.append(f"  {item:<24} ", style="default")
        if count:
            words = tr("mutants caught: {count}", count=count)
            text.append(words.in_(language) + "\n", style="default")
        else:
            text.append(tr("no mutants caught").in_(language) + "\n", style="yellow")
    for threshold, margins in groupby(audit.margins, key=lambda margin: margin.closest.threshold):
        words = _closest(next(margins))
        text.append(f"  {threshold:<24} {words.in_(language)}\n", style="default")
    for finding in audit.findings:
        text.append_text(_finding(finding, language))
    return text


def audit_page(audits: Sequence[Audit], language: Language) -> str:
    """Return a page of audits with all margins and all mutants. It reveals hidden checks: keep it among authors."""
    return render("audit.html.j2", language, _WORDS, audits=audits, summary=_summary)


def _summary(audit: Audit) -> Text:
    return tr(
        "{assignment}: {samples} submissions, {mutants} mutants ({equivalent} declared "
        "equivalent), findings: {findings}",
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
        "closest: {sample} with {value} (required: {bound})",
        sample=margin.sample,
        value=f"{measure.value:.4g}",
        bound=f"{'≤' if measure.at_most else '≥'} {measure.bound:.4g}",
    )
    if margin.spreads is None:
        return text
    spreads = f"{margin.spreads:.1f}"
    return tr("{text}, {spreads} standard deviations away", text=text, spreads=spreads)


def _finding(finding: Finding, language: Language) -> RichText:
    text = RichText(f"\n{finding.subject}: ", style="bold")
    text.append(finding.text.in_(language) + "\n", style="not bold")
    for line in finding.diff.splitlines():
        style = {"-": "red", "+": "green"}.get(line[:1], "default")
        text.append(f"    {line}\n", style=f"not bold {style}")
    return text


_WORDS = {
    "audit": tr("Audit of the checks"),
    "authors_only": tr("For authors only: this page reveals hidden checks."),
    "bound": tr("required"),
    "change": tr("change"),
    "distance": tr("distance"),
    "equivalent": tr("declared equivalent"),
    "findings": tr("To fix"),
    "item": tr("item"),
    "lost": tr("lost items"),
    "lost_by_mistakes": tr("mistakes that must fail"),
    "lost_by_mutants": tr("mutants caught"),
    "margins": tr("Distance from the thresholds"),
    "margins_words": tr(
        "For each correct submission, the value closest to the threshold. The standard "
        "deviation is over the seeds that were tried. Review any distance below 2 standard "
        "deviations."
    ),
    "mutant": tr("mutant"),
    "mutants": tr("Mutants"),
    "nothing": tr("nothing"),
    "rubric": tr("Rubric items"),
    "sample": tr("submission"),
    "spread": tr("standard deviation"),
    "spreads": tr("distance ÷ standard deviation"),
    "threshold": tr("threshold"),
    "value": tr("value"),
}
