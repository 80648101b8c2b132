"""From files to submissions: whose each is, and for which assignment."""

from pathlib import Path

import msgspec

from grader.assignment import Assignment
from grader.errors import UserError
from grader.submission import SUFFIXES, Submission, match_assignment, read_submission, readable
from grader.text import tr


class HandIn(msgspec.Struct, frozen=True):
    """A submission, with the student and the assignment that it is for."""

    student: str
    assignment: Assignment
    submission: Submission


def hand_in(path: Path, assignments: dict[str, Assignment], name: str | None = None) -> HandIn:
    """Read one file; `name` is its assignment where the user says it.

    Raises:
        UserError: there is no such file or assignment, or nothing tells which assignment the file is for.
    """
    submission = read_submission(path)
    known = ", ".join(assignments)
    if name is not None:
        if name not in assignments:
            raise UserError(
                tr("there is no assignment {name}; there are: {known}", name=name, known=known)
            )
        assignment: Assignment | None = assignments[name]
    else:
        assignment = match_assignment(submission, assignments)
    if assignment is None:
        raise UserError(
            tr(
                "{path}: neither the file's name nor its functions tell the assignment; "
                "say it by --assignment ({known})",
                path=path.name,
                known=known,
            )
        )
    return HandIn(student_of(path, assignment), assignment, submission)


def files_in(folder: Path) -> list[Path]:
    """Return the scripts and notebooks right in `folder`, in the order of their names.

    Raises:
        UserError: it is no folder, or there are none.
    """
    if not folder.is_dir():
        raise UserError(tr("{path} is no folder", path=folder))
    files = [
        path
        for path in folder.iterdir()
        if path.suffix.lower() in SUFFIXES and path.is_file() and not path.name.startswith(".")
    ]
    if not files:
        raise UserError(tr("{path} holds no script (.py) and no notebook (.ipynb)", path=folder))
    return sorted(files)


def student_of(path: Path, assignment: Assignment) -> str:
    """Return what a file's name says besides its assignment: `kim` for `kim_wine.ipynb`; the whole name if nothing."""
    stem = Path(readable(path.name)).stem
    rest = assignment.name_pattern.sub("", stem)
    return rest.strip("_- .") or stem
