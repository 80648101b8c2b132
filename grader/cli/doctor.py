"""The command `doctor`: can this machine grade?"""

import typer
from rich.console import Console

from grader.cli.options import LangOption, language_of

app = typer.Typer()


@app.command(epilog="Example: `grader doctor`")
def doctor(lang: LangOption = None) -> None:
    """Check that this machine can grade, and explain what is missing."""
    from grader.doctor import examine

    language = language_of(lang)
    console = Console()
    healthy = True
    for finding in examine():
        healthy = healthy and finding.good
        mark = "[green]✓[/]" if finding.good else "[red]✗[/]"
        console.print(mark, end=" ")
        console.print(finding.text.in_(language), markup=False, highlight=False)
    raise typer.Exit(0 if healthy else 1)
