"""The own account: a download of what is kept about somebody holds nothing that they may not see yet."""

import io
import json
import zipfile
from pathlib import Path

import msgspec
import pytest

from grader.gradebook import desk
from grader.gradebook.opening import transaction
from grader.model.assignment import Feedback

RIGHT = (Path(__file__).parents[1] / "class/binary/wrong_half_done_train_stub.py").read_bytes()
"""All right but the training, which isn't there and takes no time: 60 points."""


def downloaded(browser):
    answer = browser.post("/account/export")
    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture
def settings(assignments):
    feedback = Feedback(show="after_release")
    return {"binary": msgspec.structs.replace(assignments["binary"], feedback=feedback)}


@pytest.mark.long
def test_a_student_downloads_everything_that_may_be_seen(graded, hand_in, wait_for_report):
    kim = graded.browser("kim")
    key = hand_in(kim, RIGHT)
    wait_for_report(kim, key)
    graded.browser("ta").post(
        "/students/kim/adjustments", data={"points": "-1", "reason": "secret"}
    )
    assert kim.get("/account").status_code == 200

    hidden = downloaded(kim)
    with transaction(graded.site.book.engine) as connection:
        desk.release(connection, "binary", True)
    released = downloaded(kim)

    tables = json.loads(hidden["gradebook.json"])
    assert tables["account"][0]["id"] == "kim"
    assert [row["action"] for row in tables["event"]][-1] == "exported"
    assert (tables["report"], tables["hand_in"]) == ([], [])
    for word in (b'"points"', b'"score"', b"passed"):
        assert word not in hidden["gradebook.json"]
    assert [data for name, data in hidden.items() if name.startswith("uploads/")] == [RIGHT]
    (report,) = json.loads(released["gradebook.json"])["report"]
    assert report["score"] == 60, report["report"]["items"]
    assert all("detail" not in item for item in report["report"]["items"])
    assert not any(name.startswith("recordings/") for name in released)


def test_all_sessions_end_at_once(served):
    here, there = served.browser("kim"), served.browser("kim")
    here.post("/account/sign-out-everywhere")
    assert there.get("/").status_code == 401
    assert here.get("/").status_code == 401
