"""Scores written into the sheet of a learning platform: whose row is whose, and what is left to a person."""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable

import msgspec

from grader.model.assignment import Assignment
from grader.model.record import ClassRecord, RosterEntry
from grader.model.text import Text, printable, tr
from grader.reports.sheet import Sheet, number


class Row(msgspec.Struct, frozen=True):
    """A student's row of a downloaded sheet."""

    number: int
    ids: tuple[str, ...]
    name: str


class Filled(msgspec.Struct, frozen=True):
    """A sheet with scores in it."""

    text: str
    notes: tuple[Text, ...] = ()
    """Whose score was not written and why, and what else a person must look at."""


def fill(
    sheet: Sheet, rows: list[Row], columns: dict[int, Assignment], record: ClassRecord
) -> Filled:
    """Write each student's score of each assignment into its column.

    Only a student with exactly one row, which no other student has, gets a score. What is ungraded or was not handed
    in leaves its cell as it was.
    """
    found = _match(record.students, rows)
    claims = Counter(row for fitting in found.values() for row in fitting)
    values: dict[tuple[int, int], str] = {}
    notes = []
    counting = record.counting
    for column, assignment in columns.items():
        for student in record.students:
            hand_in = counting.get((student.id, assignment.name))
            if hand_in is None:
                continue
            score = hand_in.final_score
            fitting = found[student.id]
            if score is None:
                why = tr("ungraded, nothing was written")
            elif not fitting:
                why = tr("the file has no row of this student, nothing was written")
            elif len(fitting) > 1 or any(claims[row] > 1 for row in fitting):
                why = tr("more than one row or student fits, nothing was written")
            else:
                (row,) = fitting
                values[row, column] = number(score)
                continue
            who = printable(student.id)
            notes.append(
                tr("{student}, {title}: {why}", student=who, title=assignment.title, why=why)
            )
    return Filled(sheet.replaced(values), tuple(notes))


def other_scale(assignment: Assignment, maximum: float | None) -> list[Text]:
    """Return a note if the platform gives the assignment another maximum than its rubric does."""
    if maximum is None or maximum == assignment.max_score:
        return []
    return [
        tr(
            "{title}: the platform's maximum is {theirs}, the rubric's {ours}; the scores were written as they are",
            title=assignment.title,
            theirs=number(maximum),
            ours=number(assignment.max_score),
        )
    ]


def to_number(words: str) -> float | None:
    """Return the number that a cell holds, with a decimal point or comma; None if it holds none."""
    plain = re.fullmatch(r"\d+(?:[.,]\d+)?", words.strip())
    return float(plain[0].replace(",", ".")) if plain else None


def same_words(one: str, other: str) -> bool:
    """Return whether two titles or ids are the same but for case, spacing and Unicode's normal forms."""
    return _folded(one) == _folded(other)


def letters(words: str) -> str:
    """Return the letters and digits of a name, in lower case: what is left of it in names of files."""
    return "".join(c for c in _folded(words) if c.isalnum())


def _match(students: tuple[RosterEntry, ...], rows: list[Row]) -> dict[str, set[int]]:
    """The numbers of the rows that fit each student."""
    by_id = _index((_folded(each), row.number) for row in rows for each in row.ids)
    by_name = _index((each, row.number) for row in rows for each in _spellings(row.name))
    found = {
        student.id: by_id[_folded(student.id)] | by_id[_folded(student.email)]
        for student in students
    }
    ids_are_known = any(found.values())
    for student in students:
        named_otherwise = student.name and ids_are_known  # a namesake with another id
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
    """`Kim, Minji` is also `Minji Kim`."""
    last, comma, first = name.partition(",")
    return {letters(name), letters(first + last)} if comma else {letters(name)}


def _folded(words: str) -> str:
    return " ".join(unicodedata.normalize("NFC", words).casefold().replace("_", " ").split())
