"""The warm process that forks: children's exit status is reported, and nothing outlives its lifeline."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from grader.model.errors import InfrastructureError
from grader.sandbox.forkserver import Child, Exit, ForkedServer, ForkServer, request_child

SERVER = """
import os, signal, sys, time
from pathlib import Path
from grader.sandbox import forkserver

def run(fds):
    order, answer = fds
    command = os.read(order, 10_000).decode()
    def tell(*values):
        os.write(answer, (" ".join(map(str, values)) + "\\n").encode())
    exec(command, globals() | {"tell": tell, "fds": fds})

control = forkserver.control_from_argv()
control.send(b"ready")
forkserver.serve(control, run, after=lambda pid: Path(LOG).open("a").write(f"{pid}\\n"))
"""
SPIN = "tell(os.getpid())\nwhile True: pass"
SLEEP = "tell(os.getpid())\ntime.sleep(60)"


class Server:
    """A real server, and orders to its children."""

    def __init__(self, log: Path) -> None:
        self.log = log
        log.touch()
        self.server = ForkServer(["-c", f"LOG = {str(log)!r}\n{SERVER}"], dict(os.environ))

    @contextlib.contextmanager
    def child(self, command: str) -> Iterator[tuple[Child, "Callable[[], list[int]]"]]:
        """A child that runs `command`, and a function that reads the numbers of its next line."""
        (order, order_in), (answer_out, answer) = os.pipe(), os.pipe()
        os.write(order_in, command.encode())
        child = request_child(self.server.control, [order, answer])
        for fd in (order, order_in, answer):
            os.close(fd)
        with os.fdopen(answer_out) as lines:
            try:
                yield child, lambda: [int(word) for word in lines.readline().split()]
            finally:
                child.close()

    def cleaned_up(self) -> list[int]:
        return [int(line) for line in self.log.read_text().split()]


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Server]:
    running = Server(tmp_path / "log")
    with running.server:
        assert running.server.greeting == b"ready"
        yield running


def in_time(condition: Callable[[], bool], seconds: float = 10) -> bool:
    """Whether `condition` holds within `seconds`."""
    deadline = time.monotonic() + seconds
    while not (holds := condition()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return holds


def gone(*pids: int) -> bool:
    """Whether none of the processes is left, not even one that nobody has reaped."""
    return not any(Path(f"/proc/{pid}").exists() for pid in pids)


def descendants(pid: int) -> list[int]:
    """The processes below one, those that nobody has reaped included."""
    tasks = Path(f"/proc/{pid}/task")
    children = [
        int(child) for task in tasks.iterdir() for child in (task / "children").read_text().split()
    ]
    return [*children, *(each for child in children for each in descendants(child))]


def descriptors(pid: int | str) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


# --- how a child's end is told


@pytest.mark.parametrize(
    "status, command",
    [
        (0, "pass"),
        (7, "os._exit(7)"),
        (70, "raise ValueError('expected by this test')"),
        (70, "raise SystemExit(3)"),
        (-signal.SIGKILL, "os.kill(os.getpid(), signal.SIGKILL)"),
        (-signal.SIGSEGV, "os.kill(os.getpid(), signal.SIGSEGV)"),
    ],
)
def test_how_a_child_ended_is_reported(running, status, command):
    with running.child(command) as (child, _):
        assert child.wait(10).status == status


def test_the_cpu_time_of_a_child_is_reported(running):
    command = "while time.process_time() < 0.3: pass"

    with running.child(command) as (child, _):
        exit_ = child.wait(20)

    assert isinstance(exit_, Exit)
    assert 0.2 < exit_.cpu_seconds < 2


def test_no_exit_is_reported_for_a_running_child(running):
    with running.child(SLEEP) as (child, answer):
        answer()
        assert child.wait(0.1) is None
        assert child.wait(0) is None


def test_a_child_has_the_descriptors_of_its_request_and_none_of_others(running):
    listing = "tell(*sorted(int(fd) for fd in os.listdir('/proc/self/fd')))"

    with running.child(SLEEP) as (_, answer), running.child(listing) as (_, fds):
        answer()
        inside = fds()

    assert inside[:3] == [0, 1, 2]
    assert len(inside) == 3 + 2 + 1  # its two, and that of the listing itself


def test_two_children_run_at_the_same_time(running):
    with running.child(SLEEP) as (_, one), running.child(SLEEP) as (_, two):
        pids = [*one(), *two()]
        assert len(set(pids)) == 2
        assert not any(gone(pid) for pid in pids)


# --- the lifeline


@pytest.mark.parametrize(
    "command",
    [SPIN, SLEEP, "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + SLEEP],
    ids=["busy", "asleep", "deaf"],
)
def test_closing_the_lifeline_kills_the_child(running, command):
    with running.child(command) as (_, answer):
        (pid,) = answer()
        assert not gone(pid)

    assert in_time(lambda: gone(pid))
    assert in_time(lambda: running.cleaned_up() == [pid])


GRANDCHILD = "first = os.fork()\nif not first: time.sleep(60)\n"
GREAT_GRANDCHILD = """
read, write = os.pipe()
first = os.fork()
if not first:
    second = os.fork()
    if second: os.write(write, str(second).encode())
    time.sleep(60)
second = os.read(read, 100).decode()
"""


@pytest.mark.parametrize(
    "command",
    [
        f"{GRANDCHILD}tell(os.getpid(), first)\ntime.sleep(60)",
        f"{GREAT_GRANDCHILD}tell(os.getpid(), first, second)\ntime.sleep(60)",
        f"{GREAT_GRANDCHILD}os.kill(first, 9)\nos.waitpid(first, 0)\n"
        "tell(os.getpid(), second)\ntime.sleep(60)",
    ],
    ids=["grandchild", "great-grandchild", "orphan"],
)
def test_closing_the_lifeline_kills_the_whole_family(running, command):
    with running.child(command) as (_, answer):
        pids = answer()
        assert len(pids) >= 2
        assert not any(gone(pid) for pid in pids)

    assert in_time(lambda: gone(*pids))


def test_what_a_child_leaves_behind_is_killed(running):
    with running.child(f"{GRANDCHILD}tell(os.getpid(), first)") as (child, answer):
        pids = answer()
        assert child.wait(10).status == 0
        assert in_time(lambda: gone(*pids))


def test_closing_a_lifeline_after_the_end_harms_nobody(running):
    with running.child(SLEEP) as (_, other):
        (pid,) = other()
        with running.child("pass") as (child, _):
            child.wait(10)
        with running.child("tell(1)") as (_, answer):
            assert answer() == [1]
        assert not gone(pid)


def test_closing_one_lifeline_leaves_the_others(running):
    with running.child(SLEEP) as (_, stays):
        (staying,) = stays()
        with running.child(SLEEP) as (_, goes):
            (going,) = goes()
        assert in_time(lambda: gone(going))
        assert not gone(staying)
        assert in_time(lambda: running.cleaned_up() == [going])


# --- the end of the server


def test_all_children_end_with_the_server(tmp_path):
    running = Server(tmp_path / "log")
    with contextlib.ExitStack() as stack:
        stack.enter_context(running.server)
        assert running.server.greeting == b"ready"
        _, one = stack.enter_context(running.child(SPIN))
        _, two = stack.enter_context(
            running.child(f"{GRANDCHILD}tell(os.getpid(), first)\ntime.sleep(60)")
        )
        pids = [*one(), *two()]

        running.server.close()

        assert in_time(lambda: gone(*pids))
        assert sorted(running.cleaned_up()) == sorted([pids[0], pids[1]])
        assert not running.server.alive


def test_a_request_to_a_server_that_has_ended_is_our_fault(running):
    with running.child("tell(os.getppid())") as (_, answer):
        os.kill(answer()[0], signal.SIGKILL)
    assert in_time(lambda: not running.server.alive)

    with pytest.raises(InfrastructureError):
        request_child(running.server.control, [])


def test_a_child_of_a_server_that_was_killed_is_not_waited_for(running):
    with running.child("tell(os.getpid(), os.getppid())\ntime.sleep(60)") as (child, answer):
        pid, server = answer()
        os.kill(server, signal.SIGKILL)
        assert child.wait(10) is None
        os.kill(pid, signal.SIGKILL)


def test_a_server_that_dies_at_once_has_no_greeting():
    with ForkServer(["-c", "raise SystemExit(1)"], dict(os.environ)) as server:
        assert server.greeting == b""
        assert in_time(lambda: not server.alive)


def test_a_server_that_nobody_listened_to_ends_in_order(tmp_path, capfd):
    running = Server(tmp_path / "log")
    with running.server, running.child(SLEEP) as (_, answer):
        (pid,) = answer()
        running.server.close()

        assert in_time(lambda: gone(pid))
    assert running.cleaned_up() == [pid]
    assert capfd.readouterr().err == ""


@pytest.mark.slow
def test_the_death_of_its_owner_ends_the_server_and_its_children(tmp_path):
    owner = f"""
import os, sys
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_forkserver import GRANDCHILD, Server
running = Server(Path({str(tmp_path / "log")!r}))
running.server.greeting
with running.child(GRANDCHILD + "tell(os.getppid(), os.getpid(), first)\\ntime.sleep(60)") as (_, answer):
    print(*answer(), flush=True)
    os.kill(os.getpid(), 9)
"""
    ended = subprocess.run(
        [sys.executable, "-c", owner], check=False, capture_output=True, text=True, timeout=60
    )
    pids = [int(word) for word in ended.stdout.split()]

    assert (ended.returncode, len(pids)) == (-signal.SIGKILL, 3)
    assert in_time(lambda: gone(*pids))


# --- servers that are forked from a server

FORKED = """
import os, socket
from grader.sandbox import forkserver

def run(fds):
    control = socket.socket(fileno=fds[0])
    control.send(control.recv(100) + b" from %d" % os.getpid())
    forkserver.serve(control, answer)

def answer(fds):
    os.write(fds[0], b"%d\\n" % os.getpid())
    import time
    time.sleep(60)

control = forkserver.control_from_argv()
control.send(b"warm")
forkserver.serve(control, run)
"""


@pytest.fixture
def origin() -> Iterator[ForkServer]:
    with ForkServer(["-c", FORKED], dict(os.environ)) as server:
        yield server


@contextlib.contextmanager
def sleeper(server: ForkedServer) -> Iterator[int]:
    """The number of a new child, which sleeps."""
    read, write = os.pipe()
    child = request_child(server.control, [write])
    os.close(write)
    with os.fdopen(read) as lines:
        yield int(lines.readline())
    child.close()


def test_a_forked_server_gets_its_order_and_greets(origin):
    with ForkedServer(origin, [], b"order") as server:
        greeting, _, pid = server.greeting.partition(b" from ")
        assert (greeting, server.alive) == (b"order", True)
        assert not gone(int(pid))
    assert in_time(lambda: gone(int(pid)))


def test_a_forked_server_that_is_closed_takes_its_children_along_and_no_others(origin):
    with ForkedServer(origin, [], b"one") as one, ForkedServer(origin, [], b"two") as two:
        assert (one.greeting[:3], two.greeting[:3]) == (b"one", b"two")
        with sleeper(one) as goes, sleeper(two) as stays:
            one.close()
            assert in_time(lambda: gone(goes))
            assert (two.alive, gone(stays)) == (True, False)


@pytest.mark.parametrize("victim", ["itself", "its origin"])
def test_a_forked_server_that_is_killed_is_not_alive_and_leaves_nothing(origin, victim):
    with ForkedServer(origin, [], b"one") as server:
        pid = int(server.greeting.rpartition(b" ")[2])
        parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        with sleeper(server) as child:
            os.kill(pid if victim == "itself" else parent, signal.SIGKILL)

            assert in_time(lambda: not server.alive)
            assert in_time(lambda: not runs(child))


def runs(pid: int) -> bool:
    """Whether a process is there and not only waits to be reaped, by whoever is init here."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


# --- nothing piles up


@pytest.mark.slow
def test_200_children_leave_no_processes_and_no_descriptors(running):
    with running.child("tell(os.getppid())") as (child, answer):
        (server,) = answer()
        child.wait(10)
    assert in_time(lambda: running.cleaned_up() != [])
    ours, theirs = descriptors("self"), descriptors(server)

    for number in range(200):
        command = SLEEP if number % 2 else f"{GRANDCHILD}tell(os.getpid(), first)"
        with running.child(command) as (child, answer):
            assert answer()
            if number % 4 == 0:
                assert child.wait(10) is not None

    assert in_time(lambda: descendants(server) == [])
    assert in_time(lambda: descriptors(server) == theirs)
    assert descriptors("self") == ours
    assert in_time(lambda: len(running.cleaned_up()) == 201)
