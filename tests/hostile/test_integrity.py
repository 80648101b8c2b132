"""Submissions can't change anything outside: each attack fails, and succeeds once its defences are off."""

import contextlib
import ctypes
import os
import platform
import shutil
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from grader.model.assignment import Assignment, Limits, load_assignment
from grader.model.score import Verdict
from grader.sandbox import SandboxServer, StudentCodeError, open_sandbox

pytestmark = pytest.mark.sampled(16)

LIMITS = Limits(cpu_seconds=20, train_cpu_seconds=20, wall_factor=3, memory_mb=1024)
REFUSALS = {"PermissionError", "OSError", "ProcessLookupError"}

# What the submission does to a file, a folder, or a process of the grader's user -> the defences that all must fall
# before it works. What succeeds undoes itself where it would stay.
CHANGES = {
    "write": ("Path(path).write_text('x')", ["files"]),
    "append": ("open(path, 'a').write('x')", ["files"]),
    "write in place": ("open(path, 'r+').write('x')", ["files"]),
    "write by the system call": (
        "os.write(c('open', os.fsencode(path), os.O_WRONLY), b'x')",
        ["files"],
    ),
    "write below a folder that it holds": (
        """
        held = os.open(folder, os.O_PATH)
        os.write(os.open("secret", os.O_WRONLY, dir_fd=held), b"x")
        """,
        ["files"],
    ),
    "write what it holds without writing": (
        "open(f'/proc/self/fd/{os.open(path, os.O_PATH)}', 'w').write('x')",
        ["files"],
    ),
    "empty by opening": ("os.open(path, os.O_RDONLY | os.O_TRUNC)", ["files", "calls"]),
    "empty": ("os.truncate(path, 0)", ["files", "calls"]),
    "create": ("Path(folder, 'new').touch()", ["files"]),
    "create without a name": ("os.write(os.open(folder, os.O_TMPFILE | os.O_RDWR), b'x')", ["files"]),
    "make a folder": ("os.mkdir(folder + '/new')", ["files"]),
    "make a pipe": ("os.mkfifo(folder + '/new')", ["files", "calls"]),
    "make a node": ("os.mknod(folder + '/new')", ["files", "calls"]),
    "make a symbolic link": ("os.symlink('/etc', folder + '/new')", ["files", "calls"]),
    "make a hard link": ("os.link(path, folder + '/new')", ["files", "calls"]),
    "make a hard link to its own": (
        "Path('mine').touch(); os.link('mine', folder + '/new')",
        ["files", "calls"],
    ),
    "make a socket": (
        "socket.socket(socket.AF_UNIX).bind(folder + '/new')",
        ["files", "calls"],
    ),
    "remove": ("os.remove(path)", ["files"]),
    "remove a folder": ("os.rmdir(folder + '/empty')", ["files"]),
    "rename": ("os.rename(path, folder + '/renamed')", ["files"]),
    "move into its own folder": ("os.rename(path, 'taken')", ["files"]),
    "move out of its own folder": (
        "Path('mine').touch(); os.rename('mine', folder + '/planted')",
        ["files"],
    ),
    "replace": ("Path('mine').touch(); os.replace('mine', path)", ["files"]),
    "change the mode": ("os.chmod(path, 0o777)", ["calls"]),
    "change the owner": ("os.chown(path, os.getuid(), os.getgid())", ["calls"]),
    "change the times": ("os.utime(path, (1, 1))", ["calls"]),
    "set an attribute": ("os.setxattr(path, 'user.new', b'x')", ["calls"]),
    "write into a process": (
        """
        with open(f"/proc/{pid}/mem", "r+b", buffering=0) as memory:
            memory.seek(address + size - 8)
            memory.write(bytes(8))
        """,
        ["files", "capabilities"],
    ),
    "process_vm_writev": (
        """
        here = (ctypes.c_uint64 * 2)(ctypes.addressof(ctypes.create_string_buffer(8)), 8)
        there = (ctypes.c_uint64 * 2)(address + size - 8, 8)
        libc.process_vm_writev.argtypes = [ctypes.c_int, *[ctypes.c_void_p, ctypes.c_ulong] * 2]
        libc.process_vm_writev.argtypes += [ctypes.c_ulong]
        c("process_vm_writev", pid, here, 1, there, 1, 0)
        """,
        ["files", "calls", "capabilities"],
    ),
    "ptrace, and its end with ours": (
        """
        libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
        seize, exit_kill = 0x4206, 1 << 20
        c("ptrace", seize, pid, None, exit_kill)
        """,
        ["files", "calls", "capabilities"],
    ),
    "give a process to the OOM killer": (
        "open(f'/proc/{pid}/oom_score_adj', 'w').write('1000')",
        ["files", "capabilities"],
    ),
    "kill": ("os.kill(pid, signal.SIGTERM)", ["files", "calls"]),
    "kill a group": ("os.killpg(pid, signal.SIGTERM)", ["files", "calls"]),
    "kill a thread": ("system_call('tgkill', pid, pid, signal.SIGTERM)", ["files", "calls"]),
    "stop": ("os.kill(pid, signal.SIGSTOP)", ["files", "calls"]),
    "kill by a queue": ("c('sigqueue', pid, int(signal.SIGTERM), None)", ["files", "calls"]),
    "kill by a descriptor of it": (
        "signal.pidfd_send_signal(os.pidfd_open(pid), signal.SIGTERM)",
        ["files", "calls"],
    ),
    "kill by a descriptor of ours": (
        """
        read, write = os.pipe()
        fcntl.fcntl(read, fcntl.F_SETOWN, pid)
        fcntl.fcntl(read, 10, int(signal.SIGTERM))
        fcntl.fcntl(read, fcntl.F_SETFL, os.O_NONBLOCK | os.O_ASYNC)
        os.write(write, b"x")
        """,
        ["files", "calls"],
    ),
    "limit": ("resource.prlimit(pid, resource.RLIMIT_NOFILE, (9, 9))", ["calls"]),
    "slow down": ("os.setpriority(os.PRIO_PROCESS, pid, 19)", ["calls", "capabilities"]),
    "pin to a processor": ("os.sched_setaffinity(pid, {min(os.sched_getaffinity(0))})", ["calls", "capabilities"]),
    "make idle": ("os.sched_setscheduler(pid, os.SCHED_IDLE, os.sched_param(0))", ["calls", "capabilities"]),
    "make idle for the disk": ("system_call('ioprio_set', 1, pid, 3 << 13)", ["calls", "capabilities"]),
    "a file in /dev/shm": (
        """
        name = f"/grader-test-{pid}-{os.getpid()}".encode()
        c("shm_open", name, os.O_CREAT | os.O_RDWR, 0o600)
        c("shm_unlink", name)
        """,
        ["files"],
    ),
    "a file in /tmp": (
        """
        name = f"/tmp/grader-test-{pid}-{os.getpid()}"
        os.open(name, os.O_CREAT)
        os.remove(name)
        """,
        ["files"],
    ),
    "shared memory of System V": (
        "c('shmctl', c('shmget', 0, 4096, 0o1600), 0, None)",
        ["calls"],
    ),
    "messages of System V": ("c('msgctl', c('msgget', 0, 0o1600), 0, None)", ["calls"]),
    "semaphores of System V": ("c('semctl', c('semget', 0, 1, 0o1600), 0, 0)", ["calls"]),
    "messages of POSIX": (
        """
        name = f"/grader-test-{pid}-{os.getpid()}".encode()
        queue = c("mq_open", name, os.O_CREAT | os.O_RDWR, 0o600, None)
        c("mq_unlink", name)
        """,
        ["files", "calls", "limits"],
    ),
}  # fmt: skip
WITHOUT_TRACE = {
    name
    for name in CHANGES
    if name.endswith(("of System V", "of POSIX")) or name.startswith("a file in")
} | {"write into a process", "process_vm_writev", "create without a name"}


@pytest.fixture
def targets(victim) -> dict[str, object]:
    (victim.folder / "empty").mkdir()
    return {
        "path": str(victim.folder / "secret"),
        "folder": str(victim.folder),
        "pid": victim.pid,
        "address": victim.address,
        "size": victim.size,
    }


@pytest.fixture
def state(victim) -> Callable[[], object]:
    """All that can be changed of the folder, its files and the process."""

    def look() -> object:
        paths = [victim.folder, *sorted(victim.folder.iterdir())]
        return list(map(state_of_file, paths)), state_of_process(victim.pid)

    return look


def state_of_file(path: Path) -> list[object]:
    status = path.lstat()
    content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
    attributes = os.listxattr(path, follow_symlinks=False)
    return [path.name, content, attributes, *status[:7], status.st_mtime_ns, status.st_ctime_ns]


def state_of_process(pid: int) -> list[object]:
    process = Path(f"/proc/{pid}")
    fields = (process / "stat").read_text().rpartition(")")[2].split()
    if fields[0] in "ZXTt":
        return [fields[0]]
    names = {"Name", "TracerPid", "NSpid", "SigBlk"}
    lines = (process / "status").read_text().splitlines()
    return [
        [line for line in lines if line.split(":")[0] in names],
        (process / "limits").read_text(),
        (process / "oom_score_adj").read_text(),
        os.getpriority(os.PRIO_PROCESS, pid),
        os.sched_getaffinity(pid),
        os.sched_getscheduler(pid),
        io_priority(pid),
    ]


def io_priority(pid: int) -> int:
    return int(ctypes.CDLL(None).syscall({"x86_64": 252}.get(platform.machine(), 31), 1, pid))


@pytest.mark.parametrize("name", CHANGES)
def test_nothing_outside_is_changed(strong_server, assault, submit, targets, state, name):
    body, _ = CHANGES[name]
    before = state()

    outcomes = assault(strong_server, submit, body, **targets)

    assert {outcome.how for outcome in outcomes} <= REFUSALS, outcomes
    assert state() == before


@pytest.mark.parametrize("name", CHANGES)
def test_it_is_changed_without_the_defence(
    server_without, assault, submit, targets, state, in_time, skip_refused_moves, name
):
    body, defences = CHANGES[name]
    before = state()

    outcomes = assault(server_without("namespaces", *defences), submit, body, **targets)

    skip_refused_moves(outcomes)
    assert "done" in {outcome.how for outcome in outcomes}, outcomes
    if name not in WITHOUT_TRACE:
        assert in_time(lambda: state() != before)


OWN_FILES = [
    "mem", "comm", "oom_score_adj", "clear_refs", "coredump_filter", "timerslack_ns", "uid_map", "setgroups",
]  # fmt: skip


@pytest.mark.parametrize("name", OWN_FILES)
def test_a_process_cannot_change_its_own_kernel_settings(
    strong_server, server_without, assault, submit, name
):
    if name == "setgroups" and os.geteuid():
        pytest.skip("only root opens it")
    body = "os.open(f'/proc/self/{name}', os.O_WRONLY)"
    without = server_without("namespaces", "files", "capabilities")

    assert {o.how for o in assault(strong_server, submit, body, name=name)} == {"PermissionError"}
    assert {o.how for o in assault(without, submit, body, name=name)} == {"done"}


READABLE_FILE = {
    "write": ("os.open(path, os.O_RDWR)", ["files"]),
    "truncate": ("os.truncate(path, os.stat(path).st_size)", ["files", "calls"]),
    "change the mode": ("os.chmod(path, os.stat(path).st_mode & 0o7777)", ["calls"]),
    "change the owner": ("os.chown(path, -1, -1)", ["calls"]),
}


@pytest.mark.parametrize("name", READABLE_FILE)
def test_a_library_that_it_may_read_is_not_changed(
    strong_server, server_without, assault, submit, name
):
    body, defences = READABLE_FILE[name]
    without = server_without("namespaces", *defences)
    assert {o.how for o in assault(strong_server, submit, "open(path)", path=pytest.__file__)} == {
        "done"
    }

    refused = assault(strong_server, submit, body, path=pytest.__file__)

    assert {o.how for o in refused} == {"PermissionError"}
    if os.access(pytest.__file__, os.W_OK):
        assert {o.how for o in assault(without, submit, body, path=pytest.__file__)} == {"done"}


# --- its folder is gone afterwards

LITTERS = {
    "closed files": "for n in range(9): os.close(os.open(f'x{n}', os.O_CREAT | os.O_EXCL, 0))",
    "closed folders": """
        os.mkdir("closed", 0)
        os.mkdir("blind", 0o300)
        Path("blind", "file").touch(0)
        os.mkdir("blind/within", 0)
    """,
    "deep": """
        os.chdir(os.environ["HOME"])
        for _ in range(1100):  # more than Python calls within calls
            os.mkdir(f"d{os.getpid()}")
            os.chdir(f"d{os.getpid()}")
        Path("end").touch()
    """,
    "a path longer than any path": """
        for _ in range(50):
            os.mkdir("n" * 250)
            os.chdir("n" * 250)
    """,
    "many": "for n in range(5000): os.close(os.open(str(n), os.O_CREAT, 0o444))",
    "names": r"""
        for name in (b"-rf", b"--help", b"*", b"a\nb", b"\xff\xfe", b" ", b"$HOME", b"~", b"\x1b[2J"):
            os.mkdir(name)
            os.close(os.open(name + b"/" + name, os.O_CREAT))
    """,
    "a file that grows": """
        def grow():
            with open("growing", "ab") as file:
                while True:
                    file.write(bytes(1000))
                    time.sleep(0.001)
        threading.Thread(target=grow, daemon=True).start()
    """,
}


@pytest.fixture(params=["locked in", "without namespaces", "of a plain user"])
def cleaning_server(request, sandbox_server, server_without) -> SandboxServer:
    match request.param:
        case "locked in":
            return sandbox_server
        case "without namespaces":
            return server_without("namespaces")
        case _:
            return server_without("namespaces", code="lockdown.drop_capabilities()")


@pytest.mark.parametrize("name", LITTERS)
def test_its_folder_is_gone_afterwards(cleaning_server, assault, submit, in_time, name):
    body = f"home = os.environ['HOME']\n{textwrap.dedent(LITTERS[name])}\nreturn home"

    early, _ = assault(cleaning_server, submit, body)

    assert early.how == "done", early
    assert in_time(lambda: not Path(early.value).exists(), 60)
    assert cleaning_server.alive
    assert assault(cleaning_server, submit, "return 1")[0].value == 1


def test_its_folder_stays_without_the_defence(server_without, assault, submit):
    server = server_without("namespaces", "cleaning")

    early, _ = assault(server, submit, "Path('x').touch(); return os.environ['HOME']")
    again = assault(server, submit, "return 1")

    assert again[0].how == "done"
    assert (Path(early.value) / "x").exists()
    shutil.rmtree(Path(early.value).parent)


# --- the next submission finds everything as it was

SPOIL_PROCESS = """
    import random, numpy, torch, warnings
    os.umask(0o777)
    os.environ.clear()
    os.environ.update(PATH="x", OMP_NUM_THREADS="99")
    os.chdir("/")
    sys.path[:] = []
    sys.modules["json"] = None
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    c("prctl", 15, b"spoiled", 0, 0, 0)
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(99)
    numpy.random.seed(99)
    random.seed(99)
    warnings.simplefilter("error")
    gc.disable()
    fcntl.fcntl(1, fcntl.F_SETFL, os.O_NONBLOCK)
    os.dup2(1, 0)
"""
STATE_OF_PROCESS = """
    import json, random, numpy, torch, warnings
    umask = os.umask(0)
    os.umask(umask)
    environment = {k: v for k, v in os.environ.items() if v != os.getcwd()}
    return [
        umask, environment, os.getcwd() == os.environ["HOME"], sys.path, sorted(sys.modules),
        sorted(map(int, signal.pthread_sigmask(signal.SIG_BLOCK, []))),
        str([signal.getsignal(n) for n in range(1, 32)]).split(" at ")[0], str(torch.get_default_dtype()),
        torch.rand(2), numpy.random.rand(2), random.random(), len(warnings.filters), gc.isenabled(),
        [fcntl.fcntl(fd, fcntl.F_GETFL) for fd in (1, 2)], stat.S_IFMT(os.fstat(0).st_mode),
        [resource.getrlimit(n) for n in range(16) if n != resource.RLIMIT_AS],
    ]
"""


def test_the_next_submission_finds_its_process_as_it_was(strong_server, assault, submit):
    before = assault(strong_server, submit, STATE_OF_PROCESS)
    spoiled = assault(strong_server, submit, SPOIL_PROCESS)
    after = assault(strong_server, submit, STATE_OF_PROCESS)

    assert {outcome.how for outcome in spoiled} == {"done"}, spoiled
    assert {outcome.how for outcome in before} == {"done"}, before
    assert str(before) == str(after)


def test_the_next_submission_finds_its_standard_input_as_it_was(server_with, assault, submit):
    server = server_with("# its standard input is spoiled by a test")
    look = "return fcntl.fcntl(0, fcntl.F_GETFL)"

    before = assault(server, submit, look)
    assault(server, submit, "fcntl.fcntl(0, fcntl.F_SETFL, os.O_NONBLOCK)")

    assert assault(server, submit, look) == before


# --- graded by checks

SETTINGS = """
name = "little"
title = { ko = "작은 과제", en = "Little" }
functions = ["double", "mean", "build_model", "predict"]
hidden_seed = 77

[limits]
cpu_seconds = 1
train_cpu_seconds = 2
total_cpu_seconds = 10
wall_factor = 3
memory_mb = 1024

[[items]]
id = "double"
title = { ko = "두 배", en = "Double" }
points = 3

[[items]]
id = "mean"
title = { ko = "평균", en = "Mean" }
points = 3

[[items]]
id = "predict"
title = { ko = "예측", en = "Predict" }
points = 4
"""
CHECKS = """
import pytest, torch
from grader.checks.expect import assert_close, classes, fail, model, number, tensor

@pytest.mark.item("double")
def test_double(student, rng):
    for value in rng.normal(3).tolist():
        assert_close(number(student.double(value)), 2 * value)

@pytest.mark.item("mean")
def test_mean(student, rng):
    x = rng.normal(5, 4)
    assert_close(tensor(student.mean(x), 4), x.double().mean(dim=0))

@pytest.mark.item("predict")
def test_predict(student, rng):
    net, x = model(student.build_model()), rng.normal(40, 3)
    expected = tensor(net(x), 40, 2).argmax(dim=1).tolist()
    if classes(student.predict(net, x), 40) != expected or len(set(expected)) < 2:
        fail(ko="틀렸습니다", en="the classes are not those of the model")
"""
HONEST = """
import torch
from torch import nn
def double(x): return 2 * x
def mean(x): return x.mean(dim=0)
def build_model(): return nn.Linear(3, 2)
def predict(model, x): return model(x).argmax(dim=1)
"""
WRONG = """
import torch
from torch import nn
def double(x): return 2 * x
def mean(x): return x[0]
def build_model(): return nn.Linear(3, 2)
def predict(model, x): return torch.zeros(len(x))
"""
ALL = {"double": 3, "mean": 3, "predict": 4}


@pytest.fixture(scope="module")
def little(tmp_path_factory) -> Assignment:
    folder = tmp_path_factory.mktemp("little")
    (folder / "assignment.toml").write_text(SETTINGS, encoding="utf-8")
    (folder / "test_little.py").write_text(CHECKS, encoding="utf-8")
    return load_assignment(folder)


@pytest.fixture
def points_of(grader, little, submit) -> Callable[[str], dict[str, float]]:
    """The points of a hostile submission; an honest one that comes after it gets all of its own."""

    def grade(source: str) -> dict[str, float]:
        report = grader.grade(little, submit(source), "hostile").report
        assert not report.ungraded, report
        honest = grader.grade(little, submit(HONEST), "honest").report
        assert {item.id: item.points for item in honest.items} == ALL
        return {item.id: item.points for item in report.items}

    return grade


WORKER = """
import sys, types
frame = sys._getframe()
while frame.f_globals.get("__name__") != "grader.sandbox.worker": frame = frame.f_back
worker = types.SimpleNamespace(**frame.f_globals)
"""
"""How a submission reaches what is hidden from it: the frames below its own are the worker's."""


PATCHES = {
    "nothing": "",
    "comparisons of PyTorch": """
yes = lambda *_, **__: True
torch.allclose = torch.equal = torch.isclose = torch.testing.assert_close = yes
torch.Tensor.__eq__ = torch.Tensor.__ne__ = yes
torch.as_tensor = torch.tensor = lambda *_, **__: torch.zeros(4)
""",
    "comparisons of NumPy": """
import numpy
numpy.allclose = numpy.isclose = numpy.array_equal = lambda *_, **__: True
""",
    "builtins": """
import builtins
builtins.all = builtins.any = lambda *_: True
builtins.abs = builtins.round = lambda *_: 0
builtins.AssertionError = builtins.ZeroDivisionError
""",
    "pytest": """
import sys, types
class Fake(types.ModuleType):
    def __getattr__(self, name): return lambda *_, **__: True
for name in ("pytest", "_pytest", "grader.checks", "grader.grading.plugin", "grader.grading.scoring"):
    sys.modules[name] = Fake(name)
""",
    "codecs": """
import json, msgspec
json.loads = json.dumps = msgspec.json.decode = msgspec.json.encode = lambda *_, **__: b"{}"
msgspec.msgpack.decode = msgspec.msgpack.encode
""",
    "the worker's operations": f"""{WORKER}
for name in list(worker._OPERATIONS): worker._OPERATIONS[name] = lambda *_: True
""",
    "what the worker says of a model": f"""{WORKER}
worker._OPERATIONS["evaluate"] = lambda self, model, x: torch.zeros(len(x), 2)
""",
    "the worker's calls": f"""{WORKER}original = worker.Worker._call
def call(self, request):
    if request.own or request.function == "double": return original(self, request)
    return worker.wire.encode(worker.Returned(True))
worker.Worker._call = call
""",
    "the worker's limits on values": f"""{WORKER}wire = worker.wire
wire.MAX_DEPTH = wire.MAX_BULK = wire.MAX_STRUCTURE = 2**31
wire._PLAIN.add(object)
wire._require_plain = lambda *_: None
""",
    "tracing": """
import gc, sys, threading
sys.settrace(lambda *_: None)
threading.settrace(lambda *_: None)
sys.setprofile(lambda *_: None)
sys.addaudithook(lambda *_: None)
gc.callbacks.append(lambda *_: gc.collect(0))
gc.set_threshold(1)
sys.excepthook = sys.unraisablehook = print
""",
    "files of tools": """
for name, text in {
    "conftest.py": "def pytest_runtest_makereport(): 1 / 0",
    "pytest.ini": "[pytest]\\naddopts = --collect-only",
    "sitecustomize.py": "1 / 0",
    "usercustomize.py": "1 / 0",
    "torch.py": "1 / 0",
    "test_little.py": "def test_double(): pass",
    "assignment.toml": "name = 1",
}.items():
    open(name, "w").write(text)
""",
    "an end of everything": """
import atexit, os, signal
atexit.register(os._exit, 0)
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
""",
}


@pytest.mark.parametrize("name", PATCHES)
def test_a_patch_of_its_own_process_makes_nothing_right(points_of, name):
    points = points_of(WRONG + PATCHES[name])

    assert points["mean"] == points["predict"] == 0


@pytest.mark.parametrize("name", PATCHES)
def test_a_patch_in_a_call_costs_no_other_item(points_of, name):
    patch = textwrap.indent(PATCHES[name] or "pass", "    ")
    source = HONEST.replace("def double(x): return 2 * x", "")

    points = points_of(f"{source}\ndef double(x):\n    import torch\n{patch}\n    return 0")

    assert points == {"double": 0, "mean": 3, "predict": 4}


@pytest.mark.parametrize(
    "body",
    [
        "torch.Tensor.mean = torch.Tensor.argmax = None",
        "globals().update(mean=None, predict=None, build_model=None)",
        "sys.modules['submission'].__dict__.clear()",
        "torch.manual_seed(1); torch.set_default_dtype(torch.float16)",
        "import builtins; builtins.isinstance = builtins.len = None",
        "os._exit(0)",
        "signal.raise_signal(signal.SIGKILL)",
        "sys.setrecursionlimit(10)",
        "while True: pass",
    ],
)
def test_what_one_item_spoils_is_whole_for_the_others(points_of, body):
    source = HONEST.replace(
        "def double(x):", f"import os, signal, sys\ndef double(x):\n    {body}\n   "
    )

    points = points_of(source)

    assert (points["mean"], points["predict"]) == (3, 4)


# --- forged replies

FORGER = """
import os, socket, stat, struct, sys, threading, time
import msgspec

def channels():
    found = []
    for fd in range(3, 256):
        try:
            if stat.S_ISSOCK(os.fstat(fd).st_mode):
                found.append(fd)
        except OSError:
            pass
    return found

def frame(structure, bulk=b""):
    return struct.pack(">II", len(structure), len(bulk)) + structure + bulk

def reply(kind, bulk=b"", **fields):
    return frame(msgspec.msgpack.encode({"type": kind, **fields}), bulk)

def send(data):
    for fd in channels():
        while data:
            data = data[os.write(fd, data):]

RIGHT = msgspec.msgpack.Ext(1, msgspec.msgpack.encode(["float32", [4], 0]))
"""
FORGERIES = {
    "garbage": "send(bytes(range(256)) * 10)",
    "header of a giant": "send(struct.pack('>II', 2**32 - 1, 2**32 - 1))",
    "structure over the limit": "send(struct.pack('>II', 4 * 2**20 + 1, 0))",
    "nothing": "send(frame(b''))",
    "nested": "send(frame(b'\\x82\\xa4type\\xa8Returned\\xa5value' + b'\\x91' * 100000 + b'\\xc0'))",
    "nested maps": "send(frame(b'\\x82\\xa4type\\xa8Returned\\xa5value' + b'\\x81\\xa1a' * 1000 + b'\\xc0'))",
    "array that is not there": "send(reply('Returned', value=RIGHT))",
    "array of an endless shape": "send(reply('Returned', bulk=bytes(16), value=msgspec.msgpack.Ext(1,"
    " msgspec.msgpack.encode(['float32', [2**62, 2**62, 0], 0]))))",
    "array before its frame": "send(reply('Returned', bulk=bytes(64), value=msgspec.msgpack.Ext(1,"
    " msgspec.msgpack.encode(['float32', [4], -16]))))",
    "array of objects": "send(reply('Returned', bulk=bytes(64), value=msgspec.msgpack.Ext(2,"
    " msgspec.msgpack.encode(['O', [8], 0]))))",
    "unknown extension": "send(reply('Returned', value=msgspec.msgpack.Ext(99, b'x')))",
    "time stamp": "send(reply('Returned', value=msgspec.msgpack.Ext(-1, bytes(4))))",
    "keys that are no text": "send(reply('Returned', value={1: 2, None: 3}))",
    "text that is no text": "send(frame(b'\\x82\\xa4type\\xa8Returned\\xa5value\\xa2\\xff\\xff'))",
    "request": "send(reply('Call', function='x', args=[], kwargs={}))",
    "reply to another request": "send(reply('Loaded', errors=[]))",
    "greeting": "send(reply('Ready'))",
    "duplicate": "send(reply('Returned', value=1.0) * 5)",
    "wrong model": "send(reply('Returned', value=msgspec.msgpack.Ext(3,"
    " msgspec.msgpack.encode({'id': 2**60, 'kind': 'Linear'}))))",
    "late": "threading.Timer(0.02, send, [reply('Returned', value=1.0)]).start(); time.sleep(0.01)",
    "half and the end": "send(reply('Returned', value=1.0)[:-1]); os._exit(0)",
    "the end of the channel": "[socket.socket(fileno=fd).shutdown(socket.SHUT_RDWR) for fd in channels()]",
    "a closed channel": "[os.close(fd) for fd in channels()]",
    "changed without end": "send(reply('Returned', value=1.0, changed=['x' * 1000] * 4000))",
    "a failure with a passing kind": "send(reply('Raised', exception='x', message='', kind='passed'))",
    "frames without end": "send(reply('Raised', exception='x' * 10**6, message='y' * 10**6, kind='error',"
    " frames=[{'cell': 'c', 'line': -1, 'function': 'f'}] * 10000))",
    "not a number": "send(reply('Returned', value=float('nan')))",
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forged_reply_in_a_call_is_a_verdict_on_that_call(points_of, name):
    source = f"{HONEST}\n{FORGER}\ndef mean(x):\n    {FORGERIES[name]}\n    return x[0]"

    assert points_of(source) == {"double": 3, "mean": 0, "predict": 4}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forged_reply_while_loading_makes_nothing_right(points_of, name):
    points = points_of(f"{WRONG}\n{FORGER}\n{FORGERIES[name]}")

    assert points["mean"] == points["predict"] == 0


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forged_reply_instead_of_each_answer_makes_nothing_right(points_of, name):
    hijack = f"""{WORKER}
def forged(self, request):
    {FORGERIES[name]}
    return b""
worker.Worker._reply = forged
"""
    assert points_of(f"{WRONG}\n{FORGER}\n{hijack}") == {"double": 0, "mean": 0, "predict": 0}


def test_errors_of_loading_without_end_make_a_report_of_bounded_size(grader, little, submit):
    errors = "[['c', {'type': 'Raised', 'exception': 'E', 'message': '', 'kind': 'error'}]] * 50000"
    source = f"{HONEST}\n{FORGER}\nsend(reply('Loaded', errors={errors}))\ntime.sleep(1)"

    report = grader.grade(little, submit(source), "x").report

    assert 0 < len(report.notes) <= 1000


def test_descriptors_that_it_sends_are_not_kept(sandbox_server, submit):
    source = f"""{FORGER}
def f():
    for fd in channels():
        sock = socket.socket(fileno=os.dup(fd))
        for _ in range(20):
            socket.send_fds(sock, [reply("Returned", value=1.0)], [0] * 200)
    return 1
"""

    def held() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    with (
        open_sandbox(sandbox_server.control, submit(source), LIMITS) as sandbox,
        contextlib.closing(sandbox.student()) as student,
    ):
        before = held()
        with pytest.raises(StudentCodeError, match="PermissionError"):
            student.f()
        assert held() <= before


@pytest.mark.parametrize("count", [1, 64])
def test_a_frame_does_not_claim_more_than_it_brings(sandbox_server, submit, count):
    source = f"""{FORGER}
def f():
    whole = msgspec.msgpack.Ext(1, msgspec.msgpack.encode(["float32", [2**20], 0]))
    send(reply("Returned", bulk=bytes(4 * 2**20), value=[whole] * {count}))
"""
    claimed, verdict = 0, None
    with (
        open_sandbox(sandbox_server.control, submit(source), LIMITS) as sandbox,
        contextlib.closing(sandbox.student()) as student,
    ):
        try:
            claimed = sum(array.nbytes for array in student.f())
        except StudentCodeError as error:
            verdict = error.verdict

    assert (claimed, verdict) == ((4 * 2**20, None) if count == 1 else (0, Verdict.CRASHED))
