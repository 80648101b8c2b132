"""What grading says: a verdict and points for every rubric item, and their sum."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Literal

import msgspec

from grader.model.text import Text, tr

SCHEMA_VERSION = 1
MAX_POINTS = 200
"""How many points a curve has at most."""


class Verdict(StrEnum):
    """How a rubric item ended. All but `UNGRADED` are scores."""

    PASSED = "passed"
    """Every check of the item holds."""
    PARTIAL = "partial"
    """Some of the item's weighted checks hold."""
    FAILED = "failed"
    """The answer is wrong."""
    NOT_IMPLEMENTED = "not_implemented"
    """The stub was left as it was, or the function is missing."""
    ERROR = "error"
    """The student's code raised an exception."""
    TIMEOUT = "timeout"
    """The student's code used up its time."""
    MEMORY = "memory"
    """The student's code asked for more memory than the limit."""
    CRASHED = "crashed"
    """The student's process died, or answered with what is no answer."""
    FORBIDDEN = "forbidden"
    """The student's code tried what the sandbox doesn't allow."""
    UNGRADED = "ungraded"
    """We could not grade the item. It is no score, and never 0 points."""

    @property
    def text(self) -> Text:
        """The verdict in words."""
        return _WORDS[self]


_WORDS = {
    Verdict.PASSED: tr("passed"),
    Verdict.PARTIAL: tr("partial"),
    Verdict.FAILED: tr("failed"),
    Verdict.NOT_IMPLEMENTED: tr("not implemented"),
    Verdict.ERROR: tr("error"),
    Verdict.TIMEOUT: tr("timeout"),
    Verdict.MEMORY: tr("out of memory"),
    Verdict.CRASHED: tr("crashed"),
    Verdict.FORBIDDEN: tr("forbidden"),
    Verdict.UNGRADED: tr("ungraded"),
}


class Place(msgspec.Struct, frozen=True):
    """A line of a submission. The submission's process names it: it may not exist."""

    cell: str
    """The name of the cell."""
    line: int
    """Counted from 1."""


class Curve(msgspec.Struct, frozen=True, kw_only=True):
    """Finite numbers that a check recorded to be drawn, and what they are compared with. Never hidden data."""

    kind: Literal["loss", "predictions"]
    """The losses of a training, evenly over its length; or a prediction for each row of the data."""
    values: tuple[float, ...]
    low: tuple[float, ...] | None = None
    """The lower edge of the reference: losses of our own trainings, or the true values of the rows."""
    high: tuple[float, ...] | None = None
    """The upper edge; of true values it is the same."""


class Measure(msgspec.Struct, frozen=True, kw_only=True):
    """A finite number that a check held against a threshold of the settings. It is not for students."""

    threshold: str
    """The threshold's name in the settings."""
    value: float
    bound: float
    """The threshold itself, or what the check allowed in its place."""
    at_most: bool
    """Whether the value may be at most the bound; else it must be at least that."""

    @property
    def margin(self) -> float:
        """How far the value is on the right side of its bound; negative on the wrong one."""
        return self.bound - self.value if self.at_most else self.value - self.bound


def sampled(values: Sequence[float]) -> tuple[float, ...]:
    """Return at most `MAX_POINTS` of the values, evenly chosen, the first and the last among them."""
    if len(values) <= MAX_POINTS:
        return tuple(values)
    step = (len(values) - 1) / (MAX_POINTS - 1)
    return tuple(values[round(i * step)] for i in range(MAX_POINTS))


class ItemResult(msgspec.Struct, frozen=True, kw_only=True):
    """How one rubric item ended."""

    id: str
    """The id of the rubric item in the assignment's settings."""
    title: Text
    points: float | None
    """The points that were given; None where the item is ungraded."""
    max_points: float
    verdict: Verdict
    message: Text
    """For the student: what was called, what came back, what kind was expected. Never a hidden value."""
    detail: str = ""
    """For the teaching assistant: the checks' own words and the student's traceback."""
    seconds: float = 0.0
    """CPU seconds that the student's process used for this item."""
    memory_bytes: int = 0
    """The peak resident memory of the student's processes for this item."""
    place: Place | None = None
    """The line of the submission that `message` speaks of."""
    curves: tuple[Curve, ...] = ()
    """What the item's checks recorded to be drawn."""
    measures: tuple[Measure, ...] = ()
    """What the item's checks held against thresholds."""


class ScoreReport(msgspec.Struct, frozen=True, kw_only=True):
    """One result for every rubric item of the assignment, whatever happened."""

    assignment: str
    student: str
    submission: str
    """The name of the file that was graded."""
    sha256: str
    """The digest of that file's bytes."""
    items: tuple[ItemResult, ...]
    gradable: bool
    """False where the file is no submission at all, or where an item is ungraded: a person must look."""
    isolation: str = "none"
    """How well the student's process was locked in: full, reduced or none."""
    not_blocked: tuple[str, ...] = ()
    """What the sandbox left open, where the isolation is not full."""
    notes: tuple[Text, ...] = ()
    """Facts that cost no points: skipped magics, errors while loading, remarks of checks."""
    output: str = ""
    """What the submission printed, cut at the limit of the settings. For the teaching assistant."""
    schema_version: int = SCHEMA_VERSION

    @property
    def score(self) -> float:
        """The sum of the points that were given."""
        return round(sum(item.points or 0.0 for item in self.items), 2)

    @property
    def max_score(self) -> float:
        """The sum of all items' points."""
        return round(sum(item.max_points for item in self.items), 2)

    @property
    def ungraded(self) -> bool:
        """Whether something is left that we could not grade."""
        return any(item.verdict is Verdict.UNGRADED for item in self.items)
