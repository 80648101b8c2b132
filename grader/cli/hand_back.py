"""The command `hand-back`: results to students, through a learning platform, as folders, or by e-mail."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

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
    resumable,
    say,
    staff_errors,
)
from grader.model.errors import UserError
from grader.model.text import Language, Text, tr

if TYPE_CHECKING:
    from grader.gradebook import Gradebook
    from grader.model.record import ClassRecord
    from grader.reports.hand_back import HandedBack
    from grader.reports.mail import Letter

_PASSWORD = "GRADER_SMTP_PASSWORD"
_FOLDER = "hand-back"

app = typer.Typer()


@app.command(
    name="hand-back",
    epilog="Examples: `grader hand-back results --to moodle --assignment wine --template Grades.csv` · "
    "`grader hand-back results --to folder -o public/results` · "
    "`grader hand-back results --to mail` · "
    "`grader hand-back results --to mail --smtp smtp://me@mail.example.org --from me@example.org --send`",
)
def hand_back(
    results: ResultsArgument,
    to: Annotated[
        Literal["moodle", "canvas", "folder", "mail"],
        typer.Option(
            "--to",
            help="Moodle: a zip of feedback files, and the worksheet with its feedback column; Canvas: rubric "
            "assessments with comments; a folder for each student, under names that nobody can guess; or e-mail.",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FOLDER",
            help="The folder for the files; by default RESULTS/hand-back.",
        ),
    ] = None,
    template: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The grading worksheet downloaded from Moodle, or the rubric assessments exported from Canvas.",
        ),
    ] = None,
    column: Annotated[
        str | None,
        typer.Option(
            metavar="TITLE", help="The title of the feedback column in Moodle's worksheet."
        ),
    ] = None,
    assignment: Annotated[
        str | None, typer.Option("--assignment", metavar="NAME", help="Only this assignment.")
    ] = None,
    student: Annotated[
        str | None, typer.Option("--student", metavar="ID", help="Only this student.")
    ] = None,
    section: SectionOption = None,
    smtp: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="The mail server, as in smtp://user@host:587; the password is read from GRADER_SMTP_PASSWORD.",
        ),
    ] = None,
    sender: Annotated[
        str | None, typer.Option("--from", metavar="ADDRESS", help="Your e-mail address.")
    ] = None,
    send: Annotated[
        bool,
        typer.Option("--send", help="Send the messages. Without it, they are only listed."),
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Send also results that were sent before.")
    ] = False,
    per_minute: Annotated[
        float, typer.Option("--per-minute", min=1, metavar="N", help="At most N messages a minute.")
    ] = 30.0,
    gradebook: GradebookOption = None,
    lang: LangOption = None,
) -> None:
    """Hand the results back to the students: score, messages, comments and pages.

    A student gets one message with all results that are new since the last one. Stop at any time and run the same
    command again: nothing is sent twice. Exit code 3: something is ungraded or couldn't be handed back.
    """
    language = language_of(lang)
    with staff_errors(language), resumable(language):
        from grader.gradebook import Gradebook

        with Gradebook(results, gradebook) as book:
            record = book.class_record().only(assignment, student, section)
            theirs = language_of_students(lang, record.assignments)
            if to == "mail":
                if send and not (smtp and sender):
                    raise UserError(
                        tr("to send mail, pass the server with --smtp and your address with --from")
                    )
                server = smtp if send else None
                notes = _mail(book, record, server, sender, per_minute, again, theirs, language)
            else:
                done = _files(book, record, results, to, output, template, column, theirs)
                for path in done.paths:
                    console().print(str(path), soft_wrap=True)
                for text in done.remarks:
                    say(text, language, stderr=True)
                notes = done.notes
    for note in notes:
        say(note, language, stderr=True)
    raise typer.Exit(EXIT_UNGRADED if notes else 0)


def _files(
    book: "Gradebook",
    record: "ClassRecord",
    results: Path,
    to: Literal["moodle", "canvas", "folder"],
    output: Path | None,
    template: Path | None,
    column: str | None,
    theirs: Language,
) -> "HandedBack":
    from grader.gradebook.extract import notebooks
    from grader.reports.hand_back import to_canvas, to_folder, to_moodle
    from grader.reports.html import own_key

    folder = output or results / _FOLDER
    if to == "folder":
        files = notebooks(record, book.paths())
        listed = results / f"{_FOLDER}.csv"
        return to_folder(record, folder, listed, own_key(results), theirs, files)
    if template is None:
        raise UserError(tr("pass the file that you downloaded from the platform with --template"))
    text = read_text(template)
    if to == "canvas":
        return to_canvas(record, template, text, folder, theirs)
    return to_moodle(record, template, text, column, folder, theirs)


def _mail(
    book: "Gradebook",
    record: "ClassRecord",
    smtp: str | None,
    sender: str | None,
    per_minute: float,
    again: bool,
    theirs: Language,
    language: Language,
) -> Sequence[Text]:
    from grader.reports.mail import letters, message, send, server_at

    found = letters(record, book, again)
    notes = list(found.notes)
    if smtp is None:
        for each in found.to_send:
            say(tr("to send: {what}", what=_words(each)), language)
        if found.to_send:
            shown = message(found.to_send[0], record, sender or "you@example.org", theirs)
            body = shown.get_body(("plain",))
            say(tr("The first message, “{subject}”:", subject=shown["Subject"]), language)
            console().print(body.get_content() if body else "", soft_wrap=True)
    else:

        def tell(letter: "Letter", refused: Text | None) -> None:
            words = _words(letter)
            if refused is None:
                say(tr("sent: {what}", what=words), language)
            else:
                notes.append(tr("refused: {what}: {reason}", what=words, reason=refused))

        server = server_at(smtp, os.environ.get(_PASSWORD, ""))
        write = lambda letter: message(letter, record, sender or "", theirs)  # noqa: E731
        count = send(book, found.to_send, write, server, per_minute, tell, again)
        say(tr("messages sent: {count}", count=count), language)
    say(tr("results sent before: {count}", count=found.sent), language)
    if smtp is None and found.to_send:
        say(tr("Nothing was sent. To send, add --smtp, --from and --send."), language)
    return notes


def _words(letter: "Letter") -> Text:
    return tr(
        "{student} <{email}>: {assignments}",
        student=letter.student.id,
        email=letter.student.email,
        assignments=", ".join(key.assignment for key in letter.results),
    )
