"""Late days and penalties, in any time zone."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.model.assignment import load_assignment
from grader.model.errors import AssignmentError
from grader.model.late import LatePolicy, lateness

SEOUL = ZoneInfo("Asia/Seoul")
BERLIN = ZoneInfo("Europe/Berlin")
DUE = datetime(2025, 5, 1, 23, 59, tzinfo=SEOUL)
POLICY = LatePolicy(due=DUE, percent_per_day=10, grace_minutes=15, cap_percent=50)
SETTINGS = """
name = "tiny"
title = { ko = "작은 과제", en = "Tiny" }
functions = ["one"]
late = LATE
[[items]]
id = "one"
title = { ko = "하나", en = "One" }
points = 10
"""


@pytest.mark.parametrize(
    "after, days, fraction",
    [
        (timedelta(days=-3), 0, 0),
        (timedelta(0), 0, 0),
        (timedelta(minutes=15), 0, 0),
        (timedelta(minutes=15, microseconds=1), 1, 0.1),
        (timedelta(days=1, minutes=15), 1, 0.1),
        (timedelta(days=1, minutes=15, microseconds=1), 2, 0.2),
        (timedelta(days=5), 5, 0.5),
        (timedelta(days=400), 400, 0.5),
    ],
)
def test_a_day_begun_counts_as_a_whole_day(after, days, fraction):
    assert lateness(POLICY, DUE + after) == (days, fraction)


@pytest.mark.parametrize("zone", [UTC, SEOUL, BERLIN, ZoneInfo("America/Los_Angeles")])
def test_the_zone_of_a_clock_changes_nothing(zone):
    in_time = (DUE + timedelta(minutes=15)).astimezone(zone)

    assert lateness(POLICY, in_time).late_days == 0
    assert lateness(POLICY, in_time + timedelta(minutes=1)).late_days == 1


def test_a_day_has_24_hours_where_clocks_are_put_forward():
    due = datetime(2025, 3, 29, 12, tzinfo=BERLIN)
    policy = LatePolicy(due=due, percent_per_day=10)

    assert lateness(policy, datetime(2025, 3, 30, 13, tzinfo=BERLIN)).late_days == 1
    assert lateness(policy, datetime(2025, 3, 30, 13, 1, tzinfo=BERLIN)).late_days == 2


def test_a_day_has_24_hours_where_clocks_are_put_back():
    due = datetime(2025, 10, 25, 12, tzinfo=BERLIN)
    policy = LatePolicy(due=due, percent_per_day=10)

    assert lateness(policy, datetime(2025, 10, 26, 11, tzinfo=BERLIN)).late_days == 1
    assert lateness(policy, datetime(2025, 10, 26, 11, 1, tzinfo=BERLIN)).late_days == 2


def test_extension_moves_the_due_date_with_its_grace():
    extension = DUE + timedelta(days=2)

    assert lateness(POLICY, extension + timedelta(minutes=15), extension) == (0, 0)
    assert lateness(POLICY, extension + timedelta(minutes=16), extension) == (1, 0.1)


moments = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.timezones())
policies = st.builds(
    LatePolicy,
    due=moments,
    percent_per_day=st.floats(0, 100),
    grace_minutes=st.floats(0, 10_000),
    cap_percent=st.floats(0, 100),
)


@given(policy=policies, moments=st.lists(moments, min_size=2, max_size=2))
def test_later_never_costs_less_and_never_more_than_the_cap(policy, moments):
    earlier, later = (lateness(policy, each) for each in sorted(moments, key=datetime.timestamp))

    assert earlier.late_days <= later.late_days
    assert 0 <= earlier.penalty_fraction <= later.penalty_fraction <= policy.cap_percent / 100


@given(policy=policies, moment=moments, extension=moments)
def test_more_time_never_costs_more(policy, moment, extension):
    longer = max(policy.due, extension, key=datetime.timestamp)

    assert lateness(policy, moment, longer) <= lateness(policy, moment)


def test_policy_stands_in_the_settings(tmp_path):
    late = "{ due = 2025-05-01T23:59:00+09:00, percent_per_day = 10, grace_minutes = 15, cap_percent = 50 }"
    (tmp_path / "assignment.toml").write_text(SETTINGS.replace("LATE", late), encoding="utf-8")

    assert load_assignment(tmp_path).late == POLICY


@pytest.mark.parametrize(
    "late, complaint",
    [
        ("{ due = 2025-05-01T23:59:00, percent_per_day = 10 }", "timezone.*late.due"),
        ("{ due = 2025-05-01, percent_per_day = 10 }", "late.due"),
        ("{ due = 2025-05-01T23:59:00Z }", "percent_per_day"),
        ("{ due = 2025-05-01T23:59:00Z, percent_per_day = 101 }", "late.percent_per_day"),
        (
            "{ due = 2025-05-01T23:59:00Z, percent_per_day = 1, cap_percent = -1 }",
            "late.cap_percent",
        ),
        ("{ due = 2025-05-01T23:59:00Z, percent_per_day = 1, grace = 3 }", "grace"),
    ],
)
def test_policy_that_is_wrong_is_reported(tmp_path, late, complaint):
    (tmp_path / "assignment.toml").write_text(SETTINGS.replace("LATE", late), encoding="utf-8")

    with pytest.raises(AssignmentError, match=complaint):
        load_assignment(tmp_path)
