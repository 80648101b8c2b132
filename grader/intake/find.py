"""Turn files into hand-ins: identify the student, the assignment and the time of each."""

import ast
import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import msgspec

from grader.intake.archive import File, link, walk
from grader.intake.layouts import (
    Layout,
    Owner,
    Place,
    is_script,
    layout_of,
    owner_in,
    place_of,
    words_of,
)
from grader.intake.roster import RosterIndex, fold
from grader.model.assignment import SETTINGS, Assignment, unknown_assignment
from grader.model.errors import UserError
from grader.model.hand_in import HandIn
from grader.model.record import RosterEntry, Unmatched
from grader.model.submission import (
    MAX_BYTES,
    Submission,
    match_assignment,
    mentions_any,
    parse_submission,
    read_submission,
    readable,
)
from grader.model.text import Text, tr

_MAX_WORDS = 20
_PACKED = (".rar", ".7z", ".alz", ".egg", ".bz2", ".xz", ".gz")


class Intake(msgspec.Struct, frozen=True):
    """The hand-ins found, and the files that need attention."""

    hand_ins: tuple[HandIn, ...]
    """All hand-ins, possibly several per student and assignment, sorted by origin."""
    unmatched: tuple[Unmatched, ...]


def hand_in(path: Path, assignments: dict[str, Assignment], name: str | None = None) -> HandIn:
    """Read one file; `name` is its assignment if the user chose one.

    Raises:
        UserError: there is no such file or assignment, nothing tells which assignment the file is for, or the file is
            in another language than Python or has none of the assignment's functions.
    """
    if path.is_symlink():
        raise UserError(tr("{path}: {problem}", path=path.name, problem=link()))
    submission = read_submission(path)
    if not submission.python and submission.problem is not None:
        raise UserError(tr("{path}: {problem}", path=path.name, problem=submission.problem))
    assignment = _named(name, assignments) or match_assignment(submission, assignments)
    if assignment is None:
        raise UserError(
            tr(
                "{path}: can't tell the assignment from the file name or the functions; "
                "choose it with --assignment ({known})",
                path=path.name,
                known=", ".join(assignments),
            )
        )
    if submission.problem is None and not mentions_any(submission, assignment.functions):
        raise UserError(
            tr(
                "{path} defines none of the functions of {assignment} ({functions}); is it the right file?",
                path=path.name,
                assignment=assignment.name,
                functions=", ".join(assignment.functions),
            )
        )
    return HandIn(
        student=student_of(path, assignment),
        assignment=assignment,
        file=submission.file,
        sha256=submission.sha256,
        origin=readable(str(path)),
        load=lambda: submission,
        handed_in=datetime.fromtimestamp(path.stat().st_mtime, UTC),
    )


def student_of(path: Path, assignment: Assignment) -> str:
    """Return the part of a file name besides the assignment: `kim` for `kim_wine.ipynb`, or the whole name."""
    owner = owner_in(path.name, assignment)
    return owner.student if owner else Path(readable(path.name)).stem


def find_hand_ins(
    paths: Iterable[Path],
    assignments: dict[str, Assignment],
    name: str | None = None,
    roster: Iterable[RosterEntry] = (),
    without: Path | None = None,
) -> Intake:
    """Find all hand-ins in `paths`: files, folders, archives, downloads of learning platforms.

    Pass each download as a separate path. `name` is the assignment of files whose names don't say it. With a `roster`,
    students are identified by its ids. The folder `without` (the results) is skipped. Files whose student or assignment
    is unknown, and refused files, are in `unmatched`; only files that aren't submissions (a picture next to one) are
    dropped.

    Raises:
        UserError: a path or the assignment doesn't exist, or the paths contain nothing.
    """
    finder = _Finder(assignments, _named(name, assignments), RosterIndex(roster))
    paths = list(paths)
    for path in paths:
        finder.look_into(path, without)
    if not finder.hand_ins and not finder.unmatched:
        raise UserError(
            tr(
                "{path} contains no script (.py) or notebook (.ipynb)",
                path=", ".join(map(str, paths)),
            )
        )
    by_origin = sorted(finder.hand_ins, key=lambda each: (each.origin, each.student))
    return Intake(tuple(by_origin), tuple(sorted(finder.unmatched, key=lambda each: each.origin)))


class _Finder:
    def __init__(
        self, assignments: dict[str, Assignment], chosen: Assignment | None, index: RosterIndex
    ) -> None:
        self.hand_ins: list[HandIn] = []
        self.unmatched: list[Unmatched] = []
        self._assignments = assignments
        self._chosen = chosen
        self._index = index
        self._where: dict[tuple[str, str], tuple[str, ...]] = {}

    def look_into(self, path: Path, without: Path | None) -> None:
        entries: list[File] = []
        for found in walk(path, without):
            if isinstance(found, Unmatched):
                self.unmatched.append(found)
            else:
                entries.append(found)
        layout, unread = layout_of(entries, self._assignments.values(), self._index)
        self.unmatched.extend(unread)
        places = [(entry, place_of(entry, layout)) for entry in entries]
        hand_ins: list[HandIn] = []
        refused: list[tuple[File, Place, Text]] = []
        for entry, place in places:
            if is_script(entry.name):
                try:
                    hand_ins.extend(self._hand_ins(entry, place))
                except UserError as error:
                    refused.append((entry, place, error.text))
        hand_ins = self._without_helpers(_each_once(hand_ins))
        hand_ins = self._without_two_places(hand_ins)
        self.hand_ins.extend(hand_ins)
        students = {fold(each.student) for each in hand_ins}
        released = set[str]().union(*map(_released, self._assignments.values()))
        for entry, place, reason in refused:
            if entry.name not in released or not self._is_beside(entry, place, layout, students):
                self.unmatched.append(Unmatched(entry.origin, reason))
        for entry, place in places:
            if not is_script(entry.name) and not self._is_beside(entry, place, layout, students):
                self.unmatched.append(Unmatched(entry.origin, _no_submission(entry)))

    def _hand_ins(self, entry: File, place: Place) -> Iterator[HandIn]:
        load = partial(_load, entry, place.file)
        data = entry.read(MAX_BYTES + 1)  # unreadable files must show now, not while grading
        assignment = self._assignment_of(place, data)
        for owner, student in self._students(entry, place, assignment):
            if owner.where is not None:
                self._where[entry.origin, student] = owner.where or entry.parts[:-1]
            yield HandIn(
                student=student,
                assignment=assignment,
                file=place.file,
                sha256=hashlib.sha256(data).hexdigest(),
                origin=entry.origin,
                load=load,
                handed_in=place.handed_in or (entry.modified if place.version is None else None),
                time_from="platform"
                if place.handed_in
                else "archive"
                if entry.in_archive
                else "file",
                late_mark=place.late_mark,
            )

    def _assignment_of(self, place: Place, data: bytes) -> Assignment:
        by_folder = [match for each in place.folders if (match := self._by_name(each))]
        by_name = self._by_name(place.file)
        if self._chosen and by_name and by_name != self._chosen:
            raise UserError(
                tr("the file name belongs to another assignment: {name}", name=by_name.name)
            )
        found = (
            self._chosen
            or (place.assignment_first and by_folder and by_folder[0])
            or by_name
            or match_assignment(parse_submission(place.file, data), self._assignments)
            or (by_folder and by_folder[0])
        )
        if not found:
            raise UserError(
                tr(
                    "can't tell the assignment from the file name or the functions; choose it "
                    "with --assignment"
                )
            )
        return found

    def _by_name(self, file: str) -> Assignment | None:
        nameless = Submission(file=file, sha256="", notebook=False)
        return match_assignment(nameless, self._assignments)

    def _students(
        self, entry: File, place: Place, assignment: Assignment
    ) -> list[tuple[Owner, str]]:
        if place.owners:
            return [self._identified([owner]) for owner in place.owners]
        owner = owner_in(place.file, assignment)
        if owner is None and len(entry.parts) == 1:  # the user named this one file
            stem = student_of(Path(place.file), assignment)
            owner = Owner(stem, (stem,))
        candidates = [*place.perhaps, owner] if owner else list(place.perhaps)
        if not candidates:
            raise UserError(tr("can't tell the student from the file name or a folder"))
        return [self._identified(candidates)]

    def _identified(self, candidates: Sequence[Owner]) -> tuple[Owner, str]:
        """The first candidate in the roster, with the id there; without a roster the first candidate."""
        if not self._index:
            return candidates[0], candidates[0].student
        found = [(owner, self._index.only(owner.words)) for owner in candidates]
        known = next(((owner, each) for owner, each in found if isinstance(each, str)), None)
        if known is None:
            reason = next(each for _, each in found if isinstance(each, Text))
            raise UserError(reason)
        return known

    def _without_two_places(self, hand_ins: list[HandIn]) -> list[HandIn]:
        """All files except those of a student named in different places, which an assistant must decide."""
        places: defaultdict[tuple[str, str], set[tuple[str, ...]]] = defaultdict(set)
        for each in hand_ins:
            if where := self._where.get((each.origin, each.student)):
                places[each.student, each.assignment.name].add(where)
        kept = []
        for each in hand_ins:
            found = places[each.student, each.assignment.name]
            if len(found) < 2:
                kept.append(each)
                continue
            reason = tr(
                "{student} appears in more than one place ({places}): keep only one of them",
                student=each.student,
                places=", ".join(sorted("/".join(where) for where in found)[:3]),
            )
            self.unmatched.append(Unmatched(each.origin, reason))
        return kept

    def _without_helpers(self, hand_ins: list[HandIn]) -> list[HandIn]:
        """All files except those that don't look like a submission, if another one of the same student does."""

        def key(each: HandIn) -> tuple[str, str]:
            return each.student, each.assignment.name

        count = Counter(map(key, hand_ins))
        sure = {
            (key(each), each.origin)
            for each in hand_ins
            if count[key(each)] > 1
            and match_assignment(each.submission, self._assignments) == each.assignment
        }
        answered = {
            (key(each), each.origin)
            for each in hand_ins
            if (key(each), each.origin) in sure and not _is_template(each)
        }
        helped, done = {key for key, _ in sure}, {key for key, _ in answered}
        kept = []
        for each in hand_ins:
            if key(each) in helped and each.file in _released(each.assignment):
                continue
            if key(each) in done and (key(each), each.origin) in sure - answered:
                continue  # what the student was given, beside what the student made of it
            if key(each) in helped and (key(each), each.origin) not in sure:
                reason = tr(
                    "doesn't look like a submission, and {student} has another file that does",
                    student=each.student,
                )
                self.unmatched.append(Unmatched(each.origin, reason))
            else:
                kept.append(each)
        return kept

    def _is_beside(self, entry: File, place: Place, layout: Layout, students: set[str]) -> bool:
        """Whether a file that isn't a submission accompanies one or can be ignored."""
        name = entry.name.lower()
        if entry.origin in layout.metadata:
            return True
        if name.endswith(_PACKED):
            return False
        if place.owners or place.perhaps:
            try:
                owners = [place.owners or place.perhaps]
                return fold(self._identified(owners[0])[1]) in students
            except UserError:
                return False
        if name.startswith(("readme", "license")):
            return True
        words = words_of(Path(entry.name).stem)[:_MAX_WORDS]
        return any(
            fold("".join(words[start:end])) in students
            for start in range(len(words))
            for end in range(start + 1, len(words) + 1)
        )


def _is_template(hand_in: HandIn) -> bool:
    """Whether every function of the assignment is unchanged from the template."""
    bodies = []
    for cell in hand_in.submission.cells:
        try:
            tree = ast.parse(cell.source)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        bodies += [
            each.body
            for each in tree.body
            if isinstance(each, ast.FunctionDef) and each.name in hand_in.assignment.functions
        ]
    return bool(bodies) and all(
        isinstance(body[-1], ast.Raise)
        and "NotImplementedError" in ast.dump(body[-1])
        and all(
            isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant)
            for each in body[:-1]
        )
        for body in bodies
    )


def _released(assignment: Assignment) -> set[str]:
    """The files that students get together with the template."""
    given = assignment.folder / "public"
    names = {path.name for path in given.iterdir()} if given.is_dir() else set()
    return {SETTINGS, "README.md", "test_public.py", *names}


def _each_once(hand_ins: Iterable[HandIn]) -> list[HandIn]:
    """Merge identical files of one student for one assignment into one hand-in, with the most reliable time."""
    found: dict[tuple[str, str, str], HandIn] = {}
    for each in hand_ins:
        key = (each.student, each.assignment.name, each.sha256)
        if key not in found or _surer(each) > _surer(found[key]):
            found[key] = each
    return list(found.values())


def _surer(hand_in: HandIn) -> tuple[bool, float]:
    """The platform's latest time, or else the earliest file time."""
    platform = hand_in.time_from == "platform"
    seconds = hand_in.handed_in.timestamp() if hand_in.handed_in else 0.0
    return platform, seconds if platform else -seconds


def _load(entry: File, file: str) -> Submission:
    return parse_submission(file, entry.read(MAX_BYTES + 1))


def _no_submission(entry: File) -> Text:
    if entry.name.lower().endswith(_PACKED):
        return tr("is an unsupported type of archive; unpack it by hand")
    return tr("is neither a script (.py) nor a notebook (.ipynb)")


def _named(name: str | None, assignments: dict[str, Assignment]) -> Assignment | None:
    if name is not None and name not in assignments:
        raise unknown_assignment(name, assignments)
    return assignments[name] if name is not None else None
