"""Hand-ins with their results: the types that the gradebook stores and reports show."""

from collections.abc import Collection, Iterable
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Literal, Self

import msgspec

from grader.model.assignment import Assignment, unknown_assignment
from grader.model.errors import UserError
from grader.model.score import Place, ScoreReport
from grader.model.submission import Cell
from grader.model.text import Text, natural, printable, tr


class Standing(StrEnum):
    """What there is of a student for an assignment."""

    HANDED_IN = "handed_in"
    MISSING = "missing"
    """Nothing was handed in."""
    EXCUSED = "excused"
    """The assignment doesn't count for the student, whether or not something was handed in."""
    DROPPED = "dropped"
    """The student is no longer on the roster. The work is kept, but is in no table, statistic or export."""

    @property
    def text(self) -> Text:
        """The standing in words."""
        return _STANDINGS[self]


_STANDINGS = {
    Standing.HANDED_IN: tr("handed in"),
    Standing.MISSING: tr("not handed in"),
    Standing.EXCUSED: tr("excused"),
    Standing.DROPPED: tr("no longer on the roster"),
}


class RosterEntry(msgspec.Struct, frozen=True):
    """A student of the class, with or without a hand-in."""

    id: str
    name: str = ""
    email: str = ""
    team: str = ""
    """The team in which the student does all assignments; empty without one."""
    section: str = ""
    """The part of the class that the student belongs to, as the university names it; empty without one."""


class TeamMember(msgspec.Struct, frozen=True):
    """A student's team, whose members share their hand-ins."""

    student: str
    team: str
    assignment: str = ""
    """The name of the assignment that the team does together; empty for all."""


class Adjustment(msgspec.Struct, frozen=True, kw_only=True):
    """Points that an assistant added or deducted by hand."""

    points: float
    """Added to the score; negative for a deduction."""
    reason: str
    author: str
    made_at: datetime
    """With its time zone."""
    item: str | None = None
    """The id of the rubric item concerned; None for the whole assignment."""
    beyond: bool = False
    """Whether the score may exceed the maximum."""
    excused: bool = False
    """Whether the student is excused from the assignment; then `points` is 0."""


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """An adjustment as the gradebook keeps it."""

    id: int
    student: str
    assignment: str
    adjustment: Adjustment
    undone_by: str | None = None
    """Who undid it; None while it holds."""
    undone_at: datetime | None = None


class Comment(msgspec.Struct, frozen=True, kw_only=True):
    """What an assistant wrote about a hand-in, for the student."""

    words: str
    """Markdown."""
    author: str
    made_at: datetime
    """With its time zone."""
    id: int = 0
    student: str = ""
    assignment: str = ""
    item: str | None = None
    """The id of the rubric item concerned."""
    place: Place | None = None
    """The line concerned, if it is still there."""
    quote: str | None = None
    """That line, as it was."""
    undone_by: str | None = None
    """Who withdrew it; None while students see it."""
    undone_at: datetime | None = None


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One hand-in of one student for one assignment, with its latest report."""

    report: ScoreReport
    origin: str
    """Where it was found: a path inside the graded folder or archive."""
    graded_at: datetime
    """With its time zone."""
    digest: str = ""
    """The digest of the assignment that it was graded with."""
    version: str = ""
    """The version of the grader."""
    handed_in: datetime | None = None
    """With a time zone; None if unknown."""
    due: datetime | None = None
    """When it was due, with the student's extension; None without a due date."""
    late_days: int = 0
    """Days (rounded up) after the due date, the grace period and the student's extension."""
    penalty: float = 0.0
    """Points deducted by the late policy, never negative."""
    late_mark: bool = False
    """Whether the platform marked it late. This alone costs nothing: only a known time does."""
    adjustments: tuple[Adjustment, ...] = ()
    comments: tuple[Comment, ...] = ()
    cells: tuple[Cell, ...] = ()
    """The submitted code."""
    how: Literal["run", "replayed", "mixed"] = "run"
    """Whether the checks used a running submission, its recorded answers, or both."""
    counts: bool = True
    """Whether this is the student's hand-in that counts."""
    handed_in_by: str = ""
    """The id of the team member who handed it in, if that is another student."""

    @property
    def score(self) -> float:
        """The points after the late policy and all adjustments, from 0 to the maximum unless one goes beyond it."""
        adjusted = sum(adjustment.points for adjustment in self.adjustments)
        score = max(0.0, round(self.report.score - self.penalty + adjusted, 2))
        beyond = any(adjustment.beyond for adjustment in self.adjustments)
        return score if beyond else min(score, self.report.max_score)

    @property
    def final_score(self) -> float | None:
        """The score, or None while an item is ungraded, because a sum would count it as 0."""
        return None if self.report.ungraded else self.score


class Unmatched(msgspec.Struct, frozen=True):
    """A file or folder that isn't graded because its student or assignment is unknown or it can't be read."""

    origin: str
    reason: Text
    student: str = ""
    """Whose it is; empty if unknown."""

    @property
    def text(self) -> Text:
        """The origin with the reason."""
        return tr("{origin}: {reason}", origin=printable(self.origin), reason=self.reason)


class ClassRecord(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """Everything that the reports of a class show."""

    assignments: tuple[Assignment, ...]
    records: tuple[Record, ...]
    """All hand-ins. Those of one student for one assignment are in order, and one of them `counts`."""
    roster: tuple[RosterEntry, ...] = ()
    """Empty without a roster; then the students are those who handed in."""
    unmatched: tuple[Unmatched, ...] = ()
    excused: frozenset[tuple[str, str]] = frozenset()
    """Student ids and assignment names."""
    dropped: tuple[RosterEntry, ...] = ()
    """Those with work in the gradebook who are no longer on the roster. Their hand-ins aren't in `records`."""

    @cached_property
    def students(self) -> tuple[RosterEntry, ...]:
        """The roster in order, then everyone else who handed in or is excused, sorted by id."""
        known = {entry.id for entry in (*self.roster, *self.dropped)}
        worked = {record.report.student for record in self.records}
        others = sorted((worked | {student for student, _ in self.excused}) - known)
        return (*self.roster, *map(RosterEntry, others))

    @cached_property
    def chosen(self) -> dict[tuple[str, str], Record]:
        """Of each student's hand-ins for an assignment the one that `counts`, also where the student is excused."""
        return {(r.report.student, r.report.assignment): r for r in self.records if r.counts}

    @cached_property
    def counting(self) -> dict[tuple[str, str], Record]:
        """The hand-ins that count, by student id and assignment name. Those of excused students don't."""
        return {key: each for key, each in self.chosen.items() if key not in self.excused}

    @cached_property
    def attempts(self) -> dict[tuple[str, str], tuple[Record, ...]]:
        """All hand-ins in order, by student id and assignment name."""
        found: dict[tuple[str, str], tuple[Record, ...]] = {}
        for record in self.records:
            key = (record.report.student, record.report.assignment)
            found[key] = (*found.get(key, ()), record)
        return found

    @cached_property
    def standings(self) -> dict[tuple[str, str], Standing]:
        """What there is of every student, dropped ones included, for every assignment, by id and name."""
        handed_in = {(r.report.student, r.report.assignment) for r in self.records}
        dropped = {entry.id for entry in self.dropped}

        def standing(key: tuple[str, str]) -> Standing:
            if key[0] in dropped:
                return Standing.DROPPED
            if key in self.excused:
                return Standing.EXCUSED
            return Standing.HANDED_IN if key in handed_in else Standing.MISSING

        everyone = (*self.students, *self.dropped)
        keys = [(entry.id, each.name) for entry in everyone for each in self.assignments]
        return {key: standing(key) for key in keys}

    @property
    def unusable(self) -> dict[str, tuple[Unmatched, ...]]:
        """What isn't graded of students who lack a hand-in, by student id: why their rows are empty."""
        missing = {who for (who, _), each in self.standings.items() if each is Standing.MISSING}
        found: dict[str, tuple[Unmatched, ...]] = {}
        for each in self.unmatched:
            if each.student in missing:
                found[each.student] = (*found.get(each.student, ()), each)
        return found

    @property
    def left(self) -> bool:
        """Whether something needs attention: an ungraded item or an unmatched file."""
        return bool(self.unmatched) or any(r.report.ungraded for r in self.counting.values())

    def among(self, students: Collection[str]) -> Self:
        """Return the part of the class with these students, by id. Files of unknown students are left out."""
        return msgspec.structs.replace(
            self,
            records=tuple(each for each in self.records if each.report.student in students),
            roster=tuple(entry for entry in self.roster if entry.id in students),
            unmatched=tuple(each for each in self.unmatched if each.student in students),
            excused=frozenset(key for key in self.excused if key[0] in students),
            dropped=tuple(entry for entry in self.dropped if entry.id in students),
        )

    @property
    def sections(self) -> tuple[str, ...]:
        """The sections of the roster, sorted."""
        return tuple(sorted({entry.section for entry in self.roster} - {""}, key=natural))

    def only(
        self,
        assignment: str | None = None,
        student: str | None = None,
        section: str | None = None,
    ) -> Self:
        """Return the part of the class for one assignment, one student, one section, or what these have in common.

        Raises:
            UserError: there is no such assignment, student or section in the class.
        """
        names = [each.name for each in self.assignments]
        if assignment is not None and assignment not in names:
            raise unknown_assignment(assignment, names)
        if any(student == entry.id for entry in self.dropped):
            raise UserError(
                tr(
                    "{student} is no longer on the roster; put the student back on it to see the work",
                    student=printable(student or ""),
                )
            )
        if student is not None and student not in {entry.id for entry in self.students}:
            raise UserError(tr("there is no student {name} in this class", name=printable(student)))
        if section is not None and section not in self.sections:
            raise unknown_section(section, self.sections)
        kept = {
            entry.id
            for entry in self.students
            if student in (None, entry.id) and section in (None, entry.section)
        }
        return msgspec.structs.replace(
            self,
            assignments=tuple(a for a in self.assignments if assignment in (None, a.name)),
            records=tuple(
                r
                for r in self.records
                if assignment in (None, r.report.assignment) and r.report.student in kept
            ),
            roster=tuple(entry for entry in self.roster if entry.id in kept),
            excused=frozenset(
                (who, name)
                for who, name in self.excused
                if assignment in (None, name) and who in kept
            ),
            dropped=self.dropped if student is None and section is None else (),
        )


def unknown_section(name: str, known: Iterable[str]) -> UserError:
    """Return the error for an unknown section, listing the known ones."""
    listed = ", ".join(known) or "–"
    return UserError(
        tr("there is no section {name}; available: {known}", name=printable(name), known=listed)
    )


class Total(msgspec.Struct, frozen=True):
    """The totals of an assignment."""

    assignment: str
    hand_ins: int
    mean: float | None
    """The mean score before late policy and adjustments, over completely graded reports; None if there are none."""
    ungraded: int
