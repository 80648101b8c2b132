"""The command `similar`: which hand-ins share code?"""

from pathlib import Path
from typing import Annotated

import typer

from grader.cli.console import console
from grader.cli.options import (
    GradebookOption,
    LangOption,
    ResultsArgument,
    language_of,
    say,
    staff_errors,
)
from grader.model.text import tr

PAGE = Path("assistant", "similar.html")

app = typer.Typer()


@app.command(epilog="Example: `grader similar results --assignment wine --least 0.6`")
def similar(
    results: ResultsArgument,
    assignment: Annotated[
        str | None, typer.Option("--assignment", metavar="NAME", help="Only this assignment.")
    ] = None,
    least: Annotated[
        float, typer.Option(min=0.05, max=1, help="The lowest similarity to list, from 0.05 to 1.")
    ] = 0.5,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="The output page; by default RESULTS/assistant/similar.html.",
        ),
    ] = None,
    gradebook: GradebookOption = None,
    lang: LangOption = None,
) -> None:
    """List pairs of hand-ins that share unusually much code, and write a page that compares them.

    Similarity isn't proof of copying: read both hand-ins before you decide.
    """
    language = language_of(lang)
    with staff_errors(language):
        from grader.gradebook import Gradebook
        from grader.model.errors import writing
        from grader.reports.page import write_page
        from grader.reports.similar import compare_hand_ins, similar_page, similar_table

        with Gradebook(results, gradebook) as book:
            record = book.class_record().only(assignment)
        comparisons = compare_hand_ins(record, least)
        for comparison in comparisons:
            console().print(similar_table(comparison, language))
        page = output or results / PAGE
        with writing(page):
            write_page(page, similar_page(comparisons, language))
    say(tr("Comparison page: {path}", path=page.resolve()), language)
