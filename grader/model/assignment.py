"""Assignments: rubric, thresholds, seeds and limits, read from the settings file."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from grader.model.cause import Cause
from grader.model.course import Course, load_course
from grader.model.errors import AssignmentError, UserError, reading
from grader.model.late import LatePolicy
from grader.model.score import ItemResult, Verdict
from grader.model.text import Language, Text, tr

SETTINGS = "assignment.toml"
MAX_LOSS = "max_loss"
"""The threshold that curves of losses are drawn with."""

Positive = Annotated[float, Meta(gt=0)]


class RubricItem(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part of an assignment that is graded separately."""

    id: str
    title: Text
    points: Positive
    weights: dict[str, Positive] = {}
    """Weights of the item's checks by test name. Without weights, the item is all or nothing."""
    hints: dict[Verdict, Text] = {}
    """Hints for students by verdict, shown in addition to the check's message."""
    short: Text | None = None
    """A shorter title for narrow tables."""
    public: bool = False
    """Whether students see its result before the due date if `feedback.show` is `public_until_due`."""
    what: Text | None = None
    """What must hold, for the README; `{max_loss}` stands for the threshold of that name."""


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The limits of one submission. CPU time is what counts; wall time only stops code that waits."""

    cpu_seconds: Positive = 30.0
    """Per call."""
    train_cpu_seconds: Positive = 120.0
    """For a call of `train` with its defaults, and for loading the submission."""
    wall_factor: Positive = 5.0
    """The wall-clock limit of a call, as a multiple of its CPU limit."""
    total_cpu_seconds: Positive = 1200.0
    """For all calls of a submission in total."""
    total_wall_factor: Positive = 3.0
    """The wall-clock limit of all calls of a submission in total, as a multiple of their CPU limit."""
    memory_mb: Positive = 4096.0
    """Memory that a submission may allocate on top of PyTorch itself: each process, and all of them in total."""
    output_kb: Positive = 64.0
    """How much printed output is kept."""

    @property
    def total_wall_seconds(self) -> float:
        """The wall-clock limit of all calls of a submission in total."""
        return self.total_wall_factor * self.total_cpu_seconds


class Feedback(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The table `[feedback]` of an assignment's settings: what students see on the web pages, and when."""

    show: Literal["at_once", "public_until_due", "after_release"] = "at_once"
    """Everything as soon as it is graded; until the due date only the items marked `public`; or nothing until an
    assistant releases the results."""
    attempts_per_day: Annotated[int, Meta(ge=1)] | None = None
    """How many hand-ins of a student are graded on a day of the course's time zone; further ones wait for the next
    day."""


class Assignment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An assignment and how it is graded."""

    name: str
    title: Text
    functions: Annotated[tuple[str, ...], Meta(min_length=1)]
    """The functions that a submission defines. They identify the assignment of a file whose name doesn't."""
    items: tuple[RubricItem, ...]
    lang: Language | None = None
    """What its students read unless they ask for another; by default that of the course."""
    short: Text | None = None
    """A shorter title for narrow tables."""
    aliases: tuple[str, ...] = ()
    """Other names of the assignment, recognised as separate words in a file name, as in `kim_와인.py`."""
    packages: tuple[str, ...] = ()
    """What the files import that `pip install torch-grader` doesn't bring, by the names that pip installs."""
    seed: int = 2025
    """The seed for `torch.manual_seed` right before each `build_model()`."""
    hidden_seed: int = 0
    """The seed of the checks' hidden data."""
    hints: dict[str, Text] = {}
    """Hints by the cause that a check found. Without one, the hint is that of the `Cause`, or the item's."""
    thresholds: dict[str, float] = {}
    """Numbers that the checks compare results with."""
    random_states: tuple[int, ...] = ()
    """Random states for which the checks request further splits of the data."""
    limits: Limits = Limits()
    late: LatePolicy | None = None
    """The due date and the late penalty; None if nothing is late."""
    feedback: Feedback = Feedback()
    counts: Literal["latest", "best"] = "latest"
    """Which of a student's hand-ins counts."""
    course: Course = Course()
    """The course that it belongs to. It is no setting itself."""
    folder: Path = Path()
    """The folder of the settings file. Not a setting itself."""

    @property
    def name_pattern(self) -> re.Pattern[str]:
        """The pattern of this assignment in file names: its name anywhere, or an alias as a separate word."""
        aliases = "|".join(re.escape(alias) for alias in self.aliases) or "(?!)"
        whole = rf"(?<![^\W_])(?:{aliases})(?![^\W_])"
        return re.compile(rf"{re.escape(self.name)}|{whole}", re.IGNORECASE)

    def hint(self, result: ItemResult) -> Text | None:
        """Return the hint for a result: that of its cause if the check found one, else its item's for the verdict."""
        if result.cause in self.hints:
            return self.hints[result.cause]
        if result.cause in set(Cause):
            return Cause(result.cause).hint
        return next(
            (item.hints.get(result.verdict) for item in self.items if item.id == result.id), None
        )

    @property
    def max_score(self) -> float:
        """The sum of all items' points."""
        return sum(item.points for item in self.items)


def load_assignment(folder: Path) -> Assignment:
    """Read the settings in `folder`.

    Raises:
        UserError: there is no settings file, or it can't be read.
                AssignmentError: its content is invalid.
    """
    path = folder / SETTINGS
    try:
        with reading(path):
            assignment = msgspec.toml.decode(path.read_bytes(), type=Assignment)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise AssignmentError(tr("{path} is invalid: {reason}", path=path, reason=error)) from error
    ids = [item.id for item in assignment.items]
    if len(set(ids)) < len(ids) or not ids:
        raise AssignmentError(
            tr("{path} is invalid: it needs rubric items with unique ids", path=path)
        )
    return msgspec.structs.replace(assignment, folder=folder.resolve())


def unknown_assignment(name: str, known: Iterable[str]) -> UserError:
    """Return the error for an unknown assignment, listing the known ones."""
    return UserError(
        tr("there is no assignment {name}; available: {known}", name=name, known=", ".join(known))
    )


def load_assignments(folder: Path) -> dict[str, Assignment]:
    """Read all assignments below `folder`, by name, with the course that they belong to.

    Raises:
        UserError: there are none.
    """
    found = [load_assignment(path.parent) for path in sorted(folder.glob(f"*/{SETTINGS}"))]
    if not found:
        raise UserError(
            tr("{folder} contains no assignment (no */{file})", folder=folder, file=SETTINGS)
        )
    by_name: dict[str, Assignment] = {}
    course = load_course(folder)
    for assignment in found:
        if twin := by_name.get(assignment.name):
            raise AssignmentError(
                tr(
                    "{one} and {other} are both the assignment {name}; keep one of them",
                    one=twin.folder,
                    other=assignment.folder,
                    name=assignment.name,
                )
            )
        by_name[assignment.name] = msgspec.structs.replace(
            assignment, course=course, lang=assignment.lang or course.lang
        )
    return by_name


def is_beside(path: Path) -> bool:
    """Whether a path belongs to a tool, such as a cache or version control."""
    return any(part.startswith((".", "__pycache__")) for part in path.parts)
