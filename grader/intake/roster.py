"""Read the roster, teams, extensions and adjustments from CSV, and look up students by name."""

import csv
import io
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

from grader.model.assignment import Assignment, unknown_assignment
from grader.model.errors import UserError, reading
from grader.model.record import Adjustment, RosterEntry, TeamMember
from grader.model.text import Text, printable, tr

_ROSTER = {
    "id": ("sisuserid", "학번", "studentid", "sid", "학생id", "idnumber", "id번호", "id"),
    "name": ("name", "성명", "student", "fullname", "이름"),
    "email": ("email", "이메일", "emailaddress", "메일", "메일주소", "sisloginid"),
    "team": ("team", "teamname", "팀", "팀명", "조"),
    "section": ("section", "sections", "sectionname", "classsection", "분반", "분반명", "반", "班"),
    "first": ("firstname", "이름"),
    "last": ("lastname", "surname", "성"),
    "canvas": ("id",),
}
_NO_STUDENT = ("pointspossible", "manualposting", "studenttest", "teststudent")
"""Names of rows that Canvas writes among those of students."""
_TITLE_LINES = 10
_TEAMS = {
    "student": ("student", "학생", "학번", "studentid", "userid", "id", "idnumber", "email"),
    "team": (*_ROSTER["team"], "groupname", "group", "groups", "모둠"),
    "assignment": ("assignment", "과제"),
}
_EXTENSIONS = {
    "student": ("student", "id", "학번", "학생"),
    "assignment": ("assignment", "과제"),
    "due": ("due", "마감", "기한"),
}
_ADJUSTMENTS = {
    "student": _TEAMS["student"],
    "assignment": ("assignment", "과제"),
    "points": ("points", "점수", "score"),
    "reason": ("reason", "이유", "사유"),
    "item": ("item", "항목"),
}
_EXCUSED = ("ex", "excused", "면제")
_MAX_WORDS = 10
_MAX_BYTES = 20 * 2**20


def read_roster(path: Path) -> tuple[RosterEntry, ...]:
    """Read the roster: a column of ids, and optionally names, emails, teams and sections.

    Raises:
        UserError: the file can't be read, a column or an id is missing, or an id occurs twice; with the line.
    """
    entries: dict[str, RosterEntry] = {}
    for line, row in rows(path, _ROSTER, needed=("id",)):
        first, last = row.pop("first"), row.pop("last")
        canvas = row.pop("canvas")
        if last and first:
            row["name"] = f"{last}{first}" if _is_hangul(first + last) else f"{first} {last}"
        if fold(row["name"]) in _NO_STUDENT or not (row["id"] or row["name"] or row["email"]):
            continue
        row["id"] = row["id"] or canvas
        if not row["id"]:
            raise UserError(tr("{path}, line {line}: the id is missing", path=path, line=line))
        if fold(row["id"]) in entries:
            raise UserError(
                tr("{path}, line {line}: {id} occurs twice", path=path, line=line, id=row["id"])
            )
        entries[fold(row["id"])] = RosterEntry(**row)
    if not entries:
        raise UserError(tr("{path} contains no students", path=path))
    return tuple(entries.values())


def read_teams(
    path: Path, assignments: Collection[str], roster: Iterable[RosterEntry] = ()
) -> tuple[TeamMember, ...]:
    """Read the file of teams: a row per student with the team, and optionally the assignment of the team.

    With a roster, students may be named as in file names; without one, by the id of their hand-ins.

    Raises:
        UserError: the file can't be read, or a line has an unknown student or assignment, or a student who is in
            another team already.
    """
    index = RosterIndex(roster)
    found: dict[tuple[str, str], TeamMember] = {}
    for line, row in rows(path, _TEAMS, needed=("student", "team")):
        student = student_at(path, line, row["student"], index)
        if row["assignment"] and row["assignment"] not in assignments:
            raise unknown_assignment(row["assignment"], assignments)
        key = (student, row["assignment"])
        if (
            found.setdefault(key, TeamMember(student, row["team"], row["assignment"])).team
            != (row["team"])
        ):
            raise UserError(
                tr(
                    "{path}, line {line}: {student} is in two teams",
                    path=path,
                    line=line,
                    student=student,
                )
            )
    return tuple(each for each in found.values() if each.team)


def read_extensions(
    path: Path, assignments: dict[str, Assignment], roster: Iterable[RosterEntry] = ()
) -> dict[tuple[str, str], datetime]:
    """Read extensions: due dates with time zones, by student id and assignment name.

    With a roster, students may be named as in file names; without one, by the id of their hand-ins.

    Raises:
        UserError: the file can't be read, or a line has an unknown student, an assignment without a due date, or no
            later date.
    """
    index = RosterIndex(roster)
    extensions = {}
    for line, row in rows(path, _EXTENSIONS, needed=tuple(_EXTENSIONS)):
        student = student_at(path, line, row["student"], index)
        policy = assignments[row["assignment"]].late if row["assignment"] in assignments else None
        if policy is None:
            raise UserError(
                tr(
                    "{path}, line {line}: {name} isn't an assignment with a due date",
                    path=path,
                    line=line,
                    name=row["assignment"],
                )
            )
        due = _due(row["due"])
        if due is None or due < policy.due:
            raise UserError(
                tr(
                    "{path}, line {line}: the due date must have a time zone and be after "
                    "{usual}, as in 2025-05-01T23:59:00+09:00; found: {due}",
                    path=path,
                    line=line,
                    due=row["due"],
                    usual=policy.due.isoformat(),
                )
            )
        extensions[student, row["assignment"]] = due
    return extensions


def read_adjustments(
    path: Path, author: str, made_at: datetime, beyond: bool = False
) -> tuple[tuple[str, str, Adjustment], ...]:
    """Read adjustments: the student, the assignment, the points (or `EX`), the reason, and optionally the item.

    Raises:
        UserError: the file can't be read, or a line has no student, no reason, or no number of points.
    """
    found = []
    for line, row in rows(path, _ADJUSTMENTS, needed=("student", "assignment", "points", "reason")):
        excused = row["points"].casefold() in _EXCUSED
        points = 0.0 if excused else _number(row["points"])
        missing = next(
            (name for name in ("student", "assignment", "reason") if not row[name]), None
        )
        if points is None or missing:
            raise UserError(
                tr(
                    "{path}, line {line}: {reason}",
                    path=path,
                    line=line,
                    reason=tr("the {column} is missing", column=missing)
                    if missing
                    else tr("{points} isn't a valid number of points", points=row["points"]),
                )
            )
        adjustment = Adjustment(
            points=points,
            reason=row["reason"],
            author=author,
            made_at=made_at,
            item=row["item"] or None,
            beyond=beyond,
            excused=excused,
        )
        found.append((row["student"], row["assignment"], adjustment))
    return tuple(found)


def _number(words: str) -> float | None:
    try:
        return float(words.replace(",", "."))
    except ValueError:
        return None


def student_at(path: Path, line: int, named: str, index: "RosterIndex") -> str:
    """Return the student who is named in a line of a file.

    Raises:
        UserError: nobody is, or the roster doesn't know who is meant.
    """
    student = index.only((named,)) if index and named else named
    if isinstance(student, Text) or not student:
        reason: Text = student or tr("the student is missing")
        raise UserError(tr("{path}, line {line}: {reason}", path=path, line=line, reason=reason))
    return student


def _is_hangul(words: str) -> bool:
    return all("가" <= c <= "힣" for c in words)


def fold(words: str) -> str:
    """Return the letters and digits of a name, normalised in case and Unicode form."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", words).casefold())
    return "".join(c for c in folded if unicodedata.category(c)[0] in "LNM")


class RosterIndex:
    """Looks up students by id, email, or name in any order (`Kim, Minsu`, `Minsu Kim`, `kimminsu`)."""

    def __init__(self, roster: Iterable[RosterEntry]) -> None:
        roster = tuple(roster)
        self.names = {entry.id: entry.name for entry in roster}
        self._ids: defaultdict[str, set[str]] = defaultdict(set)
        for entry in roster:
            for word in (entry.id, entry.email, *_orders(entry.name)):
                if key := fold(word):
                    self._ids[key].add(entry.id)

    def __bool__(self) -> bool:
        return bool(self._ids)

    def only(self, words: Sequence[str]) -> str | Text:
        """Return the id of the single student that all known `words` match, or the reason why there is none."""
        known = [ids for word in words if (ids := self._ids.get(fold(word)))]
        name = words[0] if words else ""
        if not known:
            return tr("{name} isn't in the roster", name=name)
        meant = set.intersection(*known)
        if len(meant) != 1:
            return tr("{name} matches more than one student in the roster", name=name)
        return meant.pop()


def _orders(name: str) -> Iterator[str]:
    parts = name.replace(",", " ").split()[:_MAX_WORDS]
    for start in range(len(parts)):
        yield "".join(parts[start:] + parts[:start])


def rows(
    path: Path,
    columns: dict[str, tuple[str, ...]],
    needed: tuple[str, ...],
    titles: int = _TITLE_LINES,
) -> Iterator[tuple[int, dict[str, str]]]:
    """The non-empty rows with their line numbers; missing cells are empty. The header is among the first lines."""
    text = _text(path)
    head = text.split("\n", titles)[:titles]
    delimiter = max(",;\t", key="\n".join(head).count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        where = _columns(next(reader, []), columns)
        while any(where[column] is None for column in needed) and reader.line_num < titles:
            row = next(reader, None)  # titles may stand above the header
            if row is None:
                break
            found = _columns(row, columns)
            if all(found[column] is not None for column in needed) and sum(map(bool, row)) > 1:
                where = found
        for column in needed:
            if where[column] is None:
                raise UserError(
                    tr(
                        "{path}, line 1: no column {column}; accepted names: {names}",
                        path=path,
                        column=column,
                        names=", ".join(columns[column]),
                    )
                )
        for row in reader:
            cells = [printable(unicodedata.normalize("NFC", cell), 1000) for cell in row]
            if any(cells):
                yield (
                    reader.line_num,
                    {
                        column: cells[at] if at is not None and at < len(cells) else ""
                        for column, at in where.items()
                    },
                )
    except csv.Error as error:
        raise UserError(
            tr("{path}, line {line}: {reason}", path=path, line=reader.line_num, reason=error)
        ) from error


def _columns(header: Sequence[str], columns: dict[str, tuple[str, ...]]) -> dict[str, int | None]:
    names = [fold(cell) for cell in header]
    return {
        column: next((names.index(each) for each in known if each in names), None)
        for column, known in columns.items()
    }


def _text(path: Path) -> str:
    with reading(path), path.open("rb") as file:
        data = file.read(_MAX_BYTES)
    for encoding in ("utf-8-sig", "cp949"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise UserError(tr("{path} isn't UTF-8 or CP949 text; save it as CSV (UTF-8)", path=path))


def _due(words: str) -> datetime | None:
    try:
        due = datetime.fromisoformat(words)
    except ValueError:
        return None
    return due if due.tzinfo else None
