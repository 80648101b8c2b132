"""The command line: reads options, calls the package, prints. No logic of grading is here."""

import typer

from grader.cli import (
    adjust,
    authoring,
    backup,
    batch,
    comment,
    compare,
    doctor,
    extract,
    grade,
    hand_back,
    privacy,
    push,
    results,
    serve,
    similar,
)
from grader.cli.console import plain_signs
from grader.cli.help import command_in
from grader.cli.options import language_of

app = typer.Typer(
    help="Grade PyTorch homework, with student code locked in a sandbox.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
for group in (
    grade,
    batch,
    results,
    adjust,
    comment,
    compare,
    extract,
    hand_back,
    privacy,
    similar,
    serve,
    backup,
    push,
    authoring,
    doctor,
):
    app.add_typer(group.app)


def main() -> None:
    """Run the command line."""
    plain_signs()
    command_in(app, language_of(None))()
