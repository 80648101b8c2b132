"""The command `doctor`: can this machine grade?"""

import typer
from rich.text import Text

from grader.cli.console import console
from grader.cli.options import LangOption, language_of

app = typer.Typer()


@app.command(epilog="Example: `grader doctor`")
def doctor(lang: LangOption = None) -> None:
    """Check that this machine can grade, and explain what is missing."""
    from grader.doctor import examine

    language = language_of(lang)
    healthy = True
    for finding in examine():
        healthy = healthy and finding.good
        mark = Text("✓", "green") if finding.good else Text("✗", "red")
        console().print(mark, finding.text.in_(language))
    raise typer.Exit(0 if healthy else 1)
