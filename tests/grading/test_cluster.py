"""A class is graded on a real cluster of processes: nothing is lost and nothing lands twice, whatever dies.

Most tests put a stand-in for grading onto the workers, so that what they cost is the engine's own. The others grade.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cloudpickle
import msgspec
import pytest
from distributed import Client

from grader.gradebook import Gradebook, queue, uploads
from grader.gradebook.opening import transaction
from grader.grading import cluster
from grader.grading.batch import find_work, run_batch
from grader.grading.cluster import ClusterExecutor
from grader.grading.connect import connect
from grader.grading.node import Node, pack, unpack
from grader.grading.order import Graded
from grader.grading.scoring import ungraded
from grader.grading.work import Workers
from grader.model.assignment import load_assignment
from grader.model.errors import GraderError, UserError
from grader.model.score import ItemResult, ScoreReport, Verdict
from grader.model.text import Text
from grader.sandbox import Isolation

ROOT = Path(__file__).parent.parent.parent
cloudpickle.register_pickle_by_value(sys.modules[__name__])

SETTINGS = """
name = "tiny"
title = { ko = "작은 과제", en = "Tiny" }
functions = ["double"]

[[items]]
id = "double"
title = { ko = "두 배", en = "Double" }
points = 10
"""
CHECKS = """
import pytest
from grader.checks.expect import assert_close, number

@pytest.mark.item("double")
def test_double(student):
    assert_close(number(student.double(2)), 4)
"""


class StandIn:
    """Grades as the submission's comment says, in no time."""

    isolation = Isolation("full")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def start(self, assignments):
        pass

    def grade(self, assignment, submission, student, recording=None, show=None):
        source = submission.cells[0].source
        time.sleep(0.02)
        if "# kill" in source:
            os.kill(os.getpid(), signal.SIGKILL)
        if "# break" in source:
            raise MemoryError("no memory")
        if full := os.environ.get("FULL"):
            while not Path(full).exists():
                time.sleep(0.02)
            return Graded(ungraded(assignment, submission, student, "no space left on device"))
        (item,) = assignment.items
        result = ItemResult(
            id=item.id,
            title=item.title,
            verdict=Verdict.PASSED,
            points=10.0,
            max_points=10.0,
            message=Text(ko="", en=""),
        )
        if show:
            show(result)
            time.sleep(1)  # others are still graded
        report = ScoreReport(
            assignment=assignment.name,
            student=student,
            submission=submission.file,
            sha256=submission.sha256,
            items=(result,),
            gradable=True,
        )
        return Graded(report)


class StandInNode(Node):
    def open_grader(self):
        return StandIn()


class Slow(StandIn):
    def grade(self, *order, **options):
        time.sleep(1)
        graded = super().grade(*order, **options)
        return Graded(msgspec.structs.replace(graded.report, output="slow"))


class OneSlowNode(Node):
    """The first of the workers takes fifty times as long as the others."""

    def open_grader(self):
        return Slow() if str(self._worker.name) == "0" else StandIn()


class OpenNode(Node):
    """A worker that isn't closed enough."""

    def open_grader(self):
        Isolation("reduced", ("connect by TCP",)).require(self._minimum)


@pytest.fixture(scope="module")
def machine():
    """A client of two worker processes that are started again when they die."""
    with connect("local:2") as connected:
        yield connected


@pytest.fixture
def client(machine):
    machine.wait_for_workers(2)
    return machine


@pytest.fixture
def home(tmp_path):
    folder = tmp_path / "solutions" / "tiny"
    folder.mkdir(parents=True)
    (folder / "assignment.toml").write_text(SETTINGS, encoding="utf-8")
    (folder / "test_tiny.py").write_text(CHECKS)
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    return tmp_path


def hand_in(home, count, what="", start=0):
    for number in range(start, start + count):
        source = f"def double(x): return 2 * x\n# {number}\n{what}\n"
        (home / "in" / f"s{number:05}_tiny.py").write_text(source)


def run(home, executor, **options):
    tiny = load_assignment(home / "solutions" / "tiny")
    with Gradebook(home / "out", create=True) as book:
        state = run_batch(executor, book, find_work([home / "in"], {"tiny": tiny}), **options)
        return state, {r.report.student: r for r in book.class_record().records}


def pids(client):
    client.wait_for_workers(2)
    return list(client.run(os.getpid).values())


@pytest.mark.long
def test_every_hand_in_lands_once_while_workers_are_killed(client, home):
    hand_in(home, 120)
    rows = []

    def show(state):
        rows.append(state)
        if state.graded >= 30 * len(killed) + 30 and len(killed) < 2:
            killed.append(pids(client)[0])
            os.kill(killed[-1], signal.SIGKILL)

    killed = []
    with ClusterExecutor(client, node=StandInNode) as executor:
        state, records = run(home, executor, show=show)

    assert len(killed) == 2
    assert state.graded == 120
    assert {record.score for record in records.values()} == {10}
    with Gradebook(home / "out") as book, transaction(book.reading) as connection:
        assert connection.exec_driver_sql("select count(*) from report").scalar() == 120
    assert rows[-1].running == 0


@pytest.mark.long
def test_a_submission_that_kills_workers_is_found_and_the_rest_is_graded(client, home, monkeypatch):
    monkeypatch.setattr(cluster, "_FAILURES", 1)
    client.run_on_scheduler(lambda dask_scheduler: setattr(dask_scheduler, "allowed_failures", 1))
    hand_in(home, 10)
    hand_in(home, 1, "# kill", start=40)
    hand_in(home, 1, "# break", start=41)
    with ClusterExecutor(client, node=StandInNode) as executor:
        executor.usual["tiny"] = 0.02
        state, records = run(home, executor)

    assert (state.graded, state.ungraded) == (12, 2)
    poisoned, broken = records.pop("s00040"), records.pop("s00041")
    assert "that graded it died" in poisoned.report.items[0].detail
    assert "no memory" in broken.report.items[0].detail
    assert {record.score for record in records.values()} == {10}


@pytest.mark.long
def test_a_slow_node_does_what_it_can_and_the_others_do_the_rest(client, home):
    hand_in(home, 60)
    with ClusterExecutor(client, node=OneSlowNode) as executor:
        executor.start([load_assignment(home / "solutions" / "tiny")])
        while executor.slots < 2:
            time.sleep(0.1)
        state, records = run(home, executor)

    slow = [each.report.student for each in records.values() if each.report.output == "slow"]
    assert state.graded == len(records) == 60
    assert 0 < len(slow) < 20


@pytest.mark.long
def test_a_node_that_cannot_grade_gets_no_work_and_is_named(client, home):
    flag = home / "full"
    one = next(iter(client.scheduler_info()["workers"]))
    client.run(lambda: os.environ.__setitem__("FULL", str(flag)), workers=[one])
    hand_in(home, 60)
    told = []

    def show(state):
        if state.graded and not flag.exists():
            flag.touch()

    with ClusterExecutor(client, tell=told.append, node=StandInNode) as executor:
        state, records = run(home, executor, show=show)
    client.run(lambda: os.environ.pop("FULL"), workers=[one])

    assert f"{one} gets no work: it can't grade: no space left on device" in told[0].en
    assert (state.graded, state.ungraded) == (60, 0)
    assert {record.score for record in records.values()} == {10}


def test_a_node_that_is_less_closed_gets_no_work_and_is_named(client, home):
    hand_in(home, 1)
    told = []
    with (
        pytest.raises(UserError, match="gets no work: the sandbox isn't fully closed"),
        ClusterExecutor(client, tell=told.append, node=OpenNode) as executor,
    ):
        run(home, executor)
    assert {word.en.split(" gets ")[0] for word in told} == {
        f"the worker at {address}" for address in client.scheduler_info()["workers"]
    }


def test_other_versions_are_refused_with_one_sentence(client, home, monkeypatch):
    monkeypatch.setattr(cluster, "versions", lambda: {"torch": "2.99.0"})
    hand_in(home, 1)
    with (
        pytest.raises(UserError, match=r"it has torch \S+, and this machine has 2\.99\.0"),
        ClusterExecutor(client, node=StandInNode) as executor,
    ):
        run(home, executor)


def test_assignments_are_removed_when_the_batch_ends_and_one_uses_a_cluster(client, home):
    hand_in(home, 2)
    look = lambda dask_worker: [  # noqa: E731
        str(path) for path in Path(dask_worker.local_directory).glob("grader-*/*")
    ]
    with ClusterExecutor(client, node=StandInNode) as executor:
        run(home, executor)
        during = client.run(look)
        with (
            pytest.raises(UserError, match="another `grader` uses this cluster"),
            Client(
                client.scheduler.address, security=client.security, set_as_default=False
            ) as second,
            ClusterExecutor(second, node=StandInNode) as other,
        ):
            run(home, other, again="rerun")
    end = time.monotonic() + 20
    while any(client.run(look).values()) and time.monotonic() < end:
        time.sleep(0.1)

    assert all(during.values())
    assert not any(client.run(look).values())


def test_a_new_version_of_an_assignment_takes_the_place_of_the_old_one(client, home):
    hand_in(home, 1)
    with ClusterExecutor(client, node=StandInNode) as executor:
        run(home, executor)
        settings = home / "solutions" / "tiny" / "assignment.toml"
        settings.write_text(SETTINGS.replace("points = 10", "points = 20"), encoding="utf-8")
        state, records = run(home, executor)

    assert state.graded == 1
    assert records["s00000"].report.items[0].verdict is Verdict.PASSED


def test_files_that_were_changed_on_the_way_are_refused(home):
    packed = pack({"assignment.toml": SETTINGS.encode()})
    changed = type(packed)(packed.sha256, packed.data + b" ")
    with pytest.raises(GraderError, match="damaged"):
        unpack(changed, home / "there")


def test_the_queue_is_graded_on_a_cluster_and_watched(client, home, tmp_path):
    tiny = load_assignment(home / "solutions" / "tiny")
    content = b"def double(x): return 2 * x\n"
    with Gradebook(tmp_path, create=True) as book:
        with transaction(book.engine) as connection:
            for student in ("kim", "lee"):
                upload = uploads.add_upload(connection, student, "tiny", "tiny.py", content)
                assert uploads.hand_in(connection, upload)
        with (
            ClusterExecutor(client, node=StandInNode) as executor,
            Workers(book, executor, {"tiny": tiny}),
        ):
            end = time.monotonic() + 60
            while len(book.records_of("kim") + book.records_of("lee")) < 2:
                assert time.monotonic() < end
                time.sleep(0.1)
            with transaction(book.reading) as connection:
                watched = queue.jobs_of(connection, [1, 2])
    assert [[item.id for item in view.items] for view in watched.values()] == [["double"]] * 2


@pytest.mark.long
def test_a_cluster_of_this_machine_grades_and_ends_without_a_word_of_its_own(home):
    hand_in(home, 3)
    program = Path(sys.executable).with_name("grader")
    command = [program, "batch", "in", "-o", "out", "--cluster", "local:1", "--lang", "en"]
    done = subprocess.run(command, cwd=home, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert "graded now: 3 (ungraded: 0)" in done.stdout
    assert "Traceback" not in done.stderr
    assert "distributed" not in done.stderr


@pytest.mark.long
def test_a_simulated_class_lands_while_workers_die():
    simulation = [sys.executable, ROOT / "benchmarks" / "cluster.py", "simulate", "600", "12", "4"]
    done = subprocess.run(simulation, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "landed 600 of 600, ungraded 0" in done.stdout
