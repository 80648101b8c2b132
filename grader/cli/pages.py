"""Bring the pages of a class up to date after a change."""

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from grader.cli.options import language_of_students
from grader.model.text import Language, Text, tr

if TYPE_CHECKING:
    from grader.gradebook import Gradebook

MAX_PAGES = 2000
"""Hand-ins; the pages of larger classes take minutes and are written on demand."""


def refresh(
    book: "Gradebook", results: Path, students: Collection[str], lang: Language | None
) -> Text:
    """Write the pages of these students and the class page again if there are pages, and return a line about it.

    Raises:
        UserError: they can't be written.
    """
    from grader.gradebook.extract import notebooks
    from grader.reports.html import INDEX, write_site

    if sum(total.hand_ins for total in book.totals()) > MAX_PAGES or not (results / INDEX).exists():
        return tr(
            "the pages don't show this yet; run: grader report {folder} --format html",
            folder=results,
        )
    record = book.class_record()
    theirs = language_of_students(lang, record.assignments)
    some = msgspec.structs.replace(
        record, records=tuple(r for r in record.records if r.report.student in students)
    )
    files = notebooks(some, book.paths())
    page = write_site(record, results, theirs, only=set(students), notebooks=files)
    return tr("Pages are up to date: {path}", path=page.resolve())
