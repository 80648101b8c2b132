"""Keep the reports of a class in a database: each is written atomically and never overwritten."""

import hashlib
import itertools
import math
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from grader import __version__
from grader.gradebook import comments, decisions, people, privacy
from grader.gradebook.changes import Change, Run, changes, run_before, runs, settings_of
from grader.gradebook.decisions import Adjusted
from grader.gradebook.forgotten import (
    FORGOTTEN_LIST,
    Removal,
    read_forgotten,
    write_forgotten,
)
from grader.gradebook.opening import FILE, address, open_engine, place, transaction
from grader.gradebook.privacy import About, Forgotten
from grader.gradebook.schema import (
    ADJUSTMENT,
    ASSIGNMENT,
    COMMENT,
    HAND_IN,
    HANDED_BACK,
    REPORT,
    ROSTER,
    RUN,
    TEAM,
    UNMATCHED,
)
from grader.gradebook.teams import shared
from grader.model.assignment import Assignment, is_beside
from grader.model.errors import UserError
from grader.model.hand_in import HandIn
from grader.model.record import (
    Adjustment,
    ClassRecord,
    Comment,
    Decision,
    Record,
    RosterEntry,
    TeamMember,
    Total,
    Unmatched,
)
from grader.model.score import How, ScoreReport
from grader.model.submission import Cell, Submission
from grader.model.text import Text, natural, tr

_BESIDE = {"public", "variants", "mistakes", "cheats", "equivalent.toml"}
_SUMMARIES = 4096  # short reports kept decoded, about 10 kB each
_CHUNK = 500  # hand-ins or reports looked up at once


class Task(HandIn, frozen=True, kw_only=True):
    """A hand-in to be graded: what it is graded with, and what its lateness costs."""

    digest: str
    """The digest of the assignment, from `digest_of`."""
    due: datetime | None = None
    """When it is due, with the student's extension; None without a due date."""
    late_days: int = 0
    """Days late, counting each day begun, after the due date, the grace period and the student's extension."""
    penalty: float = 0.0
    """Points deducted by the late policy, never negative."""


def digest_of(assignment: Assignment) -> str:
    """Return a digest of all files that grading depends on: settings, checks, solution and data.

    Files used only for auditing or releasing the assignment are left out, and so are caches.
    """
    digest = hashlib.sha256()
    for name in files_of(assignment):
        with (assignment.folder / name).open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        digest.update(f"{content} {name.as_posix()}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def files_of(assignment: Assignment) -> Iterator[Path]:
    """Yield the files that grading depends on, relative to the assignment's folder, in order."""
    for path in sorted(assignment.folder.rglob("*")):
        name = path.relative_to(assignment.folder)
        if path.is_file() and name.parts[0] not in _BESIDE and not is_beside(name):
            yield name


class Gradebook:
    """The gradebook of a class. Use it in a `with` statement and from one thread."""

    def __init__(
        self,
        results: Path,
        url: str | None = None,
        *,
        create: bool = False,
        busy_seconds: float = 30.0,
    ) -> None:
        """Open the gradebook in the folder `results` or at `url`, upgrading its schema if necessary.

        A transaction waits `busy_seconds` for another process that writes to the same file.

        Raises:
            UserError: the gradebook doesn't exist (and `create` is false), can't be opened, is some other database, or
                was
                written by a newer grader.
        """
        if url is None and not create and not (results / FILE).is_file():
            raise UserError(
                tr("there is no gradebook in {folder}; run `grader batch` first", folder=results)
            )
        self._results = results
        self.engine = open_engine(address(results, url), busy_seconds)
        self.reading = self.engine.execution_options(reads=True)
        dialect = postgresql if self.engine.dialect.name == "postgresql" else sqlite
        self._upsert: Any = dialect.insert

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.engine.dispose()

    @property
    def place(self) -> str:
        """Its address without the password."""
        return place(self.engine.url)

    # --- grading

    def begin_run(
        self,
        paths: Sequence[str],
        assignments: Mapping[str, Assignment],
        unmatched: Iterable[Unmatched] = (),
        roster: Sequence[RosterEntry] = (),
        teams: Sequence[TeamMember] = (),
    ) -> int:
        """Start a run that grades the hand-ins in `paths`, and return its id. `assignments` are keyed by their digests.

        A `roster` replaces the previous one, and so do `teams`; `unmatched` files replace those of the last run over
        the same paths.
        """
        with transaction(self.engine) as connection:
            values = {"paths": _json(list(paths)), "began": _now()}
            run: int = connection.execute(
                insert(RUN).values(values).returning(RUN.c.id)
            ).scalar_one()
            for digest, assignment in assignments.items():
                values = {"digest": digest, "name": assignment.name, "run_id": run}
                values["settings"] = _json(assignment)
                self._put(connection, ASSIGNMENT, values, ["digest"])
            for each in unmatched:
                values = {"run_id": run, "origin": each.origin, "reason": _json(each.reason)}
                values["student"] = each.student
                connection.execute(insert(UNMATCHED).values(values))
            if roster:
                connection.execute(update(ROSTER).values(dropped=True))
            for position, entry in enumerate(roster):
                values = msgspec.structs.asdict(entry) | {"position": position, "dropped": False}
                self._put(connection, ROSTER, values, ["id"])
            if teams:
                connection.execute(delete(TEAM))
                connection.execute(insert(TEAM), [msgspec.structs.asdict(each) for each in teams])
        return run

    def renumber(self, roster: Sequence[RosterEntry]) -> tuple[tuple[str, str], ...]:
        """Carry over the work of students whose id was corrected in the roster, and return the old and new ids.

        A student is known by the email address: the one that the roster had under an id that is gone.
        """
        new = {entry.email: entry.id for entry in roster if entry.email}
        kept = {entry.id for entry in roster}
        with transaction(self.engine) as connection:
            corrected = [
                (old, new[entry.email])
                for old, (entry, _) in _roster(connection).items()
                if old not in kept and new.get(entry.email, old) != old
            ]
            known = set(connection.execute(select(HAND_IN.c.student)).scalars())
            corrected = [(old, id_) for old, id_ in corrected if id_ not in known]
            for old, id_ in corrected:
                for table in (HAND_IN, ADJUSTMENT, COMMENT, TEAM, HANDED_BACK):
                    connection.execute(
                        update(table).where(table.c.student == old).values(student=id_)
                    )
                connection.execute(delete(ROSTER).where(ROSTER.c.id == old))
        return tuple(corrected)

    def end_run(self, run: int) -> None:
        """Record that the run has finished."""
        with transaction(self.engine) as connection:
            connection.execute(update(RUN).where(RUN.c.id == run).values(ended=_now()))

    def keep_known(self, run: int, tasks: Iterable[Task]) -> list[Task]:
        """Keep the hand-ins that already have a report, and return those that must be graded.

        A report is reused if the same content was graded with the same assignment and grader version, with no item
        ungraded, no matter who handed it in. A script's name counts as content, because messages contain it.
        """
        left: list[Task] = []
        chunk: list[Task] = []
        for task in tasks:
            chunk.append(task)
            if len(chunk) == _CHUNK:
                left.extend(self._keep_known(run, chunk))
                chunk.clear()
        return [*left, *self._keep_known(run, chunk)]

    def save(
        self,
        run: int,
        task: Task,
        submission: Submission,
        report: ScoreReport,
        *,
        seconds: float = 0.0,
        how: How = "run",
        recording: bytes | None = None,
    ) -> None:
        """Store a hand-in with the report on its `submission`, in one transaction.

        `seconds` is the wall-clock time that grading took.

        Raises:
            UserError: the database can't store it, for example because the disk is full or the database is locked.
        """
        with transaction(self.engine) as connection:
            self.add(connection, run, task, submission, report, seconds, how, recording)

    def add(
        self,
        connection: Connection,
        run: int,
        task: Task,
        submission: Submission,
        report: ScoreReport,
        seconds: float,
        how: How,
        recording: bytes | None,
    ) -> None:
        """Like `save`, within a transaction of the caller's."""
        values = {
            "graded_at": _now(),
            "seconds": seconds,
            "how": how,
            "report": _json(report),
            "recording": recording,
        }
        self._add_report(connection, run, task, submission, report, values)

    def recording(self, task: Task) -> bytes | None:
        """Return the last recording of the same content for the assignment, even if its checks were different then."""
        query = (
            select(REPORT.c.recording)
            .join(HAND_IN)
            .where(
                REPORT.c.recording.is_not(None),
                HAND_IN.c.assignment == task.assignment.name,
                *_same_content(task),
            )
            .order_by(REPORT.c.id.desc())
            .limit(1)
        )
        with transaction(self.reading) as connection:
            recording: bytes | None = connection.execute(query).scalar()
        return recording

    def keep_found(self, run: int, tasks: Iterable[Task]) -> None:
        """Note that the run found these hand-ins, without asking for reports on them."""
        with transaction(self.engine) as connection:
            for task in tasks:
                found = update(HAND_IN).where(*_is_of(task))
                connection.execute(found.values(_circumstances(run, task)))

    def ungraded(self) -> set[tuple[str, str, str]]:
        """Return the hand-ins whose latest report has ungraded items, by student, assignment and digest."""
        columns = (HAND_IN.c.student, HAND_IN.c.assignment, HAND_IN.c.sha256)
        query = select(*columns).join(REPORT).where(_is_last(), REPORT.c.ungraded)
        with transaction(self.reading) as connection:
            return {(row[0], row[1], row[2]) for row in connection.execute(query)}

    def paths(self) -> tuple[str, ...]:
        """Return all folders and files that were ever graded, the latest first."""
        with transaction(self.reading) as connection:
            rows = connection.execute(select(RUN.c.paths).order_by(RUN.c.id.desc())).scalars()
            found = [path for row in rows for path in msgspec.json.decode(row, type=list[str])]
        return tuple(dict.fromkeys(found))

    def durations(self) -> dict[tuple[str, str], float]:
        """Return the longest grading time in seconds, by assignment and digest of the submission."""
        query = (
            select(HAND_IN.c.assignment, REPORT.c.sha256, func.max(REPORT.c.seconds))
            .join(HAND_IN)
            .group_by(HAND_IN.c.assignment, REPORT.c.sha256)
        )
        with transaction(self.reading) as connection:
            return {(name, sha256): most for name, sha256, most in connection.execute(query)}

    # --- adjusting

    def adjust(self, student: str, assignment: str, adjustment: Adjustment) -> Adjusted:
        """Add or deduct points by hand, or excuse a student, and return what that changed.

        Adjustments are stored separately, so they survive regrading. Points above the maximum of the item or the
        assignment are left out unless the adjustment is `beyond`. The student is named as in reports, by id or name.

        Raises:
            UserError: the student is unknown, handed in nothing for the assignment or has its maximum, the assignment
                has no such rubric item, or the points aren't a finite number.
        """
        (done,) = self.adjust_all([(student, assignment, adjustment)])
        return done

    def adjust_all(self, wanted: Sequence[tuple[str, str, Adjustment]]) -> tuple[Adjusted, ...]:
        """Make many adjustments, all or none of them: the student, the assignment and the adjustment of each.

        Raises:
            UserError: as for `adjust`.
        """
        for _, _, adjustment in wanted:
            if not math.isfinite(adjustment.points):
                raise UserError(
                    tr("{points} isn't a valid number of points", points=adjustment.points)
                )
        with transaction(self.engine) as connection:
            record = _class_record(connection, brief=True)
            return decisions.adjust_all(connection, record, wanted)

    def decisions(self) -> tuple[Decision, ...]:
        """Return all adjustments ever made, the oldest first."""
        with transaction(self.reading) as connection:
            return decisions.list_decisions(connection)

    def undo(self, number: int, author: str) -> Decision:
        """Undo the adjustment with this id. It stays in the list for staff; students see the result.

        Raises:
            UserError: there is none, or it is undone already.
        """
        with transaction(self.engine) as connection:
            return decisions.undo(connection, number, author, _now())

    def comment(
        self,
        student: str,
        assignment: str,
        given: Comment,
        *,
        cell: int | None = None,
        line: int | None = None,
    ) -> Comment:
        """Comment on the hand-in that counts, on an item of it or on a line; see `comments.comment`.

        Raises:
            UserError: there is no such hand-in, item or line.
        """
        with transaction(self.engine) as connection:
            record = _class_record(connection)
            return comments.comment(
                connection, record, student, assignment, given, cell=cell, line=line
            )

    def comments(self) -> tuple[Comment, ...]:
        """Return all comments ever made, the oldest first."""
        with transaction(self.reading) as connection:
            return comments.list_comments(connection)

    def undo_comment(self, number: int, author: str) -> Comment:
        """Withdraw the comment with this id. It stays in the list for staff.

        Raises:
            UserError: there is none, or it is withdrawn already.
        """
        with transaction(self.engine) as connection:
            return comments.undo_comment(connection, number, author, _now())

    # --- privacy

    def about(self, student: str) -> About:
        """Return everything that is kept about the student with this id."""
        with transaction(self.reading) as connection:
            return privacy.about(connection, student)

    def person_id(self, name: str) -> str:
        """Return the id of the person with this id, email or name: of a student, or of an account.

        Raises:
            UserError: nobody or more than one is meant.
        """
        with transaction(self.reading) as connection:
            if name in privacy.people(connection):
                return name
        return decisions.student_id(self.class_record(), name)

    def forget(self, person: str, *, scores: bool = False) -> Forgotten:
        """Remove everything about the person with this id, also from the free pages of an SQLite file.

        The scores that count stay under a random pseudonym, unless `scores` are to be removed too. The keyed list
        beside the gradebook then knows whom to forget again when a backup is restored.

        Raises:
            UserError: the database can't be changed, for example because it is locked.
        """
        at = _now()
        path = self._results / FORGOTTEN_LIST
        write_forgotten(path, read_forgotten(path).having(person, Removal(at, scores)))
        kept = [] if scores else [each for each in self.records_of(person) if each.counts]
        with transaction(self.engine) as connection:
            everyone = _roster(connection)
            name = everyone[person][0].name if person in everyone else ""
            account = next((a for a in people.accounts(connection) if a.id == person), None)
            name = name or (account.name if account else "")
            of = {(each.report.assignment, each.report.sha256) for each in kept}
            done = privacy.forget(connection, person, name, at, of)
        self._shrink()
        return done

    def forget_again(self, made_at: datetime) -> int:
        """Forget everybody who was forgotten after a backup was made, and return their number.

        Raises:
            UserError: as for `forget`.
        """
        listed = read_forgotten(self._results / FORGOTTEN_LIST)
        with transaction(self.reading) as connection:
            known = privacy.people(connection)
        found = [(each, removal) for each in known if (removal := listed.find(each))]
        again = [(each, removal) for each, removal in found if removal.at > made_at]
        for each, removal in again:
            self.forget(each, scores=removal.scores)
        return len(again)

    def expired(self, keep_days: int) -> tuple[str, ...]:
        """Return the students who last handed in or were graded more than `keep_days` days ago."""
        with transaction(self.reading) as connection:
            seen = privacy.last_seen(connection)
        before = _now() - timedelta(days=keep_days)
        return tuple(sorted(each for each, moment in seen.items() if moment < before))

    def _shrink(self) -> None:
        if self.engine.dialect.name == "sqlite":
            raw = self.engine.raw_connection()
            try:
                raw.cursor().execute("VACUUM")
                raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
            finally:
                raw.close()

    def forgotten(self) -> tuple[Forgotten, ...]:
        """Return when work was removed, the oldest first."""
        with transaction(self.reading) as connection:
            return privacy.list_forgotten(connection)

    # --- reading

    def totals(self) -> tuple[Total, ...]:
        """Return the totals of each assignment, from the latest report of every hand-in.

        Dropped and excused students are left out.
        """
        query = (
            select(
                HAND_IN.c.assignment,
                func.count(),
                func.avg(REPORT.c.score).filter(REPORT.c.ungraded.is_(False)),
                func.count().filter(REPORT.c.ungraded),
            )
            .select_from(REPORT)
            .join(HAND_IN)
            .where(_is_last(), _is_shown())
            .group_by(HAND_IN.c.assignment)
            .order_by(HAND_IN.c.assignment)
        )
        with transaction(self.reading) as connection:
            return tuple(Total(*row) for row in connection.execute(query))

    def changes(self, since: int | None = None) -> tuple[Change, ...]:
        """Return the scores that are not what they were after the run `since`, by default the last but one.

        Raises:
            UserError: there is no such run.
        """
        with transaction(self.reading) as connection:
            run = run_before(runs(connection), since)
            before = _class_record(connection, run, brief=True)
            after = _class_record(connection, brief=True)
            return changes(before, after, settings_of(connection))

    def run_over(self, path: str) -> int:
        """Return the id of the last run over this path alone."""
        query = select(func.max(RUN.c.id)).where(RUN.c.paths == _json([path]))
        with transaction(self.reading) as connection:
            return int(connection.execute(query).scalar_one())

    def runs(self) -> tuple[Run, ...]:
        """Return all runs, the oldest first."""
        with transaction(self.reading) as connection:
            return runs(connection)

    def class_record(self, assignment: str | None = None, *, brief: bool = False) -> ClassRecord:
        """Return the current data for the reports of the class.

        With a roster these are its students; hand-ins of those who have dropped the course are kept, but not shown.
        Students with an account belong to the class, too. With an `assignment`, its hand-ins are the only ones. A
        `brief` record lacks the submitted code and what `ScoreReport.brief` leaves out: enough for tables and
        statistics, and fast.
        """
        with transaction(self.reading) as connection:
            return _class_record(connection, assignment=assignment, brief=brief)

    def roster(self) -> tuple[RosterEntry, ...]:
        """Return the students of the last roster."""
        with transaction(self.reading) as connection:
            return tuple(entry for entry, dropped in _roster(connection).values() if not dropped)

    def records_of(self, student: str) -> tuple[Record, ...]:
        """Return all hand-ins of one student and of the student's team, those for one assignment in order."""
        with transaction(self.reading) as connection:
            teams = _members(connection)
            own = {each.team for each in teams if each.student == student}
            mates = {each.student for each in teams if each.team in own}
            theirs = HAND_IN.c.student.in_({student, *mates})
            if connection.execute(select(HAND_IN.c.id).where(theirs).limit(1)).first() is None:
                return ()
            known = {each.name: each for each in _assignments(connection)}
            points, _ = decisions.in_force(connection)
            found = _records(connection, known, teams, points, None, theirs)
            return tuple(each for each in found if each.report.student == student)

    # --- steps of these

    def _keep_known(self, run: int, tasks: list[Task]) -> list[Task]:
        with transaction(self.engine) as connection:
            return [task for task in tasks if not self._known(connection, run, task)]

    def _known(self, connection: Connection, run: int, task: Task) -> bool:
        held = connection.execute(_last_of(task)).first()
        if held is not None and held[1:] == (task.digest, __version__, False):
            found = update(HAND_IN).where(HAND_IN.c.id == held.hand_in_id)
            connection.execute(found.values(_circumstances(run, task)))
            return True
        same = connection.execute(_same(task)).mappings().first()
        if same is None:
            return False
        report = msgspec.structs.replace(
            msgspec.json.decode(same["report"], type=ScoreReport),
            student=task.student,
            submission=task.file,
        )
        values = {**same, "report": _json(report)}
        self._add_report(connection, run, task, task.load(), report, values)
        return True

    def _add_report(
        self,
        connection: Connection,
        run: int,
        task: Task,
        submission: Submission,
        report: ScoreReport,
        values: dict[str, Any],
    ) -> None:
        values = values | {
            "hand_in_id": self._put_hand_in(connection, run, task, submission),
            "run_id": run,
            "sha256": submission.sha256,
            "digest": task.digest,
            "version": __version__,
            "score": report.score,
            "ungraded": report.ungraded,
            "summary": _json(report.brief),
        }
        connection.execute(insert(REPORT).values(values))

    def _put_hand_in(
        self, connection: Connection, run: int, task: Task, submission: Submission
    ) -> int:
        key = {
            "student": task.student,
            "assignment": task.assignment.name,
            "sha256": submission.sha256,
        }
        code = {
            "file": submission.file,
            "cells": zlib.compress(msgspec.msgpack.encode(submission.cells)),
        }
        values = key | code | _circumstances(run, task)
        return int(self._put(connection, HAND_IN, values, list(key)))

    def _put(
        self, connection: Connection, table: Any, values: dict[str, Any], key: list[str]
    ) -> Any:
        """Insert a row, or update the one with this key; return its primary key."""
        rest = {name: value for name, value in values.items() if name not in key}
        statement = (
            self._upsert(table).values(values).on_conflict_do_update(index_elements=key, set_=rest)
        )
        return connection.execute(statement.returning(*table.primary_key)).scalar_one()


def _class_record(
    connection: Connection,
    then: Run | None = None,
    *,
    assignment: str | None = None,
    brief: bool = False,
) -> ClassRecord:
    """The class as it is now, or as it was after a run, as far as that is kept: with the present roster and teams."""
    assignments = _assignments(connection, then.id if then else None)
    everyone = _roster(connection)
    roster = tuple(entry for entry, dropped in everyone.values() if not dropped)
    enrolled = {entry.id for entry in roster}
    points, excused = decisions.in_force(connection, then.next_began if then else None)
    found = _records(
        connection,
        {each.name: each for each in assignments},
        _members(connection),
        points,
        then.id if then else None,
        *((HAND_IN.c.assignment == assignment,) if assignment else ()),
        brief=brief,
    )
    worked = {r.report.student for r in found} | {student for student, _ in (*points, *excused)}
    dropped = tuple(
        everyone[student][0] if student in everyone else RosterEntry(student)
        for student in sorted(worked - enrolled)
        if roster
    )
    return ClassRecord(
        assignments=assignments,
        records=tuple(r for r in found if not roster or r.report.student in enrolled),
        roster=_with_accounts(connection, roster, {entry.id for entry in dropped}),
        unmatched=_unmatched(connection),
        excused=frozenset(key for key in excused if not roster or key[0] in enrolled),
        dropped=dropped,
    )


def _with_accounts(
    connection: Connection, roster: tuple[RosterEntry, ...], dropped: set[str]
) -> tuple[RosterEntry, ...]:
    """The roster with the sections of its students' accounts, and with the students who have an account only."""
    students = {each.id: each for each in people.accounts(connection) if each.role == "student"}
    listed = {entry.id for entry in roster} | dropped
    return (
        *(
            msgspec.structs.replace(entry, section=students[entry.id].section)
            if entry.id in students
            else entry
            for entry in roster
        ),
        *(
            RosterEntry(each.id, each.name, each.email, section=each.section)
            for each in students.values()
            if each.id not in listed
        ),
    )


def _circumstances(run: int, task: Task) -> dict[str, Any]:
    """The columns that can change each time a hand-in is found."""
    return {
        "origin": task.origin,
        "handed_in": task.handed_in,
        "due": task.due,
        "late_days": task.late_days,
        "penalty": task.penalty,
        "late_mark": task.late_mark,
        "run_id": run,
    }


def _is_shown() -> Any:
    """Whether a hand-in is of a student who is neither dropped nor excused."""
    roster = select(ROSTER.c.id).where(ROSTER.c.dropped.is_(False))
    excused = exists().where(
        ADJUSTMENT.c.excused,
        ADJUSTMENT.c.undone_at.is_(None),
        ADJUSTMENT.c.student == HAND_IN.c.student,
        ADJUSTMENT.c.assignment == HAND_IN.c.assignment,
    )
    return and_(or_(~roster.exists(), HAND_IN.c.student.in_(roster)), ~excused)


def _is_last(until: int | None = None) -> Any:
    """Whether a report is the latest of its hand-in, or was after the run `until`."""
    other = REPORT.alias()
    later = (other.c.hand_in_id == REPORT.c.hand_in_id, other.c.id > REPORT.c.id)
    if until is None:
        return ~exists().where(*later)
    return and_(REPORT.c.run_id <= until, ~exists().where(*later, other.c.run_id <= until))


def _last_of(task: Task) -> Select[Any]:
    return (
        select(REPORT.c.hand_in_id, REPORT.c.digest, REPORT.c.version, REPORT.c.ungraded)
        .join(HAND_IN)
        .where(*_is_of(task))
        .order_by(REPORT.c.id.desc())
        .limit(1)
    )


def _is_of(task: Task) -> list[Any]:
    return [
        HAND_IN.c.student == task.student,
        HAND_IN.c.assignment == task.assignment.name,
        HAND_IN.c.sha256 == task.sha256,
    ]


def _same(task: Task) -> Select[Any]:
    """The latest report on the same content by the same checks and grader version."""
    columns = (REPORT.c.graded_at, REPORT.c.seconds, REPORT.c.how, REPORT.c.report)
    return (
        select(*columns, REPORT.c.recording)
        .join(HAND_IN)
        .where(
            REPORT.c.digest == task.digest,
            REPORT.c.version == __version__,
            REPORT.c.ungraded.is_(False),
            *_same_content(task),
        )
        .order_by(REPORT.c.id.desc())
        .limit(1)
    )


def _same_content(task: Task) -> list[Any]:
    same_name = HAND_IN.c.file == task.file
    any_notebook = func.lower(HAND_IN.c.file).like("%.ipynb")
    notebook = task.file.lower().endswith(".ipynb")
    return [
        REPORT.c.sha256 == task.sha256,
        or_(same_name, any_notebook) if notebook else same_name,
    ]


def _assignments(connection: Connection, until: int | None = None) -> tuple[Assignment, ...]:
    """The versions used for grading last, by name, or those of the last reports after the run `until`."""
    query = select(ASSIGNMENT.c.name, ASSIGNMENT.c.settings)
    if until is None:
        query = query.order_by(ASSIGNMENT.c.run_id)
    else:
        query = query.join(REPORT, REPORT.c.digest == ASSIGNMENT.c.digest)
        query = query.where(REPORT.c.run_id <= until)
        query = query.group_by(ASSIGNMENT.c.digest).order_by(func.max(REPORT.c.id))
    last = {row.name: row.settings for row in connection.execute(query)}
    return tuple(
        msgspec.json.decode(last[name], type=Assignment, dec_hook=_path) for name in sorted(last)
    )


class _Found(msgspec.Struct, frozen=True):
    """A report and its hand-in. The fields of a row of the database take ten times as long to read."""

    report_id: int
    graded_at: datetime
    how: How
    digest: str
    version: str
    paths: str
    id: int
    student: str
    assignment: str
    origin: str
    sha256: str
    handed_in: datetime | None
    due: datetime | None
    late_days: int
    penalty: float
    late_mark: bool
    run_id: int
    report: str = ""
    """Not read for brief records, nor are the cells."""
    cells: bytes = b""


_FOUND = (
    REPORT.c.id,
    *(REPORT.c[name] for name in ("graded_at", "how", "digest", "version")),
    RUN.c.paths,
    *(HAND_IN.c[name] for name in _Found.__struct_fields__[6:-2]),
)
"""The columns of its fields, in their order."""


def _records(
    connection: Connection,
    assignments: dict[str, Assignment],
    teams: Iterable[TeamMember],
    adjustments: Mapping[tuple[str, str], tuple[Adjustment, ...]],
    until: int | None,
    *where: ColumnElement[bool],
    brief: bool = False,
) -> tuple[Record, ...]:
    query = (
        select(*_FOUND, *(() if brief else (REPORT.c.report, HAND_IN.c.cells)))
        .select_from(REPORT)
        .join(HAND_IN)
        .join(RUN, HAND_IN.c.run_id == RUN.c.id)
        .where(_is_last(until), *where)
    )
    rows = [_Found(*row) for row in connection.execute(query)]
    summaries = _summaries(connection, rows) if brief else {}
    said = comments.shown_comments(connection)
    gone = _gone(connection, rows, until)
    there = {(row.paths, row.origin, row.sha256) for row in rows if gone and row.id not in gone}
    found: dict[tuple[str, str], list[tuple[Record, _Found]]] = {}
    for row in rows:
        if row.id in gone and (row.paths, row.origin, row.sha256) in there:
            continue  # the same file has since been matched to another student or assignment
        key = (row.student, row.assignment)
        report = summaries.get(row.report_id) if brief else _report(row.report)
        if report is None:  # removed since the rows were read
            continue
        record = _record(row, report, adjustments.get(key, ()), said.get(key, ()), brief)
        found.setdefault(key, []).append((record, row))
    return tuple(
        record
        for (_, name), attempts in sorted(shared(found, teams, adjustments, said).items())
        for record in _counted(_in_order(attempts, gone), best=assignments[name].counts == "best")
    )


def _gone(connection: Connection, rows: Iterable[_Found], until: int | None) -> set[int]:
    """The hand-ins that the last complete run over the same paths no longer found in this form."""
    ended = select(RUN.c.paths, func.max(RUN.c.id).label("last")).where(RUN.c.ended.is_not(None))
    if until is not None:
        ended = ended.where(RUN.c.id <= until)
    last = {row.paths: row.last for row in connection.execute(ended.group_by(RUN.c.paths))}
    return {row.id for row in rows if row.run_id < last.get(row.paths, 0)}


def _record(
    row: _Found,
    report: ScoreReport,
    adjustments: tuple[Adjustment, ...],
    said: tuple[Comment, ...],
    brief: bool,
) -> Record:
    packed = None if brief else zlib.decompress(row.cells)
    cells = msgspec.msgpack.decode(packed, type=tuple[Cell, ...]) if packed else ()
    if report.student != row.student:
        report = msgspec.structs.replace(report, student=row.student)
    return Record(
        report=report,
        origin=row.origin,
        graded_at=row.graded_at,
        digest=row.digest,
        version=row.version,
        handed_in=row.handed_in,
        due=row.due,
        late_days=row.late_days,
        penalty=row.penalty,
        late_mark=row.late_mark,
        adjustments=adjustments,
        comments=tuple(comments.placed(each, cells) for each in said),
        cells=cells,
        how=row.how,
    )


def _report(text: str) -> ScoreReport:
    return msgspec.json.decode(text, type=ScoreReport)


_decoded: dict[tuple[object, ...], ScoreReport] = {}


def _summaries(connection: Connection, rows: Sequence[_Found]) -> dict[int, ScoreReport]:
    """The short reports of these rows, by their ids. Pages of a class show the same ones again and again."""
    book = str(connection.engine.url)
    keys = {
        row.report_id: (book, row.report_id, row.student, row.digest, row.graded_at) for row in rows
    }
    found = {id_: known for id_, key in keys.items() if (known := _decoded.get(key))}
    missing = [id_ for id_ in keys if id_ not in found]
    if len(_decoded) > _SUMMARIES:
        _decoded.clear()
    for start in range(0, len(missing), _CHUNK):
        some = REPORT.c.id.in_(missing[start : start + _CHUNK])
        for row in connection.execute(select(REPORT.c.id, REPORT.c.summary).where(some)):
            found[row.id] = _decoded[keys[row.id]] = _report(row.summary)
    return found


def counted_again(record: ClassRecord) -> ClassRecord:
    """Return the class with the hand-ins that count by the present reports and settings."""
    best = {each.name: each.counts == "best" for each in record.assignments}
    found = [_counted(each, best[name]) for (_, name), each in record.attempts.items()]
    return msgspec.structs.replace(record, records=tuple(itertools.chain(*found)))


def _in_order(attempts: list[tuple[Record, _Found]], gone: set[int]) -> list[Record]:
    def order(attempt: tuple[Record, _Found]) -> tuple[Any, ...]:
        record, row = attempt
        timed = record.handed_in is not None
        return row.id not in gone, timed, record.handed_in, row.run_id, natural(record.origin)

    if len(attempts) > 1:  # mostly there is only one
        attempts = sorted(attempts, key=order)
    return [record for record, _ in attempts]


def _counted(records: Sequence[Record], best: bool) -> list[Record]:
    """The attempts, given in order, with the one that counts marked."""
    counting = max(records, key=lambda record: record.score) if best else records[-1]
    return [
        each
        if each.counts is (each is counting)
        else msgspec.structs.replace(each, counts=each is counting)
        for each in records
    ]


def _roster(connection: Connection) -> dict[str, tuple[RosterEntry, bool]]:
    """Everyone who was ever on the roster, each with whether they have dropped the course, by id."""
    columns = (ROSTER.c[name] for name in RosterEntry.__struct_fields__)
    query = select(*columns, ROSTER.c.dropped).order_by(ROSTER.c.position)
    return {row.id: (RosterEntry(*row[:-1]), row.dropped) for row in connection.execute(query)}


def _members(connection: Connection) -> list[TeamMember]:
    """The teams of the roster's column, then those of the file of teams, which replace them."""
    of_roster = select(ROSTER.c.id, ROSTER.c.team).where(ROSTER.c.team != "")
    of_file = select(TEAM.c.student, TEAM.c.team, TEAM.c.assignment)
    return [TeamMember(*row) for each in (of_roster, of_file) for row in connection.execute(each)]


def _unmatched(connection: Connection) -> tuple[Unmatched, ...]:
    """The unmatched files of the last run over each set of paths."""
    runs = select(func.max(RUN.c.id)).group_by(RUN.c.paths)
    query = (
        select(UNMATCHED.c.origin, UNMATCHED.c.reason, UNMATCHED.c.student)
        .where(UNMATCHED.c.run_id.in_(runs))
        .order_by(UNMATCHED.c.id)
    )
    return tuple(
        Unmatched(origin, msgspec.json.decode(reason, type=Text), student)
        for origin, reason, student in connection.execute(query)
    )


def _json(value: object) -> str:
    return msgspec.json.encode(value, enc_hook=str).decode()


def _path(kind: type, value: str) -> Path:
    return Path(value)


def _now() -> datetime:
    return datetime.now().astimezone()
