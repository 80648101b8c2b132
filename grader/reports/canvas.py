"""Fill the scores into a gradebook, and points with comments into rubric assessments, both exported from Canvas."""

import re
from collections.abc import Callable
from functools import partial

from grader.model.assignment import Assignment
from grader.model.errors import UserError
from grader.model.record import ClassRecord, Record
from grader.model.score import ItemResult
from grader.model.text import Text, printable, tr
from grader.reports.fill import (
    EXCUSED,
    Column,
    Filled,
    Row,
    Scale,
    factor_to,
    fill,
    letters,
    same_words,
    scores,
    to_number,
)
from grader.reports.sheet import Sheet, number, read_sheet

_IDS = ("ID", "SIS User ID", "SIS Login ID")
_SPLIT = ("LastName", "FirstName")
_ASSESSED = ("Student Id", "Student Name")


def fill_canvas(
    record: ClassRecord, template: str, column: str | None = None, scale: Scale = None
) -> Filled:
    """Write the scores into a gradebook exported from Canvas; everything else stays unchanged.

    The column of an assignment is called `<title> (<id>)`, where the title is in either language, or the assignment's
    name. If Canvas uses another title, pass it as `column` together with a class of one assignment. Students are
    matched by ID, SIS User ID, SIS Login ID, name, or the prefix of the file names that Canvas hands out:
    `kimminji_1001`. Excused students get `EX`.

    Raises:
        UserError: this isn't a Canvas gradebook, a column is missing or occurs twice, or its maximum is another one
            than the scores' (see `factor_to`).
    """
    sheet = read_sheet(template)
    heads = set(sheet.header)
    if "ID" not in heads or not ("Student" in heads or {*_SPLIT} <= heads):
        raise UserError(
            tr(
                "this isn't a Canvas gradebook: the first row must have the columns Student "
                "and ID. Export it from Canvas again"
            )
        )
    columns = _columns(sheet, record, column)
    rows = [
        _row(sheet, n)
        for n in range(1, len(sheet.rows))
        if sheet.value(n, sheet.header.index("ID")) and len(sheet.rows[n]) > max(columns)
    ]
    handed_in = {name for _, name in record.counting}
    scaled = {}
    for at, each in columns.items():
        factor = factor_to(scale, each, _maximum(sheet, at)) if each.name in handed_in else 1.0
        scaled[at] = scores(each, factor, EXCUSED)
    filled = fill(sheet, rows, scaled, record)
    missing = [
        tr("{assignment}: no column found, so no scores were written", assignment=each.title)
        for each in record.assignments
        if each.name in handed_in and each not in columns.values()
    ]
    return Filled(filled.text, (*missing, *filled.notes), filled.remarks)


def fill_canvas_rubric(
    record: ClassRecord, template: str, comment: Callable[[Record, ItemResult], str]
) -> Filled:
    """Write points and comments into the rubric assessments of one assignment, exported from Canvas.

    Each rubric item has the columns of the criterion that has its title in either language, its short title or its id:
    `<criterion> - Points` and `<criterion> - Comments`.

    Raises:
        UserError: these aren't rubric assessments, no criterion is an item, or the class has more than one assignment.
    """
    if len(record.assignments) != 1:
        raise UserError(tr("a rubric belongs to one assignment: choose it with --assignment"))
    (assignment,) = record.assignments
    sheet = read_sheet(template)
    if not {*_ASSESSED} <= {*sheet.header}:
        raise UserError(
            tr(
                "these aren't Canvas's rubric assessments: the first row must have the columns Student "
                "Id and Student Name. Export them from the gradebook's menu of the assignment"
            )
        )
    columns: dict[int, Column] = {}
    for item in assignment.items:
        titles = [*_both(item.title), *(_both(item.short) if item.short else ()), item.id]
        for at, head in enumerate(sheet.header):
            criterion, _, kind = head.rpartition(" - ")
            if not any(same_words(criterion, title) for title in titles):
                continue
            if kind == "Points":
                columns[at] = Column(assignment=assignment, value=partial(_points, item.id))
            elif kind == "Comments":
                value = partial(_comment, item.id, comment)
                columns[at] = Column(assignment=assignment, value=value)
    if not columns:
        raise UserError(
            tr(
                "no criterion of the rubric has the title of a rubric item (items: {items}); give "
                "the criteria in Canvas these titles",
                items=", ".join(item.title.en for item in assignment.items),
            )
        )
    id_, name = map(sheet.header.index, _ASSESSED)
    rows = [
        Row(
            n,
            (sheet.value(n, id_), f"{letters(sheet.value(n, name))}_{sheet.value(n, id_)}"),
            sheet.value(n, name),
        )
        for n in range(1, len(sheet.rows))
        if sheet.value(n, id_) and len(sheet.rows[n]) > max(columns)
    ]
    filled = fill(sheet, rows, columns, record)
    notes, remarks = (tuple(dict.fromkeys(each)) for each in (filled.notes, filled.remarks))
    return Filled(filled.text, notes, remarks)


def _both(title: Text) -> tuple[str, str]:
    return title.ko, title.en


def _points(id_: str, record: Record) -> str:
    item = record.report.by_item.get(id_)
    return number(item.points) if item and item.points is not None else ""


def _comment(id_: str, comment: Callable[[Record, ItemResult], str], record: Record) -> str:
    item = record.report.by_item.get(id_)
    return comment(record, item) if item else ""


def _maximum(sheet: Sheet, column: int) -> float | None:
    rows = (n for n in range(1, len(sheet.rows)) if sheet.value(n, 0) == "Points Possible")
    return next((to_number(sheet.value(n, column)) for n in rows), None)


def _row(sheet: Sheet, row: int) -> Row:
    ids = [sheet.value(row, sheet.header.index(name)) for name in _IDS if name in sheet.header]
    names = ("Student",) if "Student" in sheet.header else _SPLIT
    name = ", ".join(sheet.value(row, sheet.header.index(each)) for each in names)
    in_file_names = f"{letters(name)}_{ids[0]}"
    return Row(row, (*ids, in_file_names), name)


def _columns(sheet: Sheet, record: ClassRecord, column: str | None) -> dict[int, Assignment]:
    if column is not None and len(record.assignments) > 1:
        raise UserError(
            tr("a column holds the scores of one assignment: choose it with --assignment")
        )
    found: dict[int, Assignment] = {}
    for assignment in record.assignments:
        titles = [column] if column else [assignment.title.ko, assignment.title.en, assignment.name]
        fitting = [n for n, head in enumerate(sheet.header) if _is_titled(head, titles)]
        if len(fitting) > 1:
            raise UserError(
                tr(
                    "more than one column is called {title}: choose one with --column, "
                    "including its number",
                    title=column or assignment.title,
                )
            )
        found |= dict.fromkeys(fitting, assignment)
    if not found:
        heads = printable(
            ", ".join(head for head in sheet.header if re.search(r" \(\d+\)$", head)), 1000
        )
        raise UserError(
            tr(
                "no column has the title of an assignment: choose one with --column "
                "(available: {heads})",
                heads=heads or "–",
            )
        )
    return found


def _is_titled(head: str, titles: list[str]) -> bool:
    title = re.sub(r" \(\d+\)$", "", head)
    return any(same_words(each, head) or same_words(each, title) for each in titles)
