"""Turn files into hand-ins: identify the student, the assignment and the time of each."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import msgspec

from grader.intake.apart import read_apart
from grader.intake.archive import File, Folder, Found, is_archive, link, walk
from grader.intake.layouts import (
    Layout,
    Owner,
    PathInfo,
    is_script,
    layout_of,
    owner_in,
    owner_of_name,
    path_info,
)
from grader.intake.matches import Match, Matches, Open, is_left_out, key_of
from grader.intake.names import bare, words_of
from grader.intake.roster import RosterIndex, fold
from grader.model.assignment import SETTINGS, Assignment, unknown_assignment
from grader.model.errors import UserError
from grader.model.hand_in import HandIn
from grader.model.record import RosterEntry, Unmatched
from grader.model.submission import (
    Submission,
    digest_of,
    match_assignment,
    mentions_any,
    read_submission,
    readable,
)
from grader.model.syntax import is_template
from grader.model.text import Text, natural, tr

MAX_ATTEMPTS = 50
"""The maximum number of files of one student for one assignment."""
_PACKED = (".rar", ".7z", ".alz", ".egg", ".bz2", ".xz", ".gz")


class Intake(msgspec.Struct, frozen=True):
    """The hand-ins found, and the files that need attention."""

    hand_ins: tuple[HandIn, ...]
    """All hand-ins, possibly several per student and assignment, sorted by origin."""
    unmatched: tuple[Unmatched, ...]
    open: tuple[Open, ...] = ()
    """Of the unmatched files, those that an assistant can match."""


def hand_in(
    path: Path,
    assignments: dict[str, Assignment],
    name: str | None = None,
    read: Callable[[Path], Submission] = read_submission,
) -> HandIn:
    """Read one file with `read`; `name` is its assignment if the user chose one.

    Raises:
        UserError: there is no such file or assignment, nothing tells which assignment the file is for, or the file is
            in another language than Python or has none of the assignment's functions.
    """
    if path.is_symlink():
        raise UserError(tr("{path}: {problem}", path=path.name, problem=link()))
    submission = read(path)
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
    matches: Matches | None = None,
) -> Intake:
    """Find all hand-ins in `paths`: files, folders, archives, downloads of learning platforms.

    Pass each download as a separate path. `name` is the assignment of files whose names don't say it. With a `roster`,
    students are identified by its ids. The folder `without` (the results) is skipped. `matches` says whose some files
    are. Files whose student or assignment is unknown, refused files, and folders without a hand-in are in `unmatched`;
    only files that aren't submissions (a picture next to one) are dropped.

    Raises:
        UserError: a path or the assignment doesn't exist, or the paths contain nothing.
    """
    finder = _Finder(assignments, _named(name, assignments), RosterIndex(roster), matches or {})
    paths = list(paths)
    for path in paths:
        finder.look_into(path, without)
    if not finder.hand_ins and not finder.unmatched and not finder.left_out:
        raise UserError(
            tr(
                "{path} contains no script (.py) or notebook (.ipynb)",
                path=", ".join(map(str, paths)),
            )
        )
    hand_ins = _each_once(finder.hand_ins)
    return Intake(
        hand_ins=tuple(sorted(hand_ins, key=lambda each: (each.origin, each.student))),
        unmatched=tuple(sorted(finder.unmatched, key=lambda each: each.origin)),
        open=tuple(sorted(finder.open)),
    )


class _Finder:
    def __init__(
        self,
        assignments: dict[str, Assignment],
        chosen: Assignment | None,
        index: RosterIndex,
        matches: Matches,
    ) -> None:
        self.hand_ins: list[HandIn] = []
        self.unmatched: list[Unmatched] = []
        self.open: set[Open] = set()
        self._assignments = assignments
        self._chosen = chosen
        self._index = index
        self._matches = matches
        self.left_out: set[str] = set()
        """The origins of what an assistant settled as nobody's."""
        self._where: dict[tuple[str, str], tuple[str, ...]] = {}

    def look_into(self, path: Path, without: Path | None) -> None:
        walked = [each for each in dict.fromkeys(walk(path, without)) if not self._settled(each)]
        entries = [each for each in walked if isinstance(each, File)]
        layout, unread = layout_of(entries, self._assignments.values(), self._index)
        for each in (*unread, *(each for each in walked if isinstance(each, Unmatched))):
            self._refuse(tuple(each.origin.split("/")), each.reason, layout)
        infos = [(entry, path_info(entry.parts, layout)) for entry in entries]
        scripts, crowding = self._bounded([p for p in infos if is_script(p[0].name)])
        hand_ins: list[HandIn] = []
        refused: list[tuple[File, PathInfo, Text]] = []
        for entry, info in scripts:
            try:
                hand_ins.extend(self._hand_ins(entry, info))
            except UserError as error:
                refused.append((entry, info, error.text))
        hand_ins = self._without_helpers(_each_once(hand_ins))
        hand_ins = self._without_two_places(hand_ins)
        self.hand_ins.extend(hand_ins)
        students = {fold(each.student) for each in hand_ins}
        released = set[str]().union(*map(_released, self._assignments.values()))
        for entry, info, reason in refused:
            if entry.name not in released or not self._is_beside(entry, info, layout, students):
                self._refuse(entry.parts, reason, layout)
                self._leave_open(entry, info)
        for entry in crowding:
            self._refuse(entry.parts, _too_many(), layout)
        for entry, info in infos:
            if not is_script(entry.name) and not self._is_beside(entry, info, layout, students):
                self._refuse(entry.parts, _no_submission(entry), layout)
        folders = {each.parts for each in walked if isinstance(each, Folder)}
        self._refuse_empty(folders, entries, hand_ins, layout)

    def _settled(self, each: Found) -> bool:
        origin = "/".join(each.parts) if isinstance(each, Folder) else each.origin
        if is_left_out(origin, self._matches):
            self.left_out.add(origin)
            return True
        return False

    def _refuse(self, parts: tuple[str, ...], reason: Text, layout: Layout) -> None:
        origin = "/".join(parts)
        self.unmatched.append(Unmatched(origin, reason, self._whose(parts, layout)))

    def _whose(self, parts: tuple[str, ...], layout: Layout) -> str:
        """The student of the roster who is named in the path of a file or folder, if it is one."""
        if not self._index:
            return ""
        inside = path_info((*parts, "-"), layout)
        for owner in (*inside.owners, *inside.candidates, *owner_of_name(parts[-1], layout)):
            if isinstance(found := self._index.only(owner.words), str):
                return found
        return ""

    def _refuse_empty(
        self,
        folders: set[tuple[str, ...]],
        entries: Sequence[File],
        hand_ins: Sequence[HandIn],
        layout: Layout,
    ) -> None:
        """List the outermost folders in which nothing was found or listed, and those with the name of a file."""
        students = {each.student for each in hand_ins}
        folders = folders | {each.parts[:n] for each in entries for n in range(1, len(each.parts))}
        used = {
            tuple(origin.split("/")[:n])
            for origin in {
                *(h.origin for h in hand_ins),
                *(u.origin for u in self.unmatched),
                *self.left_out,
            }
            for n in range(1, origin.count("/") + 2)
        }
        for folder in sorted(folders):
            if len(folder) == 1 or folder in used:
                continue
            info = path_info((*folder, "-"), layout)
            owners = info.owners or info.candidates
            is_beside = bool(owners) and self._name_of(owners) in students
            if is_script(folder[-1]) and not is_archive(folder[-1]):
                self._refuse(folder, tr("is a folder, not a file: ask for the file"), layout)
            elif not is_beside and (folder[:-1] in used or len(folder) == 2):
                self._refuse(folder, tr("contains no script (.py) or notebook (.ipynb)"), layout)

    def _name_of(self, owners: Sequence[Owner]) -> str:
        try:
            return self._identified(owners)[1]
        except UserError:
            return ""

    def _bounded(
        self, scripts: Sequence[tuple[File, PathInfo]]
    ) -> tuple[list[tuple[File, PathInfo]], list[File]]:
        """The last files of each student for each assignment that a name tells, and the others: none takes too long."""
        groups: defaultdict[tuple[object, ...], list[tuple[File, PathInfo]]] = defaultdict(list)
        for entry, info in scripts:
            owners = info.owners or info.candidates[:1]
            assignment = self._by_name(info.file)
            key = tuple(owner.student for owner in owners) or entry.parts
            groups[key, assignment and assignment.name].append((entry, info))
        kept, left = [], []
        for found in groups.values():
            found.sort(key=lambda each: _attempt(*each))
            kept += found[-MAX_ATTEMPTS:]
            left += [entry for entry, _ in found[:-MAX_ATTEMPTS]]
        return kept, left

    def _leave_open(self, entry: File, info: PathInfo) -> None:
        owners = info.owners or info.candidates
        words = " ".join(word for owner in owners for word in owner.words[:1])
        by_name = self._chosen or self._by_name(info.file)
        words = words or bare(info.file)
        self.open.add(Open(entry.origin, words, by_name.name if by_name else ""))

    def _hand_ins(self, entry: File, info: PathInfo) -> Iterator[HandIn]:
        if info.draft:
            raise UserError(tr("was saved on the platform, but not handed in"))
        with entry.opened() as stream:  # unreadable files must show now, not while grading
            sha256 = digest_of(stream)
        load = partial(read_apart, entry, info.file, sha256)
        for match in self._matches.get(key_of(entry.origin), ()) or (Match(),):
            assignment = match.assignment or self._assignment_of(info, load)
            owned = (
                [(Owner(match.student, ()), match.student)]
                if match.student
                else self._students(entry, info, assignment)
            )
            for owner, student in owned:
                if owner.where is not None:
                    self._where[entry.origin, student] = owner.where or entry.parts[:-1]
                yield HandIn(
                    student=student,
                    assignment=assignment,
                    file=info.file,
                    sha256=sha256,
                    origin=entry.origin,
                    load=load,
                    handed_in=info.handed_in or (entry.modified if info.version is None else None),
                    time_from="platform"
                    if info.handed_in
                    else "archive"
                    if entry.in_archive
                    else "file",
                    late_mark=info.late_mark,
                )

    def _assignment_of(self, info: PathInfo, load: Callable[[], Submission]) -> Assignment:
        by_folder = [match for each in info.folders if (match := self._by_name(each))]
        by_name = self._by_name(info.file)
        if self._chosen and by_name and by_name != self._chosen:
            raise UserError(
                tr("the file name belongs to another assignment: {name}", name=by_name.name)
            )
        found = (
            self._chosen
            or (info.assignment_first and by_folder and by_folder[0])
            or by_name
            or match_assignment(load(), self._assignments)
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
        self, entry: File, info: PathInfo, assignment: Assignment
    ) -> list[tuple[Owner, str]]:
        if info.owners:
            return [self._identified([owner]) for owner in info.owners]
        owner = owner_in(info.file, assignment)
        if owner is None and len(entry.parts) == 1:  # the user named this one file
            stem = student_of(Path(info.file), assignment)
            owner = Owner(stem, (stem,))
        candidates = [*info.candidates, owner] if owner else list(info.candidates)
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
            self.unmatched.append(Unmatched(each.origin, reason, each.student))
            self.open.add(Open(each.origin, each.student, each.assignment.name))
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
            if (key(each), each.origin) in sure
            and not is_template(each.submission, each.assignment.functions)
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
                self.unmatched.append(Unmatched(each.origin, reason, each.student))
            else:
                kept.append(each)
        return kept

    def _is_beside(self, entry: File, info: PathInfo, layout: Layout, students: set[str]) -> bool:
        """Whether a file that isn't a submission accompanies one or can be ignored."""
        name = entry.name.lower()
        if entry.origin in layout.metadata:
            return True
        if name.endswith(_PACKED):
            return False
        if info.owners or info.candidates:
            try:
                owners = [info.owners or info.candidates]
                return fold(self._identified(owners[0])[1]) in students
            except UserError:
                return False
        if name.startswith(("readme", "license")):
            return True
        words = words_of(Path(entry.name).stem)
        return any(
            fold("".join(words[start:end])) in students
            for start in range(len(words))
            for end in range(start + 1, len(words) + 1)
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


def _attempt(entry: File, info: PathInfo) -> tuple[object, ...]:
    """The order of attempts: the platform's times or numbers, else times of files and numbers in names."""
    time = info.handed_in or entry.modified
    seconds = time.timestamp() if time and info.version is None else 0.0
    return info.version or 0, seconds, natural(entry.origin)


def _too_many() -> Text:
    return tr(
        "is one of more than {limit} files of one student for one assignment; only the last ones are graded",
        limit=MAX_ATTEMPTS,
    )


def _no_submission(entry: File) -> Text:
    if entry.name.lower().endswith(_PACKED):
        return tr("is an unsupported type of archive; unpack it by hand")
    return tr("is neither a script (.py) nor a notebook (.ipynb)")


def _named(name: str | None, assignments: dict[str, Assignment]) -> Assignment | None:
    if name is not None and name not in assignments:
        raise unknown_assignment(name, assignments)
    return assignments[name] if name is not None else None
