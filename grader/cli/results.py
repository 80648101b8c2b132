"""The command `report`: statistics, pages and exports of a graded class."""

import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Never

import typer

from grader.cli.console import console
from grader.cli.options import (
    EXIT_UNGRADED,
    GradebookOption,
    LangOption,
    ResultsArgument,
    SectionOption,
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
from grader.model.text import Language, Text, tr
from grader.reports import ExportFormat

if TYPE_CHECKING:
    from grader.reports.fill import Scale

_MAX_NAMED = 10

app = typer.Typer()


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
    section: SectionOption = None,
    anonymous: Annotated[
        bool,
        typer.Option(
            "--anonymous", help="Use pseudonyms in the HTML report, always the same ones."
        ),
    ] = False,
    assistant: Annotated[
        bool,
        typer.Option(
            "--assistant",
            help="With --anonymous: also write the assistants' pages, which show hidden checks.",
        ),
    ] = False,
    scale_to: Annotated[
        str | None,
        typer.Option(
            "--scale-to",
            metavar="template|N",
            help="Scale the scores for Canvas or Moodle to the maximum in the template, or to N points.",
        ),
    ] = None,
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
        record = _class_record(results, gradebook).only(assignment, student, section)
        theirs = language_of_students(lang, record.assignments)
        left = _left(record)
        if format_ is None:
            from grader.reports.table import statistics_table

            console().print(statistics_table(record, language))
            _exit(left, language)
        if format_ == "html":
            from grader.reports.html import own_key, write_site

            key = own_key(results) if anonymous else None
            pages = assistant or not anonymous
            files = None if anonymous else _notebooks(results, gradebook, record)
            page = write_site(
                record, output or results, theirs, key, assistants=pages, notebooks=files
            )
            console().print(str(page), soft_wrap=True)
            _exit(left, language)
        from grader.reports.export import export

        text = None if template is None else read_text(template)
        done = export(record, format_, theirs, text, column, _scale(scale_to))
        sys.stdout.write(done.commands)
        if output is None:
            write_out(done.data)
        else:
            write_file(output, done.data, add=format_ == "github")
    for note in (*done.remarks, *done.notes):
        say(note, language, stderr=True)
    unwritten = [tr("not written: {count} (listed above)", count=len(done.notes))]
    _exit([*left, *(unwritten if done.notes else ())], language)


def _left(record: ClassRecord) -> list[Text]:
    """What needs attention, in words."""
    ungraded = [each for each in record.counting.values() if each.report.ungraded]
    found = []
    if ungraded:
        who = ", ".join(
            f"{r.report.student} ({r.report.assignment})" for r in ungraded[:_MAX_NAMED]
        )
        words = who + (" …" if len(ungraded) > _MAX_NAMED else "")
        found.append(tr("ungraded: {count}: {who}", count=len(ungraded), who=words))
    if record.unmatched:
        count = len(record.unmatched)
        found.append(tr("unmatched files: {count} (see `index.html`)", count=count))
    return found


def _exit(left: Sequence[Text], language: Language) -> Never:
    """End with exit code 3 and the reasons for it, or with 0."""
    for text in left:
        say(tr("needs your attention: {what}", what=text), language, stderr=True)
    raise typer.Exit(EXIT_UNGRADED if left else 0)


def _scale(words: str | None) -> "Scale":
    if words is None:
        return None
    if words == "template":
        return "template"
    try:
        scale = float(words)
    except ValueError:
        scale = 0.0
    if not 0 < scale < math.inf:
        raise UserError(
            tr("--scale-to takes `template` or a number of points, not {words}", words=words)
        )
    return scale


def _notebooks(results: Path, url: str | None, record: ClassRecord) -> dict[str, bytes]:
    from grader.gradebook import Gradebook
    from grader.gradebook.extract import notebooks

    with Gradebook(results, url) as gradebook:
        return notebooks(record, gradebook.paths())


def _class_record(results: Path, url: str | None) -> ClassRecord:
    from grader.gradebook import Gradebook

    with Gradebook(results, url) as gradebook:
        return gradebook.class_record()
