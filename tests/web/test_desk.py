"""What assistants do with the work of a class that is handed in and graded: the same as on the command line."""

import base64
import csv
import html
import io
import re
import zipfile
from pathlib import Path

import pytest

from grader.gradebook import desk, people
from grader.gradebook.opening import transaction

WHOLE = (Path(__file__).parents[2] / "solutions/binary/variants/double_precision.py").read_bytes()
RIGHT = (Path(__file__).parents[1] / "class/binary/wrong_half_done_train_stub.py").read_bytes()
"""All right but the training, which isn't there and takes no time: 60 points."""
WRONG = RIGHT.replace(b"def sigmoid(", b"def sigmoid(x):\n    return x\n\ndef other(")
OWN = b"""

def zigzag(rows, wide, seen=()):
    found = {}
    for number, row in enumerate(rows, 3):
        if number % 7 == 2 and row not in seen:
            found[row[-1]] = sorted(row, key=lambda each: (each ^ wide, -each))
        while wide > number:
            wide -= len(found) + 5
    return [found[key] * wide for key in reversed(sorted(found)) if key]
"""
"""Code that nobody writes twice."""


def text_of(page):
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page.text)).split())


@pytest.fixture(scope="module")
def keys(course, hand_in, wait_for_report):
    """Kim handed in something wrong, lee something right."""
    found = {}
    for who, content in (("kim", WRONG), ("lee", WHOLE)):
        browser = course.browser(who)
        found[who] = hand_in(browser, content + OWN)
    for who, key in found.items():
        wait_for_report(course.browser(who), key)
    return found


def score_of(course, key):
    page = course.browser("ta").get(f"/hand-ins/{key}").text
    return float(re.search(r"<strong>([\d.]+)</strong>", page)[1])


def actions(course):
    with transaction(course.site.book.reading) as connection:
        return [(each.account, each.action, each.subject) for each in desk.events(connection)]


def test_the_class_page_has_the_table_the_filters_and_the_reasons(course, keys):
    page = course.browser("ta").get("/class/binary")
    words = text_of(page)
    assert "2 / 3 handed in" in words
    assert "Why points were lost" in page.text
    assert 'data-section="A"' in page.text
    assert "<option>B</option>" in page.text
    assert re.search(r'<td role="cell" class="failed">0', page.text)


def test_an_assistant_of_a_section_sees_and_exports_only_that_section(course, keys):
    ta = course.browser("ta-a")
    for path in ("/class/binary", "/class/binary/scores.csv"):
        page = ta.get(path)
        assert "kim" in page.text
        assert "lee" not in page.text
    assert "lee" not in ta.get("/class/binary/similar").text
    assert ta.get("/students/lee/binary").status_code == 404
    assert ta.get("/students/lee/binary/report").status_code == 404


def test_an_adjustment_of_an_item_is_undone(course, keys):
    ta = course.browser("ta")
    before = score_of(course, keys["kim"])
    form = {"assignment": "binary", "item": "sigmoid", "points": "4", "reason": "right idea"}
    page = ta.post("/students/kim/adjustments", data=form)
    assert page.url.path == "/students/kim/binary"
    assert score_of(course, keys["kim"]) == before + 4
    (decision,) = course.site.book.decisions()
    assert decision.adjustment.item == "sigmoid"
    page = course.browser("kim").get(f"/hand-ins/{keys['kim']}")
    assert "+4 · Sigmoid: right idea" in text_of(page)
    page = ta.post(f"/students/kim/adjustments/{decision.id}/undo")
    assert "undone by Choi" in text_of(page)
    assert score_of(course, keys["kim"]) == before
    assert ta.post(f"/students/kim/adjustments/{decision.id}/undo").status_code == 422
    assert ta.post(f"/students/lee/adjustments/{decision.id}/undo").status_code == 404
    assert ("ta", "undid", "kim") in actions(course)


def test_points_beyond_the_maximum_are_given_only_where_they_are_meant(course, keys):
    ta = course.browser("ta")
    form = {"assignment": "binary", "points": "5", "reason": "bonus"}
    assert ta.post("/students/lee/adjustments", data=form).status_code == 422
    ta.post("/students/lee/adjustments", data=form | {"beyond": "yes"})
    assert score_of(course, keys["lee"]) == 105
    ta.post(f"/students/lee/adjustments/{course.site.book.decisions()[-1].id}/undo")


def test_points_that_the_maximum_cuts_are_told(course, keys):
    ta = course.browser("ta")
    form = {"assignment": "binary", "points": "500", "reason": "bonus"}
    page = ta.post("/students/kim/adjustments", data=form)
    assert "+500 were asked for; the rest is above the maximum" in text_of(page)
    assert score_of(course, keys["kim"]) == 100
    page = ta.post(f"/students/kim/adjustments/{course.site.book.decisions()[-1].id}/undo")
    assert "asked for" not in text_of(page)


def test_an_excused_student_does_not_count_until_that_is_undone(course, keys):
    ta = course.browser("ta")
    ta.post("/students/lee/excuses", data={"assignment": "binary", "reason": "sick"})
    assert "1 excused" in text_of(ta.get("/class/binary"))
    assert "excused" in ta.get("/class/binary/scores.csv").text
    lee = course.browser("lee")
    for page in (lee.get("/"), lee.get(f"/hand-ins/{keys['lee']}"), ta.get("/students/lee/binary")):
        assert "Excused: this assignment doesn't count." in text_of(page)
    assert "Your score" not in text_of(lee.get("/"))
    assert "100 / 100 excused" in text_of(ta.get("/students/lee"))
    ta.post(f"/students/lee/adjustments/{course.site.book.decisions()[-1].id}/undo")
    assert "excused" not in text_of(ta.get("/class/binary")).partition("Search")[0]


def test_a_student_who_handed_in_nothing_can_be_excused(course, keys):
    with transaction(course.site.book.engine) as connection:
        people.put_accounts(connection, [people.Account(id="sick", section="B")])
    ta = course.browser("ta")
    page = ta.post("/students/sick/excuses", data={"assignment": "binary", "reason": "ill"})
    assert page.status_code == 200
    assert re.search(r"sick,[^\n]*excused", ta.get("/class/binary/scores.csv").text)
    assert "1 excused" in text_of(ta.get("/class/binary"))
    with transaction(course.site.book.engine) as connection:
        people.remove(connection, "sick")


def test_a_comment_on_a_line_is_on_the_students_page_until_it_is_withdrawn(course, keys):
    ta, kim = course.browser("ta"), course.browser("kim")
    page = ta.get("/students/kim/binary")
    line = re.search(
        r'\?cell=&amp;line=(\d+)#comment"[^>]*>\d+</a> <code>    return x</code>', page.text
    )[1]
    assert f'value="{line}"' in ta.get(f"/students/kim/binary?cell=&line={line}").text
    form = {"assignment": "binary", "line": line, "words": "And *exp*?", "item": ""}
    ta.post("/students/kim/comments", data=form)
    report = kim.get(f"/hand-ins/{keys['kim']}/report")
    assert "<em>exp</em>" in report.text
    page = kim.get(f"/hand-ins/{keys['kim']}").text
    assert "<em>exp</em>" in page
    assert "Choi" not in page.partition('id="questions"')[0]  # students don't see who wrote it
    assert "Choi" in ta.get(f"/hand-ins/{keys['kim']}").text
    (comment,) = course.site.book.comments()
    assert comment.quote == "return x"
    ta.post(f"/students/kim/comments/{comment.id}/undo")
    assert "<em>exp</em>" not in kim.get(f"/hand-ins/{keys['kim']}/report").text
    assert ta.post("/students/kim/comments", data=form | {"line": "x"}).status_code == 422
    assert ta.post("/students/kim/comments", data=form | {"line": "99999"}).status_code == 422


def test_scores_are_filled_into_the_file_of_a_platform(course, keys):
    columns = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "Logistic (1)"]
    rows = [columns, ["    Points Possible", "", "", "", "", "100"]]
    rows += [["Kim", "1", "kim", "kim", "A", ""], ["Park", "3", "park", "park", "A", ""]]
    file = io.StringIO()
    csv.writer(file).writerows(rows)
    page = course.browser("ta").post(
        "/class/binary/export",
        data={"format": "canvas", "column": "Logistic (1)"},
        files={"template": ("Grades.csv", file.getvalue())},
    )
    data = base64.b64decode(re.search(r"data:text/csv;base64,([\w+/=]+)", page.text)[1]).decode()
    filled = {row[2]: row[5] for row in csv.reader(io.StringIO(data)) if len(row) > 5}
    assert float(filled["kim"]) == score_of(course, keys["kim"])
    assert "lee" in text_of(page), "a student without a row is named"
    refused = course.browser("ta").post("/class/binary/export", data={"format": "canvas"})
    assert refused.status_code == 422


def test_results_are_handed_back_through_moodle(course, keys):
    worksheet = (
        "Identifier,Full name,Email address,Status,Grade,Maximum grade,Feedback comments\r\n"
        "Participant 101,김철수,kim@example.org,Submitted,,100.00,\r\n"
        "Participant 102,이영희,lee@example.org,Submitted,,100.00,by hand\r\n"
    )
    form = {"data": {"platform": "moodle"}, "files": {"template": ("Grades.csv", worksheet)}}
    done = course.browser("ta").post("/class/binary/hand-back", **form)
    with zipfile.ZipFile(io.BytesIO(done.content)) as archive:
        assert set(archive.namelist()) == {"feedback.zip", "moodle.csv", "notes.txt"}
        notes = archive.read("notes.txt").decode()
        filled = list(csv.DictReader(io.StringIO(archive.read("moodle.csv").decode("utf-8-sig"))))
        with zipfile.ZipFile(io.BytesIO(archive.read("feedback.zip"))) as pages:
            page = pages.read("김철수_101_assignsubmission_file_binary.html").decode()
    score = f"{score_of(course, keys['kim']):g}"
    assert f"{score} of 100 points" in filled[0]["Feedback comments"]
    assert "by hand" in notes, "what is replaced is said"
    assert score in page
    assert ("ta", "handed back", "binary") in actions(course)


def test_nothing_is_handed_back_without_the_file_of_the_platform(course, keys):
    for files in ({}, {"template": ("Grades.csv", "a,b\r\n1,2\r\n")}):
        form = {"data": {"platform": "moodle"}, "files": files}
        refused = course.browser("ta").post("/class/binary/hand-back", **form)
        assert refused.status_code == 422, "said in a sentence"
    page = course.browser("ta").get("/class/binary/hand-back")
    assert "zip of files for Canvas or Moodle" in text_of(page)


def test_similar_hand_ins_stand_side_by_side(course, keys):
    page = course.browser("ta").get("/class/binary/similar")
    assert "Similarity isn't proof of copying" in html.unescape(page.text)
    assert "identical" in page.text or "%" in page.text
    assert "<mark>" in page.text


@pytest.mark.long
def test_a_regrade_of_an_item_runs_those_that_lost_points_and_nothing_has_changed(
    course, keys, wait_for_report
):
    prof = course.browser("prof")
    before = {
        each.report.student: each.graded_at for each in course.site.book.class_record().records
    }
    prof.post("/class/binary/regrade", data={"item": "sigmoid"})
    wait_for_report(course.browser("kim"), keys["kim"])
    after = {
        each.report.student: each.graded_at for each in course.site.book.class_record().records
    }
    assert after["kim"] > before["kim"]
    assert after["lee"] == before["lee"]
    assert "No score has changed" in text_of(prof.get("/class/binary/changes"))
    assert prof.post("/class/binary/regrade", data={"item": "nothing"}).status_code == 404


def test_what_changed_since_a_run_is_listed_with_the_reason(course, keys):
    ta = course.browser("ta")
    course.site.book.begin_run(["web"], {})
    form = {"assignment": "binary", "points": "-3", "reason": "late excuse"}
    ta.post("/students/kim/adjustments", data=form)
    words = text_of(ta.get("/class/binary/changes"))
    assert "changed scores: 1" in words
    assert "adjusted by hand" in words


def test_the_page_of_an_attempt_says_what_changed_since_the_one_before(
    course, hand_in, wait_for_report
):
    park = course.browser("park")
    wait_for_report(park, hand_in(park, WRONG.replace(b"return x\n", b"return x + 0\n")))
    page = wait_for_report(park, hand_in(park, RIGHT + b"\n# again\n"))
    assert "What changed since your hand-in of" in page.text
    assert re.search(r"Sigmoid 0 10 \+10", text_of(page))
    assert "Your score: 60 of 100 points" in text_of(park.get("/"))


def test_the_stamp_changes_with_the_table(course, keys):
    ta = course.browser("ta")
    first = ta.get("/class/binary/stamp").text
    assert ta.get("/class/binary/stamp").text == first
    ta.post(
        "/students/kim/adjustments", data={"assignment": "binary", "points": "-1", "reason": "x"}
    )
    assert ta.get("/class/binary/stamp").text != first
