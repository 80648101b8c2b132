"""A student signs in, hands in, watches, reads the result and asks; over HTTP, with real grading."""

import hashlib
import html
import io
import re
import zipfile
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from grader.gradebook import desk, queue, uploads
from grader.gradebook.opening import transaction
from grader.model.assignment import Feedback
from grader.model.late import LatePolicy

ROOT = Path(__file__).parents[2]
RIGHT = (ROOT / "tests/class/binary/wrong_half_done_train_stub.py").read_bytes()
"""All right but the training, which isn't there and takes no time: 60 points."""
WRONG = RIGHT.replace(b"def sigmoid(", b"def sigmoid(x):\n    return x\n\ndef other(")


def text_of(page):
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page.text)).split())


def test_from_the_link_to_the_report(graded, hand_in, wait_for_report):
    kim = graded.browser("kim")
    home = kim.get("/")
    assert "Logistic regression with one variable" in home.text
    page = kim.post("/assignments/binary/uploads", files={"file": ("binary.py", RIGHT)})
    assert "You haven't handed anything in yet" in text_of(page)
    assert page.text.count("✓") == 6
    assert not uploads_of(graded, "kim")

    seen = []
    key = hand_in(kim, RIGHT)
    with kim.stream("GET", f"/hand-ins/{key}/events", timeout=120) as events:
        for line in events.iter_lines():
            seen.append(line)
            if line == "event: done":
                break
    assert any("Weighted sum" in line for line in seen), "items arrive while others are graded"

    page = kim.get(f"/hand-ins/{key}")
    assert "<strong>60</strong>" in page.text
    assert hashlib.sha256(RIGHT).hexdigest() in page.text
    assert hashlib.sha256(RIGHT).hexdigest() in kim.get(f"/hand-ins/{key}/receipt").text
    assert kim.get(f"/hand-ins/{key}/file").content == RIGHT
    assert "def weighted_sum" in text_of(kim.get(f"/hand-ins/{key}/report"))
    assert "60 / 100" in text_of(kim.get("/"))

    key = hand_in(kim, WRONG)
    page = wait_for_report(kim, key)
    assert "<strong>60</strong>" not in page.text
    assert (
        text_of(kim.get("/")).count("counts") == 3
    )  # the rule of two assignments, and the last hand-in


def uploads_of(served, student):
    with transaction(served.site.book.reading) as connection:
        return uploads.hand_ins_of(connection, student)


@pytest.mark.parametrize(
    "name, content, words",
    [
        ("binary.py", (ROOT / "assignments/binary/binary.py").read_bytes(), "the template as you received it"),
        ("x.py", b"def greet(name):\n    return name\n", "none of the assignment"),
        ("wine.py", b"def load_data():\n    pass\ndef scale(x):\n    return x\n", "another assignment"),
        ("binary.py", b"def sigmoid(x:\n    return x\n", "Python can't read"),
    ],
    ids=["template", "no function", "another assignment", "syntax"],
)  # fmt: skip
def test_the_page_says_what_is_odd_before_anything_is_handed_in(served, name, content, words):
    kim = served.browser("kim")
    page = kim.post("/assignments/binary/uploads", files={"file": (name, content)})
    assert words in text_of(page)
    assert not uploads_of(served, "kim")


@pytest.mark.parametrize(
    "name, content, words",
    [
        ("essay.pdf", b"%PDF", "neither a script"),
        ("binary.ipynb", b"{ not json", "notebook"),
        ("binary.py", b"", "no code"),
        ("", b"", "no file was chosen"),
        ("two.zip", {"a.py": RIGHT, "b.py": WRONG}, "several files"),
        ("none.zip", {"a.txt": b"x"}, "contains no script"),
        ("broken.zip", b"PK\x03\x04 no zip", "broken.zip"),
    ],
)
def test_a_file_that_is_no_submission_is_refused_with_the_reason(served, name, content, words):
    content = zipped(content) if isinstance(content, dict) else content
    kim = served.browser("kim")
    page = kim.post("/assignments/binary/uploads", files={"file": (name, content)})
    assert page.status_code == 422
    assert words in text_of(page)
    assert not uploads_of(served, "kim")


def zipped(files):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return data.getvalue()


def test_a_zip_with_one_submission_is_that_submission(served, hand_in):
    kim = served.browser("kim")
    packed = zipped({"homework/binary.py": RIGHT, "homework/notes.txt": b"x"})
    key = hand_in(kim, packed, "homework.zip")
    assert kim.get(f"/hand-ins/{key}/file").content == RIGHT


def test_an_upload_is_handed_in_once(served, hand_in):
    kim = served.browser("kim")
    key = hand_in(kim, RIGHT)
    assert kim.post(f"/uploads/{key}/hand-in").url.path == f"/hand-ins/{key}"
    with transaction(served.site.book.reading) as connection:
        assert queue.depth(connection) == {"waiting": 1, "running": 0}


def test_a_waiting_page_shows_its_place_and_works_without_script(served, hand_in):
    kim, lee = served.browser("kim"), served.browser("lee")
    hand_in(kim, RIGHT)
    page = lee.get(f"/hand-ins/{hand_in(lee, RIGHT)}")
    assert "1 before yours" in text_of(page)
    assert '<noscript><meta http-equiv="refresh"' in page.text


def with_feedback(settings, **feedback):
    settings["binary"] = msgspec.structs.replace(settings["binary"], feedback=Feedback(**feedback))


@pytest.mark.slow
def test_results_are_hidden_until_they_are_released(settings, request, hand_in, wait_for_report):
    with_feedback(settings, show="after_release")
    graded = request.getfixturevalue("graded")
    kim, prof = graded.browser("kim"), graded.browser("prof")
    key = hand_in(kim, RIGHT)
    page = wait_for_report(kim, key)
    assert "haven't been released" in text_of(page)
    for hidden in (page, kim.get("/"), kim.get(f"/hand-ins/{key}/report")):
        assert "60</strong>" not in hidden.text
        assert "60 / 100" not in text_of(hidden)
        assert "Weighted sum" not in hidden.text or "<option" in hidden.text
    assert kim.get(f"/hand-ins/{key}/report").status_code == 404
    assert prof.get(f"/hand-ins/{key}/report").status_code == 200
    again = wait_for_report(kim, hand_in(kim, RIGHT + b"\n# again\n"))
    assert "What changed" not in again.text

    prof.post("/class/binary/release", data={"released": "yes"})
    assert "<strong>60</strong>" in kim.get(f"/hand-ins/{key}").text
    prof.post("/class/binary/release", data={"released": "no"})
    assert kim.get(f"/hand-ins/{key}/report").status_code == 404


@pytest.mark.slow
def test_only_public_items_are_shown_until_the_due_date(
    settings, request, hand_in, wait_for_report
):
    with_feedback(settings, show="public_until_due")
    binary = settings["binary"]
    due = datetime.now().astimezone() + timedelta(days=1)
    first = msgspec.structs.replace(binary.items[0], public=True)
    settings["binary"] = msgspec.structs.replace(
        binary, items=(first, *binary.items[1:]), late=LatePolicy(due=due, percent_per_day=10)
    )
    graded = request.getfixturevalue("graded")
    kim, ta = graded.browser("kim"), graded.browser("ta")
    page = wait_for_report(kim, key := hand_in(kim, RIGHT))
    results = page.text.split('id="receipt"')[0]
    assert "Weighted sum" in results
    assert "Sigmoid" not in results
    assert "<strong>60</strong>" not in page.text
    assert "Sigmoid" in ta.get(f"/hand-ins/{key}").text.split('id="receipt"')[0]


def test_hand_ins_beyond_the_days_number_count_and_wait(settings, request, hand_in):
    with_feedback(settings, attempts_per_day=1)
    served = request.getfixturevalue("served")
    kim = served.browser("kim")
    hand_in(kim, RIGHT)
    page = kim.post("/assignments/binary/uploads", files={"file": ("binary.py", WRONG)})
    assert "used up today's" in text_of(page)
    key = hand_in(kim, WRONG)
    assert "Your hand-in counts" in text_of(kim.get(f"/hand-ins/{key}"))
    claimed = [queue.claim(served.site.book.engine, ["binary"]) for _ in range(2)]
    assert claimed[1] is None
    assert len(uploads_of(served, "kim")) == 2


@pytest.mark.slow
def test_late_days_cost_what_the_policy_says(settings, request, hand_in, wait_for_report):
    due = datetime.now().astimezone() - timedelta(hours=1)
    settings["binary"] = msgspec.structs.replace(
        settings["binary"], late=LatePolicy(due=due, percent_per_day=10)
    )
    graded = request.getfixturevalue("graded")
    kim, ta = graded.browser("kim"), graded.browser("ta")
    key = hand_in(kim, RIGHT)
    page = wait_for_report(kim, key)
    assert "<strong>50</strong>" in page.text
    assert "after the due date" in text_of(page)

    later = (datetime.now() + timedelta(days=1)).isoformat(timespec="minutes")
    ta.post("/students/kim/extensions", data={"assignment": "binary", "due": later})
    assert "<strong>60</strong>" in wait_for_report(kim, key).text


def test_a_question_and_its_answer(served, hand_in):
    kim, ta = served.browser("kim"), served.browser("ta")
    key = hand_in(kim, RIGHT)
    kim.post(
        f"/hand-ins/{key}/questions", data={"item": "sigmoid", "words": "왜 <b>0점</b>인가요?"}
    )
    inbox = ta.get("/questions")
    assert "왜 &lt;b&gt;0점&lt;/b&gt;인가요?" in inbox.text
    number = re.search(r'action="/questions/(\d+)"', inbox.text)[1]
    ta.post(f"/questions/{number}", data={"words": "다시 보니 맞습니다."})
    page = kim.get(f"/hand-ins/{key}")
    assert "다시 보니 맞습니다." in page.text
    assert "Choi" in page.text
    with transaction(served.site.book.reading) as connection:
        (question,) = desk.questions(connection)
    assert question.answered_by == "Choi"


def test_pages_are_in_the_language_that_was_chosen(served):
    kim = served.browser("kim")
    page = kim.post("/language", data={"language": "ko", "back": "/"})
    assert "과제" in page.text
    assert '<html lang="ko">' in page.text
    assert '<html lang="en">' in served.browser("park").get("/").text


def test_the_language_can_be_chosen_on_the_page_of_an_error(served, hand_in):
    kim = served.browser("kim")
    key = hand_in(kim, RIGHT)
    page = kim.post(f"/hand-ins/{key}/questions", data={"words": ""})
    assert page.status_code == 422
    back = re.search(r'name="back" value="([^"]*)"', page.text)[1]
    assert kim.post("/language", data={"language": "ko", "back": back}).status_code == 200
