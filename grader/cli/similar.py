"""The command `similar`: which hand-ins share code?"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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

if TYPE_CHECKING:
    from grader.model.assignment import Assignment
    from grader.model.submission import Cell

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
        from grader.gradebook.similarity import similar as find_similar
        from grader.model.errors import writing
        from grader.reports.page import write_page
        from grader.reports.similar import Comparison, similar_page, similar_table

        with Gradebook(results, gradebook) as book:
            record = book.class_record().only(assignment)
        comparisons = []
        for each in record.assignments:
            hand_ins = {
                student: found.cells
                for (student, name), found in record.counting.items()
                if name == each.name and not found.handed_in_by
            }
            if hand_ins:
                pairs = find_similar(hand_ins, _usual(each), least)
                comparisons.append(Comparison(title=each.title, hand_ins=hand_ins, pairs=pairs))
        for comparison in comparisons:
            console().print(similar_table(comparison, language))
        page = output or results / PAGE
        with writing(page):
            write_page(page, similar_page(comparisons, language))
    say(tr("Comparison page: {path}", path=page.resolve()), language)


def _usual(assignment: "Assignment") -> "Iterable[Sequence[Cell]]":
    """The reference solution, which holds the template's code, and its variants."""
    from grader.model.submission import read_submission

    folder = assignment.folder
    for path in (folder / "solution.py", *sorted(folder.glob("variants/*"))):
        if path.is_file() and path.suffix in (".py", ".ipynb"):
            yield read_submission(path).cells
