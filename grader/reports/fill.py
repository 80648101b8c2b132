"""Write scores into a learning platform's sheet: match rows to students, and report what can't be matched."""

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
    """A sheet with the scores filled in."""

    text: str
    notes: tuple[Text, ...] = ()
    """Scores that were not written, with the reason, and anything else to check by hand."""


def fill(
    sheet: Sheet, rows: list[Row], columns: dict[int, Assignment], record: ClassRecord
) -> Filled:
    """Write each student's scores into the columns of the assignments.

    A score is written only if the student matches exactly one row, and that row matches no other student. Cells of
    ungraded or missing work keep their content.
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
                why = tr("ungraded, so nothing was written")
            elif not fitting:
                why = tr("the file has no row for this student, so nothing was written")
            elif len(fitting) > 1 or any(claims[row] > 1 for row in fitting):
                why = tr("more than one row or student matches, so nothing was written")
            elif sheet.value(min(fitting), column).upper() == "EX":
                why = tr("excused (EX), so nothing was written")
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
    """Return a note if the platform's maximum differs from the rubric's."""
    if maximum is None or maximum == assignment.max_score:
        return []
    return [
        tr(
            "{title}: the platform's maximum is {theirs}, but the rubric's is {ours}; scores "
            "were written without rescaling",
            title=assignment.title,
            theirs=number(maximum),
            ours=number(assignment.max_score),
        )
    ]


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
