"""`grader hand-back` as assistants use it: files of Moodle and Canvas, folders, and mail by a real SMTP server."""

import csv
import email
import email.policy
import re
import shutil
import socket
import zipfile
from contextlib import contextmanager

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

SETTINGS = """\
name = "tiny"
title = { ko = "작은 과제", en = "A tiny one" }
functions = ["f"]
[[items]]
id = "f"
title = { ko = "함수", en = "Function" }
points = 4
[[items]]
id = "g"
title = { ko = "다른 함수", en = "Other function" }
points = 6
[late]
due = 2026-05-01T23:59:00+09:00
percent_per_day = 10
"""
COURSE = 'title = { ko = "기계 학습", en = "Machine learning" }\ncontact = "ta@example.org"\n'
CHECKS = """\
import pytest
from grader.checks import number
@pytest.mark.item("f")
def test_f(student):
    assert number(student.f()) == 1, "f() must be 1, <not> 2"
@pytest.mark.item("g")
def test_g(student):
    assert number(student.g()) == 1
"""
ROSTER = """\
id,name,email
kim,김철수,kim@example.org
lee,"Lee, Jun",lee@example.org
park,박서연,park
choi,최민,choi@example.org
"""
MOODLE = (
    "Identifier,Full name,Email address,Status,Grade,Maximum grade,Last modified (grade),Feedback comments\r\n"
    "Participant 101,김_철수,kim@example.org,Submitted,,10.00,-,\r\n"
    "Participant 102,Jun Lee,lee@example.org,Submitted,,10.00,-,by hand\r\n"
)
CANVAS = (
    "Student Id,Student Name,Function - Points,Function - Comments,다른 함수 - Rating,"
    "다른 함수 - Comments,Style - Comments\r\n"
    '1,"Lee, Jun",,,,,\r\n'
    "2,김철수,,,,,nice\r\n"
)


@pytest.fixture(scope="module")
def graded(command, tmp_path_factory):
    """A class of which kim has everything right, lee nothing, and park has no address; choi handed in nothing."""
    folder = tmp_path_factory.mktemp("class")
    tiny = folder / "solutions" / "tiny"
    tiny.mkdir(parents=True)
    (folder / "course.toml").write_text(COURSE, "utf-8")
    (tiny / "assignment.toml").write_text(SETTINGS, "utf-8")
    (tiny / "test_tiny.py").write_text(CHECKS, "utf-8")
    (folder / "in").mkdir()
    (folder / "in" / "kim_tiny.py").write_text("def f(): return 1\ndef g(): return 1\n")
    (folder / "in" / "lee_tiny.py").write_text("def f(): return 2\ndef g(): return 2\n")
    (folder / "in" / "park_tiny.py").write_text("def f(): return 1\n")
    (folder / "roster.csv").write_text(ROSTER, "utf-8")
    done = command(
        *("batch", folder / "in", "-o", folder / "results", "--roster", folder / "roster.csv"),
        *("--solutions", folder / "solutions"),
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def results(graded, tmp_path):
    return shutil.copytree(graded / "results", tmp_path / "results")


def table(path):
    return list(csv.reader(path.read_text("utf-8-sig").splitlines()))


class _Post:
    """A mail server that keeps messages. It refuses `refused` addresses, and hangs up at messages for `ending`."""

    def __init__(self, refused=(), ending=(), code="550 no such user"):
        self.messages, self.refused, self.ending, self.code = [], refused, ending, code

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802
        if address in self.refused:
            return self.code
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        self.messages.append(
            email.message_from_bytes(envelope.content, policy=email.policy.default)
        )
        if envelope.rcpt_tos[0] in self.ending:
            server.transport.abort()
        return "250 taken"

    @property
    def recipients(self):
        return [message["To"].addresses[0].addr_spec for message in self.messages]


@contextmanager
def served(post, **options):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(post, hostname="127.0.0.1", port=port, **options)
    controller.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        controller.stop()


def mail(command, results, address, *more, **env):
    words = ["--smtp", f"smtp://{address}", "--from", "TA <ta@example.org>", "--per-minute", 6000]
    words += ["--lang", "en", "--send"]
    return command("hand-back", results, "--to", "mail", *words, *more, **env)


def test_without_send_nothing_leaves_the_machine(command, results):
    done = command("hand-back", results, "--to", "mail", "--lang", "en")

    assert "to send: kim <kim@example.org>: tiny" in done.stdout
    assert "10 of 10 points" in done.stdout
    assert "Nothing was sent" in done.stdout
    assert "park: no e-mail address" in done.stderr
    assert done.returncode == 3


def test_each_student_gets_one_message_and_never_a_second_one(command, results):
    post = _Post()
    with served(post) as address:
        first = mail(command, results, address)
        second = mail(command, results, address)

    assert post.recipients == ["kim@example.org", "lee@example.org"]
    assert "messages sent: 2" in first.stdout
    assert "messages sent: 0" in second.stdout
    assert "results sent before: 2" in second.stdout


def test_a_message_tells_the_results_and_brings_the_page(command, results):
    command("comment", results, "lee", "tiny", "See **lesson 3**.", "--item", "g")
    command("adjust", results, "lee", "tiny", "2.5", "--reason", "right idea")
    post = _Post()
    with served(post) as address:
        mail(command, results, address, "--student", "lee")

    (message,) = post.messages
    body = message.get_body(("plain",)).get_content()
    (page,) = message.iter_attachments()
    assert message["Subject"] == "[Machine learning] Your results: A tiny one"
    assert message["From"] == "TA <ta@example.org>"
    assert body.startswith("Hello Lee, Jun,")
    assert "2.5 of 10 points" in body
    assert "+2.5 points: right idea" in body
    assert "Function: 0 of 4, failed. f() returned int: f() must be 1, <not> 2" in body
    assert "Other function: comment: See **lesson 3**." in body
    assert "ta@example.org" in body
    assert page.get_filename() == "tiny.html"
    assert "<strong>lesson 3</strong>" in page.get_content()


def test_messages_are_in_the_students_language(command, results):
    post = _Post()
    with served(post) as address:
        mail(command, results, address, "--lang", "ko")

    assert post.messages[0]["Subject"] == "[기계 학습] 채점 결과: 작은 과제"
    assert "김철수 님, 안녕하세요." in post.messages[0].get_body(("plain",)).get_content()


def test_a_changed_result_is_sent_again_and_an_unchanged_one_is_not(command, graded, results):
    post = _Post()
    with served(post) as address:
        mail(command, results, address)
        command("adjust", results, "lee", "tiny", "1", "--reason", "oral")
        command(
            *("batch", graded / "in", "-o", results, "--rerun", "--solutions", graded / "solutions")
        )
        mail(command, results, address)
        mail(command, results, address, "--student", "kim", "--again")

    assert post.recipients == [f"{who}@example.org" for who in ("kim", "lee", "lee", "kim")]


def test_a_refused_address_is_told_and_tried_again(command, results):
    post = _Post(refused=["kim@example.org"])
    with served(post) as address:
        done = mail(command, results, address)
        post.refused = ()
        mail(command, results, address)

    assert "refused: kim <kim@example.org>: tiny: 550 no such user" in done.stderr
    assert done.returncode == 3
    assert post.recipients == ["lee@example.org", "kim@example.org"]


def test_a_message_that_may_have_arrived_is_not_sent_again(command, results):
    post = _Post(ending=["kim@example.org"])
    with served(post) as address:
        first = mail(command, results, address)
        second = mail(command, results, address)
        post.ending = ()
        mail(command, results, address, "--student", "kim", "--again")

    assert first.returncode == 2
    assert "may have arrived" in first.stderr
    assert "kim, tiny: sending was interrupted" in second.stderr
    assert post.recipients == ["kim@example.org", "lee@example.org", "kim@example.org"]


def test_a_server_wants_a_password(command, results):
    def authenticate(server, session, envelope, mechanism, data):
        return AuthResult(success=data.password == b"secret", handled=False)

    post = _Post()
    options = {"authenticator": authenticate, "auth_require_tls": False}
    with served(post, **options) as address:
        wrong = mail(command, results, f"me@{address}", GRADER_SMTP_PASSWORD="guess")
        right = mail(command, results, f"me@{address}", GRADER_SMTP_PASSWORD="secret")

    assert wrong.returncode == 2
    assert "refuses me: 535" in wrong.stderr
    assert "messages sent: 2" in right.stdout


@pytest.mark.parametrize(
    "options, words",
    [
        (["--send"], "pass the server with --smtp"),
        (
            ["--send", "--smtp", "mail.example.org", "--from", "a@b.c"],
            "isn't the address of a mail server",
        ),
        (["--send", "--smtp", "smtp://me:word@h", "--from", "a@b.c"], "GRADER_SMTP_PASSWORD"),
        (
            ["--send", "--smtp", "smtp://127.0.0.1:1", "--from", "a@b.c"],
            "can't send mail by 127.0.0.1",
        ),
    ],
)
def test_what_is_wrong_with_the_server_is_one_sentence(command, results, options, words):
    done = command("hand-back", results, "--to", "mail", "--lang", "en", *options)

    assert done.returncode == 2
    assert words in done.stderr
    assert done.stderr.strip().count("\n") == 0


def test_moodle_gets_a_zip_of_files_and_the_feedback_column(command, results, tmp_path):
    (tmp_path / "Grades.csv").write_text(MOODLE, "utf-8")

    done = command(
        *("hand-back", results, "--to", "moodle", "--template", tmp_path / "Grades.csv"),
        *("-o", tmp_path / "out", "--lang", "en"),
    )

    with zipfile.ZipFile(tmp_path / "out" / "feedback.zip") as archive:
        names = archive.namelist()
        page = archive.read("Jun Lee_102_assignsubmission_file_tiny.html").decode()
    rows = table(tmp_path / "out" / "Grades.csv")
    assert names == [
        "Jun Lee_102_assignsubmission_file_tiny.html",
        "김 철수_101_assignsubmission_file_tiny.html",
    ]
    assert "must be 1, &lt;not&gt; 2" in page
    assert "Technical details" not in page
    assert rows[1][-1] == "10 of 10 points"
    assert "f() must be 1, &lt;not&gt; 2<br>" in rows[2][-1]
    assert [row[:-1] for row in rows] == [row[:-1] for row in csv.reader(MOODLE.splitlines())]
    assert "by hand was replaced" in done.stderr
    assert "park, A tiny one: the file has no row" in done.stderr
    assert done.returncode == 3


def test_a_worksheet_without_feedback_comments_still_gives_the_zip(command, results, tmp_path):
    rows = [line.rpartition(",")[0] for line in MOODLE.splitlines()]
    (tmp_path / "Grades.csv").write_text("\n".join(rows), "utf-8")

    done = command(
        *("hand-back", results, "--to", "moodle", "--template", tmp_path / "Grades.csv"),
        *("-o", tmp_path / "out", "--lang", "en", "--student", "kim"),
    )

    assert [path.name for path in (tmp_path / "out").iterdir()] == ["feedback.zip"]
    assert "no column of feedback comments" in done.stderr
    assert done.returncode == 0


def test_canvas_gets_points_and_comments_in_the_rubric(command, results, tmp_path):
    (tmp_path / "rubric.csv").write_text(CANVAS, "utf-8")
    command("comment", results, "lee", "tiny", "Why?", "--item", "g")

    command(
        *("hand-back", results, "--to", "canvas", "--template", tmp_path / "rubric.csv"),
        *("-o", tmp_path / "out", "--lang", "en"),
    )

    rows = table(tmp_path / "out" / "rubric.csv")
    assert rows[1][:4] == ["1", "Lee, Jun", "0", "f() returned int: f() must be 1, <not> 2"]
    assert rows[1][5].endswith(" · Why?")
    assert rows[2] == ["2", "김철수", "4", "", "", "", "nice"]


@pytest.mark.parametrize(
    "text, words",
    [
        ("Student,ID,Tiny (7)\nKim,1,\n", "aren't Canvas's rubric assessments"),
        ("Student Id,Student Name,Style - Comments\n1,Kim,\n", "no criterion of the rubric"),
    ],
)
def test_another_file_of_canvas_is_refused(command, results, tmp_path, text, words):
    (tmp_path / "rubric.csv").write_text(text)

    done = command(
        *(
            "hand-back",
            results,
            "--to",
            "canvas",
            "--template",
            tmp_path / "rubric.csv",
            "--lang",
            "en",
        )
    )

    assert done.returncode == 2
    assert words in done.stderr


def test_folders_have_names_that_stay_and_that_nobody_can_guess(command, results, tmp_path):
    words = ("hand-back", results, "--to", "folder", "-o", tmp_path / "public", "--lang", "en")
    command(*words)
    first = sorted(path.relative_to(tmp_path) for path in tmp_path.glob("public/*/*"))
    command(*words)

    rows = table(results / "hand-back.csv")
    folders = {row[0]: row[3] for row in rows[1:]}
    assert sorted(path.relative_to(tmp_path) for path in tmp_path.glob("public/*/*")) == first
    assert folders.keys() == {"kim", "lee", "park"}
    assert all(re.fullmatch("[0-9a-f]{32}", name) for name in folders.values())
    assert len(set(folders.values())) == 3
    assert "f() must be 1" in (tmp_path / "public" / folders["lee"] / "tiny.html").read_text(
        "utf-8"
    )
    assert (tmp_path / "public" / "index.html").read_text() == ""


def test_who_is_forgotten_leaves_no_trace_of_messages(command, results):
    with served(_Post()) as address:
        mail(command, results, address)

    command("forget", results, "kim", "--yes")

    assert b"kim" not in (results / "gradebook.db").read_bytes()
