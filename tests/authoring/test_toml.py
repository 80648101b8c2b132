"""What is written as TOML reads back as it was."""

import tomllib
from datetime import datetime, timedelta, timezone

import msgspec
from hypothesis import example, given
from hypothesis import strategies as st

from grader.authoring.toml import lines, to_toml
from grader.model.assignment import Assignment
from grader.model.late import LatePolicy

PLAIN = st.recursive(
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.from_regex(r"[a-z_]{1,8}", fullmatch=True), inner)
    ),
    max_leaves=10,
)


@given(PLAIN)
@example('\x7f\n"')
@example(1e300)
def test_round_trip(value):
    assert tomllib.loads(f"x = {to_toml(value)}")["x"] == value


def test_an_assignment_reads_back(assignments):
    for assignment in assignments.values():
        fields = [name for name in assignment.__struct_fields__ if name != "folder"]

        again = msgspec.toml.decode(lines(assignment, *fields), type=Assignment)

        assert msgspec.structs.replace(again, folder=assignment.folder) == assignment


def test_a_due_date_reads_back(assignments):
    due = datetime(2026, 11, 30, 23, 59, tzinfo=timezone(timedelta(hours=9)))
    late = LatePolicy(due=due, percent_per_day=10)
    assignment = msgspec.structs.replace(assignments["wine"], late=late)

    assert (
        msgspec.toml.decode(lines(assignment, "late"), type=dict[str, LatePolicy])["late"] == late
    )


def test_a_key_that_is_no_word_is_quoted():
    class Named(msgspec.Struct):
        weights: dict[str, float]

    assert tomllib.loads(lines(Named({"test_a[1 b]": 2.0}), "weights")) == {
        "weights": {"test_a[1 b]": 2}
    }
