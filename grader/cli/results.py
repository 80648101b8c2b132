"""Commands for a graded class: `report`, `adjust`."""

import getpass
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from grader.cli.console import console
from grader.cli.options import (
    EXIT_UNGRADED,
    GradebookOption,
    LangOption,
    ResultsArgument,
    language_of,
    language_of_students,
    read_text,
    say,
    staff_errors,
    write_file,
    write_out,
)
from grader.model.errors import UserError
from grader.model.record import ClassRecord
from grader.model.text import tr
from grader.reports import ExportFormat

app = typer.Typer()


@app.command(
    context_settings={"ignore_unknown_options": True},  # so that -5 is a number, not an option
    epilog="Examples: `grader adjust results kim wine 5 --reason 'right idea' --item convergence` · "
    "`grader adjust results lee wine -10 --reason 'copied from kim'`",
)
def adjust(
    results: ResultsArgument,
    student: Annotated[str, typer.Argument(show_default=False)],
    assignment: Annotated[str, typer.Argument(show_default=False)],
    points: Annotated[
        float, typer.Argument(help="Points to add; negative to deduct.", show_default=False)
    ],
    reason: Annotated[str, typer.Option(help="The reason, shown in reports.")],
    item: Annotated[
        str | None, typer.Option(metavar="ID", help="The rubric item that the points belong to.")
    ] = None,
    author: Annotated[
        str | None, typer.Option(help="Who made the decision; by default your login name.")
    ] = None,
    gradebook: GradebookOption = None,
    lang: LangOption = None,
) -> None:
    """Add or deduct points by hand. The report stays unchanged, and the adjustment survives regrading."""
    language = language_of(lang)
    with staff_errors(language):
        from grader.gradebook import Gradebook
        from grader.model.record import Adjustment

        adjustment = Adjustment(
            points=points,
            reason=reason,
            author=author or _login_name(),
            made_at=datetime.now().astimezone(),
            item=item,
        )
        with Gradebook(results, gradebook) as book:
            book.adjust(student, assignment, adjustment)
    noted = tr(
        "{student}, {assignment}: {points} points, by {author}: {reason}",
        student=student,
        assignment=assignment,
        points=f"{points:+g}",
        author=adjustment.author,
        reason=reason,
    )
    say(noted, language)


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError) as error:  # a container's user may have no name
        raise UserError(
            tr("can't determine your user name; pass your name with --author")
        ) from error


@app.command(
    epilog="Examples: `grader report results` · `grader report results --format html --anonymous -o shared` · "
    "`grader report results --format csv -o scores.csv` · "
    "`grader report results --format canvas --template Grades.csv -o upload.csv`"
)
def report(
    results: ResultsArgument,
    format_: Annotated[
        ExportFormat | None,
        typer.Option("--format", help="Output format; by default a summary in the terminal."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="The output file; by default standard output, or RESULTS for HTML.",
        ),
    ] = None,
    template: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="The gradebook or worksheet downloaded from Canvas or Moodle."
        ),
    ] = None,
    column: Annotated[
        str | None,
        typer.Option(metavar="TITLE", help="The title of the column for the scores in that file."),
    ] = None,
    assignment: Annotated[
        str | None, typer.Option("--assignment", metavar="NAME", help="Only this assignment.")
    ] = None,
    student: Annotated[
        str | None, typer.Option("--student", metavar="ID", help="Only this student.")
    ] = None,
    anonymous: Annotated[
        bool,
        typer.Option(
            "--anonymous", help="Use pseudonyms in the HTML report, always the same ones."
        ),
    ] = False,
    gradebook: GradebookOption = None,
    lang: LangOption = None,
) -> None:
    """Print the statistics of a class, or write reports and exports.

    For Canvas and Moodle, the scores are filled into the file that you downloaded (`--template`). For GitHub Classroom,
    pass `$GITHUB_OUTPUT` as `-o`; the result is appended. Exit code 3: something is ungraded or couldn't be written.
    """
    language = language_of(lang)
    with staff_errors(language):
        if anonymous and format_ != "html":
            raise UserError(tr("pseudonyms are available in HTML reports only: add --format html"))
        record = _class_record(results, gradebook).only(assignment, student)
        theirs = language_of_students(lang, record.assignments)
        if format_ is None:
            from grader.reports.table import statistics_table

            console().print(statistics_table(record, language))
            raise typer.Exit(EXIT_UNGRADED if record.left else 0)
        if format_ == "html":
            from grader.reports.html import own_key, write_site

            key = own_key(results) if anonymous else None
            page = write_site(record, output or results, theirs, key)
            console().print(str(page), soft_wrap=True)
            raise typer.Exit(EXIT_UNGRADED if record.left else 0)
        from grader.reports.export import export

        text = None if template is None else read_text(template)
        done = export(record, format_, theirs, text, column)
        sys.stdout.write(done.commands)
        if output is None:
            write_out(done.data)
        else:
            write_file(output, done.data, add=format_ == "github")
    for note in done.notes:
        say(note, language, stderr=True)
    raise typer.Exit(EXIT_UNGRADED if record.left or done.notes else 0)


def _class_record(results: Path, url: str | None) -> ClassRecord:
    from grader.gradebook import Gradebook

    with Gradebook(results, url) as gradebook:
        return gradebook.class_record()
