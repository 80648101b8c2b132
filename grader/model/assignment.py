"""An assignment: its rubric, thresholds, seeds and limits, read from its settings file."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from grader.model.errors import AssignmentError, UserError, reading
from grader.model.late import LatePolicy
from grader.model.score import Verdict
from grader.model.text import Text, tr

SETTINGS = "assignment.toml"

Positive = Annotated[float, Meta(gt=0)]


class RubricItem(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part of the work that is judged by itself."""

    id: str
    title: Text
    points: Positive
    weights: dict[str, Positive] = {}
    """The weights of the item's checks, by the names of their tests. Without them the item is all or nothing."""
    hints: dict[Verdict, Text] = {}
    """What the author tells a student whose item ended so, besides the message of the check."""


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one submission may use. CPU time decides; wall time only stops what doesn't compute."""

    cpu_seconds: Positive = 30.0
    """For one call."""
    train_cpu_seconds: Positive = 120.0
    """For one call of `train` with its defaults, and for loading the submission."""
    wall_factor: Positive = 5.0
    """How many times its CPU limit a call may take by the wall clock."""
    total_cpu_seconds: Positive = 1200.0
    """For all calls of a submission together."""
    memory_mb: Positive = 4096.0
    """What a submission may allocate above what PyTorch itself takes."""
    output_kb: Positive = 64.0
    """How much of what a submission prints is kept."""


class Assignment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is asked, and how it is judged."""

    name: str
    title: Text
    functions: Annotated[tuple[str, ...], Meta(min_length=1)]
    """The functions that a submission defines; by them a file without a telling name is known."""
    items: tuple[RubricItem, ...]
    aliases: tuple[str, ...] = ()
    """Other words that mean this assignment where they stand alone in a file's name, as in `kim_와인.py`."""
    seed: int = 2025
    """What `torch.manual_seed` gets right before each `build_model()`."""
    hidden_seed: int = 0
    """From what the checks draw their hidden data."""
    thresholds: dict[str, float] = {}
    """Numbers that the checks compare with."""
    random_states: tuple[int, ...] = ()
    """Splits of the data that the checks ask for besides the one of `seed`."""
    limits: Limits = Limits()
    late: LatePolicy | None = None
    """When it is due and what lateness costs; None where nothing is late."""
    counts: Literal["latest", "best"] = "latest"
    """Which of a student's hand-ins counts."""
    folder: Path = Path()
    """Where the settings stand. It is no setting itself."""

    @property
    def name_pattern(self) -> re.Pattern[str]:
        """What tells the assignment in a file's name: its name anywhere, or one of its aliases as a word of its own."""
        aliases = "|".join(re.escape(alias) for alias in self.aliases) or "(?!)"
        whole = rf"(?<![^\W_])(?:{aliases})(?![^\W_])"
        return re.compile(rf"{re.escape(self.name)}|{whole}", re.IGNORECASE)

    @property
    def max_score(self) -> float:
        """The sum of all items' points."""
        return sum(item.points for item in self.items)


def load_assignment(folder: Path) -> Assignment:
    """Read the settings in `folder`.

    Raises:
        UserError: there is no settings file, or it can't be read.
        AssignmentError: it doesn't say what it must.
    """
    path = folder / SETTINGS
    try:
        with reading(path):
            assignment = msgspec.toml.decode(path.read_bytes(), type=Assignment)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise AssignmentError(tr("{path} is wrong: {reason}", path=path, reason=error)) from error
    ids = [item.id for item in assignment.items]
    if len(set(ids)) < len(ids) or not ids:
        raise AssignmentError(
            tr("{path} is wrong: it needs rubric items, each with an id of its own", path=path)
        )
    return msgspec.structs.replace(assignment, folder=folder.resolve())


def unknown_assignment(name: str, known: Iterable[str]) -> UserError:
    """Return the error that there is no assignment `name`, which tells those that there are."""
    return UserError(
        tr("there is no assignment {name}; there are: {known}", name=name, known=", ".join(known))
    )


def load_assignments(folder: Path) -> dict[str, Assignment]:
    """Read all assignments below `folder`, by name.

    Raises:
        UserError: there is none.
    """
    found = [load_assignment(path.parent) for path in sorted(folder.glob(f"*/{SETTINGS}"))]
    if not found:
        raise UserError(
            tr("{folder} holds no assignment (no */{file})", folder=folder, file=SETTINGS)
        )
    by_name: dict[str, Assignment] = {}
    for assignment in found:
        if assignment.name in by_name:
            raise AssignmentError(
                tr("two assignments in {folder} are {name}", folder=folder, name=assignment.name)
            )
        by_name[assignment.name] = assignment
    return by_name
