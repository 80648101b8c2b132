"""Fill the scores into a grading worksheet downloaded from Moodle."""

import re

from grader.model.errors import UserError
from grader.model.record import ClassRecord
from grader.model.text import printable, tr
from grader.reports.fill import Column, Filled, Row, Scale, factor_to, fill, same_words, to_number
from grader.reports.sheet import Sheet, read_sheet

_GRADE = (
    *("Grade", "성적", "점수", "評点", "成绩", "成績", "Bewertung", "Note", "Calificación"),
    *("Nota", "Avaliação", "Valutazione", "Beoordeling", "Оценка", "Not", "Điểm"),
)
"""Moodle's title of the grade column in the most common languages."""


def fill_moodle(
    record: ClassRecord, template: str, column: str | None = None, scale: Scale = None
) -> Filled:
    """Write the scores into the grading worksheet of one assignment; everything else stays unchanged.

    The header is in the site's language, so columns are recognised by their content. The grade column is `column` if
    given, else the one with Moodle's title in a common language, else the one before the column that holds the same
    maximum in every row. Students are matched by anything to its left (identifier, name, email, ID number); namesakes
    by `Kim Minji (101)`.

    Raises:
        UserError: this isn't a grading worksheet, its grade column can't be identified, the class has more than one
            assignment, or the maximum is another one than the scores' (see `factor_to`).
    """
    if len(record.assignments) != 1:
        raise UserError(tr("a grading worksheet holds one assignment: choose it with --assignment"))
    sheet = read_sheet(template)
    identifier = _identifier(sheet)
    students = [n for n in range(1, len(sheet.rows)) if sheet.value(n, identifier)]
    grade = _grade_column(sheet, students, column)
    (assignment,) = record.assignments
    rows = [_row(sheet, n, identifier, grade) for n in students if len(sheet.rows[n]) > grade]
    factor = factor_to(scale, assignment, _same_number(sheet, students, grade + 1))
    return fill(sheet, rows, {grade: Column(assignment=assignment, factor=factor)}, record)


def _row(sheet: Sheet, row: int, identifier: int, grade: int) -> Row:
    name = sheet.value(row, identifier + 1)
    number = re.findall(r"\d+", sheet.value(row, identifier))[-1]
    ids = [sheet.value(row, at) for at in range(grade) if at != identifier + 1]
    return Row(row, (*ids, f"{name} ({number})"), name)


def _identifier(sheet: Sheet) -> int:
    """The first column in which every row has a word and a number, as in `Participant 123`."""
    for column in range(len(sheet.header)):
        values = [sheet.value(n, column) for n in range(1, len(sheet.rows))]
        filled = [value for value in values if value]
        if filled and all(re.fullmatch(r"[^\d@]*[^\d\W]\s?\d+", value) for value in filled):
            return column
    raise UserError(
        tr(
            "this isn't a Moodle grading worksheet: no column has identifiers such as "
            "“Participant 123”. Download it again from the assignment's submissions page"
        )
    )


def _grade_column(sheet: Sheet, students: list[int], column: str | None) -> int:
    names = [column] if column else _GRADE
    found = [
        n for n, head in enumerate(sheet.header) if any(same_words(head, name) for name in names)
    ]
    if not found and column is None:
        found = [
            at - 1
            for at in range(1, len(sheet.header))
            if _same_number(sheet, students, at)
            and all(to_number(sheet.value(n, at - 1) or "0") is not None for n in students)
        ]
    if len(found) != 1:
        raise UserError(
            tr(
                "can't tell which column holds the grades: choose it with --column "
                "(available: {heads})",
                heads=printable(", ".join(sheet.header), 1000),
            )
        )
    return found[0]


def _same_number(sheet: Sheet, students: list[int], column: int) -> float | None:
    """The positive number that a column has in every student's row."""
    values = {to_number(sheet.value(n, column)) for n in students}
    return values.pop() or None if len(values) == 1 else None
