"""Grade what is in the queue: claim a job, grade it, store the report in the transaction that ends the job."""

import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from types import TracebackType
from typing import Self

import msgspec
from sqlalchemy import Connection

from grader.gradebook import Gradebook, Task, digest_of, queue, uploads
from grader.gradebook.opening import transaction
from grader.gradebook.queue import Job
from grader.gradebook.uploads import Upload
from grader.grading.batch import task_of
from grader.grading.grader import Grader
from grader.grading.order import Graded
from grader.grading.scoring import ungraded
from grader.model.assignment import Assignment
from grader.model.errors import GraderError, InfrastructureError
from grader.model.hand_in import HandIn
from grader.model.score import ItemResult
from grader.model.submission import Submission, parse_submission
from grader.model.text import printable

ORIGIN = "web"
"""The path of the runs that grade what was handed in on the web pages."""
_IDLE_SECONDS = 0.5  # between looks at an empty queue
_PAUSE_SECONDS = 5.0  # after a failure of ours


class Workers:
    """Threads that grade the queue. Use it in a `with` statement; leaving it puts unfinished jobs back."""

    def __init__(
        self,
        book: Gradebook,
        grader: Grader,
        assignments: Mapping[str, Assignment],
        jobs: int,
        tell: Callable[[str], None] = lambda line: None,
    ) -> None:
        """Grade `jobs` submissions at a time. `tell` is called with a line about each failure of the grader's own."""
        self._book, self._grader, self._assignments = book, grader, dict(assignments)
        self._digests = {name: digest_of(each) for name, each in assignments.items()}
        self._tell = tell
        self._ended = threading.Event()
        self._fresh = threading.Event()
        self._claimed: set[Job] = set()
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(jobs)]
        self._threads.append(threading.Thread(target=self._renew, daemon=True))
        by_digest = {self._digests[name]: each for name, each in assignments.items()}
        self._run = book.begin_run([ORIGIN], by_digest)

    def __enter__(self) -> Self:
        self._grader.start(self._assignments.values())
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._fresh.set()
        for job in list(self._claimed):
            queue.give_back(self._book.engine, job)

    def look(self) -> None:
        """Look at the queue now: there is a new job."""
        self._fresh.set()

    def _work(self) -> None:
        while not self._ended.is_set():
            try:
                job = queue.claim(self._book.engine)
                if job is None:
                    self._fresh.wait(_IDLE_SECONDS)
                    self._fresh.clear()
                else:
                    self._do(job)
            except (
                GraderError
            ) as error:  # the gradebook or the machine: the job's lease brings it back
                if not self._ended.wait(_PAUSE_SECONDS):
                    self._tell(printable(str(error)))

    def _do(self, job: Job) -> None:
        self._claimed.add(job)
        try:
            with transaction(self._book.engine) as connection:
                upload = uploads.upload_numbered(connection, job.upload)
                task = self._task(connection, upload)
            if job.tries > queue.MAX_TRIES:
                self._give_up(job, upload, task, "the grader ended each time it tried")
            elif not job.rerun and not self._book.keep_known(self._run, [task]):
                with transaction(self._book.engine) as connection:
                    queue.finish(connection, job)
            else:
                self._grade(job, upload, task)
        finally:
            self._claimed.discard(job)

    def _grade(self, job: Job, upload: Upload, task: Task) -> None:
        begin = time.monotonic()
        recording = None if job.rerun else self._book.recording(task)
        finished: dict[str, ItemResult] = {}
        try:
            submission = task.load()
            graded = self._grader.grade(
                task.assignment,
                submission,
                task.student,
                recording,
                partial(self._show, job, finished),
            )
            msgspec.json.encode((submission, graded.report))
        except InfrastructureError:  # the grader is closed
            if not self._ended.is_set():
                raise
            return
        except Exception as error:
            self._give_up(job, upload, task, printable(f"{type(error).__name__}: {error}"))
            self._tell(f"{upload.origin}: {printable(str(error))}")
            return
        self._land(job, upload, task, submission, graded, time.monotonic() - begin)

    def _show(self, job: Job, finished: dict[str, ItemResult], item: ItemResult) -> None:
        finished[item.id] = item
        queue.report_progress(self._book.engine, job, tuple(finished.values()))

    def _give_up(self, job: Job, upload: Upload, task: Task, reason: str) -> None:
        submission = Submission(file=task.file, sha256=task.sha256, notebook=False)
        report = ungraded(task.assignment, submission, task.student, reason)
        self._land(job, upload, task, submission, Graded(report), 0.0)

    def _land(
        self,
        job: Job,
        upload: Upload,
        task: Task,
        submission: Submission,
        graded: Graded,
        seconds: float,
    ) -> None:
        report = graded.report
        reasons = [item.detail for item in report.items if item.points is None]
        with transaction(self._book.engine) as connection:
            if queue.finish(connection, job):
                uploads.mark_ungraded(connection, upload, reasons[0] if reasons else None)
                self._book.add(
                    connection,
                    self._run,
                    task,
                    submission,
                    report,
                    seconds,
                    graded.how,
                    graded.recording,
                )

    def _task(self, connection: Connection, upload: Upload) -> Task:
        content = uploads.content_of(connection, upload)
        hand_in = HandIn(
            student=upload.student,
            assignment=self._assignments[upload.assignment],
            file=upload.file,
            sha256=upload.sha256,
            origin=upload.origin,
            load=partial(parse_submission, upload.file, content),
            handed_in=upload.handed_in,
            time_from="platform",
        )
        return task_of(hand_in, self._digests, uploads.extensions(connection), trusted=True)

    def _renew(self) -> None:
        while not self._ended.wait(queue.RENEW_SECONDS):
            for job in list(self._claimed):
                try:
                    queue.renew(self._book.engine, job)
                except GraderError as error:
                    self._tell(printable(str(error)))
