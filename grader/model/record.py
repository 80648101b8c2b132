"""A student's hand-in and what became of it: the types that the gradebook keeps and every report shows."""

from datetime import datetime
from typing import Literal, Self

import msgspec

from grader.model.assignment import Assignment, unknown_assignment
from grader.model.errors import UserError
from grader.model.score import ScoreReport
from grader.model.submission import Cell
from grader.model.text import Text, printable, tr


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

    @property
    def final_score(self) -> float | None:
        """The score, or None while an item is ungraded: a sum without it would count it as 0."""
        return None if self.report.ungraded else self.score


class Unmatched(msgspec.Struct, frozen=True):
    """A file that nobody can tell the student or the assignment of; a person must look."""

    origin: str
    reason: Text


class ClassRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the reports of a class show."""

    assignments: tuple[Assignment, ...]
    records: tuple[Record, ...]
    """All hand-ins, those of one student for one assignment in their order; of these one `counts`."""
    roster: tuple[RosterEntry, ...] = ()
    """Empty where no roster was given; then the students are those who handed in."""
    unmatched: tuple[Unmatched, ...] = ()

    @property
    def students(self) -> tuple[RosterEntry, ...]:
        """The roster in its order, then those who handed in without standing on it, by their ids."""
        known = {entry.id for entry in self.roster}
        others = sorted({record.report.student for record in self.records} - known)
        return (*self.roster, *map(RosterEntry, others))

    @property
    def counting(self) -> dict[tuple[str, str], Record]:
        """The hand-ins that count, by the ids of student and assignment."""
        return {(r.report.student, r.report.assignment): r for r in self.records if r.counts}

    @property
    def attempts(self) -> dict[tuple[str, str], tuple[Record, ...]]:
        """All hand-ins, the first one first, by the ids of student and assignment."""
        found: dict[tuple[str, str], tuple[Record, ...]] = {}
        for record in self.records:
            key = (record.report.student, record.report.assignment)
            found[key] = (*found.get(key, ()), record)
        return found

    @property
    def left(self) -> bool:
        """Whether a person must look: something is ungraded, or a file is nobody's."""
        return bool(self.unmatched) or any(r.report.ungraded for r in self.counting.values())

    def only(self, assignment: str | None = None, student: str | None = None) -> Self:
        """Return the part of the class that is about one assignment, one student, or both.

        Raises:
            UserError: there is no such assignment or student in the class.
        """
        names = [each.name for each in self.assignments]
        if assignment is not None and assignment not in names:
            raise unknown_assignment(assignment, names)
        if student is not None and student not in {entry.id for entry in self.students}:
            raise UserError(tr("there is no student {name} in this class", name=printable(student)))
        return msgspec.structs.replace(
            self,
            assignments=tuple(a for a in self.assignments if assignment in (None, a.name)),
            records=tuple(
                r
                for r in self.records
                if assignment in (None, r.report.assignment) and student in (None, r.report.student)
            ),
            roster=tuple(entry for entry in self.roster if student in (None, entry.id)),
        )


class Total(msgspec.Struct, frozen=True):
    """An assignment in numbers."""

    assignment: str
    hand_ins: int
    mean: float | None
    """The mean of the reports' points, before late policy and adjustments; None where all have something ungraded."""
    ungraded: int
