"""The commands `export` and `forget`: all that is kept about a student, and its removal."""

import csv
import io
import shutil
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
from grader.model.course import load_course
from grader.model.errors import UserError, writing
from grader.model.text import tr

if TYPE_CHECKING:
    from grader.gradebook import Gradebook

StudentArgument = Annotated[str, typer.Argument(help="Id, email or name.", show_default=False)]
_MAX_ORIGINS = 20
_MAX_NAMES = 20

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
    """Write all that is kept about a person into a zip: uploads, reports, adjustments, account, log, pages."""
    language = language_of(lang)
    with staff_errors(language):
        from grader.gradebook import Gradebook
        from grader.reports.html import file_names, folders_of

        with Gradebook(results, gradebook) as book:
            record = book.class_record()
            who = book.person_id(student)
            about = book.about(who)
        data = io.BytesIO(about.zipped())
        with zipfile.ZipFile(data, "a", zipfile.ZIP_DEFLATED) as archive:
            for folder in folders_of(record, who):
                for page in sorted((results / folder).glob("*.html")):
                    archive.write(page, page.relative_to(results))
        path = output or Path(f"{file_names([who])[who]}.zip")
        write_file(path, data.getvalue())
    say(tr("everything about {student}: {path}", student=who, path=path), language)


@app.command(
    epilog="Examples: `grader forget results 'Lee Jun'` · `grader forget results --expired`"
)
def forget(
    results: ResultsArgument,
    student: Annotated[
        str | None, typer.Argument(help="Id, email or name.", show_default=False)
    ] = None,
    all_: Annotated[
        bool,
        typer.Option("--all", help="Remove the scores too; otherwise they stay under a pseudonym."),
    ] = False,
    expired: Annotated[
        bool,
        typer.Option(
            "--expired",
            help="Everybody who has been inactive for longer than `keep_days` in course.toml.",
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
    list_: Annotated[
        bool, typer.Option("--list", help="List when work was removed; nothing says whose.")
    ] = False,
    gradebook: GradebookOption = None,
    lang: LangOption = None,
) -> None:
    """Remove a person's work, reports, comments, account and pages for good.

    The scores stay under a random pseudonym, for statistics. RESULTS/forgotten.json remembers, without names, whom
    `grader restore` must forget again: keep it with your backups.
    """
    language = language_of(lang)
    with staff_errors(language):
        from grader.gradebook import Gradebook

        if [list_, expired, student is not None].count(True) != 1:
            raise UserError(tr("name a student, or use --expired or --list"))
        with Gradebook(results, gradebook) as book:
            if list_:
                for each in book.forgotten():
                    date = f"{each.forgotten_at:%Y-%m-%d %H:%M}"
                    words = tr("{date}: hand-ins removed: {count}", date=date, count=each.hand_ins)
                    say(words, language)
                return
            people = _expired(book, results) if expired else [book.person_id(student or "")]
            sure = tr(
                "Remove everything about {student}? This can't be undone.",
                student=", ".join(people[:_MAX_NAMES]),
            )
            if people and not yes:
                typer.confirm(sure.in_(language), abort=True)
            removed, team, origins = 0, set[str](), list[str]()
            for who in people:
                mates, theirs = _remove_pages(book, results, who)
                team |= mates
                origins += theirs
                removed += book.forget(who, scores=all_).hand_ins
            say(tr("hand-ins removed: {count}", count=removed), language)
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


def _expired(book: "Gradebook", results: Path) -> list[str]:
    course = load_course(results)
    if course.privacy.keep_days is None:
        raise UserError(tr("set `keep_days` in the table [privacy] of course.toml first"))
    return list(book.expired(course.privacy.keep_days))


def _remove_pages(book: "Gradebook", results: Path, who: str) -> tuple[set[str], list[str]]:
    """Remove somebody's pages, and return the team and where the hand-ins were found."""
    from grader.gradebook.backup import LINKS
    from grader.reports.html import folders_of

    record = book.class_record()
    team = {r.report.student for r in record.records if r.handed_in_by == who}
    with writing(results):
        for one in {who, *team}:
            for folder in folders_of(record, one):
                shutil.rmtree(results / folder, ignore_errors=True)
        (results / PAGE).unlink(missing_ok=True)
        _remove_link(results / LINKS, who)
    origins = [r.origin for r in record.records if r.report.student == who]
    return team, [each for each in origins if not each.startswith("web/")]


def _remove_link(path: Path, who: str) -> None:
    """Remove somebody's row from the file of personal links, if it is still there."""
    if path.exists():
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = [row for row in csv.reader(file) if row[:1] != [who]]
        with path.open("w", encoding="utf-8-sig", newline="") as file:
            csv.writer(file).writerows(rows)
