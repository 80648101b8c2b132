"""Take a hand-in out of the gradebook as a file."""

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

import msgspec

from grader.gradebook.decisions import student_id
from grader.intake.archive import File, walk
from grader.model.errors import UserError
from grader.model.record import ClassRecord, Record
from grader.model.submission import MAX_FILE, Cell
from grader.model.text import tr

MAX_NOTEBOOK = 10 * 2**20
MAX_NOTEBOOKS = 2**29


class Extracted(msgspec.Struct, frozen=True, kw_only=True):
    """A hand-in as a file."""

    record: Record
    data: bytes
    original: bool
    """Whether these are the bytes that the student handed in, not only the code that the gradebook keeps."""


def extract(
    record: ClassRecord,
    student: str,
    assignment: str,
    attempt: int | None,
    paths: Iterable[str],
) -> Extracted:
    """Return the hand-in that counts, or the attempt of this number, counting from 1.

    The file is the student's own if it is still in one of the graded `paths`. Otherwise it is made of the code in the
    gradebook, with each cell of a notebook at its place; Markdown and outputs are missing then.

    Raises:
        UserError: there is no such hand-in.
    """
    key = (student_id(record, student), assignment)
    attempts = record.attempts.get(key, ())
    chosen = [r for r in attempts if r.counts] if attempt is None else attempts[attempt - 1 :][:1]
    if not chosen or (attempt is not None and attempt < 1):
        raise UserError(
            tr(
                "{student} has no such hand-in for {assignment}; hand-ins: {count}",
                student=key[0],
                assignment=assignment,
                count=len(attempts),
            )
        )
    (found,) = chosen
    own = _original(found, paths)
    return Extracted(
        record=found, data=_made(found) if own is None else own, original=own is not None
    )


def notebooks(record: ClassRecord, paths: Iterable[str]) -> dict[str, bytes]:
    """Return the notebooks that count and are still in the graded `paths`, by their digests.

    Those above `MAX_NOTEBOOK` bytes are left out, and the rest when they take more than `MAX_NOTEBOOKS` together.
    """
    wanted = {
        (each.origin, each.report.sha256)
        for each in record.records
        if each.counts and any(map(_number, each.cells))
    }
    origins = {origin for origin, _ in wanted}
    found: dict[str, bytes] = {}
    left = MAX_NOTEBOOKS
    for path in filter(Path.exists, map(Path, paths)):
        for file in walk(path):
            if not isinstance(file, File) or file.origin not in origins:
                continue
            try:
                data = file.read(MAX_NOTEBOOK + 1)
            except UserError:
                continue
            digest = hashlib.sha256(data).hexdigest()
            if (file.origin, digest) in wanted and digest not in found and len(data) <= left:
                found[digest] = data
                left -= len(data)
    return found


def _original(record: Record, paths: Iterable[str]) -> bytes | None:
    for path in map(Path, paths):
        if not path.exists():
            continue
        for file in walk(path):
            if not isinstance(file, File) or file.origin != record.origin:
                continue
            try:
                data = file.read(MAX_FILE + 1)
            except UserError:
                continue
            if hashlib.sha256(data).hexdigest() == record.report.sha256:
                return data
    return None


def _made(record: Record) -> bytes:
    if not any(_number(cell) for cell in record.cells):
        return "\n".join(cell.source for cell in record.cells).encode()
    import nbformat.v4  # slow to load, and hardly ever needed

    sources = {_number(cell): cell.source for cell in record.cells}
    cells = [
        nbformat.v4.new_code_cell(sources[number])
        if number in sources
        else nbformat.v4.new_markdown_cell("")
        for number in range(1, max(sources) + 1)
    ]
    notebook = nbformat.v4.new_notebook(cells=cells)
    text: str = nbformat.writes(notebook)
    return text.encode()


def _number(cell: Cell) -> int:
    """The number of a notebook's cell; 0 for a script."""
    found = re.match(r"cell (\d+)\b", cell.name)
    return int(found[1]) if found else 0
