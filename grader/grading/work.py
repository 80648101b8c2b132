"""Grade what is in the queue: claim a job, grade it, store the report in the transaction that ends the job."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
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
from grader.grading.executor import Done, Executor, Request, failed
from grader.intake.reader import read_content
from grader.model.assignment import Assignment
from grader.model.errors import GraderError, InfrastructureError
from grader.model.hand_in import HandIn
from grader.model.score import ItemResult
from grader.model.text import printable

ORIGIN = "web"
"""The path of the runs that grade what was handed in on the web pages."""
_IDLE_SECONDS = 0.5  # between looks at an empty queue
_TICK_SECONDS = 0.1  # between looks at what is still being graded
_PAUSE_SECONDS = 5.0  # after a failure of ours


class _JobRequest(Request, frozen=True, kw_only=True, eq=False):
    job: Job
    upload: Upload


def task_of_upload(
    connection: Connection,
    upload: Upload,
    assignments: Mapping[str, Assignment],
    digests: Mapping[str, str],
) -> Task:
    """Return the task of grading what was handed in on the web pages. `digests` are those of the assignments."""
    content = uploads.content_of(connection, upload)
    hand_in = HandIn(
        student=upload.student,
        assignment=assignments[upload.assignment],
        file=upload.file,
        sha256=upload.sha256,
        origin=upload.origin,
        load=partial(read_content, upload.file, content),
        handed_in=upload.handed_in,
        time_from="platform",
    )
    return task_of(hand_in, digests, uploads.extensions(connection), trusted=True)


class Workers:
    """Grades the queue with an executor. Use it in a `with` statement; leaving it puts unfinished jobs back."""

    def __init__(
        self,
        book: Gradebook,
        executor: Executor,
        assignments: Mapping[str, Assignment],
        tell: Callable[[str], None] = lambda line: None,
        note: Callable[[str, Mapping[str, object]], None] = lambda event, facts: None,
    ) -> None:
        """`tell` is called with a line about each failure of the grader's own, `note` with each grading's facts."""
        self._book, self._executor, self._assignments = book, executor, dict(assignments)
        self._digests = {name: digest_of(each) for name, each in assignments.items()}
        self._tell, self._note = tell, note
        self._ended = threading.Event()
        self._fresh = threading.Event()
        self._claimed: set[Job] = set()
        self._threads = [threading.Thread(target=t, daemon=True) for t in (self._work, self._renew)]
        self._claiming = threading.Lock()
        self._replacing = False
        self._begin_run()

    def __enter__(self) -> Self:
        self._executor.start(self._assignments.values())
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
        self._give_back()

    def look(self) -> None:
        """Look at the queue now: there is a new job."""
        self._fresh.set()

    @contextmanager
    def replacing(self) -> Iterator[Callable[[Assignment], None]]:
        """Let no submission be graded in the block, in which the folder of an assignment is replaced.

        The block calls what it gets with the new version; then everything that was handed in for it is in the queue.
        """
        with self._claiming:
            self._replacing = True
        try:
            while self._claimed and not self._ended.wait(_TICK_SECONDS):
                pass
            yield self._replace
        finally:
            self._replacing = False
            self._fresh.set()

    def _replace(self, new: Assignment) -> None:
        self._assignments[new.name] = new
        self._digests[new.name] = digest_of(new)
        self._executor.start(self._assignments.values())
        self._begin_run()
        with transaction(self._book.engine) as connection:
            for each in uploads.hand_ins_for(connection, new.name):
                queue.enqueue(connection, each.id, each.student, new.name, bulk=True)

    def _begin_run(self) -> None:
        by_digest = {self._digests[name]: each for name, each in self._assignments.items()}
        self._book.begin_run([ORIGIN], by_digest)

    def _work(self) -> None:
        while not self._ended.is_set():
            try:
                self._executor.start(self._assignments.values())  # again, if it was lost
                with closing(self._executor.grade(self._requests())) as finished:
                    for group in finished:
                        if self._ended.is_set():
                            return
                        for done in group:
                            self._finish(done)
            except GraderError as error:  # where they are graded is lost
                self._pause(error)
                self._give_back()

    def _requests(self) -> Iterator[Request | None]:
        while not self._ended.is_set():
            request = None
            try:
                with self._claiming:
                    job = (
                        None
                        if self._replacing
                        else queue.claim(self._book.engine, self._assignments)
                    )
                    request = self._request(job) if job else None
                if job is None and not self._claimed:
                    self._fresh.wait(_IDLE_SECONDS)
                    self._fresh.clear()
            except GraderError as error:  # the gradebook: the job's lease brings it back
                self._pause(error)
            yield request

    def _request(self, job: Job) -> Request | None:
        with transaction(self._book.engine) as connection:
            upload = uploads.upload_numbered(connection, job.upload)
            task = task_of_upload(connection, upload, self._assignments, self._digests)
        show = partial(self._show, job, {})
        request = _JobRequest(task=task, show=show, job=job, upload=upload)
        if job.tries > queue.MAX_TRIES:
            self._land(failed(request, "the grader ended each time it tried"), request)
        elif not job.rerun and not self._book.keep_known(self._book.run_over(ORIGIN), [task]):
            with transaction(self._book.engine) as connection:
                queue.finish(connection, job)
        else:
            self._claimed.add(job)
            recording = None if job.rerun else self._book.recording(task)
            return msgspec.structs.replace(request, recording=recording)
        return None

    def _finish(self, done: Done) -> None:
        request = done.request
        assert isinstance(request, _JobRequest)
        try:
            if isinstance(done.error, InfrastructureError):  # its lease brings it back
                self._pause(done.error)
            else:
                self._land(done, request)
        except GraderError as error:
            self._pause(error)
        finally:
            self._claimed.discard(request.job)

    def _show(self, job: Job, finished: dict[str, ItemResult], item: ItemResult) -> None:
        finished[item.id] = item
        queue.report_progress(self._book.engine, job, tuple(finished.values()))

    def _land(self, done: Done, request: _JobRequest) -> None:
        report = done.graded.report
        run = self._book.run_over(ORIGIN)
        reasons = [item.detail for item in report.items if item.points is None]
        with transaction(self._book.engine) as connection:
            if queue.finish(connection, request.job):
                uploads.mark_ungraded(connection, request.upload, reasons[0] if reasons else None)
                self._book.add(
                    connection,
                    run,
                    request.task,
                    done.submission,
                    report,
                    done.seconds,
                    done.graded.how,
                    done.graded.recording,
                )
        facts = {"job": request.job.id, "assignment": report.assignment, "tries": request.job.tries}
        facts |= {"how": done.graded.how, "seconds": round(done.seconds, 2)}
        self._note("graded", facts | {"ungraded": bool(reasons)})
        if done.error is not None:
            self._tell(f"{request.upload.origin}: {printable(str(done.error))}")

    def _pause(self, error: GraderError) -> None:
        if not self._ended.wait(_PAUSE_SECONDS):
            self._tell(printable(str(error)))

    def _give_back(self) -> None:
        for job in list(self._claimed):
            self._claimed.discard(job)
            queue.give_back(self._book.engine, job)

    def _renew(self) -> None:
        while not self._ended.wait(queue.RENEW_SECONDS):
            for job in list(self._claimed):
                try:
                    queue.renew(self._book.engine, job)
                except GraderError as error:
                    self._tell(printable(str(error)))
