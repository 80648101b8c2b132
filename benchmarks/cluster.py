"""Measure grading on a cluster: scaling, the engine's cost, and a class of 100,000 on 200 simulated workers.

    python benchmarks/cluster.py scaling [SUBMISSIONS]    1 worker against 2, and the engine's CPU time for a submission
    python benchmarks/cluster.py simulate [SUBMISSIONS] [WORKERS] [SPEED]
    python benchmarks/cluster.py kills [SUBMISSIONS]      real grading while workers and the client are killed
    python benchmarks/cluster.py plan [SUBMISSIONS] [HOURS] [PRICE]    the machines that a MOOC needs

The simulation runs the real client, gradebook, scheduler and workers over TCP. Only grading is a stand-in: it sleeps as
long as recorded gradings took, divided by SPEED, so the engine's own cost weighs SPEED times what it does in reality.
2 % of the workers die while they grade, and their machines start another one. Everything random is seeded.
"""

import asyncio
import contextlib
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dask
import psutil
from distributed import Client, Worker

from grader.gradebook import Gradebook, Task, digest_of
from grader.grading import cluster
from grader.grading.batch import Work, find_work, run_batch
from grader.grading.cluster import ClusterExecutor
from grader.grading.connect import QUIET, connect
from grader.grading.executor import LocalExecutor
from grader.grading.grader import Grader
from grader.grading.node import Node
from grader.grading.order import Graded
from grader.grading.progress import State
from grader.model.assignment import Assignment, load_assignment, load_assignments
from grader.model.errors import UserError
from grader.model.score import ItemResult, ScoreReport, Verdict
from grader.model.submission import Submission, parse_submission
from grader.model.text import Text
from grader.sandbox import Isolation

ROOT = Path(__file__).parent.parent
SETTINGS = """
name = "tiny"
title = {ko = "작은 과제", en = "Tiny"}
functions = ["double"]
[[items]]
id = "double"
title = {ko = "두 배", en = "Double"}
points = 10
"""
QUIET_WORKERS = {"DASK_LOGGING__DISTRIBUTED": "critical"}
"""Workers that die on purpose don't say so."""
SEED = 2025
DYING = 0.02
"""The part of the workers that die."""
RECORDED = {"binary": 1.10, "multinomial": 4.93, "wine": 1.18}
"""CPU seconds of a right submission, from docs/performance.md: `make benchmark`."""


# --- the simulation


class StandIn:
    """Takes as long as a recorded grading took. Every submission is right."""

    isolation = Isolation("full")
    speed = 1.0

    def __enter__(self) -> "StandIn":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def start(self, assignments: object) -> None:
        pass

    def grade(
        self,
        assignment: Assignment,
        submission: Submission,
        student: str,
        recording: bytes | None = None,
        show: object = None,
    ) -> Graded:
        time.sleep(seconds_of(student) / self.speed if student else 0.0)
        (item,) = assignment.items
        result = ItemResult(
            id=item.id,
            title=item.title,
            points=10.0,
            max_points=10.0,
            verdict=Verdict.PASSED,
            message=Text(ko="", en=""),
        )
        report = ScoreReport(
            assignment=assignment.name,
            student=student,
            submission=submission.file,
            sha256=submission.sha256,
            items=(result,),
            gradable=True,
        )
        return Graded(report, b"x" * 2000)


class StandInNode(Node):  # type: ignore[misc]
    """A worker with the stand-in."""

    speed = 1.0

    def open_grader(self) -> Any:
        found = StandIn()
        found.speed = self.speed
        return found


def seconds_of(student: str) -> float:
    """Return how long grading this student's submission takes: a recorded duration, with a long tail."""
    dice = random.Random(f"{SEED} {student}")
    return dice.choice(list(RECORDED.values())) * min(20.0, dice.lognormvariate(0.0, 0.5))


def simulate(count: int, workers: int, speed: float) -> None:
    """Grade `count` submissions with the stand-in, and print what the engine needed for it."""
    students = [f"s{number:06}" for number in range(count)]
    ideal = sum(map(seconds_of, students)) / workers
    with tempfile.TemporaryDirectory() as name, machines(workers, ideal / speed) as found:
        client, scheduler = found
        folder = Path(name)
        work = simulated_work(folder, students)
        node = type("AtSpeed", (StandInNode,), {"speed": speed})
        cluster._BATCH_SECONDS /= speed
        with (
            Gradebook(folder, create=True) as book,
            ClusterExecutor(client, node=node, tell=print) as executor,
        ):
            watch = Watch(count)
            begin, own, theirs = time.monotonic(), cpu(), sum(scheduler.cpu_times()[:2])
            state = run_batch(executor, book, work, "rerun", show=watch)
            took = (time.monotonic() - begin) * speed
            records = book.totals()[0]
            theirs = sum(scheduler.cpu_times()[:2]) - theirs
            own = cpu() - own
        print(f"{count} submissions, {workers} workers, speed {speed:g}")
        print(f"landed {records.hand_ins} of {count}, ungraded {state.ungraded}")
        print(f"ideal {ideal:.0f} s, took {took:.0f} s: {took / ideal - 1:+.1%}")
        print(
            f"client: {own / count * 1000:.2f} ms CPU each, {watch.memory:.0f} MB at the end of the batch,"
        )
        print(
            f"        {watch.early:.0f} MB after a tenth of it; scheduler: {theirs / count * 1000:.2f} ms CPU each"
        )
        assert records.hand_ins == count
        assert state.ungraded == 0


class Watch:
    """Notes the client's memory."""

    def __init__(self, count: int) -> None:
        self.count, self.early, self.memory, self.last = count, 0.0, 0.0, 0.0

    def __call__(self, state: State) -> None:
        self.memory = psutil.Process().memory_info().rss / 2**20
        if state.graded < self.count / 10:
            self.early = self.memory
        if time.monotonic() - self.last > 10:
            self.last = time.monotonic()
            print(state.graded, state.running, f"{self.memory:.0f} MB", file=sys.stderr)


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def tiny_assignment(folder: Path, checks: str = "") -> Assignment:
    """Write a small assignment into a new folder and return it."""
    folder.mkdir(parents=True)
    (folder / "assignment.toml").write_text(SETTINGS, encoding="utf-8")
    (folder / "test_tiny.py").write_text(checks, encoding="utf-8")
    return load_assignment(folder)


def simulated_work(folder: Path, students: list[str]) -> Work:
    """Return a class whose files aren't on disk."""
    tiny = tiny_assignment(folder / "tiny")
    digest = digest_of(tiny)
    source = "def double(x): return 2 * x\n" * 40
    tasks = tuple(
        Task(
            student=student,
            assignment=tiny,
            digest=digest,
            file="tiny.py",
            sha256=student,
            origin=student,
            load=lambda student=student: parse_submission(
                "tiny.py", f"{source}# {student}".encode()
            ),
        )
        for student in students
    )
    return Work(paths=(), assignments={digest: tiny}, tasks=tasks, unmatched=())


@contextmanager
def machines(workers: int, seconds: float) -> Iterator[tuple[Client, psutil.Process]]:
    """Start a scheduler and processes with many workers each, some of which die within `seconds`."""
    with contextlib.ExitStack() as stack:
        file = Path(stack.enter_context(tempfile.TemporaryDirectory()), "scheduler.json")
        command = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--port", "0"]
        command += ["--host", "127.0.0.1", "--no-dashboard", "--scheduler-file", str(file)]
        scheduler = stack.enter_context(started(command))
        while not file.exists():
            time.sleep(0.1)
        client = stack.enter_context(Client(scheduler_file=str(file), set_as_default=False))
        shares = [len(range(at, workers, 4)) for at in range(4)]
        for number, share in enumerate(shares):
            arguments = ["workers", client.scheduler.address, share, number, seconds]
            command = [sys.executable, __file__, *map(str, arguments)]
            stack.enter_context(started(command, os.environ | QUIET_WORKERS))
        client.wait_for_workers(workers)
        yield client, psutil.Process(scheduler.pid)


@contextmanager
def started(
    command: list[str], env: dict[str, str] | None = None
) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(
        command, stderr=None if env else subprocess.DEVNULL, cwd=ROOT, env=env
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


async def host_workers(address: str, count: int, number: int, seconds: float) -> None:
    """Run many workers in this process; some die, and another one takes the place of each.

    What each of 200 machines does to watch itself would keep this one busy, so they don't.
    """
    dask.config.set(QUIET)
    dice = random.Random(f"{SEED} {number}")
    running = [await Worker(address, nthreads=1, memory_limit=0) for _ in range(count)]
    dying = max(number == 0, sum(dice.random() < DYING for _ in range(count)))
    while not any(worker.state.executing_count for worker in running):
        await asyncio.sleep(0.1)
    begin = time.monotonic()
    for moment in sorted(dice.uniform(0.1, 0.9) * seconds for _ in range(dying)):
        await asyncio.sleep(max(0.0, begin + moment - time.monotonic()))
        worker = running.pop(dice.randrange(len(running)))
        await worker.close(timeout=0, executor_wait=False, nanny=False)
        running.append(await Worker(address, nthreads=1, memory_limit=0))
    await asyncio.Event().wait()


# --- real grading


def scaling(count: int) -> None:
    """Grade a class of `multinomial` locally, with 1 worker and with 2."""
    assignment = load_assignments(ROOT / "solutions")["multinomial"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "in").mkdir()
        source = (assignment.folder / "solution.py").read_text(encoding="utf-8")
        for number in range(count):
            path = folder / "in" / f"s{number:04}_multinomial.py"
            path.write_text(f"{source}\n# {number}\n", encoding="utf-8")
        work = find_work([folder / "in"], {assignment.name: assignment})
        took, used = {}, {}
        with Grader() as grader:
            took["local"], used["local"] = graded(folder / "0", LocalExecutor(grader, 1), work)
        for workers in (1, 2):
            with connect(f"local:{workers}") as client, ClusterExecutor(client) as executor:
                executor.start([assignment])
                client.wait_for_workers(workers)
                while executor.slots < workers:
                    time.sleep(0.1)
                took[str(workers)], used[str(workers)] = graded(
                    folder / str(workers), executor, work
                )
    print(f"{count} submissions of multinomial; load of the machine {os.getloadavg()[0]:.1f}")
    for name, seconds in took.items():
        print(f"{name:>6}: {seconds:7.1f} s, {used[name] / count:6.3f} CPU s each in all processes")
    print(f"efficiency of 2 workers: {took['1'] / took['2'] / 2:.0%} of ideal")
    print(f"the engine's CPU time: {1000 * (used['1'] - used['local']) / count:.1f} ms each")


def graded(results: Path, executor: Any, work: Work) -> tuple[float, float]:
    """Return the wall-clock time of a batch and the CPU time of all processes here."""
    results.mkdir()
    before = family_cpu()
    begin = time.monotonic()
    with Gradebook(results, create=True) as book:
        state = run_batch(_Started(executor), book, work)
    assert state.graded == len(work.tasks)
    return time.monotonic() - begin, family_cpu() - before


class _Started:
    """An executor that is warm already."""

    def __init__(self, executor: Any) -> None:
        self.slots, self.grade = executor.slots, executor.grade

    def start(self, assignments: object) -> None:
        pass


def family_cpu() -> float:
    """Return the CPU time of this process and all its descendants, those that have ended included."""
    total = 0.0
    me = psutil.Process()
    for each in (me, *me.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            total += sum(each.cpu_times()[:4])
    return total


# --- real grading under kills

CHECKS = """
import pytest
from grader.checks.expect import assert_close, number

@pytest.mark.item("double")
def test_double(student):
    assert_close(number(student.double(2)), 4)
"""
ANSWERS = ("return 2 * x", "return x + x", "return 3 * x", "raise ValueError(x)", "return [x]")
KILL_SECONDS = 60.0
"""Between kills: a worker needs about 25 seconds to be warm again."""


def kills(count: int) -> None:
    """Grade small submissions while workers and, half-way, the client are killed; compare with a plain batch."""
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        tiny_assignment(home / "solutions" / "tiny", CHECKS)
        (home / "in").mkdir()
        for number in range(count):
            answer = f"def double(x): {ANSWERS[number % len(ANSWERS)]}\n# {number}\n"
            (home / "in" / f"s{number:05}_tiny.py").write_text(answer, encoding="utf-8")
        begin = time.monotonic()
        batch(home, "plain", "--jobs", "2").wait()
        print(f"plain batch: {count} submissions in {time.monotonic() - begin:.0f} s")
        begin = time.monotonic()
        client, ends, killed = batch(home, "cluster", "--cluster", "local:2"), 1, 0
        next_kill = begin + KILL_SECONDS
        while client.poll() is None:
            time.sleep(0.5)
            if ends == 1 and count_of(home / "cluster") >= count / 2:
                client.kill()
                client.wait()
                client, ends = batch(home, "cluster", "--cluster", "local:2"), 2
                next_kill = time.monotonic() + KILL_SECONDS
            elif time.monotonic() > next_kill:
                next_kill += KILL_SECONDS
                killed += kill_worker(client)
        seconds = time.monotonic() - begin
        print(f"on a cluster: in {seconds:.0f} s, {killed} workers and the client killed half-way")
        plain, found = landed(home / "plain"), landed(home / "cluster")
        print(f"reports that count: {len(found)}; other than in the plain batch: {plain != found}")
        assert len(found) == len(set(found)) == count
        assert plain == found


def batch(home: Path, results: str, *options: str) -> "subprocess.Popen[bytes]":
    command = [Path(sys.executable).with_name("grader"), "batch", "in", "-o", results, *options]
    return subprocess.Popen(command, cwd=home, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def kill_worker(client: "subprocess.Popen[bytes]") -> bool:
    """Kill one of the client's workers: what a nanny has started with `multiprocessing`."""
    for each in psutil.Process(client.pid).children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if "spawn_main" in " ".join(each.cmdline()):
                each.kill()
                return True
    return False


def count_of(results: Path) -> int:
    with contextlib.suppress(UserError), Gradebook(results) as book:
        return sum(each.hand_ins for each in book.totals())
    return 0


def landed(results: Path) -> list[tuple[str, float | None, str]]:
    """Return student, score and verdict of each report that counts."""
    with contextlib.suppress(UserError), Gradebook(results) as book:
        return sorted(
            (each.report.student, each.score, str(each.report.items[0].verdict))
            for each in book.class_record().records
            if each.counts
        )
    return []


# --- what a MOOC needs


def plan(count: int, hours: float, price: float) -> None:
    """Print the machines for `count` submissions within some hours, at a price for an hour of a core."""
    print(f"{count} submissions; machines of 8 cores at {8 * price:.2f} an hour, 90 % of ideal")
    print(
        f"{'assignment':<12} {'CPU s each':>10} {'core hours':>10} {'machines':>8} {'hours':>6} {'cost':>7}"
    )
    for name, seconds in RECORDED.items():
        core_hours = count * seconds / 3600 / 0.9
        number = max(1, round(0.5 + core_hours / 8 / hours))
        took = core_hours / 8 / number
        cost = core_hours * price
        print(f"{name:<12} {seconds:10.2f} {core_hours:10.0f} {number:8} {took:6.1f} {cost:7.2f}")


def main(what: str, *words: str) -> None:
    if what == "workers":
        asyncio.run(host_workers(words[0], int(words[1]), int(words[2]), float(words[3])))
    elif what == "simulate":
        numbers = [*map(float, words), *(100_000, 200, 1)[len(words) :]]
        simulate(int(numbers[0]), int(numbers[1]), numbers[2])
    elif what == "kills":
        kills(int(words[0]) if words else 2000)
    elif what == "plan":
        numbers = [*map(float, words), *(100_000, 12, 0.05)[len(words) :]]
        plan(int(numbers[0]), numbers[1], numbers[2])
    else:
        scaling(int(words[0]) if words else 40)


if __name__ == "__main__":
    main(*(sys.argv[1:] or ["scaling"]))
