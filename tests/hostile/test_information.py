"""Submissions can't read secrets: each attack fails, and succeeds once its defences are off."""

import contextlib
import os
import re
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from grader.model.assignment import Limits
from grader.model.submission import Submission, parse_submission, read_submission
from grader.sandbox import Sandbox, SandboxServer, StudentCodeError, open_sandbox

pytestmark = pytest.mark.sampled(16)

ROOT = Path(__file__).parents[2]
LIMITS = Limits(cpu_seconds=20, train_cpu_seconds=20, wall_factor=3, memory_mb=1024)
REFUSALS = {"PermissionError", "OSError", "ModuleNotFoundError"}
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has capabilities to drop")

# What the submission does with what the test gives it -> the defences that all must fall before it learns the secret.
READINGS = {
    "open": ("return open(path).read()", ["files"]),
    "open by the system call": (
        """
        fd = c("open", os.fsencode(path), 0)
        return os.read(fd, 100)
        """,
        ["files"],
    ),
    "open relative to its folder": ("os.chdir(folder); return open('secret').read()", ["files"]),
    "open below a folder that it holds": (
        """
        held = os.open(folder, os.O_PATH)
        return os.read(os.open("secret", os.O_RDONLY, dir_fd=held), 100)
        """,
        ["files"],
    ),
    "open what it holds without reading": (
        "return open(f'/proc/self/fd/{os.open(path, os.O_PATH)}').read()",
        ["files"],
    ),
    "open by way of its own root": ("return open('/proc/self/root' + path).read()", ["files"]),
    "open by way of nothing": ("return open('/usr/..' + path).read()", ["files"]),
    "list": ("return [p.read_text() for p in Path(folder).iterdir()]", ["files"]),
    "map into memory": (
        "return bytes(mmap.mmap(os.open(path, os.O_RDONLY), 0, prot=mmap.PROT_READ))",
        ["files"],
    ),
    "send from file to file": (
        """
        copy = os.open("copy", os.O_RDWR | os.O_CREAT)
        os.sendfile(copy, os.open(path, os.O_RDONLY), 0, 100)
        return os.pread(copy, 100, 0)
        """,
        ["files"],
    ),
    "rename into its folder": (
        "os.rename(path, 'taken'); return open('taken').read()",
        ["files"],
    ),
    "link into its folder": (
        "os.link(path, 'linked-%d' % os.getpid()); return open('linked-%d' % os.getpid()).read()",
        ["files", "calls"],
    ),
    "a symbolic link in its folder": (
        "os.symlink(path, 'link-%d' % os.getpid()); return open('link-%d' % os.getpid()).read()",
        ["files", "calls"],
    ),
    "import": (
        "sys.path.insert(0, folder); return __import__('hidden_checks').WORDS",
        ["files"],
    ),
    "source of a line": ("return linecache.getline(folder + '/hidden_checks.py', 1)", ["files"]),
    "source of a frame": (
        """
        try:
            exec(compile("1 / 0", folder + "/hidden_checks.py", "exec"))
        except ZeroDivisionError:
            return traceback.format_exc()
        """,
        ["files"],
    ),
    "attributes": (
        "return os.getxattr(path, 'user.secret')",
        ["calls"],
    ),
    "environment of a process": (
        "return open(f'/proc/{pid}/environ').read()",
        ["files", "capabilities"],
    ),
    "command line of a process": ("return open(f'/proc/{pid}/cmdline').read()", ["files"]),
    "memory of a process": (
        """
        with open(f"/proc/{pid}/mem", "rb") as memory:
            memory.seek(address)
            return found(memory.read(size))
        """,
        ["files", "capabilities"],
    ),
    "file that a process has open": (
        "return open(f'/proc/{pid}/fd/0').read()",
        ["files", "capabilities"],
    ),
    "folder that a process works in": (
        "return open(f'/proc/{pid}/cwd/secret').read()",
        ["files", "capabilities"],
    ),
    "file below the root of a process": (
        "return open(f'/proc/{pid}/root{path}').read()",
        ["files", "capabilities"],
    ),
    "process_vm_readv": (
        """
        buffer = ctypes.create_string_buffer(size)
        here = (ctypes.c_uint64 * 2)(ctypes.addressof(buffer), size)
        there = (ctypes.c_uint64 * 2)(address, size)
        libc.process_vm_readv.argtypes = [ctypes.c_int, *[ctypes.c_void_p, ctypes.c_ulong] * 2]
        libc.process_vm_readv.argtypes += [ctypes.c_ulong]
        c("process_vm_readv", pid, here, 1, there, 1, 0)
        return found(buffer.raw)
        """,
        ["files", "calls", "capabilities"],
    ),
    "ptrace": (
        """
        libc.ptrace.restype = ctypes.c_long
        libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
        seize, interrupt, peek, detach = 0x4206, 0x4207, 1, 17
        c("ptrace", seize, pid, None, None)
        c("ptrace", interrupt, pid, None, None)
        wall = 0x40000000
        os.waitpid(pid, wall)
        words = b""
        try:
            for offset in range(size - 4096, size - 8, 8):
                words += struct.pack("q", libc.ptrace(peek, pid, address + offset, None))
        finally:
            libc.ptrace(detach, pid, None, None)
        return found(words)
        """,
        ["files", "calls", "capabilities"],
    ),
    "abstract socket": (
        """
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(5)
        client.connect(chr(0) + f"grader-test-{pid}")
        return client.recv(100)
        """,
        ["files", "calls"],
    ),
    "descriptor of a process": (
        """
        theirs = system_call("pidfd_getfd", os.pidfd_open(pid), 0, 0)
        return os.pread(theirs, 100, 0)
        """,
        ["files", "calls", "capabilities"],
    ),
}

QUIET = {"source of a line", "source of a frame"}
"""Readings that end without an exception, and without the secret."""


@pytest.fixture
def targets(victim, secret) -> Iterator[dict[str, object]]:
    """A file with a secret, and a process that is full of it."""
    (victim.folder / "hidden_checks.py").write_text(f"WORDS = {secret!r}")
    with contextlib.suppress(OSError):
        os.setxattr(victim.folder / "secret", "user.secret", secret.encode())
    with telling(f"\0grader-test-{victim.pid}", secret):
        yield {
            "path": str(victim.folder / "secret"),
            "folder": str(victim.folder),
            "pid": victim.pid,
            "address": victim.address,
            "size": victim.size,
        }


@contextlib.contextmanager
def telling(address: str, words: str) -> Iterator[None]:
    """Send `words` to whoever connects to an abstract socket."""

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection:
                    connection.sendall(words.encode())

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        thread = threading.Thread(target=serve)
        thread.start()
        yield
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.mark.parametrize("name", READINGS)
def test_a_secret_is_not_read(strong_server, assault, submit, targets, name, secret):
    body, _ = READINGS[name]

    outcomes = assault(strong_server, submit, body, **targets)

    assert {outcome.how for outcome in outcomes} <= REFUSALS or name in QUIET, outcomes
    assert secret not in str(outcomes)


@pytest.mark.parametrize("name", READINGS)
def test_the_secret_is_read_without_the_defence(
    server_without, assault, submit, targets, skip_refused_moves, name, secret
):
    body, defences = READINGS[name]
    if name == "attributes" and not os.listxattr(targets["path"]):
        pytest.skip("this file system keeps no attributes")

    outcomes = assault(server_without("namespaces", *defences), submit, body, **targets)

    skip_refused_moves(outcomes)
    assert any(secret in str(outcome.value) for outcome in outcomes), outcomes


# --- files that every Linux has

EVERYWHERE = [
    "/", "/etc", "/etc/passwd", "/etc/shadow", "/etc/hostname", "/root", "/home", "/tmp", "/run", "/var/log",
    "/dev", "/dev/shm", "/proc", "/proc/self/environ", "/proc/self/cmdline", "/proc/self/maps", "/proc/self/mem",
    "/proc/self/fd", "/proc/self/task", "/proc/self/mountinfo", "/proc/self/status", "/proc/mounts",
    "/proc/version", "/proc/kallsyms", "/proc/keys", "/proc/locks", "/proc/net", "/proc/sys", "/proc/sysvipc/shm",
    "/proc/1/cgroup", "/proc/1/stat", "/sys", "/sys/class/net", "/sys/kernel/mm", "/sys/devices/virtual",
]  # fmt: skip
LOOK = """
if os.path.isdir(path):
    return os.listdir(path)
with open(path, "rb") as file:
    file.seek(id(path) if path.endswith("mem") else 0)
    file.read(16)
"""


@pytest.fixture(params=EVERYWHERE)
def everywhere(request: pytest.FixtureRequest) -> str:
    if not os.path.exists(request.param):  # noqa: PTH110
        pytest.skip("not on this machine")
    return request.param


def test_no_file_of_the_system_is_read(strong_server, assault, submit, everywhere):
    outcomes = assault(strong_server, submit, LOOK, path=everywhere)

    assert {outcome.how for outcome in outcomes} == {"PermissionError"}


def test_files_of_the_system_are_read_without_the_defence(
    server_without, assault, submit, everywhere
):
    if everywhere == "/etc/shadow" and os.geteuid():
        pytest.skip("only root reads it")
    server = server_without("namespaces", "files", "capabilities")

    assert {outcome.how for outcome in assault(server, submit, LOOK, path=everywhere)} == {"done"}


@pytest.mark.parametrize("path", ["/dev/mem", "/dev/kmsg", "/dev/port", "/proc/kcore"])
def test_no_memory_of_the_machine_is_read(strong_server, assault, submit, path):
    outcomes = assault(strong_server, submit, "open(path, 'rb').read(1)", path=path)

    assert {outcome.how for outcome in outcomes} <= {"PermissionError", "FileNotFoundError"}


# --- what is known of a hidden path without reading it

GLANCES = {
    "size and times": "assert os.stat(path).st_size",
    "access": "assert os.access(path, os.F_OK)",
    "symbolic link": "os.readlink(folder + '/link')",
    "process": "os.stat(f'/proc/{pid}')",
}


@pytest.mark.parametrize("name", GLANCES)
def test_only_metadata_of_a_hidden_path_is_visible(
    sandbox_server, assault, submit, targets, victim, name
):
    """A known limit of Landlock: size, times, owner and the target of a link, but nothing that is in it."""
    (victim.folder / "link").symlink_to("somewhere")

    outcomes = assault(sandbox_server, submit, GLANCES[name], **targets)

    assert {outcome.how for outcome in outcomes} == {"done"}


def test_opening_a_hidden_file_notifies_nobody(
    strong_server, server_without, assault, submit, targets
):
    watch = "c('inotify_add_watch', c('inotify_init1', 0), os.fsencode(folder), 0x20)"

    outcomes = assault(strong_server, submit, watch, **targets)
    without = assault(server_without("namespaces", "files", "calls"), submit, watch, **targets)

    assert {outcome.how for outcome in outcomes} == {"OSError"}
    assert {outcome.how for outcome in without} == {"done"}


@as_root
def test_a_file_that_only_capabilities_open_stays_closed(server_without, assault, submit, tmp_path):
    path = tmp_path / "closed"
    path.touch(0o000)

    for open_, defences in (("PermissionError", []), ("done", ["capabilities"])):
        server = server_without("namespaces", "files", "calls", *defences)
        outcomes = assault(server, submit, "open(path).read()", path=str(path))
        assert {outcome.how for outcome in outcomes} == {open_}


def test_a_crash_leaves_no_core_dump(strong_server, assault, submit):
    outcomes = assault(strong_server, submit, "return resource.getrlimit(resource.RLIMIT_CORE)")

    assert [outcome.value for outcome in outcomes] == [(0, 0), (0, 0)]


# --- other submissions


@pytest.fixture
def other(strong_server, submit) -> Iterator[str]:
    """The path of a file that another submission has written."""
    source = (
        "import os\nopen('answer', 'w').write('42')\ndef path(): return os.path.abspath('answer')"
    )
    with (
        opened(strong_server, submit(source)) as sandbox,
        contextlib.closing(sandbox.student()) as student,
    ):
        yield student.path()


def test_the_files_of_another_submission_are_not_read(strong_server, assault, submit, other):
    for body in ("open(path).read()", "os.listdir(os.path.dirname(path))", "os.listdir('..')"):
        outcomes = assault(strong_server, submit, body, path=other)

        assert {outcome.how for outcome in outcomes} <= {"PermissionError", "FileNotFoundError"}


def test_the_files_of_another_submission_are_read_without_the_defence(
    server_without, assault, submit
):
    server = server_without("namespaces", "files")
    body = """
        others = [folder for folder in Path("..").iterdir() if folder.resolve() != Path.cwd()]
        return [(other / "answer").read_text() for other in others if (other / "answer").exists()]
    """
    source = "open('answer', 'w').write('42')"
    with opened(server, submit(source)):
        outcomes = assault(server, submit, body)

    assert [outcome.value for outcome in outcomes] == [["42"], ["42"]]


# --- descriptors

LEAK = """
import os
leak = os.memfd_create("leak")
os.write(leak, b"what only the grader knows")
"""
READ_DESCRIPTORS = """
    words = []
    for fd in range(3, 256):
        try:
            words.append(os.pread(fd, 100, 0))
        except OSError:
            pass
    return words
"""


def test_no_descriptor_of_the_server_is_inherited(server_without, assault, submit, secret):
    closed = assault(server_without(code=LEAK), submit, READ_DESCRIPTORS)
    open_ = assault(server_without("closing", code=LEAK), submit, READ_DESCRIPTORS)

    assert secret not in str(closed)
    assert [secret in str(outcome.value) for outcome in open_] == [True, True]


def test_a_descriptor_leads_to_no_file(strong_server, assault, submit):
    body = """
        kinds = {}
        for fd in range(256):
            try:
                kinds[fd] = stat.S_IFMT(os.fstat(fd).st_mode) >> 12
            except OSError:
                pass
        return kinds
    """
    device, pipe, sock = 2, 1, 12

    for outcome in assault(strong_server, submit, body):
        assert sorted(outcome.value.values()) == sorted([device, pipe, pipe, sock])


# --- memory


def opened(server: SandboxServer, submission: Submission) -> Sandbox:
    return open_sandbox(server.control, submission, LIMITS)


@pytest.fixture
def memory_of(submit) -> Callable[..., tuple[list[str], bytes]]:
    """The maps of a submission's process, and all that is in those that are not files."""

    def read(control: socket.socket, source: str) -> tuple[list[str], bytes]:
        with (
            open_sandbox(control, submit(source), LIMITS) as sandbox,
            contextlib.closing(sandbox.student()) as student,
        ):
            process = Path(f"/proc/{student._process._pid}")
            maps = (process / "maps").read_text().splitlines()
            return maps, b"".join(contents(process, maps))

    return read


def contents(process: Path, maps: list[str]) -> Iterator[bytes]:
    with (process / "mem").open("rb", buffering=0) as memory:
        for line in maps:
            span, mode, _, _, inode, *_ = line.split()
            start, end = (int(number, 16) for number in span.split("-"))
            if mode.startswith("rw") and (inode == "0" or mode[3] == "p"):
                with contextlib.suppress(OSError):
                    memory.seek(start)
                    yield memory.read(end - start)


def hidden_lines() -> list[bytes]:
    """Lines of the checks, the solutions and their settings that no student is given."""
    given = {
        line.strip()
        for folder in ("assignments", "grader")
        for path in (ROOT / folder).rglob("*.*")
        if path.suffix in (".py", ".md", ".ipynb")
        for line in path.read_text(encoding="utf-8").splitlines()
    }
    found = []
    for path in sorted((ROOT / "solutions").glob("*/*.*")):
        lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
        own = [line for line in lines if line.isascii() and line not in given and len(line) > 25]
        found += sorted(own, key=len)[-2:]
    return [line.encode() for line in found]


@pytest.mark.long
def test_nothing_of_the_checks_or_of_another_submission_is_in_its_memory(
    grader, assignments, memory_of
):
    mine, previous = "what I have written myself", "# what somebody else has handed in"
    assignment = assignments["binary"]
    submission = read_submission(ROOT / "solutions" / "binary" / "solution.py")
    other = parse_submission("other.py", f"{previous}\n{submission.cells[0].source}".encode())
    grader.grade(assignment, other, "Gildong Hong")
    grader.grade(assignment, submission, "Gildong Hong")

    _, memory = memory_of(grader._sandbox_server().control, f"mine = {mine!r}")

    assert mine.encode() in memory
    assert len(hidden_lines()) > 10
    for marker in (previous.encode(), b"Gildong Hong", b"hidden_seed = ", *hidden_lines()):
        assert marker not in memory, marker


def test_a_secret_of_the_server_would_be_found_in_its_memory(server_with, memory_of, secret):
    _, memory = memory_of(server_with(LEAK).control, "")

    assert secret.encode() in memory


def test_it_shares_no_memory_that_can_be_written(strong_server, memory_of):
    maps, _ = memory_of(strong_server.control, "")

    assert [line for line in maps if re.match(r"\S+ .w.s", line)] == []


def test_no_object_of_the_trusted_side_is_alive(strong_server, assault, submit):
    body = """
        gc.unfreeze()
        kinds = {type(each) for each in gc.get_objects()}
        kinds |= {type(value) for each in gc.get_objects() if isinstance(each, dict) for value in each.values()}
        return sorted({f"{k.__module__}.{k.__qualname__}" for k in kinds})
    """

    for outcome in assault(strong_server, submit, body):
        kinds = {kind for kind in outcome.value if kind.startswith(("grader", "pytest", "_pytest"))}
        assert "grader.sandbox.worker.Worker" in kinds
        for name in ("Assignment", "RubricItem", "Grading", "CheckResult", "Gradebook", "Rng"):
            assert not {kind for kind in kinds if kind.endswith(f".{name}")}
        assert not {kind for kind in kinds if "pytest" in kind}


def test_the_frames_below_it_are_those_of_the_server(strong_server, assault, submit):
    body = """
        files, frame = [], sys._getframe()
        while frame:
            files.append(frame.f_code.co_filename)
            frame = frame.f_back
        return files
    """

    for outcome in assault(strong_server, submit, body):
        names = {Path(file).name for file in outcome.value}
        assert {"worker.py", "server.py", "forkserver.py"} <= names
        assert names <= {"x.py", "<string>", "worker.py", "server.py", "forkserver.py"}


# --- what can be imported


def test_the_repository_is_not_on_its_path(strong_server, assault, submit):
    for outcome in assault(strong_server, submit, "return sys.path"):
        assert not {"", ".", str(ROOT), str(ROOT / "tests")} & set(outcome.value)


def test_the_repository_on_the_path_would_be_seen(server_with, assault, submit):
    server = server_with(f"import sys\nsys.path.append({str(ROOT)!r})")

    assert str(ROOT) in str(assault(server, submit, "return sys.path"))


@pytest.mark.parametrize(
    "module", ["solutions.binary.solution", "solutions", "tests.conftest", "conftest"]
)
def test_nothing_hidden_is_imported(strong_server, assault, submit, module):
    body = """
        sys.path[:0] = folders
        __import__(module)
    """
    folders = ["", ".", "/", str(ROOT), str(ROOT / "tests")]

    for outcome in assault(strong_server, submit, body, module=module, folders=folders):
        assert outcome.how in ("ModuleNotFoundError", "PermissionError")


def test_what_is_imported_of_the_trusted_side_knows_no_assignment(strong_server, assault, submit):
    body = """
        from grader.grading.grader import Grader
        from grader.model.assignment import load_assignments
        return sorted(load_assignments(Path(root, "solutions")))
    """

    for outcome in assault(strong_server, submit, body, root=str(ROOT)):
        assert outcome.how in ("PermissionError", "ModuleNotFoundError", "UserError")


# --- what it prints, raises or returns


def test_no_message_is_a_template(grader, assignments, submit):
    words = "{words.__class__} {0} {call} %s %(x)s ${HOME} {self._grading.assignment.hidden_seed}"
    source = f"def weighted_sum(*a): print({words!r}); raise ValueError({words!r})"

    report = grader.grade(assignments["binary"], submit(source), "x").report

    assert words in report.output
    assert words in report.items[0].message.en
    assert str(assignments["binary"].hidden_seed) not in str(report)


WORKER = """
import sys, types
frame = sys._getframe()
while frame.f_globals.get("__name__") != "grader.sandbox.worker": frame = frame.f_back
worker = types.SimpleNamespace(**frame.f_globals)
"""
"""How a submission reaches what is hidden from it: the frames below its own are the worker's."""


FORGED_FRAMES = f"""{WORKER}
Frame, Raised = worker.Frame, worker.Raised
def told(self, error):
    frames = [Frame(path, 1, path) for path in PATHS]
    return Raised("ValueError", PATHS[0], "error", frames)
worker.Worker._told = told
def weighted_sum(*a): raise ValueError
raise ValueError
"""


def test_the_grader_does_not_read_a_path_for_a_submission(
    grader, assignments, submit, targets, secret
):
    paths = [targets["path"], f"{targets['folder']}/hidden_checks.py"]

    report = grader.grade(
        assignments["binary"], submit(f"PATHS = {paths!r}\n{FORGED_FRAMES}"), "x"
    ).report

    assert paths[0] in report.items[0].message.en
    assert secret not in str(report)


def test_no_handle_leads_to_an_object_of_the_grader(sandbox_server, submit):
    source = f"""{WORKER}
Ref = worker.Ref
def give(number): return Ref(number, "Module")
def look(value): return repr(value)
"""
    with (
        opened(sandbox_server, submit(source)) as sandbox,
        contextlib.closing(sandbox.student()) as student,
    ):
        for number in (0, -1, 2**40):
            with contextlib.suppress(StudentCodeError):
                assert student.look(student.give(number)) == "None"
