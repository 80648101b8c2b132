"""Whose the files are that nobody could match: a list with guesses for an assistant, and what was filled in."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path

import msgspec

from grader.intake.roster import RosterIndex, fold, rows, student_at
from grader.model.assignment import Assignment, unknown_assignment
from grader.model.errors import writing
from grader.model.record import RosterEntry
from grader.model.text import cell

_COLUMNS = {
    "file": ("file", "파일"),
    "student": ("student", "학생", "학번"),
    "assignment": ("assignment", "과제"),
}
_GUESSES = 3
_MAX_GUESSED = 300  # files; comparing names is slow


NOBODY = "-"
"""What stands in the place of the student of a file that is to be left out for good."""


class Match(msgspec.Struct, frozen=True):
    """What an assistant says about a file; nothing by default."""

    student: str = ""
    assignment: Assignment | None = None
    """None if the file says it."""
    left_out: bool = False
    """Whether the file is neither graded nor listed."""


Matches = Mapping[str, Sequence[Match]]
"""Keyed by the file, as `key_of` writes it."""


class Open(msgspec.Struct, frozen=True, order=True):
    """A file that an assistant can match."""

    origin: str
    words: str
    """What may name the student."""
    assignment: str
    """Empty if unknown."""


def key_of(origin: str) -> str:
    """Return the origin of a file as it stands in the list."""
    return cell(origin)


def is_left_out(origin: str, matches: Matches) -> bool:
    """Return whether an assistant settled that a file or folder is nobody's."""
    return any(match.left_out for match in matches.get(key_of(origin), ()))


def read_matches(
    path: Path, assignments: Mapping[str, Assignment], roster: Iterable[RosterEntry] = ()
) -> Matches:
    """Read the rows in which a student, or `-` for nobody, is filled in; nothing if there is no such file yet.

    Raises:
        UserError: the file can't be read, or a row has an unknown student or assignment.
    """
    if not path.exists():
        return {}
    index = RosterIndex(roster)
    found: dict[str, list[Match]] = {}
    for line, row in rows(path, _COLUMNS, needed=("file", "student"), titles=1):
        if not row["student"]:
            continue
        if row["student"].lstrip("'") == NOBODY:
            found.setdefault(row["file"], []).append(Match(left_out=True))
            continue
        if row["assignment"] and row["assignment"] not in assignments:
            raise unknown_assignment(row["assignment"], assignments)
        student = student_at(path, line, row["student"], index)
        match = Match(student, assignments.get(row["assignment"]))
        found.setdefault(row["file"], []).append(match)
    return found


def write_matches(
    path: Path, files: Iterable[Open], matches: Matches, students: Mapping[str, str]
) -> None:
    """Write the list: what was filled in, then the other files with the most similar of the `students` (ids and names).

    Raises:
        UserError: the file can't be written.
    """
    text = io.StringIO()
    table = csv.writer(text)
    guesses = [f"guess {number + 1}" for number in range(_GUESSES)]
    table.writerow(["file", "student", "assignment", *guesses])
    for file, filled_in in matches.items():
        for match in filled_in:
            assignment = match.assignment.name if match.assignment else ""
            student = NOBODY if match.left_out else cell(match.student)
            table.writerow([file, student, assignment])
    for number, each in enumerate(files):
        similar = _similar(each.words, students) if number < _MAX_GUESSED else []
        table.writerow([key_of(each.origin), "", each.assignment, *map(cell, similar)])
    with writing(path):
        path.write_bytes(text.getvalue().encode("utf-8-sig"))


def _similar(words: str, students: Mapping[str, str]) -> list[str]:
    """The students whose ids or names are most like these words, the most similar first."""
    by_word = {fold(word): id_ for id_, name in students.items() for word in (id_, name) if word}
    near = get_close_matches(fold(words), by_word, n=4 * _GUESSES, cutoff=0.4)
    within = [each for each in by_word if len(each) > 1 and each in fold(words)]
    found = dict.fromkeys(by_word[each] for each in (*within, *near))
    return list(found)[:_GUESSES]
