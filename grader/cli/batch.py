"""The command `batch`, which grades a class."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from grader.cli.console import console
from grader.cli.options import (
    EXIT_UNGRADED,
    ClusterOption,
    GradebookOption,
    IsolationOption,
    JobsOption,
    LangOption,
    NameOption,
    SectionOption,
    SolutionsOption,
    TlsOption,
    executor_of,
    hidden_assignments,
    language_of,
    language_of_students,
    resumable,
    say,
    staff_errors,
)
from grader.cli.pages import MAX_PAGES
from grader.model.text import Language, Text, printable, tr

if TYPE_CHECKING:
    from grader.gradebook import Gradebook
    from grader.grading.batch import Again
    from grader.grading.progress import State
    from grader.model.record import Unmatched

_MAX_ROWS = 300
_WIDE = 120
"""Columns of a terminal that also shows the table of students and the statistics."""
_MAX_UNMATCHED = 50

app = typer.Typer()


@app.command(
    epilog="Examples: `grader batch examples/class -o results` · "
    "`grader batch submissions.zip -o results --assignment wine --roster class.csv`"
)
def batch(
    context: typer.Context,
    paths: Annotated[list[Path], typer.Argument(metavar="PATH…", show_default=False)],
    results: Annotated[
        Path, typer.Option("--output", "-o", metavar="RESULTS", help="The results folder.")
    ],
    assignment: NameOption = None,
    jobs: JobsOption = None,
    cluster: ClusterOption = None,
    tls: TlsOption = None,
    roster: Annotated[
        Path | None,
        typer.Option(
            metavar="CSV",
            help="Roster: CSV with id, name, email, team, section; gives every student a row.",
        ),
    ] = None,
    teams: Annotated[
        Path | None,
        typer.Option(
            metavar="CSV",
            help="Teams: CSV with student, team and optionally assignment. A hand-in counts for the whole team.",
        ),
    ] = None,
    extensions: Annotated[
        Path | None,
        typer.Option(metavar="CSV", help="Extensions: CSV with student, assignment, due."),
    ] = None,
    matches: Annotated[
        Path | None,
        typer.Option(
            metavar="CSV",
            help="Matches: the list of unmatched files that this command writes, with the students that you fill in "
            "(- leaves a file out); by default RESULTS/matches.csv.",
        ),
    ] = None,
    trust_file_times: Annotated[
        bool,
        typer.Option(
            "--trust-file-times",
            help="Use file times as hand-in times if the platform records none.",
        ),
    ] = False,
    gradebook: GradebookOption = None,
    regrade: Annotated[
        bool,
        typer.Option(
            "--regrade",
            help="Grade everything again, using recorded answers where possible.",
        ),
    ] = False,
    rerun: Annotated[
        bool, typer.Option("--rerun", help="Grade everything again by running every submission.")
    ] = False,
    student: Annotated[
        str | None,
        typer.Option("--student", metavar="ID", help="Grade only this student's hand-ins."),
    ] = None,
    section: SectionOption = None,
    only: Annotated[
        Literal["ungraded"] | None,
        typer.Option("--only", help="Grade only hand-ins with ungraded items."),
    ] = None,
    lang: LangOption = None,
    isolation: IsolationOption = "full",
    solutions: SolutionsOption = None,
) -> None:
    """Grade every submission in folders, archives and downloads of learning platforms, and print the results.

    Each report is stored in RESULTS/gradebook.db as soon as it is made. Run the same command again to continue after a
    stop, or to grade only submissions that are new, changed or ungraded.

    Exit codes: 0 if everything was graded; 2 if the command was wrong or the gradebook can't be written; 3 if something
    is ungraded or unmatched; 130 if stopped by Ctrl-C.
    """
    language = language_of(lang)
    with staff_errors(language), resumable(language):
        from grader.cli.progress import Display
        from grader.gradebook import Gradebook
        from grader.grading.batch import choose, find_work, only_one, run_batch
        from grader.sandbox import refuse_readable

        assignments = hidden_assignments(solutions)
        for path in (results, *paths):
            refuse_readable(path)
        with only_one(results), Gradebook(results, gradebook, create=True) as book:
            work = find_work(
                paths,
                assignments,
                assignment,
                results=results,
                roster=roster,
                teams=teams,
                extensions=extensions,
                matches=matches or results / "matches.csv",
                trust_file_times=trust_file_times,
            )
            corrected = book.renumber(work.roster)
            work = choose(work, book, student, section, ungraded=only is not None)
            again: Again = "rerun" if rerun else "replay" if regrade else "new"
            with (
                executor_of(context, isolation, jobs, cluster, tls, language) as executor,
                Display(language) as display,
            ):
                state = run_batch(executor, book, work, again, show=display.show)
            theirs = language_of_students(lang, assignments.values())
            pages = _present(book, results, language, theirs)
    for old, new in corrected:
        text = tr("the roster's id {old} is now {new}: work was carried over", old=old, new=new)
        say(text, language)
    _print_batch(state, work.unmatched, book.place, language)
    if work.open:
        place = matches or results / "matches.csv"
        say(
            tr(
                "To match files, fill in the column `student` of {path} (- for a file that is nobody's) and run "
                "the same command again",
                path=place,
            ),
            language,
        )
    say(pages, language)
    raise typer.Exit(EXIT_UNGRADED if state.ungraded or work.unmatched else 0)


def _present(book: "Gradebook", results: Path, language: Language, theirs: Language) -> Text:
    """Print the class and write its HTML report unless the class is too large; return a line about the report."""
    from grader.gradebook.extract import notebooks
    from grader.reports.html import write_site
    from grader.reports.table import class_summary, class_table, statistics_table, totals_table

    totals = book.totals()
    hand_ins = sum(total.hand_ins for total in totals)
    record = book.class_record() if hand_ins <= MAX_PAGES else None
    screen = console()
    if record is None:
        screen.print(totals_table(totals, language))
    else:
        if screen.width >= _WIDE and hand_ins <= _MAX_ROWS:
            screen.print(class_table(record, language))
            screen.print(statistics_table(record, language))
        screen.print(class_summary(record, language))
    if record is None:
        return tr(
            "to write the HTML report, run: grader report {folder} --format html", folder=results
        )
    files = notebooks(record, book.paths())
    index = write_site(record, results, theirs, notebooks=files)
    return tr("Class report: {path}", path=index.resolve())


def _print_batch(
    state: "State", unmatched: "Sequence[Unmatched]", place: str, language: Language
) -> None:
    lines = [
        f"{printable(each.origin)}: {printable(each.reason.in_(language))}"
        for each in unmatched[:_MAX_UNMATCHED]
    ]
    if len(unmatched) > _MAX_UNMATCHED:
        more = len(unmatched) - _MAX_UNMATCHED
        lines.append(tr("… and {count} more unmatched files", count=more).in_(language))
    counts = tr(
        "graded now: {graded} (ungraded: {ungraded}), graded before: {kept}",
        graded=state.graded,
        ungraded=state.ungraded,
        kept=state.kept,
    )
    lines += [counts.in_(language), tr("Gradebook: {place}", place=place).in_(language)]
    for line in lines:
        console().print(line, soft_wrap=True)
