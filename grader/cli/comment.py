"""The command `comment`: what an assistant has to say about a hand-in."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from grader.cli.adjust import AuthorOption, by, login_name
from grader.cli.console import console
from grader.cli.options import (
    GradebookOption,
    LangOption,
    ResultsArgument,
    language_of,
    say,
    staff_errors,
)
from grader.cli.pages import refresh
from grader.model.errors import UserError
from grader.model.submission import place as place_text
from grader.model.text import Language, Text, tr

if TYPE_CHECKING:
    from grader.model.record import Comment

app = typer.Typer()


@app.command(
    epilog="Examples: `grader comment results kim wine 'Good idea, but see **lesson 3**.' --item convergence` · "
    "`grader comment results 'Lee Jun' wine 'Why twice?' --cell 7 --line 3` · "
    "`grader comment results --list` · `grader comment results --undo 2`"
)
def comment(
    results: ResultsArgument,
    student: Annotated[
        str | None, typer.Argument(help="Id, email or name.", show_default=False)
    ] = None,
    assignment: Annotated[str | None, typer.Argument(show_default=False)] = None,
    words: Annotated[
        str | None, typer.Argument(help="The comment, in Markdown.", show_default=False)
    ] = None,
    item: Annotated[
        str | None, typer.Option(metavar="ID", help="The rubric item that it is about.")
    ] = None,
    cell: Annotated[
        int | None, typer.Option(min=1, help="The number of the notebook cell that it is about.")
    ] = None,
    line: Annotated[
        int | None, typer.Option(min=1, help="The line of the cell or script that it is about.")
    ] = None,
    list_: Annotated[
        bool, typer.Option("--list", help="List all comments, with their ids.")
    ] = False,
    undo: Annotated[
        int | None,
        typer.Option(metavar="ID", help="Withdraw the comment with this id; it stays in the list."),
    ] = None,
    author: AuthorOption = None,
    gradebook: GradebookOption = None,
    lang: LangOption = None,
) -> None:
    """Comment on a hand-in, on a rubric item or on a line of it. The student's page shows it, also after regrading."""
    language = language_of(lang)
    with staff_errors(language):
        from grader.gradebook import Gradebook
        from grader.model.record import Comment

        if sum([list_, undo is not None, student is not None]) != 1:
            raise UserError(
                tr("name a student, an assignment and the comment, or use --list or --undo")
            )
        with Gradebook(results, gradebook) as book:
            if list_:
                console().print(_table(book.comments(), language))
                return
            if undo is not None:
                done = book.undo_comment(undo, author or login_name())
                say(tr("undone: {what}", what=_told(done)), language)
            else:
                if not (assignment and words and words.strip()):
                    raise UserError(tr("name a student, an assignment and the comment"))
                given = Comment(
                    words=words,
                    author=author or login_name(),
                    made_at=datetime.now().astimezone(),
                    item=item,
                )
                done = book.comment(student or "", assignment, given, cell=cell, line=line)
                say(_told(done), language)
            say(refresh(book, results, {done.student}, lang), language)


def _told(comment: "Comment") -> Text:
    return tr(
        "comment {number} for {student}, {assignment}: {words}",
        number=comment.id,
        student=comment.student,
        assignment=comment.assignment,
        words=comment.words,
    )


def _table(comments: "Sequence[Comment]", language: Language) -> Table:
    table = Table()
    heads = (tr("id"), tr("student"), tr("assignment"), tr("about"), tr("comment"), tr("by"))
    for head in heads:
        table.add_column(head.in_(language), overflow="fold")
    for each in comments:
        about = each.item or ""
        if each.place is not None:
            about = place_text(each.place.cell, each.place.line).in_(language)
        row = (str(each.id), each.student, each.assignment, about, each.words)
        table.add_row(*row, by(each, each).in_(language))
    return table
