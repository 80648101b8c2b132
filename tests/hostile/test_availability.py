"""Submissions that try to exhaust the machine, hang the grader or outlive it get their verdict in time."""

import contextlib
import gc
import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from grader.grading.grader import Grader
from grader.model.assignment import Assignment, Limits, load_assignment
from grader.model.errors import SandboxError
from grader.model.score import ScoreReport, Verdict
from grader.model.submission import Submission, parse_submission
from grader.sandbox import Sandbox, SandboxServer, StudentCodeError, live, open_sandbox, process

pytestmark = pytest.mark.sampled(16)

SETTINGS = """
name = "quick"
title = { ko = "가", en = "Quick" }
functions = ["double", "attack"]

[limits]
cpu_seconds = 0.5
train_cpu_seconds = 0.5
total_cpu_seconds = 5
wall_factor = 2
memory_mb = 256
output_kb = 4

[[items]]
id = "before"
title = { ko = "앞", en = "Before" }
points = 3

[[items]]
id = "attack"
title = { ko = "공격", en = "Attack" }
points = 3

[[items]]
id = "after"
title = { ko = "뒤", en = "After" }
points = 4
"""
CHECKS = """
import pytest
from grader.checks.expect import assert_close, number

@pytest.mark.item("before")
def test_before(student): assert_close(number(student.double(2)), 4)

@pytest.mark.item("attack")
def test_attack(student): student.attack()

@pytest.mark.item("after")
def test_after(student): assert_close(number(student.double(3)), 6)
"""
PRELUDE = """
import atexit, collections, contextlib, ctypes, itertools, json, mmap, os, re, select, signal, socket, sys
import tempfile, threading, time, zlib
import numpy as np
import torch

def double(x):
    return 2 * x

"""
GOOD = "def attack(): return 1"
LIMITS = Limits(cpu_seconds=0.5, train_cpu_seconds=0.5, wall_factor=2, memory_mb=256, output_kb=4)
PATIENT = Limits(cpu_seconds=20, train_cpu_seconds=20, wall_factor=3, memory_mb=256, output_kb=4)

MOST_WALL_SECONDS = 20.0
"""For a whole grading: the limits add up to 4 s; the rest is for a busy machine."""
MOST_CPU_SECONDS = 5.0
MOST_MEMORY = 64 * 2**20

Attacked = Callable[..., ScoreReport]
Tried = Callable[..., object]


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory, grader: Grader) -> Assignment:
    """An assignment with tiny limits, its grading server already warm."""
    folder = tmp_path_factory.mktemp("quick")
    (folder / "assignment.toml").write_text(SETTINGS, encoding="utf-8")
    (folder / "test_quick.py").write_text(CHECKS, encoding="utf-8")
    assignment = load_assignment(folder)
    grader.grade(assignment, parse_submission("x.py", b"x = 1"), "x")
    return assignment


@pytest.fixture
def attacked(
    grader: Grader, quick: Assignment, submit: Callable[..., Submission]
) -> Iterator[Attacked]:
    """Grade a hostile submission: in time, with nothing left behind, and the next one gets its right score."""

    def good() -> ScoreReport:
        return grader.grade(quick, submit(PRELUDE + GOOD), "good").report

    def run(source: str) -> ScoreReport:
        assert in_time(only_servers_run)
        servers = descendants(os.getpid())
        memory, cpu, begin = memory_of(servers), cpu_seconds(), time.monotonic()

        report = grader.grade(quick, submit(PRELUDE + source), "x").report

        assert time.monotonic() - begin < MOST_WALL_SECONDS
        assert in_time(only_servers_run)
        assert descendants(os.getpid()) == servers, "a server of ours has died"
        assert cpu_seconds() - cpu < MOST_CPU_SECONDS
        assert memory_of(servers) - memory < MOST_MEMORY
        assert report.gradable
        return report

    yield run
    assert good().score == 10


@pytest.fixture
def tried(sandbox_server: SandboxServer, submit: Callable[..., Submission]) -> Tried:
    """What a call of `attack()` returns, or its verdict; in the real sandbox or in one that lacks a defence."""

    def run(source: str, limits: Limits = LIMITS, server: SandboxServer | None = None) -> object:
        with opened(server or sandbox_server, submit(PRELUDE + source), limits) as sandbox:
            return result_of(sandbox)

    return run


def opened(server: SandboxServer, submission: Submission, limits: Limits) -> Sandbox:
    assert server.greeting
    return open_sandbox(server.control, submission, limits)


def result_of(sandbox: Sandbox) -> object:
    try:
        with contextlib.closing(sandbox.student()) as student:
            return student.attack()
    except StudentCodeError as error:
        return error.verdict


def verdicts(report: ScoreReport) -> list[Verdict]:
    return [item.verdict for item in report.items]


def only_the_attack(verdict: Verdict) -> list[Verdict]:
    return [Verdict.PASSED, verdict, Verdict.PASSED]


def call(body: str) -> str:
    return f"def attack():\n    {body}"


def in_time(condition: Callable[[], bool], seconds: float = 10) -> bool:
    """Whether `condition` holds within `seconds`."""
    deadline = time.monotonic() + seconds
    while not (holds := condition()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return holds


def children() -> dict[int, list[int]]:
    """The children of every process, those that nobody has reaped included."""
    found: dict[int, list[int]] = {}
    for path in Path("/proc").iterdir():
        if path.name.isdecimal() and (fields := stat_of(path)):
            found.setdefault(int(fields[1]), []).append(int(path.name))
    return found


def descendants(pid: int) -> set[int]:
    """The processes below one, however deep."""
    tree, found, todo = children(), set(), [pid]
    while todo:
        below = tree.get(todo.pop(), [])
        found.update(below)
        todo += below
    return found


def servers() -> set[int]:
    """Our children, which are servers or their guardians, and the servers that these have forked."""
    tree = children()
    ours = tree.get(os.getpid(), [])
    origins = {pid for pid in ours if b"control_from_argv(), changed" in command_of(pid)}
    ours = [*ours, *(pid for origin in origins for pid in tree.get(origin, []))]
    kinds = (b"grading.server", b"sandbox.server")
    above = [pid for pid in ours if any(kind in command_of(pid) for kind in kinds)]
    return {*ours, *(pid for each in above for pid in tree.get(each, []))}


def command_of(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def only_servers_run() -> bool:
    """Whether all processes below this one are servers."""
    return descendants(os.getpid()) == servers()


def stat_of(process: Path) -> list[str]:
    """State, parent, group and more of a process, empty if it is gone."""
    try:
        return (process / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def cpu_seconds() -> float:
    """What our servers have used, with all of their children that have been reaped."""
    ticks = 0
    for pid in descendants(os.getpid()):
        fields = stat_of(Path(f"/proc/{pid}"))
        ticks += sum(map(int, fields[11:15])) if fields else 0
    return ticks / os.sysconf("SC_CLK_TCK")


def memory_of(pids: set[int]) -> int:
    pages = [Path(f"/proc/{pid}/statm").read_text().split()[1] for pid in pids]
    return sum(map(int, pages)) * os.sysconf("SC_PAGE_SIZE")


# --- calls that never return

ENDLESS = {
    "loop": "while True: pass",
    "loop that swallows everything": """while True:
        try:
            while True: pass
        except BaseException: pass""",
    "iterator in C": "collections.deque(itertools.repeat(0), maxlen=0)",
    "sum in C": "sum(range(10**15))",
    "power of integers": "7 ** 10**8",
    "regular expression": "re.match(r'(a+)+$', 'a' * 40 + 'b')",
    "one operation of torch": "torch.linalg.svd(torch.rand(3000, 3000))",
    "one operation of numpy": "np.linalg.svd(np.random.rand(1500, 1500))",
    "signals blocked": """signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
    while True: pass""",
    "signals ignored": """for number in set(range(1, 65)) - {9, 19, 32, 33}: signal.signal(number, signal.SIG_IGN)
    while True: pass""",
    "threads": """def spin():
        while True: pass
    for _ in range(3): threading.Thread(target=spin).start()
    time.sleep(1000)""",
    "finally": """try:
        raise ValueError
    finally:
        while True: pass""",
    "yields the processor": "while True: os.sched_yield()",
    "writes and removes": """while True:
        open('x', 'w').close(); os.remove('x')""",
    "interrupted all the time": """signal.signal(signal.SIGALRM, lambda *_: None)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    while True: pass""",
    "sleep": "time.sleep(10**6)",
    "short sleeps": "while True: time.sleep(0.001)",
    "select": "select.select([], [], [])",
    "poll": "select.poll().poll()",
    "epoll": "select.epoll().poll()",
    "pause": "signal.pause()",
    "sigwait": "signal.sigwait({signal.SIGUSR1})",
    "lock": "lock = threading.Lock(); lock.acquire(); lock.acquire()",
    "pipe": "os.read(os.pipe()[0], 1)",
    "full pipe": "_, w = os.pipe(); os.write(w, bytes(2**20))",
    "channel": "[os.read(fd, 1) for fd in range(3, 256) if os.path.exists(f'/proc/self/fd/{fd}') or fd == 3]",
    "stops itself": "signal.raise_signal(signal.SIGSTOP)",
    "exhausted memory, then a loop": """try:
        kept = []
        while True: kept.append(bytearray(2**20))
    except MemoryError:
        while True: pass""",
    "returns what never ends": """class Endless(list):
        def __iter__(self): return itertools.repeat(None)
    return Endless([1])""",
    "raises what never prints": """class Endless(Exception):
        def __str__(self):
            while True: pass
    raise Endless""",
}  # fmt: skip


@pytest.mark.parametrize("name", ENDLESS)
def test_a_call_that_never_returns_is_a_timeout_and_costs_only_its_item(
    attacked, skip_refused_signals, name
):
    skip_refused_signals(ENDLESS[name])
    report = attacked(call(ENDLESS[name]))

    # Its own limit of memory ends the first loop, or what watches all its processes ends the submission.
    ends = [Verdict.TIMEOUT, *([Verdict.MEMORY] if "memory" in name else [])]
    assert verdicts(report) in [only_the_attack(end) for end in ends]


@pytest.mark.parametrize("watched", [True, False])
def test_a_loop_hits_the_cpu_time_limit(tried, monkeypatch, watched):
    limits = Limits(cpu_seconds=0.3, train_cpu_seconds=5, wall_factor=10, memory_mb=256)
    assert tried(GOOD) == 1
    if not watched:
        monkeypatch.setattr(process.ForkedProcess, "cpu", lambda _: 0.0)
    begin = time.monotonic()

    result = tried(
        call("end = time.monotonic() + 2\n    while time.monotonic() < end: pass"), limits
    )

    assert (Verdict.TIMEOUT if watched else None) == result
    assert (time.monotonic() - begin > 2) == (not watched)


@pytest.mark.parametrize("watched", [True, False])
def test_a_sleep_hits_the_wall_clock_limit(tried, monkeypatch, watched):
    if not watched:
        monkeypatch.setattr(process._Clocks, "look", lambda _: None)

    assert (Verdict.TIMEOUT if watched else None) == tried(call("time.sleep(3)"))


@pytest.mark.parametrize("name", ["loop", "sleep", "stops itself"])
def test_endless_items_share_one_time_limit(grader, quick, submit, skip_refused_signals, name):
    skip_refused_signals(ENDLESS[name])
    source = PRELUDE + f"def double(x):\n    {ENDLESS[name]}\nattack = double"
    begin = time.monotonic()

    report = grader.grade(quick, submit(source), "x").report

    assert {Verdict.TIMEOUT} == set(verdicts(report)) - {Verdict.ERROR}
    assert time.monotonic() - begin < MOST_WALL_SECONDS


# --- loading that never ends

SLOW_LOADS = {
    "swallows everything": """while True:
    try:
        x = 1
        while True: x += 1
    except BaseException: pass""",
    "blocks the alarm": """signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
while True: pass""",
    "ignores the alarm": """signal.signal(signal.SIGPROF, signal.SIG_IGN)
while True: pass""",
    "stops the alarm": """signal.setitimer(signal.ITIMER_PROF, 0)
while True: pass""",
    "in C": "collections.deque(itertools.repeat(0), maxlen=0)",
    "sleeps": "time.sleep(10**6)",
    "stops itself": "signal.raise_signal(signal.SIGSTOP)",
    "waits": "select.select([], [], [])",
}  # fmt: skip


@pytest.mark.parametrize("name", SLOW_LOADS)
def test_endless_loading_is_a_timeout_for_all_items(attacked, skip_refused_signals, name):
    skip_refused_signals(SLOW_LOADS[name])
    report = attacked(f"{GOOD}\n{SLOW_LOADS[name]}")

    assert verdicts(report) == [Verdict.TIMEOUT] * 3


def test_a_loop_while_loading_keeps_what_was_defined_before_it(attacked):
    report = attacked("while True: pass\ndef attack(): return 1")

    assert only_the_attack(Verdict.TIMEOUT) == verdicts(report)


@pytest.mark.long
def test_without_the_alarm_a_loop_while_loading_costs_everything(tried, server_with):
    source = f"{GOOD}\nwhile True: pass"

    assert tried(source) == 1
    assert (
        tried(source, server=server_with("worker._alarm = lambda seconds: None")) == Verdict.TIMEOUT
    )


@pytest.mark.parametrize(
    "source",
    [
        "signal.signal(signal.SIGPROF, signal.SIG_DFL); signal.setitimer(signal.ITIMER_PROF, 0.01)",
        "signal.signal(signal.SIGPROF, lambda *_: time.sleep(1000))",
        "threading.Thread(target=time.sleep, args=(1000,)).start()",
        "atexit.register(time.sleep, 1000)",
    ],
)
def test_what_loading_leaves_running_costs_nothing(attacked, source):
    report = attacked(f"{GOOD}\n{source}")

    assert report.score == 10


@pytest.mark.parametrize(
    "source",
    [
        "os.register_at_fork(before=lambda: time.sleep(1000))",
        "os.register_at_fork(after_in_child=lambda: time.sleep(1000))",
        "os.register_at_fork(after_in_parent=lambda: time.sleep(1000))",
        "os.register_at_fork(after_in_child=lambda: os._exit(0))",
        "signal.signal(signal.SIGALRM, signal.SIG_DFL); signal.setitimer(signal.ITIMER_REAL, 0.3)",
        "threading.Timer(0.3, lambda: signal.raise_signal(signal.SIGSTOP)).start()",
        "threading.Timer(0.3, lambda: os._exit(0)).start()",
        "kept = []\nwith contextlib.suppress(OSError):\n    while True: kept.append(os.dup(0))",
    ],
    ids=[
        "before",
        "in child",
        "in parent",
        "exit in child",
        "alarm",
        "stop",
        "exit",
        "descriptors",
    ],
)
def test_a_process_that_cannot_be_copied_is_a_crash(
    sandbox_server, submit, monkeypatch, skip_refused_signals, source
):
    skip_refused_signals(source)
    monkeypatch.setattr(live, "_FORK_SECONDS", 1.0)

    def run() -> list[object]:
        results = []
        with opened(sandbox_server, submit(PRELUDE + GOOD + "\n" + source), LIMITS) as sandbox:
            while len(results) < 3:
                results.append(result_of(sandbox))
                time.sleep(0.3)
        return results

    with without_resource_warnings():
        results = run()

    assert results[-1] == Verdict.CRASHED
    assert {1, Verdict.CRASHED} >= set(results)


@contextlib.contextmanager
def without_resource_warnings() -> Iterator[None]:
    """Collect what is left open within; `test_a_copy_that_fails_leaves_nothing_open` is about that."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield
        gc.collect()


def test_a_copy_that_fails_leaves_nothing_open(sandbox_server, submit):
    source = "os.register_at_fork(after_in_child=lambda: os._exit(0))"

    def run() -> int:
        with opened(sandbox_server, submit(PRELUDE + GOOD + "\n" + source), LIMITS) as sandbox:
            before = descriptors()
            assert result_of(sandbox) == Verdict.CRASHED
            return descriptors() - before

    with without_resource_warnings():
        left = run()

    assert left == 0


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


# --- memory

MEMORY = {
    "bytes": "return len(bytes(2**33))",
    "list": """kept = []
    while True: kept.append(bytearray(2**20))""",
    "text": """text = 'x'
    while True: text += text""",
    "integer": "1 << 2**34",
    "numpy": "np.ones(2**33)",
    "torch": "torch.ones(2**33)",
    "torch by broadcasting": "(torch.ones(2**20, 1) + torch.ones(1, 2**20)).sum()",
    "torch graph": """x = torch.ones(2**20, requires_grad=True)
    while True: x = torch.cat([x] * 8)""",
    "bomb of zeros": "zlib.decompress(zlib.compress(bytes(2**26)) , bufsize=2**33)",
    "dictionary": "dict.fromkeys(range(2**27))",
    "caught, then again": """try:
        bytearray(2**33)
    except MemoryError:
        bytearray(2**33)""",
}  # fmt: skip


@pytest.mark.parametrize("name", MEMORY)
def test_too_much_memory_is_reported_as_such(attacked, name):
    report = attacked(call(MEMORY[name]))

    assert only_the_attack(Verdict.MEMORY) == verdicts(report)


@pytest.mark.parametrize(
    "body",
    ["mmap.mmap(-1, 2**33)", "ctypes.create_string_buffer(2**34)", "torch.empty(2**60)"],
)
def test_other_ways_to_allocate_memory_are_refused(attacked, body):
    report = attacked(call(body))

    assert verdicts(report) in (only_the_attack(Verdict.MEMORY), only_the_attack(Verdict.ERROR))


def test_too_much_memory_while_loading_keeps_what_was_defined_before(attacked):
    report = attacked("bytearray(2**33)\ndef attack(): return 1")

    assert only_the_attack(Verdict.ERROR) == verdicts(report)
    assert "MemoryError" in report.notes[0].en


@pytest.mark.parametrize("limited", [True, False])
def test_resource_limits_bound_memory(tried, server_without, limited):
    server = None if limited else server_without("limits")

    result = tried(call("return len(bytes(2**29))"), server=server)

    assert (Verdict.MEMORY if limited else 2**29) == result


# --- threads and processes


def test_threads_run_out(attacked):
    report = attacked(call("while True: threading.Thread(target=time.sleep, args=(1000,)).start()"))

    assert only_the_attack(Verdict.ERROR) == verdicts(report)


def test_threads_with_small_stacks_are_too_many(attacked):
    body = """threading.stack_size(32768)
    for _ in range(3000): threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
    time.sleep(1000)"""

    many = (only_the_attack(Verdict.ERROR), only_the_attack(Verdict.CRASHED))
    assert verdicts(attacked(call(body))) in many


def test_a_thread_ends_with_its_call(attacked):
    body = """def spin():
        while True: pass
    threading.Thread(target=spin).start()"""

    assert attacked(call(body)).score == 10


@pytest.mark.parametrize(
    "body",
    [
        "while True: os.fork()",
        "os.forkpty()",
        "os.setsid()",
        "os.posix_spawn('/bin/true', ['true'], {})",
        "os.execv(sys.executable, [sys.executable, '-c', ''])",
        "__import__('multiprocessing').Process(target=print).start()",
        "__import__('subprocess').Popen(['sleep', '1000'], start_new_session=True)",
    ],
)
def test_starting_a_process_is_forbidden(attacked, body):
    report = attacked(call(body))

    assert only_the_attack(Verdict.FORBIDDEN) == verdicts(report)


BOMB = """
def attack():
    made = 0
    for _ in range(5):
        with contextlib.suppress(OSError):
            if not os.fork():
                time.sleep(1000)
            made += 1
    return made
"""


def test_without_the_ban_a_call_can_start_processes(tried, server_without):
    assert tried(BOMB) == 0
    assert tried(BOMB, server=server_without("calls", "fork")) == 5


def test_loading_cannot_start_a_process(tried):
    source = BOMB.replace("attack", "bomb") + "early = bomb()\ndef attack(): return early"

    assert tried(source) == 0


def test_a_bomb_while_loading_leaves_nothing_behind(attacked):
    report = attacked(f"{GOOD}\nfor _ in range(20):\n    if not os.fork(): time.sleep(1000)")

    assert report.score == 10


DAEMON = """
def attack():
    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
    with contextlib.suppress(OSError):
        if os.fork() == 0:
            if os.fork() == 0:
                time.sleep(20)
            os._exit(0)
    return os.getpid()
"""


def test_no_daemon_outlives_its_submission(tried):
    tried(DAEMON)

    assert in_time(only_servers_run)


@pytest.mark.parametrize("killed", [True, False])
def test_a_daemon_is_killed_with_its_group(submit, server_without, server_with, killed):
    forks = "lockdown.allow_system_calls = lambda: None\nlockdown.deny_fork = lambda: None\n"
    blind = """
from grader.sandbox import forkserver
def killpg(group, signal): raise ProcessLookupError
forkserver.os = type(forkserver)("os")
forkserver.os.__dict__.update(__import__("os").__dict__, killpg=killpg)
"""
    server = server_with(forks if killed else forks + blind)
    assert server.greeting
    assert in_time(only_servers_run)
    servers = descendants(os.getpid())

    with opened(server, submit(PRELUDE + DAEMON), LIMITS) as sandbox:
        assert result_of(sandbox) > 0

    try:
        assert in_time(only_servers_run, 10 if killed else 1) == killed
    finally:
        for pid in descendants(os.getpid()) - servers:
            os.kill(pid, signal.SIGKILL)
        server.close()  # without its defence it doesn't reap what was killed


# --- files and descriptors

DISK = {
    "one file": """with open('x', 'wb') as file:
        while True: file.write(bytes(2**20))""",
    "sparse file": "open('x', 'wb').truncate(2**40)",
    "far end": """with open('x', 'wb') as file:
        file.seek(2**40)
        file.write(b'x')""",
    "descriptors": "while True: os.dup(0)",
    "pipes": "while True: os.pipe()",
    "files that stay open": "kept = [open(str(n), 'w') for n in range(1000)]",
    "temporary files": "kept = [tempfile.TemporaryFile() for n in range(1000)]",
}


@pytest.mark.parametrize("name", DISK)
def test_files_and_descriptors_run_out(attacked, name):
    report = attacked(call(DISK[name]))

    assert only_the_attack(Verdict.ERROR) == verdicts(report)


@pytest.mark.parametrize("limited", [True, False])
def test_resource_limits_bound_the_size_of_a_file(tried, server_without, limited):
    server = None if limited else server_without("limits")
    body = "open('x', 'wb').truncate(300 * 2**20)\n    return 'done'"

    assert (Verdict.ERROR if limited else "done") == tried(call(body), server=server)


@pytest.mark.parametrize("limited", [True, False])
def test_resource_limits_bound_descriptors(tried, server_without, limited):
    server = None if limited else server_without("limits")
    body = "return len([os.dup(0) for _ in range(300)])"

    assert (Verdict.ERROR if limited else 300) == tried(call(body), server=server)


FILL = """
def where():
    return os.getcwd()

def attack():
    for number in range(6):
        with open(str(number), 'wb') as file:
            for _ in range(48): file.write(bytes(2**20))
    return sum(os.stat(str(number)).st_size for number in range(6)) // 2**20
"""


@pytest.mark.parametrize("limited", [True, False])
def test_the_total_size_of_files_is_limited_and_freed_afterwards(
    submit, sandbox_server, server_with, limited
):
    without = "lockdown.own_namespaces = lambda workdir: False"
    server = sandbox_server if limited else server_with(without)

    with opened(server, submit(PRELUDE + FILL), PATIENT) as sandbox:
        with contextlib.closing(sandbox.student()) as student:
            folder = Path(student.where())
        assert folder.exists()
        assert result_of(sandbox) == (Verdict.ERROR if limited else 288)

    assert in_time(lambda: not folder.exists())
    if not limited:
        server.close()  # the `rm` that a disk needs is reaped when the next one starts


@pytest.mark.parametrize(
    "body",
    [
        "[open(str(n), 'w').close() for n in range(100_000)]",
        "[os.mkdir(str(n)) for n in range(100_000)]",
    ],
)
def test_files_are_counted(tried, body):
    assert tried(call(body), PATIENT) == Verdict.ERROR


def test_nested_folders_are_removed_at_any_depth(submit, sandbox_server):
    source = """
where = os.getcwd
def attack():
    for _ in range(1500): os.mkdir('d'); os.chdir('d')
"""

    with opened(sandbox_server, submit(PRELUDE + source), PATIENT) as sandbox:
        with contextlib.closing(sandbox.student()) as student:
            folder = Path(student.where())
        assert result_of(sandbox) is None

    assert in_time(lambda: not folder.exists())
    assert sandbox_server.alive


# --- output

FLOODS = {
    "lines": "[print('line') for _ in range(200_000)]",
    "a gigabyte": "[os.write(1, b'x' * 2**20) for _ in range(1024)]",
    "without a newline": "print('x' * 2**26, end='')",
    "to stderr": "[os.write(2, b'y' * 2**20) for _ in range(256)]",
    "binary": "[os.write(1, os.urandom(2**16)) for _ in range(256)]",
    "halves of characters": "[os.write(1, b'\\xed\\x95' * 2**16) for _ in range(64)]",
    "warnings": """import warnings
    for n in range(5000): warnings.warn(str(n))""",
    "from a thread": """thread = threading.Thread(target=lambda: print('x' * 2**24))
    thread.start(); thread.join()""",
}


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_of_output_is_cut_and_costs_nothing(sandbox_server, submit, name):
    with opened(sandbox_server, submit(PRELUDE + call(FLOODS[name])), PATIENT) as sandbox:
        result = result_of(sandbox)
        output = sandbox.output

    assert not isinstance(result, Verdict)
    assert 1000 < len(output) <= PATIENT.output_kb * 1024 + 10


def test_a_flood_while_loading_is_cut_too(attacked):
    report = attacked(f"{GOOD}\nfor _ in range(64): os.write(1, b'x' * 2**20)")

    assert report.score == 10
    assert len(report.output) < 5000


@pytest.mark.parametrize("drained", [True, False])
def test_a_flood_is_read_as_it_arrives(tried, monkeypatch, drained):
    if not drained:
        monkeypatch.setattr(live._Output, "drain", lambda _: True)

    result = tried(call("print('x' * 2**22)"))

    assert (None if drained else Verdict.TIMEOUT) == result


@pytest.mark.parametrize("fds", ["(0, 1, 2)", "(1,)", "(2,)"])
def test_closing_the_standard_streams_costs_nothing(attacked, fds):
    assert attacked(call(f"for fd in {fds}: os.close(fd)")).score == 10


# --- recursion

DEEP = {
    "python": (Verdict.ERROR, "attack()"),
    "python in C": (
        Verdict.ERROR,
        "return repr(functools.reduce(lambda x, _: [x], range(10**5), 1))",
    ),
    "stack of C": (Verdict.CRASHED, "sys.setrecursionlimit(10**9); json.loads('[' * 10**6)"),
    "a list that holds itself": (Verdict.FAILED, "x = []; x.append(x); return x"),
    "parser": (Verdict.ERROR, "eval('[' * 250 + ']' * 250)"),
    "compiler": (Verdict.ERROR, "eval('x' + '()' * 10**5)"),
    "clean-up": (None, "x = None\n    for _ in range(2 * 10**5): x = [x]"),
}


@pytest.mark.parametrize("name", DEEP)
def test_endless_recursion_costs_only_its_item(attacked, name):
    verdict, body = DEEP[name]

    report = attacked("import functools\n" + call(body))

    assert only_the_attack(verdict or Verdict.PASSED) == verdicts(report)


@pytest.mark.parametrize(
    "source",
    ["x = " + "-" * 200_000 + "1", "x = " + "(" * 5000, "x = 1" + " + 1" * 200_000, "x" + ".y" * 100_000],
    ids=["minus", "brackets", "sum", "names"],
)  # fmt: skip
def test_source_that_overwhelms_the_compiler_is_a_verdict(grader, quick, submit, source):
    report = grader.grade(quick, submit(source), "x").report

    assert report.gradable
    assert set(verdicts(report)) <= {
        Verdict.ERROR,
        Verdict.CRASHED,
        Verdict.TIMEOUT,
        Verdict.MEMORY,
    }


# --- deaths

DEATHS = {
    "exit": "os._exit(0)",
    "exit by a signal's handler": """signal.signal(signal.SIGALRM, lambda *_: os._exit(0))
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    time.sleep(1000)""",
    "exit in a thread": """threading.Timer(0.05, os._exit, (0,)).start()
    time.sleep(1000)""",
    "exit in __del__": """class Last:
        def __del__(self): os._exit(0)
    Last()""",
    "exit while it is told": """class Last(Exception):
        def __str__(self): os._exit(0)
    raise Last""",
    "exit while it is sent": """class Last(list):
        def __len__(self): os._exit(0)
    return Last()""",
    "exit on its way out": """class Last:
        def __del__(self): os._exit(0)
    sys.modules.pop('torch')
    global kept
    kept = Last()
    del kept""",
    "kill": "signal.raise_signal(signal.SIGKILL)",
    "segmentation fault": "ctypes.string_at(0)",
    "segmentation fault by a signal": "signal.raise_signal(signal.SIGSEGV)",
    "abort": "os.abort()",
    "alarm": "signal.alarm(1); time.sleep(0.9); signal.raise_signal(signal.SIGALRM)",
    "broken libraries": "ctypes.memset(id(torch), 0, 4096); torch.ones(1)",
    "forbidden machine code": "ctypes.CDLL(None).syscall(ctypes.c_long(0x40000000 | 39))",
    "closes the channel": "os.closerange(3, 256)",
    "closes everything": "os.closerange(0, 256)",
    "shuts the channel": "socket.socket(fileno=3).shutdown(socket.SHUT_RDWR)",
    "garbage on the channel": "os.write(3, b'garbage, more than a header')",
    "something else as the channel": "os.dup2(0, 3)",
}


@pytest.mark.parametrize("name", DEATHS)
def test_dying_in_a_call_costs_only_its_item(attacked, skip_refused_signals, name):
    skip_refused_signals(DEATHS[name])
    report = attacked(call(DEATHS[name]))

    assert only_the_attack(Verdict.CRASHED) == verdicts(report)


@pytest.mark.parametrize(
    "name",
    [
        "exit", "exit by a signal's handler", "exit in a thread", "exit in __del__", "kill",
        "segmentation fault", "abort", "closes the channel", "closes everything",
    ],
)  # fmt: skip
def test_dying_while_loading_costs_everything(attacked, skip_refused_signals, name):
    skip_refused_signals(DEATHS[name])
    report = attacked(f"{GOOD}\ndef die():\n    {DEATHS[name]}\ndie()")

    assert verdicts(report) == [Verdict.CRASHED] * 3


@pytest.mark.parametrize(
    "source",
    [
        "atexit.register(os._exit, 0)\ndef attack(): return 1",
        "threading._register_atexit(os._exit, 0)\ndef attack(): return 1",
        "class Last:\n    def __del__(self): os._exit(0)\nlast = Last()\ndef attack(): return 1",
        "sys.excepthook = threading.excepthook = sys.unraisablehook = lambda *_: os._exit(0)\n"
        "def attack(): return 1",
    ],
    ids=["atexit", "atexit of threads", "__del__ of a global", "hooks"],
)
def test_dying_at_exit_costs_nothing(attacked, source):
    assert attacked(source).score == 10


@pytest.mark.parametrize(
    "body", ["sys.exit(0)", "raise SystemExit", "raise KeyboardInterrupt", "raise GeneratorExit"]
)
def test_exiting_by_an_exception_is_an_error(attacked, body):
    assert only_the_attack(Verdict.ERROR) == verdicts(attacked(call(body)))


@pytest.mark.parametrize("target", ["os.getpid()", "os.getppid()", "-1", "0", "1"])
def test_killing_by_number_is_forbidden(attacked, target):
    report = attacked(call(f"os.kill({target}, 0)"))

    assert only_the_attack(Verdict.FORBIDDEN) == verdicts(report)


def test_without_the_system_call_table_the_server_can_be_signalled(tried, server_without):
    body = "os.kill(os.getppid(), 0)\n    return 'reached'"

    assert tried(call(body)) == Verdict.FORBIDDEN
    assert tried(call(body), server=server_without("calls", "files")) == "reached"


# --- what a frame can cost the trusted side

FORGED = """
import msgspec, stat, struct

def returned(count, code, dtype, size):
    array = msgspec.msgpack.Ext(code, msgspec.msgpack.encode([dtype, [size], 0]))
    structure = msgspec.msgpack.encode({"type": "Returned", "value": [array] * count})
    frame = struct.pack(">II", len(structure), size) + structure + bytes(size)
    view = memoryview(frame)
    while view: view = view[os.write(3, view):]
    time.sleep(1000)
"""


@pytest.mark.parametrize("code", [1, 2], ids=["tensors", "arrays"])
@pytest.mark.parametrize("dtype", ["uint8", "bool"])
def test_a_frame_claims_no_more_memory_than_it_brings(tried, code, dtype):
    one = tried(FORGED + call(f"returned(1, {code}, {dtype!r}, 2**20)"), PATIENT)
    many = tried(FORGED + call(f"returned(64, {code}, {dtype!r}, 2**20)"), PATIENT)

    assert [len(array) for array in one] == [2**20]
    assert many == Verdict.CRASHED


# --- what is counted for all processes of a user together

MAPPED = """
from pathlib import Path
lockdown._libc.unshare(1 << 28)  # CLONE_NEWUSER
for name, line in {"setgroups": "deny", "uid_map": "1000 0 1", "gid_map": "1000 0 1"}.items():
    Path("/proc/self", name).write_text(line)
lockdown.drop_capabilities()
"""
"""Turns root into a user without any power, before anything is served."""
IN_FLIGHT = """
import array
kept = []
def attack():
    one, other = socket.socketpair()
    kept.extend((one, other))
    hands = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [0] * 250))]
    return [one.sendmsg([b'x'], hands) for _ in range(2)]
"""


@pytest.mark.parametrize("user", ["as it is", "mapped"])
@pytest.mark.parametrize("refused", [True, False])
def test_descriptors_in_flight_keep_nobody_from_starting(
    submit, server_without, server_with, user, refused
):
    code = MAPPED if user == "mapped" and os.getuid() == 0 else ""
    server = server_with(code) if refused else server_without("descriptors", code=code)

    def start_another() -> object:
        with opened(server, submit(PRELUDE + GOOD), PATIENT) as other:
            return result_of(other)

    with (
        opened(server, submit(PRELUDE + IN_FLIGHT), PATIENT) as sandbox,
        contextlib.closing(sandbox.student()) as student,
    ):
        if refused:
            with pytest.raises(StudentCodeError) as caught:
                student.attack()
            assert caught.value.verdict is Verdict.FORBIDDEN
            assert start_another() == 1
        else:
            student.attack()
            with pytest.raises(SandboxError, match="did not start"):
                start_another()


# --- how long a submission can hold a worker

WAITS = {
    "sleeps in each call": "def double(x): time.sleep(0.4); return 2 * x\nattack = double",
    "sleeps while loading, then in each call": """
time.sleep(0.7)
def double(x): time.sleep(0.4); return 2 * x
attack = double""",
    "dies after a sleep": "def double(x): time.sleep(0.4); os._exit(0)\nattack = double",
    "dies after the limit of a call": """
def double(x): time.sleep(0.9); os._exit(0)
attack = double""",
    "loads for ever": "time.sleep(1000)",
    "loads for ever while a thread asks for processes": """
def ask():
    while True:
        with contextlib.suppress(OSError): os.fork()
        time.sleep(0.02)
threading.Thread(target=ask, daemon=True).start()
time.sleep(1000)""",
    "no copy while a thread asks for processes": """
def ask():
    while True:
        with contextlib.suppress(OSError): os.fork()
        time.sleep(0.02)
asking = threading.Thread(target=ask, daemon=True)
def wait():
    if threading.current_thread() is threading.main_thread(): asking.start(); time.sleep(1000)
os.register_at_fork(before=wait)""",
    "no copy": "os.register_at_fork(before=lambda: time.sleep(1000))",
    "a copy that never greets": "os.register_at_fork(after_in_child=lambda: time.sleep(1000))",
    "wishes to fork that are taken back": """
signal.signal(signal.SIGALRM, lambda *_: None)
def ask():
    while True:
        with contextlib.suppress(OSError): os.fork()
threading.Thread(target=ask, daemon=True).start()
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
signal.setitimer(signal.ITIMER_REAL, 0.0002, 0.0002)
time.sleep(1000)""",
    "a little work in each call": """
def double(x):
    end = time.process_time() + 0.1
    while time.process_time() < end: pass
    return 2 * x
attack = double""",
    "an answer, a byte at a time": """
def double(x):
    for byte in itertools.chain([0, 0, 0, 200], itertools.repeat(0)): os.write(3, bytes([byte])); time.sleep(0.05)
attack = double""",
    "prints all the time": "def double(x):\n    while True: os.write(1, bytes(65536))\nattack = double",
    "prints a little all the time": """
def double(x):
    while True: os.write(1, b'x'); time.sleep(0.001)
attack = double""",
}  # fmt: skip
SLOWEST = {
    **WAITS,
    **{
        name: f"def double(x=0):\n    {ENDLESS[name]}\nattack = double"
        for name in (
            "loop", "one operation of torch", "signals ignored", "threads", "short sleeps", "select", "lock",
            "channel", "stops itself", "raises what never prints",
        )
    },
}  # fmt: skip
"""The 24 that hold a worker longest."""


@pytest.mark.parametrize("name", SLOWEST)
def test_no_submission_holds_a_worker_longer_than_its_time(grader, brief, submit, name):
    begin = time.monotonic()

    report = grader.grade(brief, submit(PRELUDE + SLOWEST[name]), "x").report

    assert time.monotonic() - begin < brief.limits.total_wall_seconds + 5
    assert report.gradable
    assert report.score < 10


@pytest.fixture(scope="module")
def brief(tmp_path_factory: pytest.TempPathFactory, grader: Grader) -> Assignment:
    """An assignment of many calls, whose submissions may take 3 s by the wall clock."""
    folder = tmp_path_factory.mktemp("brief")
    settings = SETTINGS.replace("total_cpu_seconds = 5", "total_cpu_seconds = 1")
    (folder / "assignment.toml").write_text(settings, encoding="utf-8")
    (folder / "test_brief.py").write_text(many_calls(40), encoding="utf-8")
    assignment = load_assignment(folder)
    assert (
        grader.grade(
            assignment, parse_submission("x.py", (PRELUDE + GOOD).encode()), "x"
        ).report.score
        == 10
    )
    return assignment


def many_calls(count: int) -> str:
    """Checks of which one calls a submission many times."""
    calls = (f"\n    assert_close(number(student.double({n})), {2 * n})" for n in range(count))
    return CHECKS.replace(" assert_close(number(student.double(2)), 4)", "".join(calls))


SLEEPER = "def attack(): time.sleep(0.3)"


@pytest.mark.parametrize("counted", [True, False])
def test_sleeping_in_every_call_hits_the_total_time_limit(
    sandbox_server, submit, monkeypatch, counted
):
    limits = Limits(cpu_seconds=1, train_cpu_seconds=1, total_cpu_seconds=1, total_wall_factor=1)
    if not counted:
        monkeypatch.setattr(process._Clocks, "__exit__", lambda *_: None)

    with opened(sandbox_server, submit(PRELUDE + SLEEPER), limits) as sandbox:
        results = [result_of(sandbox) for _ in range(8)]

    assert results[0] is None
    assert results[-1] == (Verdict.TIMEOUT if counted else None)


def test_waiting_for_a_busy_processor_costs_no_time(monkeypatch):
    family = process.Family(2**30, wall_seconds=1)
    waited = iter([0.0, 0.5, 0.5])
    with process._Clocks(family, 5, 5, lambda: next(waited)) as clocks:
        clocks._before = (next(waited), 0.0)
        time.sleep(0.6)

    assert 0.8 < family.wall_left <= 1


# --- what counts for all processes of a submission

BACKGROUND = """
def spin():
    time.sleep(0.5)
    while True: pass
threading.Thread(target=spin, daemon=True).start()
def attack(): time.sleep(5)
"""


@pytest.mark.parametrize("counted", [True, False])
def test_the_time_of_the_loaded_process_counts_while_a_copy_is_called(tried, monkeypatch, counted):
    if not counted:
        own = process.ForkedProcess.cpu
        monkeypatch.setattr(
            process.Family, "cpu", lambda it: sum(own(p) for p in it._living if p._forked_from)
        )
    limits = Limits(cpu_seconds=0.5, train_cpu_seconds=5, wall_factor=20, memory_mb=256)

    assert (Verdict.TIMEOUT if counted else None) == tried(BACKGROUND, limits)


REWRITE = """
hoard = [bytearray(os.urandom(1024) * 1024) for _ in range(150)]
def attack():
    for each in hoard:
        for place in range(0, len(each), 4096): each[place] = 1
    time.sleep(2)
    return 'done'
"""


@pytest.mark.parametrize("watched", [True, False])
def test_memory_counts_for_all_processes_together(tried, monkeypatch, watched):
    if not watched:
        monkeypatch.setattr(process.Family, "_look_at_memory", lambda *_: None)

    assert (Verdict.MEMORY if watched else "done") == tried(REWRITE, PATIENT)


def test_pages_rewritten_by_a_copy_count_twice(sandbox_server, submit):
    limits = Limits(cpu_seconds=20, train_cpu_seconds=20)

    with opened(sandbox_server, submit(PRELUDE + REWRITE), limits) as sandbox:
        assert result_of(sandbox) == "done"
        assert sandbox.meter.memory_bytes > 280 * 2**20


CROWD = """
def attack():
    threading.stack_size(32768)
    made = [threading.Thread(target=time.sleep, args=(1000,), daemon=True) for _ in range(1000)]
    for each in made: each.start()
    time.sleep(1)
    return len(made)
"""


@pytest.mark.parametrize("watched", [True, False])
def test_threads_are_counted(tried, monkeypatch, watched):
    if not watched:
        monkeypatch.setattr(process.ForkedProcess, "threads", lambda _: 0)

    result = tried(CROWD, Limits(cpu_seconds=20, train_cpu_seconds=20, memory_mb=2048))

    assert result in ((Verdict.CRASHED, Verdict.ERROR) if watched else (1000, Verdict.ERROR))


MANY = """
def attack():
    threading.stack_size(32768)
    for number in range(400):
        try:
            threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
        except RuntimeError:
            return number
    return 400
"""


@pytest.mark.skipif(os.getuid() == 0, reason="the kernel doesn't limit root's tasks")
@pytest.mark.parametrize("limited", [True, False])
def test_the_kernel_limits_the_tasks_of_an_ordinary_user(
    tried, server_without, monkeypatch, limited
):
    monkeypatch.setattr(process.ForkedProcess, "threads", lambda _: 0)
    server = server_without(*([] if limited else ["tasks"]))
    if not server.isolation.namespaces:
        pytest.skip("without a user namespace the kernel counts all processes of the user")

    started = tried(MANY, Limits(cpu_seconds=20, train_cpu_seconds=20, memory_mb=2048), server)

    assert (200 < started < 256) if limited else started == 400


# --- what lives on, and what a machine without room for processes costs

STUCK = "os.register_at_fork(after_in_child=lambda: time.sleep(1000))"


@pytest.mark.parametrize(
    ("without", "killed", "stuck", "outlived"),
    [
        pytest.param([], "server", True, False, marks=pytest.mark.long),
        ([], "all", True, False),
        (["process ids"], "server", True, False),
        (["process ids"], "all", False, False),
        (["process ids", "guardian"], "all", False, False),
        (["process ids", "guardian"], "all", True, True),
        (["process ids", "guardian", "chain"], "all", False, True),
    ],
)
def test_nothing_outlives_a_server_that_is_killed(
    submit, server_without, monkeypatch, tmp_path, without, killed, stuck, outlived
):
    monkeypatch.setattr(live, "_FORK_SECONDS", 1.0)
    source = PRELUDE + GOOD + "\n" + (STUCK if stuck else "")
    server = server_without(
        *without, TMPDIR=str(tmp_path)
    )  # what it leaves there is its next one's to remove
    top = server._process.pid
    with (
        without_resource_warnings(),
        opened(server, submit(source), PATIENT) as sandbox,
        contextlib.ExitStack() as stack,
    ):
        with contextlib.suppress(StudentCodeError):
            stack.enter_context(contextlib.closing(sandbox.student()))
        (first,) = [top] if "guardian" in without else children()[top]
        ours = descendants(first)
        assert len(ours) == 2, "the process that loaded it, and its copy"

        for pid in {top, first} if killed == "all" else {first}:
            os.kill(pid, signal.SIGKILL)

        assert in_time(lambda: not any(map(lives, ours)), 2 if outlived else 10) != outlived
    for pid in filter(lives, ours):
        os.kill(pid, signal.SIGKILL)


PLAIN_USER = ["unshare", "--user", "--map-user=1000", "--map-group=1000"]
SLEEPY = "import time\ndef double(x): time.sleep(1000)\nattack = double\n"


@pytest.mark.long
@pytest.mark.parametrize("prefix", [[], PLAIN_USER], ids=["this user", "a user without power"])
@pytest.mark.parametrize("depth", [0, 2], ids=["the grader", "the grader and its servers"])
def test_nothing_outlives_a_batch_that_is_killed(tmp_path, prefix, depth):
    if prefix and (os.getuid() or subprocess.run([*prefix, "true"], check=False).returncode):
        pytest.skip("this is no root who may become somebody else")
    folder = tmp_path / "solutions" / "quick"
    folder.mkdir(parents=True)
    (folder / "assignment.toml").write_text(SETTINGS.replace("wall_factor = 2", "wall_factor = 99"))
    (folder / "test_quick.py").write_text(CHECKS, encoding="utf-8")
    (tmp_path / "kim_quick.py").write_text(SLEEPY)
    command = [sys.executable, "-m", "grader", "batch", tmp_path / "kim_quick.py"]
    options = ["-o", tmp_path / "out", "--solutions", tmp_path / "solutions"]
    with subprocess.Popen(
        [*prefix, *command, *options],
        cwd=tmp_path,
        env=os.environ | {"TMPDIR": str(tmp_path)},
        stdout=subprocess.DEVNULL,
    ) as batch:
        # the grader, the server's guardian, the server, the process that loaded it, and its copy
        assert in_time(lambda: batch.poll() is not None or len(levels(batch.pid)) == 5, 60)
        found = levels(batch.pid)
        assert len(found) == 5

        for pid in set().union(*found[: depth + 1]):
            os.kill(pid, signal.SIGKILL)

        assert in_time(lambda: not any(map(lives, set().union(*found))), 20)


def levels(pid: int) -> list[set[int]]:
    """A process, its children, their children and so on."""
    tree, found = children(), [{pid}]
    while below := {each for parent in found[-1] for each in tree.get(parent, [])}:
        found.append(below)
    return found


def lives(pid: int) -> bool:
    fields = stat_of(Path(f"/proc/{pid}"))
    return bool(fields) and fields[0] != "Z"


FULL = """
import os as real
from grader.sandbox import forkserver
fails = [True] * {count}
serving = False
def load(note, own=server._load):
    global serving
    serving = True
    return own(note)
def fork():
    if serving and fails and fails.pop(): raise BlockingIOError(11, "no room")
    return real.fork()
server._load = load
forkserver.os = type(forkserver)("os")
forkserver.os.__dict__.update(real.__dict__, fork=fork)
"""


@pytest.mark.parametrize("count", [2, 10])
def test_a_server_that_cannot_fork_waits_and_survives(submit, server_with, count):
    server = server_with(FULL.format(count=count))
    results = []
    for _ in range(2):
        try:
            with opened(server, submit(PRELUDE + GOOD), PATIENT) as sandbox:
                results.append(result_of(sandbox))
        except SandboxError:
            results.append(None)

    assert results == ([1, 1] if count == 2 else [None, 1])
    assert server.alive
