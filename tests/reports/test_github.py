"""GitHub Classroom gets points only if everything is graded."""

import base64
import json
from datetime import UTC, datetime

from grader.model.record import Adjustment
from grader.reports.github import to_github


def decoded(result):
    key, encoded = result.output.strip().split("=", 1)
    assert key == "result"
    return json.loads(base64.b64decode(encoded))


def test_result_is_one_line_of_base64(hand_in):
    result = to_github(hand_in("kim", (20, 2.5)), "ko")

    document = decoded(result)
    assert result.output.count("\n") == 1
    assert document["max_score"] == 30
    assert [t["score"] for t in document["tests"]] == [20, 2.5]
    assert [t["status"] for t in document["tests"]] == ["pass", "fail"]
    assert document["tests"][1]["name"] == "예측"


def test_notices_carry_the_points(hand_in):
    lines = to_github(hand_in("kim", (20, 2.5)), "en").commands.splitlines()

    assert lines[0] == "::notice title=Autograding complete::Points 22.5/30"
    title, report = lines[1].removeprefix("::notice title=").split("::")
    assert title == "Autograding report"
    assert json.loads(report) == {"totalPoints": 22.5, "maxPoints": 30}


def test_tests_add_up_to_the_score_after_the_penalty(hand_in):
    more = Adjustment(points=1, reason="", author="", made_at=datetime(2026, 3, 2, tzinfo=UTC))
    result = to_github(hand_in("kim", penalty=4.5, adjustments=(more,)), "en")

    assert sum(t["score"] for t in decoded(result)["tests"]) == 26.5
    assert "Points 26.5/30" in result.commands


def test_what_is_ungraded_brings_no_points(hand_in):
    result = to_github(hand_in("kim", (20, None)), "en")

    document = decoded(result)
    assert document["status"] == "error"
    assert "max_score" not in document
    assert "score" not in document["tests"][1]
    assert "notice" not in result.commands
    assert result.commands.startswith("::error ")


def test_details_are_left_out(hand_in):
    assert "secret" not in json.dumps(decoded(to_github(hand_in("kim", (0, 0)), "en")))
