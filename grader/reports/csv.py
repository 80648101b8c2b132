"""Export a class as CSV for spreadsheets, one row per student."""

import csv
import io

from grader.model.assignment import Assignment
from grader.model.record import ClassRecord, Record
from grader.model.score import Verdict
from grader.model.text import Language, Text, cell, tr
from grader.reports.sheet import number


def to_csv(record: ClassRecord, language: Language) -> bytes:
    """Return the class as UTF-8 with a byte-order mark, which Excel needs: the roster in its order, then everyone else.

    Cells of ungraded, missing or excused work are empty, and the column of verdicts says why. No text is read as a
    formula.
    """
    file = io.StringIO()
    writer = csv.writer(file)
    sections = bool(record.sections)
    writer.writerow([cell(head.in_(language)) for head in _heads(record.assignments, sections)])
    counting, standings, unusable = record.counting, record.standings, record.unusable
    for student in record.students:
        row = [cell(student.id), cell(student.name), cell(student.email)]
        row += [cell(student.section)] if sections else []
        for assignment in record.assignments:
            key = (student.id, assignment.name)
            why = [standings[key].text, *(each.text for each in unusable.get(student.id, ()))]
            row += _cells(assignment, counting.get(key), why, language)
        writer.writerow(row)
    return file.getvalue().encode("utf-8-sig")


def _heads(assignments: tuple[Assignment, ...], sections: bool) -> list[Text]:
    heads = [tr("student"), tr("name"), tr("email"), *([tr("section")] if sections else [])]
    for assignment in assignments:
        title = assignment.title
        heads += [
            tr("{title}: score (max. {points})", title=title, points=number(assignment.max_score)),
            tr("{title}: late penalty", title=title),
            tr("{title}: adjustment", title=title),
            *(
                tr(
                    "{title}: {item} (max. {points})",
                    title=title,
                    item=item.title,
                    points=number(item.points),
                )
                for item in assignment.items
            ),
            tr("{title}: verdicts", title=title),
        ]
    return heads


def _cells(
    assignment: Assignment, record: Record | None, why: list[Text], language: Language
) -> list[str]:
    if record is None:
        return [""] * (3 + len(assignment.items)) + [
            cell("; ".join(each.in_(language) for each in why))
        ]
    points = {item.id: item.points for item in record.report.items}
    adjusted = sum(adjustment.points for adjustment in record.adjustments)
    lost = [item for item in record.report.items if item.verdict is not Verdict.PASSED]
    verdicts = [f"{item.title.in_(language)}: {item.verdict.text.in_(language)}" for item in lost]
    return [
        _points(record.final_score),
        number(record.penalty),
        number(adjusted),
        *(_points(points.get(item.id)) for item in assignment.items),
        cell("; ".join(verdicts)),
    ]


def _points(points: float | None) -> str:
    return "" if points is None else number(points)
