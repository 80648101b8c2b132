"""The command `push`: bring a new version of an assignment to a running course."""

from pathlib import Path
from typing import Annotated

import typer

from grader.cli.adjust import AuthorOption, login_name
from grader.cli.options import (
    GradebookOption,
    JobsOption,
    LangOption,
    SolutionsOption,
    grader_of,
    hidden_assignments,
    language_of,
    say,
    staff_errors,
)
from grader.model.errors import UserError
from grader.model.text import tr

app = typer.Typer()


@app.command(
    epilog="Examples: `grader push solutions/wine` · "
    "`grader push wine --force --reason 'the audit's finding is known'`"
)
def push(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", show_default=False)],
    results: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="RESULTS", help="The folder with the gradebook."),
    ] = Path("results"),
    force: Annotated[
        bool, typer.Option("--force", help="Go live in spite of the audit's findings.")
    ] = False,
    reason: Annotated[str, typer.Option(help="Why, with --force; it is kept in the log.")] = "",
    author: AuthorOption = None,
    jobs: JobsOption = None,
    gradebook: GradebookOption = None,
    lang: LangOption = None,
    solutions: SolutionsOption = None,
) -> None:
    """Audit a new version of an assignment's folder, and let it go live in a course that `grader serve` serves.

    Prints whose score will change. Servers and graders take the version over within seconds, and grade what was
    handed in again, from recorded answers where possible. Exit code 1: the audit has findings; nothing has changed.
    """
    language = language_of(lang)
    with staff_errors(language):
        from grader.authoring.push import examine, pack
        from grader.gradebook import Gradebook, versions
        from grader.gradebook.opening import transaction
        from grader.grading.progress import processors
        from grader.model.assignment import load_assignment

        if force != bool(reason.strip()):
            raise UserError(tr("--force needs a reason, and --reason is for --force"))
        name, content = load_assignment(folder).name, pack(folder)
        who = author or login_name()
        with Gradebook(results, gradebook) as book, grader_of(context) as grader:
            words = tr("the folder {folder}", folder=folder.resolve().name).en
            with transaction(book.engine) as connection:
                number = versions.propose(connection, name, "folder", words, who, content)
                claimed = versions.claim(connection, number)
            assert claimed is not None  # nobody else has seen it
            known = hidden_assignments(solutions)
            done = examine(grader, book, known, claimed, jobs or processors())
            for finding in done.findings:
                say(finding, language, stderr=True)
            for each in done.changes:
                before, after = (
                    "–" if score is None else f"{score:g}" for score in (each.before, each.after)
                )
                say(
                    tr(
                        "{student}: {before} → {after}",
                        student=each.student,
                        before=before,
                        after=after,
                    ),
                    language,
                )
            with transaction(book.engine) as connection:
                live = versions.apply(connection, number, who, reason.strip() if force else "")
                if not live:
                    versions.discard(connection, number)
    if not live:
        say(tr("{name} hasn't changed: see the findings above", name=name), language, stderr=True)
        raise typer.Exit(1)
    say(
        tr(
            "{name} is live as version {number}; changed scores: {count}",
            name=name,
            number=number,
            count=len(done.changes),
        ),
        language,
    )
