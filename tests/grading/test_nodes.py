"""A class is graded by machines on a network: namespaces with an address each, on which real workers grade.

Kills are a minute apart, because a worker needs tens of seconds to be warm again.
"""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from grader.gradebook import Gradebook
from grader.model.errors import UserError

pytestmark = [pytest.mark.long, pytest.mark.load]
BRIDGE = "gradertest"
NODES = {"gradertest1": "10.213.7.2", "gradertest2": "10.213.7.3"}
HEAD = "10.213.7.1"
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

@pytest.mark.item("double")
def test_double(student):
    assert student.double(2) == 4
"""
SLOW = "import time\ndef double(x):\n    time.sleep({seconds})\n    return 2 * x\n# {number}\n"


def ip(*words, check=True):
    return subprocess.run(["ip", *words], check=check, capture_output=True, text=True)


def remove():
    for name in NODES:
        ip("netns", "del", name, check=False)
        ip("link", "del", name, check=False)
    ip("link", "del", BRIDGE, check=False)


@pytest.fixture(scope="module")
def network():
    if os.getuid() != 0:
        pytest.skip("network namespaces need root")
    remove()
    try:
        ip("link", "add", BRIDGE, "type", "bridge")
        ip("addr", "add", f"{HEAD}/24", "dev", BRIDGE)
        ip("link", "set", BRIDGE, "up")
        for name, address in NODES.items():
            ip("netns", "add", name)
            ip("link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", name)
            ip("link", "set", name, "master", BRIDGE, "up")
            ip("-n", name, "addr", "add", f"{address}/24", "dev", "eth0")
            ip("-n", name, "link", "set", "eth0", "up")
            ip("-n", name, "link", "set", "lo", "up")
        yield
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no network namespaces here: {error}")
    finally:
        remove()


@pytest.fixture
def home(tmp_path):
    tiny = tmp_path / "solutions" / "tiny"
    tiny.mkdir(parents=True)
    (tiny / "assignment.toml").write_text(SETTINGS, encoding="utf-8")
    (tiny / "test_tiny.py").write_text(CHECKS)
    (tmp_path / "in").mkdir()
    return tmp_path


def hand_in(home, count, seconds):
    for number in range(count):
        source = SLOW.format(seconds=seconds, number=number)
        (home / "in" / f"s{number:05}_tiny.py").write_text(source)


@contextlib.contextmanager
def process(*command, **options):
    running = subprocess.Popen(
        list(map(str, command)), start_new_session=True, stderr=subprocess.DEVNULL, **options
    )
    try:
        yield running
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)
        running.wait()


@pytest.fixture
def cluster(network, tmp_path):
    """A scheduler here, and a worker in each namespace with a folder of its own."""
    dask = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--no-dashboard"]
    with contextlib.ExitStack() as stack:
        stack.enter_context(process(*dask, "--host", HEAD, "--port", "8786"))
        for name in NODES:
            folder = tmp_path / name
            folder.mkdir()
            subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200m", "none", folder], check=True)
            stack.callback(subprocess.run, ["umount", "--lazy", folder], check=True)
            worker = [sys.executable, "-m", "distributed.cli.dask_worker", f"tcp://{HEAD}:8786"]
            worker += ["--nworkers", "1", "--nthreads", "1", "--no-dashboard"]
            worker += ["--host", NODES[name], "--local-directory", folder]
            environment = os.environ | {"TMPDIR": str(folder)}
            stack.enter_context(process("ip", "netns", "exec", name, *worker, env=environment))
        yield f"tcp://{HEAD}:8786"


def start(home, address):
    return subprocess.Popen(
        [
            *(Path(sys.executable).with_name("grader"), "batch", "in", "-o", "out"),
            *("--cluster", address, "--lang", "en"),
        ],
        cwd=home,
        env=os.environ | {"LANG": "C.UTF-8", "COLUMNS": "200"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def landed(home):
    with contextlib.suppress(UserError), Gradebook(home / "out") as book:
        return len(book.class_record().records)
    return 0


def wait_for(home, count, client):
    end = time.monotonic() + 400
    while landed(home) < count and client.poll() is None:
        assert time.monotonic() < end
        time.sleep(0.5)


def worker_processes(name):
    """The worker in a namespace: not its nanny, which starts another one."""
    listed = subprocess.run(
        ["ip", "netns", "pids", name], capture_output=True, text=True, check=True
    )
    return [
        int(pid)
        for pid in listed.stdout.split()
        if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]


def reports(home):
    with Gradebook(home / "out") as book:
        return [(r.report.student, r.score) for r in book.class_record().records]


def test_nothing_is_lost_when_client_worker_and_network_fail(cluster, home):
    hand_in(home, 150, seconds=2)
    first = start(home, cluster)
    wait_for(home, 10, first)
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    kept = landed(home)

    second = start(home, cluster)
    wait_for(home, kept + 10, second)
    one, two = NODES
    for pid in worker_processes(one):
        os.kill(pid, signal.SIGKILL)
    time.sleep(60)
    ip("link", "set", two, "down")
    time.sleep(45)
    ip("link", "set", two, "up")
    out, err = second.communicate(timeout=500)

    assert second.returncode == 0, out + err
    assert "Warning: without TLS" in err
    assert kept >= 10
    assert int(re.search(r"graded before: (\d+)", out)[1]) >= 10
    assert reports(home) == [(f"s{number:05}", 10) for number in range(150)]


def test_a_node_with_a_full_disk_costs_nobody_a_report(cluster, home):
    """Its folder, in which the sandbox works, too, is a file system of its own."""
    hand_in(home, 60, seconds=2)
    client = start(home, cluster)
    wait_for(home, 5, client)
    with (home / "gradertest2" / "large").open("wb") as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(2**20))
            file.flush()
    out, err = client.communicate(timeout=500)

    assert client.returncode == 0, out + err
    assert reports(home) == [(f"s{number:05}", 10) for number in range(60)]


def test_a_scheduler_that_is_gone_is_one_sentence(network, home):
    client = start(home, f"tcp://{HEAD}:8786")
    hand_in(home, 1, seconds=0)
    out, err = client.communicate(timeout=120)

    assert client.returncode == 2, out + err
    assert "can't use the cluster" in err
    assert "Traceback" not in err
