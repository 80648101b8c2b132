"""Commands about one file: `grade` for staff, `check` for students."""

import typer

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
    print_report,
    public_assignments,
    user_errors,
)
from grader.intake import hand_in

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

    Exit codes: 0 if it was graded, whatever the score; 2 if the command was wrong; 3 if something could not be graded.
    """
    language = language_of(lang)
    with user_errors(language):
        one = hand_in(file, hidden_assignments(solutions), assignment)
        with grader_of(context, isolation) as grader:
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

    The checks are those beside your file, or in `assignments` here or above. Your code runs without a sandbox.
    """
    language = language_of(lang)
    with user_errors(language):
        one = hand_in(file, public_assignments(file), assignment)
        from grader.grading.selfcheck import self_check

        report = self_check(one.assignment, one.submission, one.student)
    print_report(report, format_, language)
    raise typer.Exit(EXIT_UNGRADED if report.ungraded else 0)
