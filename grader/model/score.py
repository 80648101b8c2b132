"""Score reports: a verdict and points for every rubric item, and their sum."""

from collections.abc import Sequence
from enum import StrEnum
from functools import cached_property
from typing import Literal

import msgspec

from grader.model.text import Text, tr

SCHEMA_VERSION = 1
MAX_POINTS = 200
"""The maximum number of points of a curve."""
_LARGEST_DRAWN = 1e9

How = Literal["run", "replayed", "mixed"]
"""Whether a submission ran, or its recorded answers were enough, or some of both."""


class Verdict(StrEnum):
    """The outcome of a rubric item. All but `UNGRADED` are scores."""

    PASSED = "passed"
    """Every check of the item passed."""
    PARTIAL = "partial"
    """Some of the item's weighted checks passed."""
    FAILED = "failed"
    """The answer is wrong."""
    NOT_IMPLEMENTED = "not_implemented"
    """The stub is unchanged, or the function is missing."""
    ERROR = "error"
    """The student's code raised an exception."""
    TIMEOUT = "timeout"
    """The student's code used up its time."""
    MEMORY = "memory"
    """The student's code asked for more memory than the limit."""
    CRASHED = "crashed"
    """The student's process died, or its answer was malformed."""
    FORBIDDEN = "forbidden"
    """The student's code tried something that the sandbox doesn't allow."""
    UNGRADED = "ungraded"
    """The grader couldn't grade the item. This is not a score, and never 0 points."""

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


class Place(msgspec.Struct, frozen=True, gc=False):
    """A line of a submission. It comes from the submission's process, so it may not exist."""

    cell: str
    """The name of the cell."""
    line: int
    """Starting at 1."""


class Suspicion(StrEnum):
    """What a person should look at. It costs no points, and students don't see it."""

    LOOKS_LABELS_UP = "looks_labels_up"
    """A graded function reads labels that it wasn't given."""
    LOADS_DATA_SET = "loads_data_set"
    """A graded function other than `load_data` loads a public data set."""
    INSPECTS_CALLERS = "inspects_callers"
    """The code looks at the call stack or at the objects of its process."""
    IMPORTS_INTERNALS = "imports_internals"
    """The code imports the grader, or what reaches below Python."""
    ANSWERS_DIFFER = "answers_differ"
    """The same call of the same model gave different answers."""

    @property
    def text(self) -> Text:
        """The suspicion in words."""
        return _SUSPICIONS[self]


_SUSPICIONS = {
    Suspicion.LOOKS_LABELS_UP: tr("a graded function reads labels that are not its arguments"),
    Suspicion.LOADS_DATA_SET: tr("a data set is loaded outside of `load_data`"),
    Suspicion.INSPECTS_CALLERS: tr(
        "the code inspects the call stack or the objects of its process"
    ),
    Suspicion.IMPORTS_INTERNALS: tr("the code imports the grader, `gc` or `ctypes`"),
    Suspicion.ANSWERS_DIFFER: tr("the model answered the same question differently"),
}


class Flag(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A suspicion about a submission, for assistants only."""

    kind: Suspicion
    place: Place | None = None
    """The line concerned, if there is one."""


class Curve(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Finite numbers that a check recorded for a plot, and the reference. Never hidden data."""

    kind: Literal["loss", "predictions"]
    """The losses of a training, evenly spaced; or a prediction for each row of the data."""
    values: tuple[float, ...]
    low: tuple[float, ...] | None = None
    """The lower edge of the reference: losses of the reference solution, or the true values of the rows."""
    high: tuple[float, ...] | None = None
    """The upper edge; equal to `low` for true values."""


class Measure(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A finite number that a check compared with a threshold of the settings. Not shown to students."""

    threshold: str
    """The threshold's name in the settings."""
    value: float
    bound: float
    """The threshold, or the value that the check used instead."""
    at_most: bool
    """Whether the bound is a maximum; otherwise it is a minimum."""

    @property
    def margin(self) -> float:
        """The distance from the bound; negative on the wrong side."""
        return self.bound - self.value if self.at_most else self.value - self.bound


def sampled(values: Sequence[float]) -> tuple[float, ...]:
    """Return at most `MAX_POINTS` evenly spaced values, including the first and the last."""
    if len(values) <= MAX_POINTS:
        return tuple(values)
    step = (len(values) - 1) / (MAX_POINTS - 1)
    return tuple(values[round(i * step)] for i in range(MAX_POINTS))


def drawable(values: Sequence[float]) -> list[float]:
    """Return values that a plot has room for: what is larger than a billion, up or down, becomes that."""
    return [max(-_LARGEST_DRAWN, min(_LARGEST_DRAWN, value)) for value in values]


class ItemResult(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The result of one rubric item."""

    id: str
    """The id of the rubric item in the assignment's settings."""
    title: Text
    points: float | None
    """The points earned; None if the item is ungraded."""
    max_points: float
    verdict: Verdict
    short: Text | None = None
    """A shorter title for narrow tables."""
    message: Text
    """For the student: what was called, what came back, and what kind of value was expected. Never a hidden value."""
    cause: str = ""
    """What the check found to be the cause, a `Cause` or the assignment's own; empty if it can't tell."""
    detail: str = ""
    """For assistants: the checks' own output and the student's traceback."""
    seconds: float = 0.0
    """CPU seconds that the student's process used for this item."""
    memory_bytes: int = 0
    """Peak resident memory of the student's processes for this item."""
    place: Place | None = None
    """The line of the submission that `message` refers to."""
    curves: tuple[Curve, ...] = ()
    """Curves that the item's checks recorded for plots."""
    measures: tuple[Measure, ...] = ()
    """Values that the item's checks compared with thresholds."""


class ScoreReport(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """One result for every rubric item of the assignment, whatever happened."""

    assignment: str
    student: str
    submission: str
    """The name of the graded file."""
    sha256: str
    """The digest of that file's bytes."""
    items: tuple[ItemResult, ...]
    gradable: bool
    """False if the file isn't a submission or an item is ungraded, so that an assistant must check it."""
    isolation: str = "none"
    """The isolation level of the student's process: full, reduced or none."""
    not_blocked: tuple[str, ...] = ()
    """What the sandbox didn't block, if the isolation isn't full."""
    notes: tuple[Text, ...] = ()
    """Remarks that don't affect the score: skipped magics, errors while loading, remarks of checks."""
    output: str = ""
    """Printed output, cut at the limit of the settings. For assistants."""
    flags: tuple[Flag, ...] = ()
    """What a person should look at. For assistants: students never see it, and it costs no points."""
    needs_python: str = ""
    """The Python version that a part of the code needs, if the one that graded can't read it."""
    schema_version: int = SCHEMA_VERSION

    @property
    def brief(self) -> "ScoreReport":
        """The report without what only the page of the hand-in shows: details, curves, measures, places and output."""
        items = tuple(
            msgspec.structs.replace(each, detail="", place=None, curves=(), measures=())
            for each in self.items
        )
        return msgspec.structs.replace(self, items=items, notes=(), output="")

    @cached_property
    def score(self) -> float:
        """The sum of the points earned."""
        return round(sum(item.points or 0.0 for item in self.items), 2)

    @cached_property
    def max_score(self) -> float:
        """The sum of all items' points."""
        return round(sum(item.max_points for item in self.items), 2)

    @cached_property
    def by_item(self) -> dict[str, ItemResult]:
        """The results by the ids of their rubric items."""
        return {item.id: item for item in self.items}

    @cached_property
    def seconds(self) -> float:
        """The CPU seconds of the student's process in all checks."""
        return sum(item.seconds for item in self.items)

    @cached_property
    def ungraded(self) -> bool:
        """Whether any item is ungraded."""
        return any(item.verdict is Verdict.UNGRADED for item in self.items)
