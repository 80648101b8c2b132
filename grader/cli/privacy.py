"""The commands `export` and `forget`: all that is kept about a student, and its removal."""

import io
import shutil
import zipfile
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
    write_file,
)
from grader.cli.pages import refresh
from grader.cli.similar import PAGE
from grader.model.errors import UserError, writing
from grader.model.text import tr

StudentArgument = Annotated[str, typer.Argument(help="Id, email or name.", show_default=False)]
_MAX_ORIGINS = 20

app = typer.Typer()


@app.command(epilog="Example: `grader export results 'Lee Jun' -o lee.zip`")
def export(
    results: ResultsArgument,
    student: StudentArgument,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="The archive; by default the student's id."
        ),
    ] = None,
    gradebook: GradebookOption = None,
    lang: LangOption = None,
) -> None:
    """Write all that is kept about a student into a zip: reports, adjustments, comments, code and pages."""
    language = language_of(lang)
    with staff_errors(language):
        from grader.gradebook import Gradebook
        from grader.gradebook.decisions import student_id
        from grader.reports.html import file_names, folders_of
        from grader.reports.json import indented

        with Gradebook(results, gradebook) as book:
            record = book.class_record()
            who = student_id(record, student)
            about = book.about(who)
        data = io.BytesIO()
        with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("gradebook.json", indented(about.tables))
            for name, content in about.files.items():
                archive.writestr(name, content)
            for folder in folders_of(record, who):
                for page in sorted((results / folder).glob("*.html")):
                    archive.write(page, page.relative_to(results))
        path = output or Path(f"{file_names([who])[who]}.zip")
        write_file(path, data.getvalue())
    say(tr("everything about {student}: {path}", student=who, path=path), language)


@app.command(epilog="Examples: `grader forget results 'Lee Jun'` · `grader forget results --list`")
def forget(
    results: ResultsArgument,
    student: Annotated[
        str | None, typer.Argument(help="Id, email or name.", show_default=False)
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
    list_: Annotated[
        bool, typer.Option("--list", help="List when work was removed; nothing says whose.")
    ] = False,
    gradebook: GradebookOption = None,
    lang: LangOption = None,
) -> None:
    """Remove a student's work, reports, comments and pages for good. A dated line without a name is left."""
    language = language_of(lang)
    with staff_errors(language):
        from grader.gradebook import Gradebook
        from grader.gradebook.decisions import student_id
        from grader.reports.html import folders_of

        if list_ == (student is not None):
            raise UserError(tr("name a student, or use --list"))
        with Gradebook(results, gradebook) as book:
            if list_:
                for each in book.forgotten():
                    date = f"{each.forgotten_at:%Y-%m-%d %H:%M}"
                    words = tr("{date}: hand-ins removed: {count}", date=date, count=each.hand_ins)
                    say(words, language)
                return
            record = book.class_record()
            who = student_id(record, student or "")
            sure = tr("Remove everything about {student}? This can't be undone.", student=who)
            if not yes:
                typer.confirm(sure.in_(language), abort=True)
            origins = [r.origin for r in record.records if r.report.student == who]
            team = {r.report.student for r in record.records if r.handed_in_by == who}
            with writing(results):
                for one in {who, *team}:
                    for folder in folders_of(record, one):
                        shutil.rmtree(results / folder, ignore_errors=True)
                (results / PAGE).unlink(missing_ok=True)
            done = book.forget(who)
            say(tr("hand-ins removed: {count}", count=done.hand_ins), language)
            say(refresh(book, results, team, lang), language)
        if origins:
            listed = ", ".join(origins[:_MAX_ORIGINS])
            say(
                tr(
                    "the files that were graded are still where they were; delete them too, or the "
                    "next batch grades them again: {files}",
                    files=listed,
                ),
                language,
            )
