"""Grade a whole class: submissions run in parallel, and each report is stored as soon as it is made."""

import fcntl
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from itertools import takewhile
from pathlib import Path
from statistics import mean
from typing import Literal

import msgspec

from grader.gradebook import Gradebook, Task, digest_of
from grader.gradebook.opening import transaction
from grader.grading.executor import Done, Executor, Request
from grader.grading.progress import State, with_report
from grader.intake import (
    Open,
    find_hand_ins,
    read_extensions,
    read_matches,
    read_roster,
    read_teams,
    write_matches,
)
from grader.intake.roster import RosterIndex
from grader.model.assignment import Assignment
from grader.model.errors import UserError, writing
from grader.model.hand_in import HandIn
from grader.model.late import Lateness, lateness
from grader.model.record import RosterEntry, TeamMember, Unmatched, unknown_section
from grader.model.submission import readable
from grader.model.text import printable, tr

Again = Literal["new", "replay", "rerun"]
"""What to grade: only new or ungraded hand-ins; everything, from recorded answers if possible; or everything, by
running it."""


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """The hand-ins to grade."""

    paths: tuple[str, ...]
    """The searched paths."""
    assignments: Mapping[str, Assignment]
    """Keyed by digest."""
    tasks: tuple[Task, ...]
    unmatched: tuple[Unmatched, ...]
    open: tuple[Open, ...] = ()
    """Of the unmatched files, those that an assistant can match."""
    roster: tuple[RosterEntry, ...] = ()
    teams: tuple[TeamMember, ...] = ()
    others: tuple[Task, ...] = ()
    """Hand-ins that were found, but not chosen."""


def choose(
    work: Work, book: Gradebook, student: str | None, section: str | None, ungraded: bool
) -> Work:
    """Return the work with only the hand-ins of one student, of one section, with only those left ungraded.

    Raises:
        UserError: nobody with this id, email or name handed in, there is no such section, or nothing is left to grade.
    """
    sections = {entry.id: entry.section for entry in work.roster or book.roster()}
    if section is not None and section not in sections.values():
        raise unknown_section(section, sorted({*sections.values()} - {""}))
    if student is not None:
        handed_in = {task.student for task in work.tasks}
        entries = [entry for entry in work.roster if entry.id in handed_in]
        index = RosterIndex(entries or map(RosterEntry, handed_in))
        found = student if student in handed_in else index.only((student,))
        if not isinstance(found, str):
            raise UserError(
                tr("no single student with this name handed in: {name}", name=printable(student))
            )
        student = found
    left = book.ungraded() if ungraded else set()

    def chosen(task: Task) -> bool:
        here = (task.student, task.assignment.name, task.sha256)
        return (
            student in (None, task.student)
            and section in (None, sections.get(task.student))
            and (not ungraded or here in left)
        )

    tasks = tuple(filter(chosen, work.tasks))
    others = tuple(task for task in work.tasks if not chosen(task))
    return msgspec.structs.replace(work, tasks=tasks, others=others)


def find_work(
    paths: Sequence[Path],
    assignments: Mapping[str, Assignment],
    name: str | None = None,
    *,
    results: Path | None = None,
    roster: Path | None = None,
    teams: Path | None = None,
    extensions: Path | None = None,
    matches: Path | None = None,
    trust_file_times: bool = False,
) -> Work:
    """Find the hand-ins in `paths`; `name` is their assignment if the user chose one.

    The `results` folder may lie inside the paths; it is skipped. `roster`, `teams` and `extensions` are CSV files.
    Lateness is computed from the platform's times; file times are used only with `trust_file_times`, because a download
    may have changed them. `matches` is a CSV file with what an assistant says about files; those that are still
    unmatched are written to it.

    Raises:
        UserError: the paths contain nothing to grade, or a file can't be read.
    """
    known = dict(assignments)
    students = read_roster(roster) if roster else ()
    due = read_extensions(extensions, known, students) if extensions else {}
    together = read_teams(teams, known, students) if teams else ()
    said = read_matches(matches, known, students) if matches else {}
    found = find_hand_ins(paths, known, name, students, results, said)
    if matches and found.open:
        names = {each.id: each.name for each in students} or {h.student: "" for h in found.hand_ins}
        write_matches(matches, found.open, said, names)
    digests = {each.name: digest_of(each) for each in known.values()}
    return Work(
        paths=tuple(readable(str(path.resolve())) for path in paths),
        assignments={digests[each.name]: each for each in known.values()},
        tasks=tuple(
            task_of(each, digests, due, trusted=trust_file_times or each.time_from == "platform")
            for each in found.hand_ins
        ),
        unmatched=found.unmatched,
        open=found.open,
        roster=students,
        teams=together,
    )


def task_of(
    hand_in: HandIn,
    digests: Mapping[str, str],
    due: Mapping[tuple[str, str], datetime],
    trusted: bool,
) -> Task:
    """Return the task of grading a hand-in: with the digest of its assignment, and what its lateness costs.

    `due` holds extensions, by student and assignment. Lateness costs points only if the time is `trusted`.
    """
    assignment = hand_in.assignment
    late = Lateness(0, 0.0)
    extension = due.get((hand_in.student, assignment.name))
    if assignment.late and hand_in.handed_in and trusted:
        late = lateness(assignment.late, hand_in.handed_in, extension)
    return Task(
        student=hand_in.student,
        assignment=assignment,
        digest=digests[assignment.name],
        file=hand_in.file,
        sha256=hand_in.sha256,
        load=hand_in.load,
        origin=hand_in.origin,
        handed_in=hand_in.handed_in,
        due=extension or (assignment.late.due if assignment.late else None),
        late_days=late.late_days,
        penalty=round(late.penalty_fraction * assignment.max_score, 2),
        late_mark=hand_in.late_mark,
    )


@contextmanager
def only_one(results: Path) -> Iterator[None]:
    """Create the folder `results` and lock it, so that no other batch can use it in the meantime.

    Raises:
        UserError: another batch is using it, or the folder can't be written to.
    """
    with writing(results):
        results.mkdir(parents=True, exist_ok=True)
        lock = (results / "batch.lock").open("wb")
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UserError(
                tr(
                    "another batch is already using {folder}; wait until it finishes",
                    folder=results,
                )
            ) from error
        yield


def run_batch(
    executor: Executor,
    gradebook: Gradebook,
    work: Work,
    again: Again = "new",
    *,
    show: Callable[[State], None] = lambda state: None,
) -> State:
    """Grade the work selected by `again`, and store each report in the gradebook as soon as it is made.

    `show` is called several times a second. A hand-in that can't be read or graded becomes `ungraded`,
    with the reason in its report, and the batch continues.

    Raises:
        UserError: an assignment's checks can't be run, or the gradebook can't store a report. Earlier reports are safe.
    """
    run = gradebook.begin_run(work.paths, work.assignments, work.unmatched, work.roster, work.teams)
    gradebook.keep_found(run, work.others)
    left = gradebook.keep_known(run, work.tasks) if again == "new" else work.tasks
    state = State(total=len(work.tasks), kept=len(work.tasks) - len(left))
    state = _grade_all(executor, gradebook, run, left, state, again, show)
    gradebook.end_run(run)
    return state


def _grade_all(
    executor: Executor,
    gradebook: Gradebook,
    run: int,
    tasks: Sequence[Task],
    state: State,
    again: Again,
    show: Callable[[State], None],
) -> State:
    durations = gradebook.durations()
    waiting = deque(_longest_first(tasks, durations))
    running = 0
    known = 0

    def requests() -> Iterator[Request]:
        nonlocal running, known
        while waiting:
            task = waiting.popleft()
            if again == "new" and not gradebook.keep_known(run, [task]):
                known += 1
                continue
            running += 1
            yield Request(
                task=task,
                recording=None if again == "rerun" else gradebook.recording(task),
                seconds=durations.get((task.assignment.name, task.sha256)),
                left=len(waiting) + 1,
            )

    if waiting:
        executor.start({task.assignment.name: task.assignment for task in waiting}.values())
    with closing(executor.grade(requests())) as finished:
        for group in finished:
            _land(gradebook, run, group)
            for done in group:
                running -= 1
                state = with_report(state, done.graded.report)
            show(msgspec.structs.replace(state, kept=state.kept + known, running=running))
    return msgspec.structs.replace(state, kept=state.kept + known)


def _land(gradebook: Gradebook, run: int, group: Sequence[Done]) -> None:
    """Store reports in one transaction, up to the first with an error that concerns all."""
    fine = list(takewhile(lambda done: done.error is None, group))
    if fine:
        with transaction(gradebook.engine) as connection:
            for done in fine:
                gradebook.add(
                    connection,
                    run,
                    done.request.task,
                    done.submission,
                    done.graded.report,
                    done.seconds,
                    done.graded.how,
                    done.graded.recording,
                )
    for done in group[len(fine) :]:
        if done.error is not None:
            raise done.error


def _longest_first(tasks: Iterable[Task], durations: Mapping[tuple[str, str], float]) -> list[Task]:
    """Sort the longest first, so that no long one is left over at the end."""
    by_name: dict[str, list[float]] = {}
    for (name, _), seconds in durations.items():
        by_name.setdefault(name, []).append(seconds)
    means = {name: mean(seconds) for name, seconds in by_name.items()}

    def expected(task: Task) -> float:
        name = task.assignment.name
        usual = means.get(name, task.assignment.limits.total_cpu_seconds)
        return durations.get((name, task.sha256), usual)

    return sorted(tasks, key=expected, reverse=True)
