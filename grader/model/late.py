"""Late policy: the number of late days and the penalty for them."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

_DAY = timedelta(days=1)


class LatePolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The table `[late]` of an assignment's settings."""

    due: Annotated[datetime, Meta(tz=True)]
    """With a time zone, as in 2025-05-01T23:59:00+09:00."""
    percent_per_day: Annotated[float, Meta(ge=0, le=100)]
    """Deduction per late day (rounded up), in percent of the assignment's points."""
    grace_minutes: Annotated[float, Meta(ge=0, le=10**6)] = 0.0
    """Grace period after the due date."""
    cap_percent: Annotated[float, Meta(ge=0, le=100)] = 100.0
    """The maximum deduction."""


class Lateness(NamedTuple):
    """How late a hand-in is."""

    late_days: int
    """Late days of 24 hours, rounded up, regardless of daylight saving time."""
    penalty_fraction: float
    """The penalty as a fraction (0 to 1) of the assignment's points."""


def lateness(
    policy: LatePolicy, handed_in: datetime, extension: datetime | None = None
) -> Lateness:
    """Return how late a hand-in is, and the penalty.

    `extension` is the due date of a student with an extension. Both times have time zones.
    """
    due = (extension or policy.due).astimezone(UTC)
    late = handed_in - due - timedelta(minutes=policy.grace_minutes)
    days = max(0, -(-late // _DAY))
    return Lateness(days, min(days * policy.percent_per_day, policy.cap_percent) / 100)
