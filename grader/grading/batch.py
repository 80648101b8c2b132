"""A whole class: what is new is graded side by side, and each report is kept as soon as it is made."""

import fcntl
import os
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from statistics import mean
from typing import Literal, NamedTuple

import msgspec

from grader.gradebook import Entry, Gradebook, digest_of
from grader.grading.grader import Grader
from grader.grading.order import Graded
from grader.grading.scoring import ungraded
from grader.intake import HandIn, find_hand_ins, read_extensions, read_roster
from grader.model.assignment import Assignment
from grader.model.errors import GraderError, UserError, writing
from grader.model.late import Lateness, lateness
from grader.model.record import RosterEntry, Unmatched
from grader.model.score import ScoreReport, Verdict
from grader.model.submission import Submission, readable
from grader.model.text import printable, tr

_TICK = 0.5  # seconds between two looks at the clock

Again = Literal["new", "replay", "rerun"]
"""What a batch grades: what is new or was left ungraded; or all, from recorded answers if any; or all, by running."""


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to grade."""

    paths: tuple[str, ...]
    """Where it was looked for."""
    assignments: Mapping[str, Assignment]
    """By their digests."""
    entries: tuple[Entry, ...]
    unmatched: tuple[Unmatched, ...]
    roster: tuple[RosterEntry, ...] = ()


class State(msgspec.Struct, frozen=True, kw_only=True):
    """How far a batch is, in submissions."""

    total: int
    kept: int = 0
    """Those whose report was in the gradebook already."""
    graded: int = 0
    """By this batch."""
    ungraded: int = 0
    """Of these, those where something is left that we could not grade."""
    running: int = 0
    verdicts: Mapping[Verdict, int] = {}
    """How many rubric items ended so, of those graded by this batch."""


def find_work(
    paths: Sequence[Path],
    assignments: Mapping[str, Assignment],
    name: str | None = None,
    *,
    results: Path | None = None,
    roster: Path | None = None,
    extensions: Path | None = None,
    trust_file_times: bool = False,
) -> Work:
    """Find the hand-ins in `paths`; `name` is their assignment where the user says it.

    The folder of the `results` may be among them. `roster` and `extensions` are CSV files. What is late is told by the
    platform's own times; by those of the files only with `trust_file_times`, because a download may have set them.

    Raises:
        UserError: there is nothing to grade in the paths, or one of the files can't be read.
    """
    known = dict(assignments)
    students = read_roster(roster) if roster else ()
    due = read_extensions(extensions, known, students) if extensions else {}
    found = find_hand_ins(paths, known, name, students, results)
    digests = {each.name: digest_of(each) for each in known.values()}
    return Work(
        paths=tuple(readable(str(path.resolve())) for path in paths),
        assignments={digests[each.name]: each for each in known.values()},
        entries=tuple(
            _entry(each, digests, due, trusted=trust_file_times or each.time_from == "platform")
            for each in found.hand_ins
        ),
        unmatched=found.unmatched,
        roster=students,
    )


def _entry(
    hand_in: HandIn,
    digests: Mapping[str, str],
    due: Mapping[tuple[str, str], datetime],
    trusted: bool,
) -> Entry:
    assignment = hand_in.assignment
    late = Lateness(0, 0.0)
    if assignment.late and hand_in.handed_in and trusted:
        extension = due.get((hand_in.student, assignment.name))
        late = lateness(assignment.late, hand_in.handed_in, extension)
    return Entry(
        student=hand_in.student,
        assignment=assignment,
        digest=digests[assignment.name],
        file=hand_in.file,
        sha256=hand_in.sha256,
        load=hand_in.load,
        origin=hand_in.origin,
        handed_in=hand_in.handed_in,
        late_days=late.late_days,
        penalty=round(late.penalty_fraction * assignment.max_score, 2),
        late_mark=hand_in.late_mark,
    )


@contextmanager
def only_one(results: Path) -> Iterator[None]:
    """Make the folder `results`, and keep other batches out of it as long as this process is at work there.

    Raises:
        UserError: another batch is at work there, or the folder can't be written to.
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
    grader: Grader,
    gradebook: Gradebook,
    work: Work,
    again: Again = "new",
    *,
    jobs: int | None = None,
    show: Callable[[State], None] = lambda state: None,
) -> State:
    """Grade what `again` says of the work, `jobs` submissions at a time (by default one per processor).

    Each report is kept in the gradebook as soon as it is made. `show` is called every half second and at each report.
    A hand-in that we fail to read or to grade is `ungraded`, with the reason in its report, and the others go on.

    Raises:
        UserError: an assignment's checks can't be run, or the gradebook can't take a report. What was made is kept.
    """
    run = gradebook.begin_run(work.paths, work.assignments, work.unmatched, work.roster)
    left = gradebook.settle(run, work.entries) if again == "new" else work.entries
    state = State(total=len(work.entries), kept=len(work.entries) - len(left))
    state = _grade_all(grader, gradebook, run, left, state, again, jobs or processors(), show)
    gradebook.end_run(run)
    return state


def _grade_all(
    grader: Grader,
    gradebook: Gradebook,
    run: int,
    entries: Iterable[Entry],
    state: State,
    again: Again,
    jobs: int,
    show: Callable[[State], None],
) -> State:
    waiting = deque(_longest_first(entries, gradebook.durations()))
    grader.start({entry.assignment.name: entry.assignment for entry in waiting}.values())
    running: dict[Future[_Done], Entry] = {}
    pool = ThreadPoolExecutor(jobs)
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                entry = waiting.popleft()
                if again == "new" and not gradebook.settle(run, [entry]):
                    state = msgspec.structs.replace(state, kept=state.kept + 1)
                else:
                    recording = None if again == "rerun" else gradebook.recording(entry)
                    running[pool.submit(_grade, grader, entry, recording)] = entry
            show(msgspec.structs.replace(state, running=len(running)))
            for future in wait(running, _TICK, FIRST_COMPLETED).done:
                done = future.result()
                entry = running.pop(future)
                gradebook.land(
                    run,
                    entry,
                    done.submission,
                    done.graded.report,
                    seconds=done.seconds,
                    how=done.graded.how,
                    recording=done.graded.recording,
                )
                state = with_report(state, done.graded.report)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    show(state)
    return state


def processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0))


def _longest_first(
    entries: Iterable[Entry], durations: Mapping[tuple[str, str], float]
) -> list[Entry]:
    """Those that will take longest first, so that no long one is left alone at the end."""
    by_name: dict[str, list[float]] = {}
    for (name, _), seconds in durations.items():
        by_name.setdefault(name, []).append(seconds)
    means = {name: mean(seconds) for name, seconds in by_name.items()}

    def expected(entry: Entry) -> float:
        name = entry.assignment.name
        usual = means.get(name, entry.assignment.limits.total_cpu_seconds)
        return durations.get((name, entry.sha256), usual)

    return sorted(entries, key=expected, reverse=True)


class _Done(NamedTuple):
    submission: Submission
    graded: Graded
    seconds: float


def _grade(grader: Grader, entry: Entry, recording: bytes | None) -> _Done:
    """Grade one hand-in. What goes wrong with it alone leaves it `ungraded` and never stops the batch."""
    begin = time.monotonic()
    try:
        submission = entry.load()
    except Exception as error:
        return _failed(entry, error, begin)
    try:
        graded = grader.grade(entry.assignment, submission, entry.student, recording)
        msgspec.json.encode((submission, graded.report))  # what can't be kept is found here
    except GraderError:  # about the assignment or the machine, and so about every hand-in
        raise
    except Exception as error:
        return _failed(entry, error, begin)
    return _Done(submission, graded, time.monotonic() - begin)


def _failed(entry: Entry, error: Exception, begin: float) -> _Done:
    notebook = entry.file.lower().endswith(".ipynb")
    submission = Submission(file=entry.file, sha256=entry.sha256, notebook=notebook)
    reason = printable(f"{type(error).__name__}: {error}")
    report = ungraded(entry.assignment, submission, entry.student, reason)
    return _Done(submission, Graded(report), time.monotonic() - begin)


def with_report(state: State, report: ScoreReport) -> State:
    """Return the state after one more report."""
    return msgspec.structs.replace(
        state,
        graded=state.graded + 1,
        ungraded=state.ungraded + report.ungraded,
        verdicts=Counter(state.verdicts) + Counter(item.verdict for item in report.items),
    )
