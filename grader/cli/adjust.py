"""The command `adjust`: points by hand, excuses, and the history of both."""

import getpass
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

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
from grader.model.text import Language, Text, tr

if TYPE_CHECKING:
    from grader.gradebook.decisions import Adjusted
    from grader.model.record import Adjustment, Comment, Decision

AuthorOption = Annotated[
    str | None, typer.Option(help="Who made the decision; by default your login name.")
]

app = typer.Typer()


@app.command(
    context_settings={"ignore_unknown_options": True},  # so that -5 is a number, not an option
    epilog="Examples: `grader adjust results kim wine 5 --reason 'right idea' --item convergence` · "
    "`grader adjust results lee wine -10 --reason 'copied from kim'` · "
    "`grader adjust results park wine --excused --reason sick` · "
    "`grader adjust results --csv oral.csv` · `grader adjust results --list` · "
    "`grader adjust results --undo 3`",
)
def adjust(
    results: ResultsArgument,
    student: Annotated[
        str | None, typer.Argument(help="Id, email or name.", show_default=False)
    ] = None,
    assignment: Annotated[str | None, typer.Argument(show_default=False)] = None,
    points: Annotated[
        float | None,
        typer.Argument(help="Points to add; negative to deduct.", show_default=False),
    ] = None,
    reason: Annotated[str | None, typer.Option(help="The reason, shown in reports.")] = None,
    item: Annotated[
        str | None, typer.Option(metavar="ID", help="The rubric item that the points belong to.")
    ] = None,
    excused: Annotated[
        bool,
        typer.Option("--excused", help="Excuse the student: the assignment doesn't count (EX)."),
    ] = False,
    beyond: Annotated[
        bool, typer.Option("--beyond", help="Let the score exceed the maximum.")
    ] = False,
    csv: Annotated[
        Path | None,
        typer.Option(
            "--csv",
            metavar="FILE",
            help="Read adjustments from a CSV with student, assignment, points (or EX), reason, item.",
        ),
    ] = None,
    list_: Annotated[
        bool, typer.Option("--list", help="List all adjustments, with their ids.")
    ] = False,
    undo: Annotated[
        int | None,
        typer.Option(metavar="ID", help="Undo the adjustment with this id; it stays in the list."),
    ] = None,
    author: AuthorOption = None,
    gradebook: GradebookOption = None,
    lang: LangOption = None,
) -> None:
    """Add or deduct points by hand, or excuse a student. The report stays unchanged; regrading keeps adjustments."""
    language = language_of(lang)
    with staff_errors(language):
        from grader.gradebook import Gradebook
        from grader.model.record import Adjustment

        given = [csv is not None, list_, undo is not None, student is not None]
        if sum(given) != 1:
            raise UserError(
                tr("name a student and an assignment, or use one of --csv, --list and --undo")
            )
        with Gradebook(results, gradebook) as book:
            if list_:
                console().print(_table(book.decisions(), language))
                return
            if undo is not None:
                undone = book.undo(undo, author or login_name())
                say(tr("undone: {what}", what=_words(undone)), language)
                changed = {undone.student}
            else:
                wanted: Sequence[tuple[str, str, Adjustment]]
                if csv is not None:
                    from grader.intake import read_adjustments

                    now = datetime.now().astimezone()
                    wanted = read_adjustments(csv, author or login_name(), now, beyond)
                else:
                    adjustment = Adjustment(
                        points=_points(points, excused),
                        reason=_needed(reason, "--reason"),
                        author=author or login_name(),
                        made_at=datetime.now().astimezone(),
                        item=item,
                        beyond=beyond,
                        excused=excused,
                    )
                    wanted = [(student or "", _needed(assignment, "ASSIGNMENT"), adjustment)]
                done = book.adjust_all(wanted)
                for each in done:
                    say(_told(each), language)
                changed = {each.decision.student for each in done}
            say(refresh(book, results, changed, lang), language)


def login_name() -> str:
    """Return the name of the user.

    Raises:
        UserError: a container's user has none.
    """
    try:
        return getpass.getuser()
    except (KeyError, OSError) as error:
        raise UserError(
            tr("can't determine your user name; pass your name with --author")
        ) from error


def _points(points: float | None, excused: bool) -> float:
    if excused == (points is not None):
        raise UserError(tr("pass either a number of points or --excused"))
    return points or 0.0


def _needed(words: str | None, name: str) -> str:
    if not words:
        raise UserError(tr("{name} is missing", name=name))
    return words


def _told(adjusted: "Adjusted") -> Text:
    words = tr(
        "{what} · score {before} → {after}",
        what=_words(adjusted.decision),
        before="–" if adjusted.before is None else f"{adjusted.before:g}",
        after=tr("excused") if adjusted.after is None else f"{adjusted.after:g}",
    )
    if adjusted.decision.adjustment.points != adjusted.asked:
        words = tr(
            "{words} ({asked} were asked for; the rest is above the maximum)",
            words=words,
            asked=f"{adjusted.asked:+g}",
        )
    return words


def _words(decision: "Decision") -> Text:
    made = decision.adjustment
    return tr(
        "{student}, {assignment}: {what}, by {author}: {reason}",
        student=decision.student,
        assignment=decision.assignment,
        what=_what(made),
        author=made.author,
        reason=made.reason,
    )


def _what(made: "Adjustment") -> Text:
    if made.excused:
        return tr("excused")
    points = f"{made.points:+g}"
    if made.item is None:
        return tr("{points} points", points=points)
    return tr("{points} points ({item})", points=points, item=made.item)


def _table(decisions: "Sequence[Decision]", language: Language) -> Table:
    table = Table()
    heads = (tr("id"), tr("student"), tr("assignment"), tr("change"), tr("reason"), tr("by"))
    for head in heads:
        table.add_column(head.in_(language), overflow="fold")
    for each in decisions:
        made = each.adjustment
        row = (str(each.id), each.student, each.assignment, _what(made).in_(language), made.reason)
        table.add_row(*row, by(made, each).in_(language))
    return table


def by(made: "Adjustment | Comment", kept: "Decision | Comment") -> Text:
    """Return who made a decision or comment and when, and who undid it."""
    words = tr("{author} {date}", author=made.author, date=f"{made.made_at:%Y-%m-%d}")
    if kept.undone_at is None:
        return words
    return tr(
        "{words}; undone by {author} {date}",
        words=words,
        author=kept.undone_by or "",
        date=f"{kept.undone_at:%Y-%m-%d}",
    )
