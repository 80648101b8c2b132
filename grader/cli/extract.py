"""The command `extract`: a hand-in as a file."""

import os
import shlex
from pathlib import Path
from typing import Annotated

import typer

from grader.cli.console import console
from grader.cli.options import (
    GradebookOption,
    LangOption,
    ResultsArgument,
    language_of,
    say,
    staff_errors,
    write_file,
)
from grader.model.errors import UserError
from grader.model.score import Verdict
from grader.model.text import tr

app = typer.Typer()


@app.command(
    epilog="Examples: `grader extract results kim wine` · "
    "`grader extract results 'Lee Jun' wine --attempt 1 -o first.ipynb`"
)
def extract(
    results: ResultsArgument,
    student: Annotated[str, typer.Argument(help="Id, email or name.", show_default=False)],
    assignment: Annotated[str, typer.Argument(show_default=False)],
    attempt: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="The N-th hand-in; by default the one that counts."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="The file; by default the student's name for it."
        ),
    ] = None,
    gradebook: GradebookOption = None,
    lang: LangOption = None,
) -> None:
    """Write a student's hand-in into a file, and print the command that runs its failing checks again."""
    language = language_of(lang)
    with staff_errors(language):
        from grader.gradebook import Gradebook
        from grader.gradebook.extract import extract as take
        from grader.reports.html import file_names

        with Gradebook(results, gradebook) as book:
            record = book.class_record()
            found = take(record, student, assignment, attempt, book.paths())
        report = found.record.report
        name = Path(report.submission)
        stem = file_names([name.stem])[name.stem]  # the student chose it
        path = output or Path(stem + (".ipynb" if name.suffix.lower() == ".ipynb" else ".py"))
        if path.exists():
            raise UserError(tr("{path} exists already; choose another one with -o", path=path))
        write_file(path, found.data)
    written = tr("{path}: the file as handed in", path=path)
    if not found.original:
        written = tr(
            "{path}: only the code, because the file is no longer where it was graded", path=path
        )
    say(written, language)
    (settings,) = (each for each in record.assignments if each.name == assignment)
    lost = [item.id for item in report.items if item.verdict is not Verdict.PASSED]
    words = ["pytest", os.path.relpath(settings.folder), "--submission", str(path)]
    if lost:
        words += ["-k", " or ".join(lost)]
    console().print(shlex.join(words), soft_wrap=True)
