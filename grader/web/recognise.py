"""Say what an uploaded file holds before the student hands it in. Nothing of it is run."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

import msgspec

from grader.intake.apart import Examined
from grader.intake.archive import File, is_archive, walk
from grader.intake.reader import examine, read_content
from grader.model.assignment import Assignment
from grader.model.errors import UserError
from grader.model.submission import (
    MAX_BYTES,
    SUFFIXES,
    match_assignment,
    mentions_any,
)
from grader.model.text import Text, printable, tr

_MAX_NAME = 150


class Recognised(msgspec.Struct, frozen=True, kw_only=True):
    """What the page shows about an upload."""

    cells: int
    """The number of code cells; 1 for a script."""
    notebook: bool
    functions: dict[str, bool]
    """The assignment's functions, and whether the file mentions each."""
    warnings: tuple[Text, ...]
    """What the student should look at; the file can be handed in nevertheless."""


def submitted_file(name: str, content: bytes, assignment: Assignment) -> tuple[str, bytes]:
    """Return the name and content of the file to grade: the upload itself, or the one in a zip.

    Raises:
        UserError: it is neither a script nor a notebook nor an archive with exactly one of the assignment, or it is
            no submission.
    """
    path = Path(printable(name.replace("\\", "/"), 10_000))
    name = path.stem[:_MAX_NAME] + path.suffix
    if is_archive(name):
        name, content = _the_one_in(name, content, assignment)
    if not name.lower().endswith(SUFFIXES):
        raise UserError(tr("{path} is neither a script (.py) nor a notebook (.ipynb)", path=name))
    submission = read_content(name, content)
    if submission.problem is not None:
        raise UserError(tr("{path}: {problem}", path=name, problem=submission.problem))
    return name, content


def recognise(
    file: str, content: bytes, assignment: Assignment, assignments: Mapping[str, Assignment]
) -> Recognised:
    """Look at a file for `assignment`; `assignments` are all that it could belong to.

    Raises:
        UserError: the machine is too busy to read it.
    """
    examined = examine(file, content, assignment.functions)
    submission = examined.submission
    found = {name: mentions_any(submission, (name,)) for name in assignment.functions}
    return Recognised(
        cells=len(submission.cells),
        notebook=submission.notebook,
        functions=found,
        warnings=tuple(_warnings(examined, assignment, assignments, any(found.values()))),
    )


def _warnings(
    examined: Examined,
    assignment: Assignment,
    assignments: Mapping[str, Assignment],
    any_found: bool,
) -> list[Text]:
    found = []
    other = match_assignment(examined.submission, dict(assignments))
    if other is not None and other.name != assignment.name:
        found.append(
            tr("This looks like a file for another assignment: {title}.", title=other.title)
        )
    elif not any_found:
        found.append(
            tr("This file defines none of the assignment's functions. Is it the right one?")
        )
    if examined.template:
        found.append(tr("This is the template as you received it: no function is filled in."))
    for problem in examined.problems:
        where = tr("line {line}: {words}", line=problem.line, words=problem.words)
        found.append(tr("Python can't read {cell}, {where}", cell=problem.cell, where=where))
    return found


def _the_one_in(name: str, content: bytes, assignment: Assignment) -> tuple[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "upload.zip"
        if not name.lower().endswith(".zip"):
            path = path.with_name("upload.tar.gz" if name.lower().endswith("gz") else "upload.tar")
        path.write_bytes(content)
        scripts = [
            (each, each.read(MAX_BYTES + 1))
            for each in walk(path)
            if isinstance(each, File) and each.name.lower().endswith(SUFFIXES)
        ]
    matching = [
        (each.name, data)
        for each, data in scripts
        if mentions_any(read_content(each.name, data), assignment.functions)
    ]
    if len(scripts) == 1:
        return scripts[0][0].name, scripts[0][1]
    if len(matching) == 1:
        return matching[0]
    names = ", ".join(printable(each.name, 60) for each, _ in scripts[:5])
    if not scripts:
        raise UserError(tr("{path} contains no script (.py) or notebook (.ipynb)", path=name))
    raise UserError(
        tr("{path} contains several files ({names}): hand in one of them", path=name, names=names)
    )
