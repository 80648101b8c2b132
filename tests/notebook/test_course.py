"""A notebook's assignment, and where its checks come from."""

import json
import shutil
import sys
import threading
import types
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import nbformat
import pytest

from grader.model.errors import UserError
from grader.notebook import course
from grader.notebook.course import assignment_of

PUBLIC = Path(__file__).parents[2] / "assignments"
BINARY = dict.fromkeys(("weighted_sum", "sigmoid", "build_model", "train"))


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """An empty folder, without the course that comes with the package."""
    folder = tmp_path / "student"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    monkeypatch.setattr(course, "built_in_course", lambda: folder)
    course.fetched.cache_clear()
    return folder


@pytest.fixture
def built_in(monkeypatch):
    monkeypatch.setattr(course, "built_in_course", lambda: PUBLIC.parent)


@pytest.fixture
def serve():
    """Serve a folder or a handler on this machine."""
    servers = []

    def start(handler):
        if isinstance(handler, Path):
            handler = partial(SimpleHTTPRequestHandler, directory=str(handler))
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def notebook(path, **released):
    made = nbformat.v4.new_notebook(metadata={"grader": released})
    nbformat.write(made, path)
    return str(path)


def test_the_metadata_tells_it(here, built_in, monkeypatch):
    monkeypatch.setenv("JPY_SESSION_NAME", notebook(here / "x.ipynb", assignment="wine"))

    assert assignment_of(BINARY, None, None).name == "wine"


def test_the_metadata_in_vs_code(here, built_in):
    told = {"__vsc_ipynb_file__": notebook(here / "x.ipynb", assignment="wine")}

    assert assignment_of(BINARY | told, None, None).name == "wine"


def test_the_metadata_in_colab(built_in, monkeypatch):
    """Colab itself can't be had here; this is the answer that its kernel gives."""
    answer = {"ipynb": {"metadata": {"grader": {"assignment": "wine"}, "colab": {}}, "cells": []}}
    message = types.SimpleNamespace(blocking_request=lambda name, timeout_sec: answer)
    package = types.ModuleType("google.colab")
    package._message = message
    monkeypatch.setitem(sys.modules, "google", types.ModuleType("google"))
    monkeypatch.setitem(sys.modules, "google.colab", package)

    assert assignment_of(BINARY, None, None).name == "wine"


@pytest.mark.parametrize(
    "broken", ["{", '{"metadata": {"grader": 3}}', '{"metadata": {"grader": {"assignment": 3}}}']
)
def test_broken_metadata_tells_nothing(here, built_in, monkeypatch, broken):
    (here / "x.ipynb").write_text(broken)
    monkeypatch.setenv("JPY_SESSION_NAME", str(here / "x.ipynb"))

    assert assignment_of(BINARY, None, None).name == "binary"


def test_the_folder_tells_it(here, built_in):
    shutil.copytree(PUBLIC / "wine", here, dirs_exist_ok=True)

    assert assignment_of(BINARY, None, None).folder == here


def test_what_is_near_comes_first(here, built_in, monkeypatch):
    shutil.copytree(PUBLIC, here.parent / "assignments")
    monkeypatch.chdir(here)

    assert assignment_of(BINARY, None, None).folder == here.parent / "assignments" / "binary"
    assert assignment_of({}, "wine", None).folder == here.parent / "assignments" / "wine"


def test_the_functions_tell_it(built_in):
    assert assignment_of(BINARY, None, None).name == "binary"


def test_the_caller_s_word_is_the_last(here, built_in, monkeypatch):
    monkeypatch.setenv("JPY_SESSION_NAME", notebook(here / "x.ipynb", assignment="wine"))

    assert assignment_of(BINARY, "multinomial", None).name == "multinomial"


def refused(*arguments):
    with pytest.raises(UserError) as caught:
        assignment_of(*arguments)
    assert "\n" not in caught.value.text.en
    return caught.value.text.en


def test_without_checks_it_is_a_sentence():
    assert refused(BINARY, None, None).startswith("no public checks found for this notebook")


def test_what_is_not_there_is_a_sentence(built_in):
    assert refused(BINARY, "nope", None).startswith("there is no assignment nope")


def test_two_that_fit_are_both_named(here):
    for name in ("first", "second", "third"):
        folder = here / "assignments" / name
        folder.mkdir(parents=True)
        functions = '["train"]' if name != "third" else '["other"]'
        (folder / "assignment.toml").write_text(
            f'name = "{name}"\ntitle = {{ ko = "a", en = "a" }}\nfunctions = {functions}\n'
            '[[items]]\nid = "x"\ntitle = { ko = "a", en = "a" }\npoints = 1\n'
        )

    words = refused({"train": None}, None, None)
    assert "first, second" in words
    assert "third" not in words


def test_two_copies_of_an_assignment_are_a_sentence(here):
    shutil.copytree(PUBLIC / "wine", here / "assignments" / "wine")
    shutil.copytree(PUBLIC / "wine", here / "assignments" / "wine (1)")

    assert "wine" in refused(BINARY, "wine", None)


def test_an_address_is_fetched_once(serve, tmp_path):
    served = tmp_path / "served"
    shutil.copytree(PUBLIC / "wine", served / "wine")
    url = serve(served)
    found = assignment_of(BINARY, None, f"{url}/wine/")
    shutil.rmtree(served)

    assert found.name == "wine"
    assert sorted(path.name for path in found.folder.iterdir()) == [
        "assignment.toml",
        "test_public.py",
    ]
    assert assignment_of(BINARY, None, f"{url}/wine/").folder == found.folder


def test_the_metadata_s_address(here, serve, monkeypatch):
    url = f"{serve(PUBLIC)}/wine"
    monkeypatch.setenv("JPY_SESSION_NAME", notebook(here / "x.ipynb", assignment="wine", url=url))

    assert assignment_of(BINARY, None, None).name == "wine"


def answering(status, headers=(), body=b""):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            self.end_headers()
            for _ in range(20):
                self.wfile.write(body)

        def log_message(self, *_): ...

    return Handler


@pytest.mark.slow
@pytest.mark.parametrize(
    "handler, words",
    [
        (answering(404), "can't fetch the public checks from"),
        (answering(302, [("Location", "http://example.org/x")]), "https://"),
        (answering(302, [("Location", "file:///etc/passwd")]), "can't fetch"),
        (answering(200, body=b"#" * 2**17), "is larger than 1 MB"),
        (answering(200, body=b"<html>"), "is invalid"),
    ],
)
def test_an_address_that_gives_nothing_is_a_sentence(serve, handler, words):
    assert words in refused(BINARY, None, f"{serve(handler)}/wine")


@pytest.mark.parametrize(
    "url", ["http://example.org/wine", "file:///tmp", "ftp://x/y", "wine", "https://", "http://[x"]
)
def test_an_address_that_is_not_secure_is_refused(url):
    assert refused(BINARY, None, url).endswith("https://")


def test_an_unreachable_address_is_a_sentence():
    assert "can't fetch the public checks" in refused(BINARY, None, "http://127.0.0.1:9/wine")


def test_the_metadata_of_the_released_notebooks():
    for name in ("binary", "multinomial", "wine"):
        data = json.loads((PUBLIC / name / f"{name}.ipynb").read_text(encoding="utf-8"))

        assert data["metadata"]["grader"] == {"assignment": name}
