"""The course settings: their meaning, where they are found, and the resulting language and times."""

from datetime import UTC, datetime

import pytest

from grader.model.assignment import load_assignments
from grader.model.course import Course, load_course, shown_time
from grader.model.errors import UserError
from grader.model.text import Text

WHOLE = """
title = { ko = "파이토치", en = "PyTorch" }
lang = "ko"
timezone = "Asia/Seoul"
contact = "ta@example.org"
hand_in = { ko = "LMS에 올리세요.", en = "Upload it to the LMS." }
"""
ASSIGNMENT = """
name = "mean"
title = { ko = "평균", en = "Mean" }
functions = ["mean"]
[[items]]
id = "mean"
title = { ko = "평균", en = "Mean" }
points = 10
"""


def test_all_settings(tmp_path):
    (tmp_path / "course.toml").write_text(WHOLE, "utf-8")

    assert load_course(tmp_path) == Course(
        title=Text(ko="파이토치", en="PyTorch"),
        lang="ko",
        timezone="Asia/Seoul",
        contact="ta@example.org",
        hand_in=Text(ko="LMS에 올리세요.", en="Upload it to the LMS."),
    )


@pytest.mark.parametrize(
    "line, words",
    [
        ('language = "ko"', "language"),
        ('lang = "de"', "lang"),
        ('timezone = "Asia/Soul"', "Asia/Soul"),
        ('timezone = "../../etc/passwd"', "etc/passwd"),
        ("timezone = 9", "timezone"),
        ("title =", "course.toml"),
    ],
)
def test_wrong_settings_are_named(tmp_path, line, words):
    (tmp_path / "course.toml").write_text(line, "utf-8")

    with pytest.raises(UserError) as caught:
        load_course(tmp_path)

    assert "course.toml" in caught.value.text.en
    assert words in caught.value.text.en
    assert len(caught.value.text.en.splitlines()) == 1


@pytest.mark.parametrize("at", ["course.toml", "term/course.toml"])
@pytest.mark.parametrize("own, lang", [("", "ko"), ('lang = "en"', "en")])
def test_assignments_know_their_course_and_may_have_a_language_of_their_own(
    tmp_path, at, own, lang
):
    folder = tmp_path / "term" / "solutions"
    (folder / "mean").mkdir(parents=True)
    (folder / "mean" / "assignment.toml").write_text(own + ASSIGNMENT, "utf-8")
    (tmp_path / at).write_text(WHOLE, "utf-8")

    assignment = load_assignments(folder)["mean"]

    assert (assignment.lang, assignment.course.contact) == (lang, "ta@example.org")


@pytest.mark.parametrize(
    "zone, shown",
    [("", "2025-05-01 14:59 UTC"), ("Asia/Seoul", "2025-05-01 23:59 (UTC+09:00)")],
)
def test_times_are_shown_in_the_zone_of_the_course(zone, shown):
    moment = datetime(2025, 5, 1, 14, 59, tzinfo=UTC)

    assert shown_time(moment, Course(timezone=zone)) == shown
