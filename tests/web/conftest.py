"""A course on the web, served over HTTP in this process with the session's warm grader."""

import contextlib
import re
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from types import ModuleType

import httpx
import msgspec
import pytest
import uvicorn

from grader.authoring.new import new_assignment
from grader.authoring.push import Examiner, Follower, catch_up
from grader.gradebook import Gradebook, people
from grader.gradebook.opening import transaction
from grader.gradebook.people import Account
from grader.grading.executor import LocalExecutor
from grader.grading.work import Workers
from grader.model.assignment import Assignment, load_assignments
from grader.web.app import create_app
from grader.web.limits import Buckets
from grader.web.site import Site

PEOPLE = (
    Account(id="kim", name="김철수", section="A"),
    Account(id="lee", name="이영희", section="B"),
    Account(id="park", section="A", language="en"),
    Account(id="ta-a", role="assistant", section="A"),
    Account(id="ta", name="Choi", role="assistant"),
    Account(id="prof", role="teacher"),
    Account(id="root", role="administrator"),
)


class Served(msgspec.Struct):
    """A running site."""

    site: Site
    url: str
    server: "Server"
    browsers: list[httpx.Client] = []

    def link(self, who: str) -> str:
        with transaction(self.site.book.engine) as connection:
            return self.site.link(people.new_link(connection, who))

    def browser(self, who: str = "") -> httpx.Client:
        """A browser, signed in as somebody."""
        headers = {"Sec-Fetch-Site": "same-origin", "Origin": self.url, "Accept-Language": "en"}
        client = httpx.Client(base_url=self.url, headers=headers, follow_redirects=True, timeout=60)
        self.browsers.append(client)
        if who:
            assert client.post(self.link(who)).status_code == 200
        return client


class Server:
    """A server of a site that can be stopped and started again at the same address."""

    def __init__(self, site_of: Callable[[str], Site]) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._port = self._listening.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"
        self.site = site_of(self.url)
        self.start()

    def start(self) -> None:
        if self._listening.fileno() < 0:
            self._listening = socket.create_server(("127.0.0.1", self._port))
        config = uvicorn.Config(
            create_app(self.site), log_level="error", ws="none", timeout_graceful_shutdown=1
        )
        self._server = uvicorn.Server(config)
        sockets = {"sockets": [self._listening]}
        self._thread = threading.Thread(target=self._server.run, kwargs=sockets)
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._listening.close()


@contextlib.contextmanager
def serve(site_of: Callable[[str], Site]) -> Iterator[Served]:
    """Serve what `site_of` makes for an address."""
    server = Server(site_of)
    served = Served(server.site, server.url, server)
    try:
        yield served
    finally:
        for browser in served.browsers:
            browser.close()
        server.stop()


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[Gradebook]:
    with Gradebook(folder, create=True) as book:
        with transaction(book.engine) as connection:
            people.put_accounts(connection, PEOPLE)
        yield book


@pytest.fixture
def book(tmp_path) -> Iterator[Gradebook]:
    with opened(tmp_path) as book:
        yield book


@pytest.fixture(scope="module")
def shared(tmp_path_factory, assignments) -> Iterator[Served]:
    """One site for all tests of a module, on which nothing is graded and nobody is slowed down."""
    with opened(tmp_path_factory.mktemp("shared")) as book:
        known = {"binary": assignments["binary"]}
        with serve(lambda url: Site(book, known, url)) as served:
            served.site.upload_buckets = Buckets(burst=10_000, seconds=1e-6)
            served.site.sign_in_buckets = Buckets(burst=10_000, seconds=1e-6)
            yield served


@pytest.fixture
def settings(assignments) -> dict[str, Assignment]:
    """The assignments of the site. Tests change them before they ask for `served`."""
    return {name: assignments[name] for name in ("binary", "wine")}


@pytest.fixture
def served(book, settings) -> Iterator[Served]:
    """A site on which nothing is graded."""
    with serve(lambda url: Site(book, settings, url)) as served:
        yield served


@pytest.fixture
def graded(book, settings, grader) -> Iterator[Served]:
    """A site with a grader."""
    with (
        Workers(book, LocalExecutor(grader, 2), settings) as workers,
        serve(lambda url: Site(book, settings, url, workers=2, look=workers.look)) as served,
    ):
        yield served


@pytest.fixture(scope="module")
def course(tmp_path_factory, assignments, grader) -> Iterator[Served]:
    """One site with a grader for all tests of a module. Each test takes a student of its own, or asks for little."""
    with opened(tmp_path_factory.mktemp("course")) as book:
        known = {"binary": assignments["binary"]}
        with (
            Workers(book, LocalExecutor(grader, 2), known) as workers,
            serve(lambda url: Site(book, known, url, workers=2, look=workers.look)) as served,
        ):
            yield served


@pytest.fixture(scope="session")
def hand_in() -> Callable[..., str]:
    """Hand in a file and return its key."""

    def make(browser: httpx.Client, content: bytes, name="binary.py", assignment="binary") -> str:
        page = browser.post(f"/assignments/{assignment}/uploads", files={"file": (name, content)})
        assert page.status_code == 200, page.text
        key = re.fullmatch(r"/uploads/(\S+)", page.url.path)[1]
        page = browser.post(f"/uploads/{key}/hand-in")
        assert page.url.path == f"/hand-ins/{key}", page.text
        return key

    return make


@pytest.fixture(scope="session")
def wait_for_report() -> Callable[[httpx.Client, str], httpx.Response]:
    """Wait until a hand-in is graded and return its page."""

    def wait(browser: httpx.Client, key: str) -> httpx.Response:
        with browser.stream("GET", f"/hand-ins/{key}/events", timeout=120) as events:
            for line in events.iter_lines():
                if line == "event: done":
                    break
        return browser.get(f"/hand-ins/{key}")

    return wait


@pytest.fixture
def solutions(tmp_path):
    """A course with one small assignment, whose check is generous."""
    folder = new_assignment("tiny", tmp_path / "solutions")
    settings, checks = folder / "assignment.toml", folder / "test_tiny.py"
    settings.write_text(
        settings.read_text().replace(
            "[[items]]", "[thresholds]\ntolerance = 0.01  # generous\n\n[[items]]"
        )
    )
    text = checks.read_text().replace(
        ", expected)", ", expected, settings.thresholds['tolerance'])"
    )
    checks.write_text(text.replace("(student, rng)", "(student, rng, settings)"))
    return tmp_path / "solutions"


@pytest.fixture
def running(solutions, url, tmp_path, grader):
    """That course on the web, with all that `grader serve` starts."""
    with Gradebook(tmp_path, url, create=True) as book:
        with transaction(book.engine) as connection:
            people.put_accounts(connection, PEOPLE)
        known = catch_up(book, load_assignments(solutions))
        with (
            Workers(book, LocalExecutor(grader, 2), known) as workers,
            serve(lambda at: Site(book, known, at, workers=2, look=workers.look)) as served,
            Follower(book, known, served.site.follow, workers.replacing),
            Examiner(book, lambda: nullcontext(grader), lambda: served.site.assignments),
        ):
            yield served


@pytest.fixture
def web() -> ModuleType:
    """This module, for tests that open a gradebook of their own."""
    return sys.modules[__name__]
