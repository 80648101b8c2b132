"""The same pages on SQLite and on PostgreSQL."""

import io
import json
import zipfile
from pathlib import Path

import pytest

from grader.gradebook import Gradebook, people
from grader.gradebook.opening import transaction
from grader.web.site import Site

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
RIGHT = (ROOT / "solutions/binary/variants/double_precision.py").read_bytes()


def test_hand_in_ask_answer_extend_and_export(url, tmp_path, assignments, hand_in, web):
    with Gradebook(tmp_path, url, create=True) as book:
        with transaction(book.engine) as connection:
            people.put_accounts(connection, web.PEOPLE)
        known = {"binary": assignments["binary"]}
        with web.serve(lambda address: Site(book, known, address)) as served:
            kim, ta = served.browser("kim"), served.browser("ta")
            first, second = (hand_in(kim, RIGHT + b"\n#" * n) for n in (1, 2))
            kim.post(f"/hand-ins/{first}/questions", data={"item": "", "words": "why so slow?"})

            assert "why so slow?" in ta.get("/questions").text
            for path in ("/", f"/hand-ins/{second}", f"/hand-ins/{first}/receipt", "/account"):
                assert kim.get(path).status_code == 200
            for path in ("/class/binary", "/students/kim", "/people", "/log", "/metrics"):
                assert served.browser("prof").get(path).status_code == 200
            with zipfile.ZipFile(io.BytesIO(kim.post("/account/export").content)) as archive:
                tables = json.loads(archive.read("gradebook.json"))
    assert [len(tables[name]) for name in ("account", "upload", "question")] == [1, 2, 1]


def test_whoever_is_forgotten_can_no_longer_sign_in(url, tmp_path, assignments, web, hand_in):
    with Gradebook(tmp_path, url, create=True) as book:
        with transaction(book.engine) as connection:
            people.put_accounts(connection, web.PEOPLE)
        known = {"binary": assignments["binary"]}
        with web.serve(lambda address: Site(book, known, address)) as served:
            kim, link = served.browser("kim"), served.link("kim")
            key = hand_in(kim, RIGHT)
            book.forget("kim")
            assert kim.get("/").status_code == 401
            assert served.browser().post(link).status_code == 404
            assert served.browser("ta").get(f"/hand-ins/{key}").status_code == 404
