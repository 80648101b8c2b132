"""An audit for the terminal: what was tested, what no test fails, and what must be mended."""

from rich.text import Text as RichText

from grader.audit import Audit, Finding
from grader.text import Language, tr


def audit_text(audit: Audit, language: Language) -> RichText:
    """Return an audit as text, with the difference of each mutant that survived."""
    summary = tr(
        "{assignment}: {samples} submissions, {mutants} mutants ({equivalent} declared equivalent), "
        "{findings} findings",
        assignment=audit.assignment,
        samples=audit.samples,
        mutants=audit.mutants,
        equivalent=audit.equivalent,
        findings=len(audit.findings),
    )
    text = RichText(summary.in_(language) + "\n", style="red" if audit.findings else "green")
    for item, count in audit.failed_by.items():
        text.append(f"  {item:<24} ", style="default")
        if count:
            words = tr("{count} mutants lose it", count=count)
            text.append(words.in_(language) + "\n", style="default")
        else:
            text.append(tr("no mutant loses it").in_(language) + "\n", style="yellow")
    for finding in audit.findings:
        text.append_text(_finding(finding, language))
    return text


def _finding(finding: Finding, language: Language) -> RichText:
    text = RichText(f"\n{finding.subject}: ", style="bold")
    text.append(finding.text.in_(language) + "\n", style="not bold")
    for line in finding.diff.splitlines():
        style = {"-": "red", "+": "green"}.get(line[:1], "default")
        text.append(f"    {line}\n", style=f"not bold {style}")
    return text
