"""What lateness costs: days begun after the due date, and the part of the points that they take."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

_DAY = timedelta(days=1)


class LatePolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The table `[late]` of an assignment's settings."""

    due: Annotated[datetime, Meta(tz=True)]
    """With its time zone, as in 2025-05-01T23:59:00+09:00."""
    percent_per_day: Annotated[float, Meta(ge=0, le=100)]
    """What each day begun takes, of the assignment's maximum points."""
    grace_minutes: Annotated[float, Meta(ge=0, le=10**6)] = 0.0
    """How long after the due date nothing is late."""
    cap_percent: Annotated[float, Meta(ge=0, le=100)] = 100.0
    """The most that lateness takes."""


class Lateness(NamedTuple):
    """How late a hand-in is."""

    late_days: int
    """Days begun, of 24 hours each, whatever clocks do in between."""
    penalty_fraction: float
    """What it costs, as a part (0 to 1) of the assignment's maximum points."""


def lateness(
    policy: LatePolicy, handed_in: datetime, extension: datetime | None = None
) -> Lateness:
    """Return how late a hand-in is, and what that costs.

    `handed_in` and `extension`, the due date of a student who has another one, have time zones.
    """
    due = (extension or policy.due).astimezone(UTC)
    late = handed_in - due - timedelta(minutes=policy.grace_minutes)
    days = max(0, -(-late // _DAY))
    return Lateness(days, min(days * policy.percent_per_day, policy.cap_percent) / 100)
