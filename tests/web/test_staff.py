"""Course staff see the class, adjust, regrade and add people; every change is logged."""

import html
import re
import time
from pathlib import Path

import pytest

from grader.gradebook import desk, people, queue, uploads
from grader.gradebook.opening import transaction

RIGHT = (Path(__file__).parents[1] / "class/binary/wrong_half_done_train_stub.py").read_bytes()
"""All right but the training, which isn't there and takes no time: 60 points."""
WRONG = RIGHT.replace(b"def sigmoid(", b"def sigmoid(x):\n    return x\n\ndef other(")


def text_of(page):
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page.text)).split())


def test_the_class_page_shows_scores_and_exports_them(graded, hand_in, wait_for_report):
    kim, ta = graded.browser("kim"), graded.browser("ta")
    wait_for_report(kim, hand_in(kim, RIGHT))
    page = ta.get("/class/binary")
    assert "1 / 3 handed in" in text_of(page)
    assert "60.0 mean" in text_of(page)
    csv = ta.get("/class/binary/scores.csv")
    assert "kim" in csv.text
    assert "60" in csv.text


def test_an_adjustment_shows_on_the_students_page_and_in_the_log(graded, hand_in, wait_for_report):
    kim, ta = graded.browser("kim"), graded.browser("ta")
    key = hand_in(kim, WRONG)
    wait_for_report(kim, key)
    before = float(re.search(r"<strong>([\d.]+)</strong>", kim.get(f"/hand-ins/{key}").text)[1])
    form = {"assignment": "binary", "points": "5", "reason": "right idea"}
    assert ta.post("/students/kim/adjustments", data=form).status_code == 200
    page = kim.get(f"/hand-ins/{key}").text
    assert f"<strong>{before + 5:g}</strong>" in page
    assert "right idea" in page
    prof = graded.browser("prof")
    assert "adjusted" in prof.get("/log").text
    assert "right idea" in prof.get("/students/kim").text


def test_what_is_suspicious_is_on_the_staffs_pages_alone(graded, hand_in, wait_for_report):
    kim, ta = graded.browser("kim"), graded.browser("ta")
    key = hand_in(kim, b"import gc\n" + WRONG)
    flag = "the code imports the grader, `gc` or `ctypes`"

    theirs = [wait_for_report(kim, key), kim.get("/"), kim.get(f"/hand-ins/{key}/report")]

    assert flag in text_of(ta.get("/students/kim"))
    assert text_of(ta.get("/class/binary")).count("For you to look at") == 1
    for page in theirs:
        assert flag not in page.text
        assert "look at" not in page.text


def test_an_adjustment_that_is_no_number_is_refused(graded, hand_in, wait_for_report):
    kim, ta = graded.browser("kim"), graded.browser("ta")
    wait_for_report(kim, hand_in(kim, RIGHT))
    for points in ("", "many", "nan"):
        form = {"assignment": "binary", "points": points, "reason": "x"}
        assert ta.post("/students/kim/adjustments", data=form).status_code == 422, points


@pytest.mark.long
def test_regrading_runs_the_hand_in_again(graded, hand_in, wait_for_report):
    kim, ta = graded.browser("kim"), graded.browser("ta")
    key = hand_in(kim, RIGHT)
    wait_for_report(kim, key)
    (first,) = graded.site.book.records_of("kim")
    assert ta.post(f"/hand-ins/{key}/regrade").status_code == 200
    wait_for_report(ta, key)
    (second,) = graded.site.book.records_of("kim")
    assert second.graded_at > first.graded_at
    assert second.score == first.score


def test_while_it_is_graded_again_the_last_result_stays(graded, hand_in, wait_for_report):
    kim, ta = graded.browser("kim"), graded.browser("ta")
    key = hand_in(kim, RIGHT)
    wait_for_report(kim, key)
    with transaction(graded.site.book.engine) as connection:
        upload = uploads.find_upload(connection, key)
        later = time.time() + 1000
        queue.enqueue(connection, upload.id, "kim", "binary", bulk=True, not_before=later)

    pages = [kim.get(f"/hand-ins/{key}"), kim.get("/"), ta.get("/students/kim")]
    for page in pages:
        assert "60" in text_of(page)
        assert "being graded again" in text_of(page)


def test_a_new_link_replaces_the_old_one_and_ends_sessions(served):
    old, ta = served.link("kim"), served.browser("ta")
    kim = served.browser()
    kim.post(old)
    assert kim.get("/").status_code == 200
    unused = served.link("kim")
    page = ta.post("/students/kim/link")
    link = re.search(r"http://\S+/sign-in/[\w-]+", page.text)[0]
    assert kim.get("/").status_code == 401
    assert served.browser().post(unused).status_code == 404
    assert served.browser().post(link).status_code == 200


def test_the_teacher_adds_people_and_the_administrator_removes_them(served):
    prof, root = served.browser("prof"), served.browser("root")
    page = prof.post("/people", data={"id": "yoon", "name": "윤", "role": "assistant"})
    link = re.search(r"http://\S+/sign-in/[\w-]+", page.text)[0]
    yoon = served.browser()
    assert yoon.post(link).url.path == "/class/binary"
    assert prof.post("/people", data={"id": "yoon", "role": "student"}).status_code == 422
    assert prof.post("/people", data={"id": "x", "role": "administrator"}).status_code == 404
    assert prof.post("/people/yoon/remove").status_code == 404
    root.post("/people/yoon/remove")
    assert yoon.get("/class/binary").status_code == 401
    with transaction(served.site.book.reading) as connection:
        assert "yoon" not in {each.id for each in people.accounts(connection)}
        actions = [each.action for each in desk.events(connection)]
    assert actions[:2] == ["removed", "added"]
