"""What the web application serves: the gradebook, the assignments, and how it is reached."""

from collections.abc import Callable, Mapping
from datetime import datetime
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import anyio
from sqlalchemy import Connection

from grader.gradebook import Gradebook, desk, people, uploads
from grader.gradebook.opening import transaction
from grader.gradebook.people import Account
from grader.gradebook.uploads import Upload
from grader.model.assignment import Assignment
from grader.model.course import Course
from grader.model.text import Language
from grader.web.limits import Buckets
from grader.web.metrics import Metrics, Note
from grader.web.visible import Visible, visible
from grader.web.watch import Watch


class Site:
    """A course on the web. Threads may share it."""

    def __init__(
        self,
        book: Gradebook,
        assignments: Mapping[str, Assignment],
        url: str,
        *,
        workers: int = 1,
        look: Callable[[], None] = lambda: None,
        tell: Callable[[str], None] = lambda line: None,
        note: Note = lambda event, facts: None,
    ) -> None:
        """`url` is its public address; `workers` submissions are graded at a time, for estimates.

        `look` is called when there is a new job, `tell` with lines for the operator, `note` with
        the facts of each request.
        """
        self.book = book
        self.assignments = dict(assignments)
        self.url = url.rstrip("/")
        self.workers, self.look, self.tell = workers, look, tell
        self.watch = Watch(book, workers)
        self.metrics = Metrics(book.reading, lambda: self.watch.waiting, note)
        self.large_uploads = anyio.Lock()
        self.upload_buckets = Buckets(burst=10, seconds=10.0)
        self.sign_in_buckets = Buckets(burst=30, seconds=2.0)

    def follow(self, new: Assignment) -> None:
        """Serve this version of an assignment from now on."""
        self.assignments = {**self.assignments, new.name: new}

    @property
    def course(self) -> Course:
        """The course of the assignments."""
        return next((each.course for each in self.assignments.values()), Course())

    @property
    def language(self) -> Language | None:
        """The language of the course, if it has one."""
        return self.course.lang

    @property
    def hosts(self) -> tuple[str, ...]:
        """The host names under which it is reached."""
        return (urlsplit(self.url).hostname or "localhost", "localhost", "127.0.0.1")

    @property
    def secure(self) -> bool:
        """Whether it is reached through TLS."""
        return self.url.startswith("https:")

    def link(self, secret: str) -> str:
        """Return the address of a personal link."""
        return f"{self.url}/sign-in/{secret}"

    def due(self, connection: Connection, student: str, assignment: Assignment) -> datetime | None:
        """Return a student's due date, with an extension."""
        extended = uploads.extensions(connection).get((student, assignment.name))
        return extended or (assignment.late.due if assignment.late else None)

    def visible(self, connection: Connection, person: Account, upload: Upload) -> Visible:
        """Return what a person who may open a hand-in may see of it now."""
        assignment = self.assignments[upload.assignment]
        return visible(
            person,
            assignment,
            released=assignment.name in desk.releases(connection),
            due=self.due(connection, upload.student, assignment),
            now=datetime.now().astimezone(),
        )

    def today(self) -> datetime:
        """Return the beginning of this day in the course's time zone."""
        zone = ZoneInfo(self.course.timezone) if self.course.timezone else None
        return (
            datetime.now(zone).astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
        )

    def first_link(self) -> str | None:
        """Return a sign-in link for a new teacher's account, or None if somebody of the staff has an account."""
        with transaction(self.book.engine) as connection:
            staff = [each for each in people.accounts(connection) if each.may_act_as("teacher")]
            if staff:
                return None
            people.put_accounts(connection, [Account(id="teacher", role="administrator")])
            return self.link(people.new_link(connection, "teacher"))
