"""The commands `backup` and `restore`."""

from pathlib import Path
from typing import Annotated

import typer

from grader.cli.options import (
    GradebookOption,
    LangOption,
    ResultsArgument,
    language_of,
    say,
    staff_errors,
)
from grader.model.text import tr

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", show_default=False)]

app = typer.Typer()


@app.command(epilog="Example: `grader backup results backup-$(date +%F).zip`")
def backup(
    results: ResultsArgument,
    file: FileArgument,
    gradebook: GradebookOption = None,
    lang: LangOption = None,
) -> None:
    """Write the gradebook and the other files in RESULTS into a zip. `grader serve` may run meanwhile.

    A gradebook in PostgreSQL is written by `pg_dump`. Personal links aren't part of a backup.
    """
    language = language_of(lang)
    with staff_errors(language):
        from grader.gradebook.backup import back_up

        back_up(results, gradebook, file)
    say(tr("backup: {path}", path=file), language)


@app.command(epilog="Example: `grader restore backup.zip results`")
def restore(
    file: FileArgument,
    results: ResultsArgument,
    gradebook: GradebookOption = None,
    lang: LangOption = None,
) -> None:
    """Put a backup back into RESULTS, in which there must be no gradebook, or into an empty database.

    Whoever was forgotten since, as RESULTS/forgotten.json says, is forgotten again.
    """
    language = language_of(lang)
    with staff_errors(language):
        from grader.gradebook import Gradebook
        from grader.gradebook.backup import restore

        about = restore(file, results, gradebook)
        with Gradebook(results, gradebook) as book:
            again = book.forget_again(about.made_at)
        words = tr("restored to {path}, as of {time}", path=results, time=f"{about.made_at:%F %T}")
        say(words, language)
        if again:
            say(tr("forgotten again: {count}", count=again), language)
