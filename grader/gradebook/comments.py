"""Comments of assistants on an item or a line of a hand-in, kept through regrades."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, insert, select

from grader.gradebook.decisions import Key, refuse_unknown_item, student_id, undone
from grader.gradebook.schema import COMMENT
from grader.model.errors import UserError
from grader.model.record import ClassRecord, Comment
from grader.model.score import Place
from grader.model.submission import Cell
from grader.model.submission import place as place_text
from grader.model.text import tr


def comment(
    connection: Connection,
    record: ClassRecord,
    student: str,
    assignment: str,
    given: Comment,
    *,
    cell: int | None = None,
    line: int | None = None,
) -> Comment:
    """Store a comment on the hand-in that counts.

    `cell` is the number of a notebook's cell, `line` a line in it or in the script.

    Raises:
        UserError: the student is unknown or handed in nothing for the assignment, which has no such item, or the
            hand-in has no such line.
    """
    key = (student_id(record, student), assignment)
    refuse_unknown_item(record, assignment, given.item)
    counting = record.chosen
    if key not in counting:
        raise UserError(
            tr(
                "{student} handed in nothing for {assignment}",
                student=key[0],
                assignment=assignment,
            )
        )
    place, quote = _line(counting[key].cells, cell, line)
    given = msgspec.structs.replace(
        given, student=key[0], assignment=assignment, place=place, quote=quote
    )
    number = connection.execute(
        insert(COMMENT).values(_values(given)).returning(COMMENT.c.id)
    ).scalar_one()
    return msgspec.structs.replace(given, id=number)


def list_comments(connection: Connection) -> tuple[Comment, ...]:
    """Return all comments, the oldest first, those that were undone included."""
    query = select(COMMENT).order_by(COMMENT.c.id)
    return tuple(map(_comment, connection.execute(query).mappings()))


def undo_comment(connection: Connection, number: int, author: str, at: datetime) -> Comment:
    """Withdraw the comment with this id; it stays in the list.

    Raises:
        UserError: there is none, or it is withdrawn already.
    """
    missing = tr(
        "there is no comment {number} to undo; `grader comment RESULTS --list` lists them",
        number=number,
    )
    return _comment(undone(connection, COMMENT, number, author, at, missing))


def shown_comments(connection: Connection) -> Mapping[Key, tuple[Comment, ...]]:
    """Return the comments that students see, by student and assignment."""
    found: dict[Key, tuple[Comment, ...]] = {}
    for each in list_comments(connection):
        if each.undone_at is None:
            key = (each.student, each.assignment)
            found[key] = (*found.get(key, ()), each)
    return found


def placed(comment: Comment, cells: Sequence[Cell]) -> Comment:
    """Return a comment with its place in this hand-in: where its line is now, none if the line is gone."""
    if comment.place is None:
        return comment
    lines = [
        Place(cell.name, number)
        for cell in cells
        for number, line in enumerate(cell.source.split("\n"), start=1)
        if line.strip() == comment.quote
    ]
    same = comment.place in lines
    place = comment.place if same else lines[0] if len(lines) == 1 else None
    return msgspec.structs.replace(comment, place=place)


def _line(
    cells: Sequence[Cell], number: int | None, line: int | None
) -> tuple[Place | None, str | None]:
    if number is None and line is None:
        return None, None
    wanted = re.compile(rf"cell {number}\b")
    found = cells[:1] if number is None else [c for c in cells if wanted.match(c.name)]
    if number is None and len(cells) > 1:
        raise UserError(tr("the hand-in is a notebook: pass the number of the cell with --cell"))
    lines = found[0].source.split("\n") if found else []
    if line is None or not 1 <= line <= len(lines):
        where = place_text(f"cell {number}" if number else cells[0].name if cells else "–", line)
        raise UserError(tr("the hand-in has no {where}; pass --line", where=where))
    return Place(found[0].name, line), lines[line - 1].strip()


def _values(comment: Comment) -> dict[str, Any]:
    values = msgspec.structs.asdict(comment)
    del values["id"]
    place = values.pop("place")
    return values | {"cell": place and place.cell, "line": place and place.line}


def _comment(row: Mapping[Any, Any]) -> Comment:
    values = dict(row)
    cell, line = values.pop("cell"), values.pop("line")
    return Comment(**values, place=None if cell is None else Place(cell, line))
