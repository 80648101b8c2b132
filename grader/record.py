"""A student's hand-in and what became of it: the types that the gradebook keeps and every report shows."""

from datetime import datetime
from typing import Literal

import msgspec

from grader.assignment import Assignment
from grader.score import ScoreReport
from grader.submission import Cell
from grader.text import Text


class RosterEntry(msgspec.Struct, frozen=True):
    """A student of the class, whether or not something was handed in."""

    id: str
    name: str = ""
    email: str = ""


class Adjustment(msgspec.Struct, frozen=True, kw_only=True):
    """Points that an assistant gave or took by hand."""

    points: float
    """What is added to the score; negative where points are taken."""
    reason: str
    author: str
    made_at: datetime
    """With its time zone."""
    item: str | None = None
    """The id of the rubric item that it is about; None if it is about the whole."""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One hand-in of one student for one assignment, as it was graded last."""

    report: ScoreReport
    origin: str
    """Where it was found: a path in the folder or archive that was graded."""
    graded_at: datetime
    """With its time zone."""
    handed_in: datetime | None = None
    """With its time zone; None where nothing tells."""
    late_days: int = 0
    """Days begun after the due date, its grace and the student's extension."""
    penalty: float = 0.0
    """Points that the late policy takes, never negative."""
    late_mark: bool = False
    """Whether the platform marked it late, which costs nothing by itself: only a known time does."""
    adjustments: tuple[Adjustment, ...] = ()
    cells: tuple[Cell, ...] = ()
    """The code as it was handed in."""
    how: Literal["run", "replayed", "mixed"] = "run"
    """Whether the checks judged a running submission, its recorded answers, or some of both."""
    counts: bool = True
    """Whether this is the hand-in of the student that counts for the assignment."""

    @property
    def score(self) -> float:
        """The points after the late policy and all adjustments, never below 0."""
        adjusted = sum(adjustment.points for adjustment in self.adjustments)
        return max(0.0, round(self.report.score - self.penalty + adjusted, 2))


class Unmatched(msgspec.Struct, frozen=True):
    """A file that nobody can tell the student or the assignment of; a person must look."""

    origin: str
    reason: Text


class ClassRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the reports of a class show."""

    assignments: tuple[Assignment, ...]
    records: tuple[Record, ...]
    """All hand-ins; of each student and assignment one `counts`."""
    roster: tuple[RosterEntry, ...] = ()
    """Empty where no roster was given; then the students are those who handed in."""
    unmatched: tuple[Unmatched, ...] = ()


class Total(msgspec.Struct, frozen=True):
    """An assignment in numbers."""

    assignment: str
    hand_ins: int
    mean: float
    """The mean of the reports' points, before late policy and adjustments."""
    ungraded: int
