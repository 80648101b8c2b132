"""The queue of gradings: one table beside the reports, so that a hand-in and its job land in one transaction.

Order: single gradings before bulk regrades, hand-ins that a later one has replaced last, and between students by
virtual time: each job that a student already has in the queue moves the next one back by a minute. A student has one
job running at a time.
"""

import secrets
import time
from collections.abc import Collection, Sequence
from typing import Literal

import msgspec
from sqlalchemy import Connection, Engine, exists, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from grader.gradebook.opening import begin, losable, transaction
from grader.gradebook.schema import HAND_IN, JOB, REPORT, UPLOAD
from grader.model.score import ItemResult

LEASE_SECONDS = 60.0
RENEW_SECONDS = 15.0
MAX_TRIES = 3
_RANK_SECONDS = 60.0
_LATEST = 50  # gradings, which tell how long the next ones take
_UNKNOWN_SECONDS = 5.0

State = Literal["waiting", "running", "done"]


class Job(msgspec.Struct, frozen=True):
    """A grading that this process has claimed."""

    id: int
    upload: int
    claim: str
    rerun: bool
    """Whether the submission must run, even if a report on the same content exists."""
    tries: int
    """How often it has been claimed, this time included."""


class JobView(msgspec.Struct, frozen=True):
    """A job as its student sees it."""

    state: State
    ahead: int = 0
    """The jobs that come before it and aren't finished, those that are running included."""
    seconds: int = 0
    """The estimated seconds until a waiting job is graded: the nearest ten, at least 10."""
    not_before: float = 0.0
    """Unix time before which it doesn't start; 0 if it may start now."""
    items: tuple[ItemResult, ...] = ()
    """The rubric items that are finished."""


def enqueue(
    connection: Connection,
    upload: int,
    student: str,
    assignment: str,
    *,
    bulk: bool = False,
    rerun: bool = False,
    not_before: float = 0.0,
) -> None:
    """Add a grading of an upload. A single one replaces the student's waiting jobs for the same assignment."""
    theirs = (JOB.c.student == student, JOB.c.state != "done")
    pending = connection.execute(select(func.count()).select_from(JOB).where(*theirs)).scalar_one()
    if not bulk:
        older = update(JOB).where(*theirs, JOB.c.state == "waiting", JOB.c.assignment == assignment)
        connection.execute(older.values(superseded=True))
    connection.execute(
        insert(JOB).values(
            upload_id=upload,
            student=student,
            assignment=assignment,
            state="waiting",
            bulk=bulk,
            rerun=rerun,
            superseded=False,
            rank=time.time() + _RANK_SECONDS * pending,
            not_before=not_before,
            lease=0.0,
            claim="",
            tries=0,
            progress="[]",
        )
    )


def claim(engine: Engine, assignments: Collection[str]) -> Job | None:
    """Take the next job for one of these assignments for `LEASE_SECONDS`, or return None if there is none.

    Expired leases are back in the queue.
    """
    now = time.time()
    other = JOB.alias()
    busy = exists().where(other.c.student == JOB.c.student, other.c.state == "running")
    following = (
        select(JOB.c.id)
        .where(
            JOB.c.state == "waiting",
            JOB.c.assignment.in_(assignments),
            JOB.c.not_before <= now,
            ~busy,
        )
        .order_by(*_ORDER)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    expired = update(JOB).where(JOB.c.state == "running", JOB.c.lease < now)
    secret = secrets.token_hex(16)
    with transaction(losable(engine)) as connection:
        connection.execute(expired.values(state="waiting", claim=""))
    try:
        with begin(losable(engine)) as connection:
            found = connection.execute(following).scalar()
            if found is None:
                return None
            taken = update(JOB).where(JOB.c.id == found)
            taken = taken.values(
                state="running", lease=now + LEASE_SECONDS, claim=secret, tries=JOB.c.tries + 1
            )
            row = connection.execute(
                taken.returning(JOB.c.upload_id, JOB.c.rerun, JOB.c.tries)
            ).one()
    except IntegrityError:  # another process has just started a job of the same student
        return None
    return Job(found, row.upload_id, secret, row.rerun, row.tries)


def renew(engine: Engine, job: Job) -> bool:
    """Extend the lease of a job. Return False if the job is no longer this process's."""
    with transaction(losable(engine)) as connection:
        return _change(connection, job, lease=time.time() + LEASE_SECONDS)


def report_progress(engine: Engine, job: Job, items: Sequence[ItemResult]) -> None:
    """Show these finished rubric items to whoever watches the job."""
    with transaction(losable(engine)) as connection:
        _change(connection, job, progress=msgspec.json.encode(items).decode())


def finish(connection: Connection, job: Job) -> bool:
    """End a job. Return False, and change nothing, if it is no longer this process's."""
    return _change(connection, job, state="done", claim="")


def give_back(engine: Engine, job: Job) -> None:
    """Put a job back that was claimed and can't be finished here, without counting the try."""
    with transaction(engine) as connection:
        _change(connection, job, state="waiting", claim="", tries=job.tries - 1)


def jobs_of(connection: Connection, uploads: Sequence[int], workers: int = 1) -> dict[int, JobView]:
    """Return the latest job of each upload that has one. At least `workers` jobs are graded at a time."""
    latest = (
        select(func.max(JOB.c.id)).where(JOB.c.upload_id.in_(uploads)).group_by(JOB.c.upload_id)
    )
    rows = connection.execute(select(JOB).where(JOB.c.id.in_(latest))).all()
    places = _places(connection, workers) if any(r.state == "waiting" for r in rows) else {}
    return {
        row.upload_id: JobView(
            row.state,
            *places.get(row.id, (0, 0)),
            row.not_before if row.not_before > time.time() else 0.0,
            msgspec.json.decode(row.progress, type=tuple[ItemResult, ...]),
        )
        for row in rows
    }


def _places(connection: Connection, workers: int) -> dict[int, tuple[int, int]]:
    """The jobs before each waiting one, and the estimated seconds until it is graded."""
    usual = _usual_seconds(connection)
    other = sum(usual.values()) / len(usual) if usual else _UNKNOWN_SECONDS
    query = select(JOB.c.id, JOB.c.state, JOB.c.assignment).where(
        JOB.c.state != "done", JOB.c.not_before <= time.time()
    )
    rows = connection.execute(query.order_by(JOB.c.state, *_ORDER)).all()  # running ones first
    running = sum(row.state == "running" for row in rows)
    found = {}
    work = 0.0
    for ahead, row in enumerate(rows):
        own = usual.get(row.assignment, other)
        if row.state == "running":
            work += own / 2
            continue
        seconds = work / max(workers, running) + own
        found[row.id] = ahead, max(10, int(seconds / 10 + 0.5) * 10)
        work += own
    return found


def _usual_seconds(connection: Connection) -> dict[str, float]:
    """The mean wall-clock seconds of the latest gradings of each assignment."""
    latest = (
        select(HAND_IN.c.assignment, REPORT.c.seconds)
        .join(REPORT)
        .where(REPORT.c.how == "run", REPORT.c.seconds > 0)
        .order_by(REPORT.c.id.desc())
        .limit(_LATEST)
        .subquery()
    )
    query = select(latest.c.assignment, func.avg(latest.c.seconds)).group_by(latest.c.assignment)
    return {row[0]: float(row[1]) for row in connection.execute(query)}


def depth(connection: Connection) -> dict[State, int]:
    """Return how many jobs are waiting and running."""
    query = (
        select(JOB.c.state, func.count().label("jobs"))
        .where(JOB.c.state != "done")
        .group_by(JOB.c.state)
    )
    found = {row.state: row.jobs for row in connection.execute(query)}
    return {"waiting": found.get("waiting", 0), "running": found.get("running", 0)}


class QueueState(msgspec.Struct, frozen=True):
    """The queue in numbers."""

    waiting: int
    """Jobs that may start now."""
    running: int
    oldest: float
    """Seconds that the job at the front has waited since it could start."""
    ungraded: int
    """Hand-ins that nothing could grade."""
    graded: int
    """Reports in the gradebook."""


def state(connection: Connection) -> QueueState:
    """Return the state of the queue."""
    now = time.time()
    columns = (JOB.c.state, JOB.c.rank, JOB.c.not_before)
    jobs = connection.execute(select(*columns).where(JOB.c.state != "done")).all()
    waiting = [
        max(row.rank, row.not_before)
        for row in jobs
        if row.state == "waiting" and row.not_before <= now
    ]
    ungraded = select(func.count()).select_from(UPLOAD).where(UPLOAD.c.ungraded.is_not(None))
    return QueueState(
        waiting=len(waiting),
        running=sum(row.state == "running" for row in jobs),
        oldest=max(0.0, now - min(waiting, default=now)),
        ungraded=connection.execute(ungraded).scalar_one(),
        graded=connection.execute(select(func.count()).select_from(REPORT)).scalar_one(),
    )


_ORDER = (JOB.c.superseded, JOB.c.bulk, JOB.c.rank, JOB.c.id)


def _change(connection: Connection, job: Job, **values: object) -> bool:
    mine = update(JOB).where(JOB.c.id == job.id, JOB.c.claim == job.claim)
    return connection.execute(mine.values(values)).rowcount == 1
