"""Measure `grader serve`: a real server in a process of its own, real grading, and students over HTTP.

    python benchmarks/serve.py [idle] [rush] [kills] [waiting] [table] [--students 300] [--seconds 60] [--pages 3000]

idle     one student after another on a server with nothing else to do: the time from the upload to the first verdict
         on the screen and to the full report
rush     all students upload at random moments within the last `--seconds`: errors, receipts, response times, memory
kills    the same students, while the server or one of its processes is killed again and again
waiting  `--pages` pages wait for their result: the memory that they take
table    a teacher opens the page of a class of 1,000 students with three hand-ins each

The students run in this process, on the same processors as the server and its graders, so their own time is part of
every figure. Without a name, all parts run.
"""

import argparse
import asyncio
import contextlib
import csv
import math
import random
import re
import signal
import socket
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import httpx
import msgspec
import psutil
from pages import fill

ROOT = Path(__file__).parent.parent
SOLUTION = (ROOT / "solutions/binary/solution.py").read_bytes()
PARTS = ("idle", "rush", "kills", "waiting", "table")
CLASS = 1000


class Idle(msgspec.Struct, frozen=True):
    """Seconds from the beginning of the upload, one of each for every student."""

    first_verdict: list[float]
    report: list[float]


class Rush(msgspec.Struct, frozen=True, kw_only=True):
    """What students and the server saw while all uploaded at once. Times are in seconds, memory in MB."""

    students: int
    errors: list[str]
    receipts: list[float]
    pages: list[float]
    """The response times of all other pages meanwhile."""
    graded_in: float
    """From the first upload to the last report."""
    estimates: list[float]
    """The first estimate of the wait divided by the wait, for waits of more than 30 seconds."""
    memory: list[float]
    """Of the server's own process, once a second."""


class Kills(msgspec.Struct, frozen=True, kw_only=True):
    """What became of hand-ins while processes were killed."""

    hand_ins: int
    killed: list[str]
    reports: int
    graded_once: int
    ungraded: int
    longest_stuck: float
    """Seconds that a job was held by a process that had been killed."""


class Stop(msgspec.Struct, frozen=True):
    """What a server left when it was told to stop while it graded."""

    seconds: float
    exit_code: int
    running: int
    waiting: int
    graded: int
    tries: int
    """The tries that waiting jobs have used up."""


class Waiting(msgspec.Struct, frozen=True):
    """The server's memory in MB, without pages that wait and with them."""

    pages: int
    before: float
    after: float


class Table(msgspec.Struct, frozen=True):
    """The page of a class."""

    seconds: list[float]
    """Of each response, from the request to its last byte."""
    size: int
    """Bytes of the page."""


class Server:
    """`grader serve` on a folder, in a process of its own that can be killed and started again."""

    def __init__(self, folder: Path, students: int, *options: str) -> None:
        self.folder, self._options = folder, options
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"
        roster = folder / "class.csv"
        rows = "".join(f"s{number:04},,\n" for number in range(students))
        roster.write_text(f"id,name,email\n{rows}", encoding="utf-8")
        self.start(*(("--roster", str(roster)) if students else ()))

    def start(self, *options: str) -> None:
        """Start it, and wait until it answers."""
        program = Path(sys.executable).with_name("grader")
        command = [program, "serve", "-o", self.folder / "results", "--port", str(self._port)]
        with (self.folder / "log").open("a", encoding="utf-8") as log:
            self.process = psutil.Popen(
                [*map(str, command), "--jobs", "2", "--lang", "en", *self._options, *options],
                stdout=log,
                stderr=log,
                cwd=ROOT,
            )
        while True:
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{self.url}/healthz").status_code == 200:
                    return
            if self.process.poll() is not None:
                raise SystemExit((self.folder / "log").read_text(encoding="utf-8"))
            time.sleep(0.1)

    def stop(self) -> int:
        """End it as its supervisor would, and return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def memory(self) -> float:
        """Return the private memory of the server's own process in MB."""
        return self.process.memory_full_info().uss / 2**20

    def rows(self, query: str) -> list[tuple]:
        """Ask the gradebook."""
        path = self.folder / "results" / "gradebook.db"
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as book:
            return book.execute(query).fetchall()

    def links(self) -> list[str]:
        """Return the students' personal links."""
        with (self.folder / "results" / "links.csv").open(encoding="utf-8-sig") as file:
            return [row["link"] for row in csv.DictReader(file)]


@contextlib.contextmanager
def server(students: int, *options: str) -> Iterator[Server]:
    """Serve a course with this many students on its roster."""
    with tempfile.TemporaryDirectory() as name:
        running = Server(Path(name), students, *options)
        try:
            yield running
        finally:
            running.stop()


class Student:
    """A browser that is signed in. It notes how long each page took."""

    def __init__(self, at: Server, number: int) -> None:
        headers = {"Sec-Fetch-Site": "same-origin", "Origin": at.url, "Accept-Language": "en"}
        self.http = httpx.AsyncClient(
            base_url=at.url, headers=headers, follow_redirects=True, timeout=60
        )
        self.number = number
        self.pages: list[float] = []
        self.receipt = math.nan
        self.first_verdict = math.nan
        self.estimate = math.nan
        self.handed_in = math.nan
        self.key = ""

    async def page(self, method: str, path: str, **options: object) -> httpx.Response:
        """Open a page and note its time, and that of each page that led there."""
        answer = await self.http.request(method, path, **options)
        self.pages += [each.elapsed.total_seconds() for each in (*answer.history, answer)]
        answer.raise_for_status()
        return answer

    async def hand_in(self) -> None:
        """Upload, read what was recognised, confirm, and keep the receipt."""
        await self.page("GET", "/")
        source = SOLUTION + b"\n# %d\n" % self.number
        page = await self.page(
            "POST", "/assignments/binary/uploads", files={"file": ("binary.py", source)}
        )
        self.key = page.url.path.rpartition("/")[2]
        begin = time.monotonic()
        page = await self.http.post(f"/uploads/{self.key}/hand-in")
        page.raise_for_status()
        self.receipt = time.monotonic() - begin
        self.handed_in = time.monotonic()
        if about := re.search(r"About (\d+) (second|minute)", page.text):
            self.estimate = float(about[1]) * (60 if about[2] == "minute" else 1)
        assert (await self.page("GET", f"/hand-ins/{self.key}/receipt")).text.startswith("Receipt")

    async def watch(self) -> None:
        """Watch the hand-in until it is graded, as the page does, then open the report."""
        path = f"/hand-ins/{self.key}"
        async with self.http.stream("GET", f"{path}/events", timeout=None) as events:
            async for line in events.aiter_lines():
                if math.isnan(self.first_verdict) and 'class="item' in line:
                    self.first_verdict = time.monotonic()
                if line == "event: done":
                    break
        await self.page("GET", path)
        await self.page("GET", f"{path}/report")


@contextlib.asynccontextmanager
async def signed_in(at: Server) -> AsyncIterator[list[Student]]:
    """The browsers of all students, signed in. They are closed at the end."""
    async with contextlib.AsyncExitStack() as browsers:
        found = []
        for number, link in enumerate(at.links()):
            student = Student(at, number)
            await browsers.enter_async_context(student.http)
            await student.page("POST", link)
            student.pages.clear()
            found.append(student)
        yield found


@contextlib.asynccontextmanager
async def course(students: int, *options: str) -> AsyncIterator[tuple[Server, list[Student]]]:
    """A server of a course with this many students, all signed in."""
    with server(students, *options) as at:
        async with signed_in(at) as found:
            yield at, found


async def warm(at: Server, student: Student) -> None:
    """Let the graders load the checks."""
    await student.hand_in()
    await student.watch()
    student.pages.clear()


async def measure_idle(students: int) -> Idle:
    """One student after another."""
    found = Idle([], [])
    async with course(students + 1) as (at, (first, *others)):
        await warm(at, first)
        for each in others:
            await asyncio.sleep(0.5)
            begin = time.monotonic()
            await each.hand_in()
            await each.watch()
            found.report.append(time.monotonic() - begin)
            seen = each.first_verdict if not math.isnan(each.first_verdict) else time.monotonic()
            found.first_verdict.append(seen - begin)
    return found


async def measure_rush(students: int, seconds: float, options: tuple[str, ...] = ()) -> Rush:
    """Everybody uploads within `seconds`, at random moments, and watches."""
    errors: list[str] = []
    memory: list[float] = []
    estimates = []
    async with course(students + 1, *options) as (at, (first, *others)):
        await warm(at, first)

        async def student(each: Student) -> None:
            await asyncio.sleep(random.uniform(0, seconds))
            try:
                await each.hand_in()
                await each.watch()
            except (httpx.HTTPError, AssertionError) as error:
                errors.append(f"{each.number}: {type(error).__name__} {error}")
                return
            waited = time.monotonic() - each.handed_in
            if waited > 30 and not math.isnan(each.estimate):
                estimates.append(each.estimate / waited)

        begin = time.monotonic()
        async with asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(_each_second(lambda: memory.append(at.memory())))
            async with asyncio.TaskGroup() as rush:
                for each in others:
                    rush.create_task(student(each))
            graded_in = time.monotonic() - begin
            watching.cancel()
        kept = at.rows("select count(*) from upload where handed_in is not null")[0][0]
        if kept != students + 1:
            errors.append(f"{students + 1 - kept} hand-ins are missing")
    return Rush(
        students=students,
        errors=errors,
        receipts=[each.receipt for each in others],
        pages=[page for each in others for page in each.pages],
        graded_in=graded_in,
        estimates=estimates,
        memory=memory,
    )


async def _each_second(do: Callable[[], object]) -> None:
    while True:
        do()
        await asyncio.sleep(1)


async def measure_kills(students: int, kills: int) -> Kills:
    """Everybody hands in, then something is killed now and then until all is graded."""
    killed = []
    longest = 0.0
    async with course(students) as (at, everybody):
        for each in everybody:
            await each.hand_in()
        held: dict[str, float] = {}
        following = time.monotonic() + random.uniform(1, 10)
        while True:
            running = {row[0] for row in at.rows("select claim from job where state = 'running'")}
            now = time.monotonic()
            for claim, since in list(held.items()):
                longest = max(longest, now - since)
                if claim not in running:
                    del held[claim]
            if not at.rows("select 1 from job where state <> 'done' limit 1"):
                break
            if len(killed) < kills and now > following:
                below = at.process.children(recursive=True)
                victim = at.process if len(killed) % 2 == 0 else random.choice(below)
                with contextlib.suppress(psutil.NoSuchProcess):
                    victim.kill()
                    killed.append("server" if victim is at.process else "grader")
                if victim is at.process:
                    at.process.wait()
                    held |= dict.fromkeys(running, now)
                    at.start()
                following = time.monotonic() + random.uniform(5, 20)
            await asyncio.sleep(0.25)
        query = (
            "select count(*), sum(report.ungraded) from hand_in join report"
            " on report.hand_in_id = hand_in.id group by hand_in.id"
        )
        each_graded = at.rows(query)
    return Kills(
        hand_ins=students,
        killed=killed,
        reports=sum(count for count, _ in each_graded),
        graded_once=sum(count == 1 for count, _ in each_graded),
        ungraded=sum(bad for _, bad in each_graded),
        longest_stuck=longest,
    )


async def measure_stop(students: int) -> Stop:
    """Stop a server that is grading and has more to grade."""
    async with course(students) as (at, everybody):
        for each in everybody:
            await each.hand_in()
        while not at.rows("select 1 from job where state = 'running'"):
            await asyncio.sleep(0.02)
        begin = time.monotonic()
        code = at.stop()
        seconds = time.monotonic() - begin
        states = dict(at.rows("select state, count(*) from job group by state"))
        tries = at.rows("select sum(tries) from job where state = 'waiting'")[0][0] or 0
    return Stop(
        seconds,
        code,
        states.get("running", 0),
        states.get("waiting", 0),
        states.get("done", 0),
        tries,
    )


async def measure_waiting(pages: int) -> Waiting:
    """Open pages that wait for their result, ten for each student, on a server that doesn't grade."""
    async with course(math.ceil(pages / 10), "--no-grading") as (at, students):
        for each in students:
            await each.hand_in()
            await each.http.aclose()
        before = at.memory()
        host, port = at.url.removeprefix("http://").split(":")
        opened = []
        for number in range(pages):
            student = students[number % len(students)]
            cookie = student.http.cookies["grader_session"]
            reader, writer = await asyncio.open_connection(host, int(port), limit=2**12)
            writer.write(
                f"GET /hand-ins/{student.key}/events HTTP/1.1\r\nHost: {host}\r\n"
                f"Cookie: grader_session={cookie}\r\n\r\n".encode()
            )
            opened.append((reader, writer))
        for reader, _ in opened:
            await reader.readuntil(b"data: ")
        after = at.memory()
        for _, writer in opened:
            writer.close()
    return Waiting(pages, before, after)


async def measure_table(students: int) -> Table:
    """Open the page of a large class again and again on a server that does nothing else."""
    seconds = []
    with tempfile.TemporaryDirectory() as name:
        results = Path(name, "results")
        results.mkdir()
        fill(results, students, ROOT / "examples" / "class")
        at = Server(Path(name), 0, "--no-grading")
        try:
            link = re.search(r"http\S+/sign-in/\S+", Path(name, "log").read_text())
            assert link is not None
            headers = {"Sec-Fetch-Site": "same-origin", "Origin": at.url}
            with httpx.Client(headers=headers, follow_redirects=True) as teacher:
                teacher.post(link[0]).raise_for_status()
                for _ in range(25):
                    begin = time.monotonic()
                    page = teacher.get(f"{at.url}/class/binary")
                    seconds.append(time.monotonic() - begin)
                    page.raise_for_status()
        finally:
            at.stop()
    return Table(seconds[5:], len(page.content))  # the first ones read the reports


def quantile(values: list[float], share: float) -> float:
    """Return the value below which this share of the values lies."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def show(found: Idle | Rush | Kills | Waiting | Table) -> None:
    """Print what was measured."""
    if isinstance(found, Idle):
        print(
            f"idle: first verdict {statistics.median(found.first_verdict):.2f} s, full report "
            f"{statistics.median(found.report):.2f} s (medians of {len(found.report)})"
        )
    elif isinstance(found, Rush):
        print(
            f"rush: {found.students} students, {len(found.errors)} errors; receipt p99 "
            f"{quantile(found.receipts, 0.99):.3f} s; pages p50 {statistics.median(found.pages):.3f} s, "
            f"p95 {quantile(found.pages, 0.95):.3f} s ({len(found.pages)}); all graded in "
            f"{found.graded_in:.0f} s; memory {found.memory[0]:.0f} MB, at most "
            f"{max(found.memory):.0f} MB"
        )
        if found.estimates:
            print(
                f"      estimate / wait: p10 {quantile(found.estimates, 0.1):.2f}, "
                f"p90 {quantile(found.estimates, 0.9):.2f} ({len(found.estimates)})"
            )
        print(*found.errors[:10], sep="\n")
    elif isinstance(found, Kills):
        print(
            f"kills: {len(found.killed)} ({found.killed.count('server')} of the server); of "
            f"{found.hand_ins} hand-ins {found.graded_once} graded once, {found.reports} reports, "
            f"{found.ungraded} ungraded; longest held by a killed process: {found.longest_stuck:.0f} s"
        )
    elif isinstance(found, Table):
        print(
            f"table: page of {CLASS} students, {found.size / 1e3:.0f} kB: {statistics.median(found.seconds):.3f} s, "
            f"p95 {quantile(found.seconds, 0.95):.3f} s ({len(found.seconds)})"
        )
    else:
        print(
            f"waiting: {found.pages} pages: {found.before:.0f} MB before, {found.after:.0f} MB with them"
        )


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=" ".join(PARTS))
    parser.add_argument("--students", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--pages", type=int, default=3000)
    parser.add_argument("--kills", type=int, default=10)
    given = parser.parse_args()
    measures: dict[str, Callable[[], Awaitable[Idle | Rush | Kills | Waiting | Table]]] = {
        "idle": lambda: measure_idle(min(given.students, 15)),
        "rush": lambda: measure_rush(given.students, given.seconds),
        "kills": lambda: measure_kills(given.students, given.kills),
        "waiting": lambda: measure_waiting(given.pages),
        "table": lambda: measure_table(CLASS),
    }
    for part in given.parts or PARTS:
        show(await measures[part]())
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main())
