"""The command `compare`: whose score changed, in which item, and why."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from grader.cli.adjust import AuthorOption, login_name
from grader.cli.console import console
from grader.cli.options import (
    GradebookOption,
    LangOption,
    ResultsArgument,
    language_of,
    language_of_students,
    say,
    staff_errors,
)
from grader.cli.pages import refresh
from grader.model.text import Language, tr

if TYPE_CHECKING:
    from grader.gradebook.changes import Change

app = typer.Typer()


@app.command(
    epilog="Examples: `grader compare results` · `grader compare results --since 3 --keep-best`"
)
def compare(
    results: ResultsArgument,
    since: Annotated[
        int | None,
        typer.Option(
            metavar="RUN",
            help="Compare with the scores after this run; by default the last but one.",
        ),
    ] = None,
    keep_best: Annotated[
        bool,
        typer.Option(
            "--keep-best", help="Raise scores that went down to what they were, by adjustments."
        ),
    ] = False,
    author: AuthorOption = None,
    gradebook: GradebookOption = None,
    lang: LangOption = None,
) -> None:
    """List whose score changed since an earlier run of `batch`, in which rubric items, and why."""
    language = language_of(lang)
    with staff_errors(language):
        from grader.gradebook import Gradebook
        from grader.gradebook.changes import kept_best

        with Gradebook(results, gradebook) as book:
            found = book.changes(since)
            if not found:
                say(tr("no score has changed"), language)
                return
            console().print(_table(found, language))
            if not keep_best:
                return
            theirs = language_of_students(lang, book.class_record().assignments)
            reason = tr("a score that was published is not lowered").in_(theirs)
            made = datetime.now().astimezone()
            wanted = kept_best(found, author or login_name(), reason, made)
            book.adjust_all(wanted)
            say(tr("scores kept: {count}", count=len(wanted)), language)
            if wanted:
                say(refresh(book, results, {each[0] for each in wanted}, lang), language)


def _table(found: "Sequence[Change]", language: Language) -> Table:
    table = Table()
    for head in (tr("student"), tr("assignment"), tr("score"), tr("items"), tr("why")):
        table.add_column(head.in_(language), overflow="fold")
    for each in found:
        items = [
            f"{item.title.in_(language)} {_points(item.before)} → {_points(item.after)}"
            for item in each.items
        ]
        table.add_row(
            each.student,
            each.assignment,
            f"{_points(each.before)} → {_points(each.after)}",
            "\n".join(items),
            "\n".join(why.text.in_(language) for why in each.why),
        )
    return table


def _points(points: float | None) -> str:
    return "–" if points is None else f"{points:g}"
