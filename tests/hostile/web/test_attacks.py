"""Attacks on the web application: other people's work, other sites, addresses, sizes, markup."""

import contextlib
import http.client
import io
import json
import re
import threading
import time
import zipfile
from pathlib import Path
from urllib.parse import quote, urlsplit

import httpx
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.routing import Route

from grader.gradebook import people
from grader.gradebook.opening import transaction
from grader.web import limits, students
from grader.web.app import ROUTES, create_app
from grader.web.limits import Buckets

RIGHT = (Path(__file__).parents[3] / "solutions/binary/variants/double_precision.py").read_bytes()
RANK = ["anybody", "student", "assistant", "teacher", "administrator"]
WHO = {"student": "kim", "assistant": "ta", "teacher": "prof", "administrator": "root"}


def path_of(address, key="nothing"):
    parts = {
        "name": "binary",
        "key": key,
        "id": "lee",
        "secret": "x" * 32,
        "id:int": "1",
        "number:int": "1",
    }
    return re.sub(r"\{([\w:]+)\}", lambda found: parts[found[1]], address.path)


def test_every_address_declares_its_role(shared):
    paths = {
        (route.path, method) for route in routes_of(shared) for method in route.methods - {"HEAD"}
    }
    assert paths == {(each.path, each.method) for each in ROUTES}
    assert all(each.role in RANK for each in ROUTES)
    assert [each.path for each in ROUTES if each.role == "anybody"] == [
        "/healthz",
        "/metrics",
        "/sign-in/{secret}",
        "/sign-in/{secret}",
    ]


def routes_of(shared):
    app = create_app(shared.site)
    return [r for r in app.routes if isinstance(r, Route) and not r.path.startswith("/static")]


@pytest.mark.sampled(2)
@pytest.mark.parametrize("address", ROUTES, ids=lambda each: f"{each.method} {each.path}")
def test_a_role_below_the_address_gets_nothing(shared, address):
    rank = RANK.index(address.role)
    if rank:
        answer = shared.browser().request(address.method, path_of(address))
        assert answer.status_code == 401
    if rank > 1:
        below = shared.browser(WHO[RANK[rank - 1]])
        answer = below.request(address.method, path_of(address))
        assert answer.status_code == 404, answer.text


OPENED = [each for each in students.ROUTES if "{key}" in each.path]


@pytest.mark.sampled(3)
@pytest.mark.parametrize("address", OPENED, ids=lambda each: f"{each.method} {each.path}")
@pytest.mark.parametrize("who", ["lee", "ta-a"])
def test_nobody_opens_the_work_of_a_student_who_is_not_theirs(shared, hand_in, address, who):
    owner, other = ("kim", "lee") if who == "lee" else ("lee", "ta-a")
    key = hand_in(shared.browser(owner), RIGHT)
    answer = shared.browser(other).request(
        address.method, path_of(address, key), data={"words": "x"}
    )
    assert answer.status_code == 404


@pytest.mark.parametrize(
    "path", ["/students/lee", "/students/lee/link", "/students/lee/adjustments"]
)
def test_an_assistant_of_a_section_sees_only_its_students(shared, path):
    ta = shared.browser("ta-a")
    method = "GET" if path == "/students/lee" else "POST"
    assert ta.request(method, path, data={"points": "1", "reason": "x"}).status_code == 404
    assert "이영희" not in ta.get("/class/binary").text
    assert "이영희" in shared.browser("ta").get("/class/binary").text


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "", "Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "null"},
    ],
)
def test_forms_of_other_sites_change_nothing(shared, headers):
    kim = shared.browser("kim")
    answer = kim.post("/sign-out", headers=headers)
    assert answer.status_code == 403
    assert kim.get("/").status_code == 200


def test_a_form_that_does_not_say_where_it_comes_from_changes_nothing(shared):
    kim = shared.browser("kim")
    with httpx.Client(base_url=shared.url, cookies=kim.cookies) as plain:
        assert plain.post("/sign-out").status_code == 403


def test_another_host_name_is_refused(shared):
    assert shared.browser("kim").get("/", headers={"Host": "evil.example"}).status_code == 400


@pytest.mark.parametrize(
    "back", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)"]
)
def test_no_form_sends_people_to_another_site(shared, back):
    kim = shared.browser("kim")
    kim.follow_redirects = False
    answer = kim.post("/language", data={"language": "ko", "back": back})
    assert answer.headers["location"] == "/"


def test_a_link_is_used_by_the_button_and_once(shared):
    link, browser = shared.link("kim"), shared.browser()
    for _ in range(2):
        assert browser.get(link).status_code == 200  # a mail program looks at it
    assert browser.post(link).status_code == 200
    assert shared.browser().post(link).status_code == 404


@pytest.mark.long
def test_only_links_that_do_not_work_are_slowed_down(served):
    with transaction(served.site.book.engine) as connection:
        people.put_accounts(connection, [people.Account(id=f"s{n}") for n in range(40)])
    browser = served.browser()
    for number in range(40):  # a whole class behind one address
        assert browser.post(served.link(f"s{number}")).status_code == 200
    served.site.sign_in_buckets = Buckets(
        burst=30, seconds=1e6
    )  # none is refilled, however slow this is
    codes = [browser.post(f"/sign-in/{'x' * number}y").status_code for number in range(40)]
    assert codes == [404] * 30 + [429] * 10


def test_a_session_from_outside_is_not_taken_over(shared):
    browser = shared.browser()
    browser.cookies.set("grader_session", "chosen-by-somebody-else")
    browser.post(shared.link("kim"))
    chosen = {"grader_session": "chosen-by-somebody-else"}
    with httpx.Client(base_url=shared.url, cookies=chosen) as stolen:
        assert stolen.get("/").status_code == 401


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(shared):
    browser = shared.browser()
    browser.follow_redirects = False
    cookie = browser.post(shared.link("kim")).headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    secret = re.search(r"grader_session=([^;]+)", cookie)[1]
    with shared.site.book.engine.connect() as connection:
        dump = "\n".join(connection.connection.iterdump())
    assert secret not in dump, "who reads the database can't sign in"


@pytest.mark.parametrize(
    "name",
    [
        "../../../etc/passwd.py",
        "..\\..\\x.py",
        "<script>alert(1)</script>.py",
        "a\r\nSet-Cookie: x=1.py",
        "\u202egnp.py",
        "x" * 800 + ".py",
    ],
)
def test_a_file_name_is_only_a_name(shared, hand_in, name):
    kim = shared.browser("kim")
    key = hand_in(kim, RIGHT, name)
    page = kim.get(f"/hand-ins/{key}")
    assert "<script>alert" not in page.text
    assert "\u202e" not in page.text
    given = kim.get(f"/hand-ins/{key}/file")
    assert given.content == RIGHT
    assert "set-cookie" not in given.headers
    assert "/etc/" not in given.headers["content-disposition"]


def test_an_upload_is_bounded_while_it_arrives(shared, monkeypatch):
    monkeypatch.setattr(limits, "MAX_UPLOAD", 2**21)
    kim = shared.browser("kim")
    large = {"file": ("x.py", b"#" * (2**21 + 1))}
    assert kim.post("/assignments/binary/uploads", files=large).status_code == 413

    def endless():
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="x.py"\r\n\r\n'
        while True:
            yield b"#" * 2**16

    with contextlib.suppress(httpx.TransportError):  # the server no longer listens
        answer = kim.post(
            "/assignments/binary/uploads",
            content=endless(),
            headers={"Content-Type": "multipart/form-data; boundary=b"},
        )
        assert answer.status_code == 413


@pytest.mark.long
def test_a_notebook_may_be_as_large_as_on_disk(shared, hand_in):
    picture = {"output_type": "stream", "name": "stdout", "text": "x" * (25 * 2**20)}
    cell = {"cell_type": "code", "source": RIGHT.decode(), "metadata": {}, "outputs": [picture]}
    notebook = {"cells": [cell | {"execution_count": 1}], "metadata": {}, "nbformat": 4}
    content = json.dumps(notebook | {"nbformat_minor": 5}).encode()
    kim = shared.browser("kim")
    key = hand_in(kim, content, "binary.ipynb")
    assert kim.get(f"/hand-ins/{key}/file").content == content


def zipped(*files):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return data.getvalue()


BOMBS = {
    "one large file": lambda: zipped(("binary.py", b"#" * (300 * 2**20))),
    "many large files": lambda: zipped(*((f"{n}.py", b"#" * (19 * 2**20)) for n in range(40))),
    "archives in archives": lambda: zipped(
        *((f"{n}.zip", zipped(("x.zip", zipped(("x.py", b"#" * 2**24))))) for n in range(20))
    ),
    "no names": lambda: zipped(*((f"d{n}/", b"") for n in range(30_000))),
    "a path outside": lambda: zipped(("../../../../tmp/binary.py", RIGHT)),
    "no archive": lambda: b"PK\x03\x04" + b"x" * 1000,
}


@pytest.mark.long
@pytest.mark.parametrize("bomb", BOMBS)
def test_an_archive_that_is_a_bomb_is_refused_and_holds_nobody_up(shared, bomb):
    kim, lee = shared.browser("kim"), shared.browser("lee")
    content = BOMBS[bomb]()
    before = psutil.Process().memory_info().rss
    begin = time.process_time()
    codes = []
    files = {"file": ("x.zip", content)}
    upload = threading.Thread(
        target=lambda: codes.append(
            kim.post("/assignments/binary/uploads", files=files).status_code
        )
    )
    upload.start()
    while upload.is_alive():
        assert lee.get("/healthz").status_code == 200
        time.sleep(0.05)
    assert codes == [200 if bomb == "a path outside" else 422] or bomb == "a path outside"
    assert time.process_time() - begin < 20
    assert psutil.Process().memory_info().rss - before < 300 * 2**20
    assert not Path("/tmp/binary.py").exists()


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    "content",
    [
        b'{"cells": ' + b"[" * 100_000,
        b'{"cells": [{"cell_type": "code", "source": "' + b"\\u0000" * 1000,
        b"\xff\xfe" + b"\x00" * 1000,
        b"(" * 100_000,
        b"f" + b"'{" * 5000,
    ],
    ids=["deep", "nul", "utf-16", "parentheses", "f-strings"],
)
@pytest.mark.parametrize("name", ["binary.py", "binary.ipynb"])
def test_what_is_hard_to_read_is_answered(shared, name, content):
    kim = shared.browser("kim")
    answer = kim.post("/assignments/binary/uploads", files={"file": (name, content)})
    assert answer.status_code in (200, 422)
    assert kim.get("/").status_code == 200


def test_slow_uploads_do_not_hold_others(shared):
    host = urlsplit(shared.url).netloc
    slow = []
    for _ in range(60):
        connection = http.client.HTTPConnection(host)
        connection.putrequest("POST", "/assignments/binary/uploads")
        connection.putheader("Content-Length", "1000000")
        connection.putheader("Origin", shared.url)
        connection.endheaders()
        connection.send(b"x")
        slow.append(connection)
    kim = shared.browser("kim")
    begin = time.monotonic()
    assert kim.get("/").status_code == 200
    assert time.monotonic() - begin < 10
    for connection in slow:
        connection.close()


def test_uploads_of_one_person_are_slowed_down(served):
    kim, lee = served.browser("kim"), served.browser("lee")
    form = {"file": ("x.pdf", b"x")}
    codes = [kim.post("/assignments/binary/uploads", files=form).status_code for _ in range(12)]
    assert codes[-1] == 429
    assert lee.post("/assignments/binary/uploads", files=form).status_code == 422


def test_no_page_allows_scripts_of_others(shared, hand_in):
    kim = shared.browser("kim")
    key = hand_in(kim, RIGHT)
    for path in ("/", f"/hand-ins/{key}", "/nothing", "/sign-in/x"):
        answer = kim.get(path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert not re.search(r"<script(?! src=\"/static/)|\son\w+=|style=", answer.text)


def test_markup_of_people_is_text(shared):
    with transaction(shared.site.book.engine) as connection:
        people.put_accounts(
            connection, [people.Account(id="<b>x</b>", name="<script>alert(1)</script>")]
        )
    page = shared.browser("ta").get("/class/binary")
    assert "<script>alert" not in page.text
    assert "<b>x</b>" not in page.text


def test_static_files_end_at_their_folder(shared):
    host = urlsplit(shared.url).netloc
    for path in ("/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py"):
        connection = http.client.HTTPConnection(host)
        connection.request("GET", path)
        assert connection.getresponse().status in (400, 404)
        connection.close()


ANY = st.text(st.characters(exclude_categories=("Cs",)), max_size=60)


@pytest.mark.long
@settings(max_examples=150)
@given(
    address=st.sampled_from([each for each in ROUTES if not each.streams]),
    who=st.sampled_from(["", "kim", "ta-a", "root"]),
    part=ANY,
    form=st.dictionaries(ANY, ANY, max_size=6),
)
def test_no_request_ends_in_an_error_of_ours(shared, address, who, part, form):
    """In place of schemathesis: the pages take forms, which an OpenAPI description says nothing more about."""
    browser = BROWSERS.setdefault(who, shared.browser(who))
    named = {name: "1" for name in ("words", "points", "id", "role", "item", "due") if name}
    path = re.sub(
        r"\{(\w+)(:int)?\}",
        lambda found: "7" if found[2] else quote(part, safe="") or "x",
        address.path,
    )
    if path in ("/sign-out", "/account/sign-out-everywhere"):
        return
    answer = browser.request(address.method, path, data=named | form)
    assert answer.status_code < 500, (path, form)


BROWSERS: dict[str, httpx.Client] = {}
