"""A hand-in: one file of one student for one assignment."""

from collections.abc import Callable
from datetime import datetime
from typing import Literal

import msgspec

from grader.model.assignment import Assignment
from grader.model.submission import Submission


class HandIn(msgspec.Struct, frozen=True, kw_only=True):
    """A file that a student handed in for an assignment."""

    student: str
    """The id in the roster; without a roster, the name described in `grader.intake.layouts`."""
    assignment: Assignment
    file: str
    """The file name that the student chose."""
    sha256: str
    """The digest of the file's bytes when it was found."""
    origin: str
    """Where it was found: the path inside the given folder or archive, through nested archives."""
    load: Callable[[], Submission]
    """Read and parse the file on each call, so that a class doesn't have to fit in memory. Raises UserError if the file
    no
    longer exists."""
    handed_in: datetime | None = None
    """With a time zone; None if unknown."""
    time_from: Literal["platform", "archive", "file"] = "file"
    """The source of `handed_in`: the platform's record, or only the file's time in an archive or on disk, which may be
    the
    time of the download."""
    late_mark: bool = False
    """Whether the platform marked it late."""

    @property
    def submission(self) -> Submission:
        """The code, loaded on each access."""
        return self.load()
