"""Settings written as TOML read back unchanged."""

import tomllib
from datetime import datetime, timedelta, timezone

import msgspec
import pytest

from grader.authoring.toml import settings_toml
from grader.model.assignment import Assignment, RubricItem
from grader.model.late import LatePolicy
from grader.model.text import Text


def fields_of(assignment):
    return [name for name in assignment.__struct_fields__ if name != "folder"]


def read_back(assignment):
    again = msgspec.toml.decode(settings_toml(assignment, fields_of(assignment)), type=Assignment)
    return msgspec.structs.replace(again, folder=assignment.folder)


@pytest.mark.parametrize("name", ["binary", "multinomial", "wine"])
def test_an_assignment_reads_back(assignments, name):
    assert read_back(assignments[name]) == assignments[name]


def test_a_due_date_reads_back(assignments):
    due = datetime(2026, 11, 30, 23, 59, tzinfo=timezone(timedelta(hours=9)))
    late = LatePolicy(due=due, percent_per_day=10)
    assignment = msgspec.structs.replace(assignments["wine"], late=late)

    assert read_back(assignment).late == late


@pytest.mark.parametrize("words", ['a "quoted" \\ name', "줄\n바꿈", "\x7f\t", "# no comment"])
def test_any_words_read_back(assignments, words):
    item = RubricItem("x", Text(ko=words, en=words), 1, weights={f"test[{words}]": 2.0})
    assignment = msgspec.structs.replace(assignments["wine"], items=(item,))

    assert read_back(assignment).items == (item,)


def test_only_the_chosen_fields_are_written(assignments):
    data = tomllib.loads(settings_toml(assignments["wine"], ["name"], ["id", "points"]))

    assert data.keys() == {"name", "items"}
    assert data["items"][0] == {"id": "data_split", "points": 15}
