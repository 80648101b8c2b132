"""Commands about one file: `grade` for staff, `check` for students."""

from pathlib import Path

import typer
from rich.cells import cell_len

from grader.cli.console import console
from grader.cli.options import (
    EXIT_UNGRADED,
    FileArgument,
    FormatOption,
    IsolationOption,
    LangOption,
    NameOption,
    SolutionsOption,
    grader_of,
    hidden_assignments,
    language_of,
    language_of_students,
    print_report,
    public_assignments,
    say,
    shown,
    staff_errors,
    user_errors,
)
from grader.cli.waiting import Waiting
from grader.intake import hand_in
from grader.intake.apart import read_file
from grader.model.errors import UserError
from grader.model.hand_in import HandIn
from grader.model.needs import require_torch
from grader.model.submission import place, read_submission
from grader.model.syntax import syntax_problems
from grader.model.text import Language, printable, tr, visible

app = typer.Typer()


@app.command(
    epilog="Examples: `grader grade kim_wine.ipynb` · `grader grade hw3.py --assignment wine --format json`"
)
def grade(
    context: typer.Context,
    file: FileArgument,
    assignment: NameOption = None,
    format_: FormatOption = "table",
    lang: LangOption = None,
    isolation: IsolationOption = "full",
    solutions: SolutionsOption = None,
) -> None:
    """Grade one submission with the hidden checks, in the sandbox.

    Exit codes: 0 if it was graded, whatever the score; 2 if the command was wrong; 3 if an item is ungraded.
    """
    language = language_of(lang)
    with staff_errors(language):
        one = hand_in(file, hidden_assignments(solutions), assignment, read_file)
        with Waiting(language) as waiting, grader_of(context, isolation, waiting.tell) as grader:
            report = grader.grade(one.assignment, one.submission, one.student).report
    print_report(report, format_, language)
    raise typer.Exit(EXIT_UNGRADED if report.ungraded else 0)


@app.command(epilog="Example: `grader check wine.ipynb`")
def check(
    file: FileArgument,
    assignment: NameOption = None,
    format_: FormatOption = "table",
    lang: LangOption = None,
) -> None:
    """Check your own file with the public checks before you hand it in.

    The checks are read from your file's folder, or from `assignments` here or in a parent folder. Your code runs
    without a sandbox.
    """
    language = language_of(lang)
    with user_errors(language):
        one = hand_in(file, public_assignments(file, assignment), assignment)
        language = lang or shown(language_of_students(None, [one.assignment]))
    with user_errors(language):
        if one.submission.problem is not None:
            problem = tr("{path}: {problem}", path=one.file, problem=one.submission.problem)
            raise UserError(problem)
        require_torch()
        _begin(one, language)
        from grader.grading.selfcheck import self_check

        report = self_check(one.assignment, one.submission, one.student)
    print_report(report, format_, language)
    if twin := _finished_twin(file):
        both = tr("{twin} is finished too: hand in one of the two files", twin=twin.name)
        say(both, language, stderr=True)
    raise typer.Exit(EXIT_UNGRADED if report.ungraded else 0)


def _finished_twin(file: Path) -> Path | None:
    """The same homework in its other form, script or notebook, if no stub is left in it."""
    twin = file.with_suffix(".py" if file.suffix.lower() == ".ipynb" else ".ipynb")
    if not twin.is_file():
        return None
    submission = read_submission(twin)
    unfinished = any("NotImplementedError" in cell.source for cell in submission.cells)
    return None if unfinished or not submission.cells else twin


def _begin(one: HandIn, language: Language) -> None:
    """Say what is being done, and at once what Python can't even read: loading PyTorch takes seconds."""
    checks = len(one.assignment.items)
    begun = tr("Checking {file}: {count} checks …", file=printable(one.file), count=checks)
    screen = console(stderr=True)
    screen.print(begun.in_(language), soft_wrap=True)
    for problem in syntax_problems(one.submission):
        words = tr(
            "{place}: syntax error: {words}",
            place=place(problem.cell, problem.line),
            words=problem.words,
        )
        screen.print(words.in_(language), style="bold red", soft_wrap=True)
        screen.print("    " + visible(problem.source), soft_wrap=True)
        screen.print("    " + " " * cell_len(problem.before) + "^", style="bold red")
