"""Write scores into a learning platform's sheet: match rows to students, and report what can't be matched."""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from typing import Literal

import msgspec

from grader.model.assignment import Assignment
from grader.model.errors import UserError
from grader.model.record import ClassRecord, Record, RosterEntry
from grader.model.text import Text, printable, tr
from grader.reports.sheet import Sheet, number


class Row(msgspec.Struct, frozen=True):
    """A student's row of a downloaded sheet."""

    number: int
    ids: tuple[str, ...]
    name: str


class Filled(msgspec.Struct, frozen=True):
    """A sheet with the scores filled in."""

    text: str
    notes: tuple[Text, ...] = ()
    """Scores that were not written, with the reason, and anything else to check by hand."""
    remarks: tuple[Text, ...] = ()
    """What was kept or replaced on purpose."""


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """A column of scores, or of something else about each hand-in."""

    assignment: Assignment
    value: Callable[[Record], str]
    """What is written about a completely graded hand-in."""
    excused: str = ""
    """The platform's word for an excused student; empty if it has none."""


def scores(assignment: Assignment, factor: float, excused: str = "") -> Column:
    """Return the column of scores, multiplied by `factor` so that they are in the platform's points."""
    return Column(
        assignment=assignment,
        value=lambda record: number(record.score * factor),
        excused=excused,
    )


def match_rows(students: tuple[RosterEntry, ...], rows: list[Row]) -> dict[str, int | Text]:
    """Return the number of each student's row by student id, or the reason why nothing can be written about them.

    A student has a row only if exactly one matches, and that row matches no other student.
    """
    found = _match(students, rows)
    claims = Counter(row for fitting in found.values() for row in fitting)

    def only(fitting: set[int]) -> int | Text:
        if not fitting:
            return tr("the file has no row for this student, so nothing was written")
        if len(fitting) > 1 or any(claims[row] > 1 for row in fitting):
            return tr("more than one row or student matches, so nothing was written")
        return min(fitting)

    return {student: only(fitting) for student, fitting in found.items()}


def fill(sheet: Sheet, rows: list[Row], columns: dict[int, Column], record: ClassRecord) -> Filled:
    """Write each student's scores into the columns of the assignments.

    Cells of ungraded, missing or excused work keep their content, and so do those of students without a row.
    """
    matched = match_rows(record.students, rows)
    values: dict[tuple[int, int], str] = {}
    notes: list[Text] = []
    remarks: list[Text] = []
    counting = record.counting
    for at, column in columns.items():
        for student in record.students:
            hand_in = counting.get((student.id, column.assignment.name))
            excused = (student.id, column.assignment.name) in record.excused
            if hand_in is None and not excused:
                continue
            row = matched[student.id]
            why, remark = None, None
            there = sheet.value(row, at) if isinstance(row, int) else ""
            graded = hand_in is not None and not hand_in.report.ungraded
            if not graded and not excused:
                why = tr("ungraded, so nothing was written")
            elif isinstance(row, Text):
                why = row
            elif there.upper() == EXCUSED:
                remark = tr("excused (EX), so nothing was written")
            elif excused and not column.excused:
                why = tr("excused, so nothing was written; enter it by hand")
            else:
                new = column.value(hand_in) if hand_in and not excused else column.excused
                values[row, at] = new
                old = to_number(there)
                if there and not (new == there or (old is not None and number(old) == new)):
                    remark = tr(
                        "{old} was replaced by {new}", old=printable(there), new=printable(new)
                    )
            for each, told in ((why, notes), (remark, remarks)):
                if each is not None:
                    told.append(
                        tr(
                            "{student}, {title}: {why}",
                            student=printable(student.id),
                            title=column.assignment.title,
                            why=each,
                        )
                    )
    return Filled(sheet.replaced(values), tuple(notes), tuple(remarks))


EXCUSED = "EX"
"""What Canvas has in a cell of a student who is excused."""

Scale = float | Literal["template"] | None
"""The maximum that scores are scaled to: a number, that of the template, or no scaling."""


def factor_to(scale: Scale, assignment: Assignment, maximum: float | None) -> float:
    """Return what scores are multiplied by, where `maximum` is the platform's, if it is known.

    Raises:
        UserError: the platform's maximum is another one than that of the scores, or is to be used and isn't known.
    """
    if scale == "template" and maximum is None:
        raise UserError(
            tr(
                "{title}: the file doesn't say the maximum; pass it with --scale-to",
                title=assignment.title,
            )
        )
    wanted = maximum if scale == "template" else scale or assignment.max_score
    assert wanted is not None
    if maximum is not None and wanted != maximum:
        raise UserError(
            tr(
                "{title}: the platform's maximum is {theirs}, but the scores' is {ours}; scale them with "
                "--scale-to template, or change the maximum there",
                title=assignment.title,
                theirs=number(maximum),
                ours=number(wanted),
            )
        )
    return wanted / assignment.max_score


def to_number(words: str) -> float | None:
    """Return the number in a cell (decimal point or comma), or None if there is none."""
    plain = re.fullmatch(r"\d+(?:[.,]\d+)?", words.strip())
    return float(plain[0].replace(",", ".")) if plain else None


def same_words(one: str, other: str) -> bool:
    """Return whether two titles or ids are equal, ignoring case, spacing and Unicode normalisation."""
    return _folded(one) == _folded(other)


def letters(words: str) -> str:
    """Return the letters and digits of a name in lower case, as they appear in file names."""
    return "".join(c for c in _folded(words) if c.isalnum())


def _match(students: tuple[RosterEntry, ...], rows: list[Row]) -> dict[str, set[int]]:
    """The row numbers that match each student."""
    by_id = _index((_folded(each), row.number) for row in rows for each in row.ids)
    by_name = _index((each, row.number) for row in rows for each in _spellings(row.name))
    found = {
        student.id: by_id[_folded(student.id)] | by_id[_folded(student.email)]
        for student in students
    }
    ids_are_known = any(found.values())
    for student in students:
        named_otherwise = student.name and ids_are_known  # the name may be a namesake's
        if not found[student.id] and not named_otherwise:
            found[student.id] = by_name[letters(student.name or student.id)]
    return found


def _index(pairs: Iterable[tuple[str, int]]) -> defaultdict[str, set[int]]:
    index: defaultdict[str, set[int]] = defaultdict(set)
    for key, row in pairs:
        if key:
            index[key].add(row)
    return index


def _spellings(name: str) -> set[str]:
    """Accept `Kim, Minji` as `Minji Kim` too."""
    last, comma, first = name.partition(",")
    return {letters(name), letters(first + last)} if comma else {letters(name)}


def _folded(words: str) -> str:
    return " ".join(unicodedata.normalize("NFC", words).casefold().replace("_", " ").split())
