"""Fill the scores into a grading worksheet downloaded from Moodle."""

import re
from collections.abc import Callable

from grader.model.assignment import Assignment
from grader.model.errors import UserError
from grader.model.record import ClassRecord, Record
from grader.model.text import printable, tr
from grader.reports.fill import (
    Column,
    Filled,
    Row,
    Scale,
    factor_to,
    fill,
    match_rows,
    same_words,
    scores,
    to_number,
)
from grader.reports.sheet import Sheet, read_sheet

_GRADE = (
    *("Grade", "성적", "점수", "評点", "成绩", "成績", "Bewertung", "Note", "Calificación"),
    *("Nota", "Avaliação", "Valutazione", "Beoordeling", "Оценка", "Not", "Điểm"),
)
"""Moodle's title of the grade column in the most common languages."""
_FEEDBACK = (
    "Feedback comments",
    "피드백",
    "피드백 댓글",
    "피드백 의견",
    "フィードバックコメント",
    "反馈评语",
    "Feedback als Kommentar",
)


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
    assignment = _the_assignment(record)
    sheet = read_sheet(template)
    students, grade, rows = _students(sheet, column)
    factor = factor_to(scale, assignment, _same_number(sheet, students, grade + 1))
    return fill(sheet, rows, {grade: scores(assignment, factor)}, record)


def fill_moodle_feedback(
    record: ClassRecord, template: str, value: Callable[[Record], str], column: str | None = None
) -> Filled | None:
    """Write a text about each hand-in into the feedback column of the grading worksheet of one assignment.

    The column is `column` if given, else the one with Moodle's title in a common language; without one, the answer is
    None. Moodle reads the text as HTML.

    Raises:
        UserError: this isn't a grading worksheet, it has no column of this name, or the class has more than one
            assignment.
    """
    assignment = _the_assignment(record)
    sheet = read_sheet(template)
    _, _, rows = _students(sheet, None)
    names = [column] if column else _FEEDBACK
    found = [n for n, head in enumerate(sheet.header) if any(same_words(head, n) for n in names)]
    if column is not None and not found:
        heads = printable(", ".join(sheet.header), 1000)
        raise UserError(
            tr("no column is called {column} (available: {heads})", column=column, heads=heads)
        )
    if not found:
        return None
    wide = [row for row in rows if len(sheet.rows[row.number]) > found[0]]
    return fill(sheet, wide, {found[0]: Column(assignment=assignment, value=value)}, record)


def moodle_names(record: ClassRecord, template: str, file: str) -> dict[str, str]:
    """Return the path in Moodle's zip of feedback files for each student who has one row in the worksheet, by id.

    Raises:
        UserError: this isn't a grading worksheet, or the class has more than one assignment.
    """
    _the_assignment(record)
    sheet = read_sheet(template)
    identifier = _identifier(sheet)

    def name(row: int) -> str:
        words = re.sub(r"[\W_]+", " ", sheet.value(row, identifier + 1)).strip()
        return f"{words}_{_participant(sheet, row, identifier)}_assignsubmission_file_{file}"

    matched = match_rows(record.students, _students(sheet, None)[2])
    return {student: name(row) for student, row in matched.items() if isinstance(row, int)}


def _the_assignment(record: ClassRecord) -> Assignment:
    if len(record.assignments) != 1:
        raise UserError(tr("a grading worksheet holds one assignment: choose it with --assignment"))
    return record.assignments[0]


def _students(sheet: Sheet, column: str | None) -> tuple[list[int], int, list[Row]]:
    """The numbers of the students' rows, the column of grades, and the rows that reach as far as that."""
    identifier = _identifier(sheet)
    students = [n for n in range(1, len(sheet.rows)) if sheet.value(n, identifier)]
    grade = _grade_column(sheet, students, column)
    rows = [_row(sheet, n, identifier, grade) for n in students if len(sheet.rows[n]) > grade]
    return students, grade, rows


def _row(sheet: Sheet, row: int, identifier: int, grade: int) -> Row:
    name = sheet.value(row, identifier + 1)
    number = _participant(sheet, row, identifier)
    ids = [sheet.value(row, at) for at in range(grade) if at != identifier + 1]
    return Row(row, (*ids, f"{name} ({number})"), name)


def _participant(sheet: Sheet, row: int, identifier: int) -> str:
    number: str = re.findall(r"\d+", sheet.value(row, identifier))[-1]
    return number


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
