"""Gradescope accepts the results; they show students their messages, but never the details."""

import json
from datetime import UTC, datetime

import pytest
from jsonschema import Draft202012Validator

from grader.model.record import Adjustment
from grader.model.text import Text
from grader.reports.gradescope import to_gradescope

FORMAT = {"enum": ["text", "simple_format", "html", "md", "ansi"]}
VISIBILITY = {"enum": ["hidden", "after_due_date", "after_published", "visible"]}
TEST = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "score": {"type": "number"},
        "max_score": {"type": "number"},
        "status": {"enum": ["passed", "failed"]},
        "name": {"type": "string"},
        "name_format": FORMAT,
        "number": {"type": "string"},
        "output": {"type": "string"},
        "output_format": FORMAT,
        "tags": {"type": "array", "items": {"type": "string"}},
        "visibility": VISIBILITY,
        "extra_data": {"type": "object"},
    },
}
RESULTS = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "score": {"type": "number"},
        "execution_time": {"type": "number"},
        "output": {"type": "string"},
        "output_format": FORMAT,
        "test_output_format": FORMAT,
        "test_name_format": FORMAT,
        "visibility": VISIBILITY,
        "stdout_visibility": VISIBILITY,
        "extra_data": {"type": "object"},
        "tests": {"type": "array", "items": TEST},
        "leaderboard": {"type": "array"},
    },
}
SCORED = RESULTS | {
    "anyOf": [
        {"required": ["score"]},
        {"properties": {"tests": {"minItems": 1, "items": {"required": ["score"]}}}},
    ]
}


def results(record, language="en", schema=SCORED):
    document = json.loads(to_gradescope(record, language))
    Draft202012Validator(schema).validate(document)
    return document


def test_score_and_tests(hand_in):
    document = results(hand_in("kim", (20, 2.5)))

    train, predict = document["tests"]
    assert document["score"] == 22.5
    assert document["execution_time"] == 1.0
    assert (train["name"], train["number"], train["status"]) == ("Training loop", "1", "passed")
    assert (train["score"], train["max_score"]) == (20, 20)
    assert (predict["status"], predict["score"]) == ("failed", 2.5)
    assert predict["output"] == "partial: this is wrong"


def test_korean_is_kept(hand_in):
    text = to_gradescope(hand_in("kim", (0, 0)), "ko")

    assert "학습 과정" in text
    assert "틀렸습니다" in text


def test_students_see_no_detail_and_no_output(hand_in):
    text = to_gradescope(hand_in("kim", (0, None)), "en")

    assert "secret" not in text
    assert "what it printed" not in text


def test_no_test_is_hidden_because_that_would_hide_the_total(hand_in):
    assert {t["visibility"] for t in results(hand_in("kim"))["tests"]} == {"visible"}


def test_what_is_ungraded_has_no_score_anywhere(hand_in):
    document = results(hand_in("kim", (20, None)), schema=RESULTS)

    assert "score" not in document
    assert "score" not in document["tests"][1]
    assert "status" not in document["tests"][1]
    assert "no score yet" in document["output"]
    assert list(Draft202012Validator(SCORED).iter_errors(document))


def test_late_penalty_and_adjustments_are_in_the_score_and_said(hand_in):
    given = Adjustment(
        points=1, reason="정정", author="ta", made_at=datetime(2026, 3, 2, tzinfo=UTC)
    )

    document = results(hand_in("kim", penalty=3, adjustments=(given,)))

    assert document["score"] == 28
    assert "late penalty: 3 points" in document["output"]
    assert "adjusted by +1 points: 정정" in document["output"]


@pytest.mark.parametrize("words", ["\x1b[2J", "\u202etxet", "\x00", "\ud800"])
def test_control_characters_are_replaced(hand_in, words):
    note = Text(ko=words, en=words)

    assert results(hand_in("kim", notes=(note,)))["output"].startswith("\N{REPLACEMENT CHARACTER}")
