"""What a submission can't reach, tried by real submissions in the real sandbox."""

import contextlib
import errno
import os
import platform
import pwd
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from grader.model.assignment import Limits
from grader.model.score import Verdict
from grader.model.submission import Submission
from grader.sandbox import (
    Isolation,
    Sandbox,
    SandboxServer,
    Student,
    StudentCodeError,
    open_sandbox,
)
from grader.sandbox.syscalls import ALLOWED, CHECKED, REFUSED

ROOT = Path(__file__).parents[2]
HOME = Path(pwd.getpwuid(os.getuid()).pw_dir)
LIMITS = Limits(cpu_seconds=5, train_cpu_seconds=5, wall_factor=3, memory_mb=1024)
COLUMN = {"x86_64": 0, "aarch64": 1}.get(platform.machine(), 0)
# uretprobe and uprobe: the kernel lets them pass every filter, and they do nothing outside of a probe.
UNFILTERED = {335, 336} if platform.machine() == "x86_64" else set()
SET_FOR_LIBRARIES = {
    "PYTHONHASHSEED", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS",
    "MALLOC_ARENA_MAX", "TORCH_COMPILE_DISABLE", "JOBLIB_MULTIPROCESSING", "MPLBACKEND",
    "MPLCONFIGDIR",
}  # fmt: skip
needs_ipv6 = pytest.mark.skipif(
    not Path("/proc/net/if_inet6").exists()
    or "00000001" not in Path("/proc/net/if_inet6").read_text(),
    reason="this machine has no IPv6",
)
only_x86_64 = pytest.mark.skipif(platform.machine() != "x86_64", reason="machine code of x86-64")

pytestmark = pytest.mark.slow

PRELUDE = """
import ctypes, fcntl, mmap, multiprocessing, os, resource, signal, socket, stat, subprocess, sys
import tempfile, termios, threading, time, urllib.request
from pathlib import Path

libc = ctypes.CDLL(None, use_errno=True)

def outcome(expression, *values):
    try:
        eval(expression, {**globals(), "values": values})
    except Exception as error:
        return type(error).__name__
    return "done"

def value(expression, *values):
    return eval(expression, {**globals(), "values": values})

def syscall(number, *arguments):
    padded = (*arguments, *[0] * 6)[:6]
    if libc.syscall(ctypes.c_long(number), *map(ctypes.c_long, padded)) < 0:
        return ctypes.get_errno()
    return 0
"""


@pytest.fixture
def opened(
    sandbox_server: SandboxServer, submit: Callable[..., Submission]
) -> Callable[..., Sandbox]:
    """Open a sandbox, to be closed by `with`."""
    return lambda source="": open_sandbox(sandbox_server.control, submit(PRELUDE + source), LIMITS)


@pytest.fixture
def student_of(opened: Callable[..., Sandbox]) -> Callable[..., AbstractContextManager[Student]]:
    @contextlib.contextmanager
    def run(source: str = "") -> Iterator[Student]:
        with opened(source) as sandbox, contextlib.closing(sandbox.student()) as student:
            yield student

    return run


@pytest.fixture
def student(student_of: Callable[..., AbstractContextManager[Student]]) -> Iterator[Student]:
    with student_of() as opened:
        yield opened


@pytest.fixture(params=["loading", "calling"])
def outcome(
    request: pytest.FixtureRequest, student_of: Callable[..., AbstractContextManager[Student]]
) -> Callable[..., str]:
    """How evaluating an expression ends: both while the submission is loaded and in a call."""

    def run(expression: str, *values: object) -> str:
        if request.param == "calling":
            with student_of() as student:
                return student.outcome(expression, *values)
        with student_of(f"early = outcome({expression!r}, *{values!r})") as student:
            return student.value("early")

    return run


def in_time(condition: Callable[[], bool], seconds: float = 10) -> bool:
    """Whether `condition` holds within `seconds`."""
    deadline = time.monotonic() + seconds
    while not (holds := condition()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return holds


def test_every_probe_is_blocked(sandbox_server):
    isolation = sandbox_server.isolation

    assert Isolation("full", namespaces=isolation.namespaces) == isolation


# --- files


@pytest.mark.parametrize(
    "path",
    [
        "{root}/solutions/binary/assignment.toml",
        "{root}/solutions/wine/solution.py",
        "{root}/grader/grading/grader.py",
        "{root}/tests/conftest.py",
        "/etc/passwd",
        "/proc/mounts",
        "/proc/self/environ",
        "/proc/{us}/environ",
        "/proc/{us}/maps",
        "/proc/1/status",
    ],
)
def test_a_file_outside_is_out_of_reach(outcome, path):
    path = path.format(root=ROOT, us=os.getpid())
    assert Path(path).read_bytes()

    assert outcome("open(values[0], 'rb').read()", path) == "PermissionError"


@pytest.mark.parametrize("name", ["environ", "cmdline", "maps", "mem", "stack"])
def test_the_first_process_is_out_of_reach(outcome, name):
    assert outcome(f"open('/proc/1/{name}', 'rb').read()") == "PermissionError"


def test_the_environment_and_memory_of_the_parent_are_out_of_reach(student):
    parent = stat_of(Path(f"/proc/{pid_of(student)}"))[1]

    for name in ("environ", "maps", "mem", "cmdline"):
        assert student.outcome(f"open('/proc/{parent}/{name}', 'rb')") == "PermissionError"


@pytest.mark.parametrize("folder", ["{root}/solutions", "{root}", "{tmp}", "/proc", "/", "/etc"])
def test_a_folder_outside_cannot_be_listed(outcome, folder):
    folder = folder.format(root=ROOT, tmp=tempfile.gettempdir())
    assert any(Path(folder).iterdir())

    assert outcome("os.listdir(values[0])", folder) == "PermissionError"


def test_home_is_out_of_reach(outcome):
    with tempfile.NamedTemporaryFile(dir=HOME) as file:
        assert outcome("open(values[0], 'rb').read()", file.name) == "PermissionError"
        assert outcome("os.listdir(values[0])", str(HOME)) == "PermissionError"


@pytest.mark.parametrize("folder", ["{root}", "{home}", "{tmp}", "/var/tmp", "/dev/shm"])
def test_nothing_is_written_outside(outcome, folder):
    folder = Path(folder.format(root=ROOT, home=HOME, tmp=tempfile.gettempdir()))
    assert folder.is_dir()
    target = folder / f"grader-test-{os.getpid()}"

    for expression in ("open(values[0], 'x')", "os.mkdir(values[0])"):
        assert outcome(expression, str(target)) == "PermissionError"
    assert not target.exists()


def test_a_file_outside_is_neither_changed_nor_removed_nor_moved(outcome, tmp_path):
    target = tmp_path / "kept"
    target.write_text("kept")

    for expression in (
        "open(values[0], 'w')",
        "open(values[0], 'r+')",
        "os.truncate(values[0], 0)",
        "os.remove(values[0])",
        "os.rename(values[0], 'mine')",
        "os.link(values[0], 'mine')",
        "os.chmod(values[0], 0o777)",
    ):
        assert outcome(expression, str(target)) in ("PermissionError", "OSError"), expression
    assert [path.read_text() for path in tmp_path.iterdir()] == ["kept"]


def test_its_own_folder_can_be_used_like_any(student):
    assert student.outcome("Path('a').mkdir()") == "done"
    assert student.outcome("Path('a/x').write_text('text')") == "done"
    assert student.outcome("os.rename('a/x', 'a/y')") == "done"
    assert student.value("Path('a/y').read_text()") == "text"
    assert student.value("os.listdir()") == ["a"]
    assert student.outcome("(os.remove('a/y'), os.rmdir('a'))") == "done"
    assert student.value("os.listdir()") == []
    assert student.outcome("Path('/dev/null').write_text('x')") == "done"


def test_a_file_moves_between_its_own_folders(student):
    assert student.outcome("(Path('a').mkdir(), Path('x').touch())") == "done"
    assert student.outcome("os.rename('x', 'a/x')") == "done"
    assert student.value("os.listdir('a')") == ["x"]


def test_home_and_temporary_files_are_in_its_own_folder(student):
    folder = student.value("os.getcwd()")

    assert folder == student.value("str(Path.home())")
    assert folder == student.value("tempfile.gettempdir()")
    assert student.outcome("tempfile.NamedTemporaryFile().write(b'x')") == "done"


def seen_by(student):
    """Its folder, which may be in a file system of its own."""
    return Path(f"/proc/{pid_of(student)}/root{student.value('os.getcwd()')}")


def pid_of(student):
    """Its process number out here; it has another one in its own namespace."""
    return student._process._pid


def test_a_file_that_can_be_read_can_not_be_emptied(outcome):
    assert outcome("os.open(tempfile.__file__, os.O_RDONLY | os.O_TRUNC)") == "PermissionError"


def test_its_folder_is_gone_afterwards(student_of):
    with student_of("os.makedirs('deep/er'); Path('deep/er/file').write_text('x')") as student:
        folder = Path(student.value("os.getcwd()"))
        assert (seen_by(student) / "deep" / "er" / "file").exists()

    assert in_time(lambda: not folder.exists())


def test_the_folder_of_another_submission_is_out_of_reach(student_of):
    with student_of("Path('answer').write_text('42')") as other:
        answer = other.value("os.path.abspath('answer')")
        assert (seen_by(other) / "answer").exists()
        with student_of() as student:
            reading = student.outcome("open(values[0]).read()", answer)
            assert reading in ("PermissionError", "FileNotFoundError")
            assert student.outcome("os.listdir('..')") == "PermissionError"


@pytest.mark.parametrize(
    "expression",
    [
        "os.symlink('/etc/passwd', 'x')",
        "os.mkfifo('x')",
        "os.mknod('x')",
        "os.chmod('.', 0o777)",
        "os.chown('.', 1, 1)",
        "os.chroot('.')",
    ],
)
def test_nothing_but_plain_files_is_made(outcome, expression):
    assert outcome(expression) == "PermissionError"


def test_a_file_has_a_largest_size(student):
    assert student.outcome("open('a', 'wb').truncate(200 * 2**20)") == "done"
    assert student.outcome("open('b', 'wb').truncate(300 * 2**20)") == "OSError"


def test_descriptors_run_out(student):
    assert student.outcome("[os.dup(0) for _ in range(300)]") == "OSError"


# --- network


@contextlib.contextmanager
def listening(family: int, kind: int, address: object) -> Iterator[socket.socket]:
    with socket.socket(family, kind) as sock:
        sock.bind(address)
        if kind == socket.SOCK_STREAM:
            sock.listen()
        sock.setblocking(False)
        yield sock


def heard_nothing(sock: socket.socket) -> bool:
    try:
        sock.accept() if sock.type == socket.SOCK_STREAM else sock.recv(1)
    except BlockingIOError:
        return True
    return False


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM], ids=["tcp", "udp"])
@pytest.mark.parametrize(
    "family",
    [
        pytest.param(socket.AF_INET, id="ipv4"),
        pytest.param(socket.AF_INET6, id="ipv6", marks=needs_ipv6),
    ],
)
def test_no_internet_address_is_reached(outcome, family, kind):
    host = "127.0.0.1" if family == socket.AF_INET else "::1"
    with listening(family, kind, (host, 0)) as sock:
        expression = (
            f"(s := socket.socket({int(family)}, {int(kind)}),"
            f" s.connect({sock.getsockname()!r}), s.send(b'x'))"
        )
        assert outcome(expression) == "PermissionError"
        assert heard_nothing(sock)


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM], ids=["stream", "dgram"])
@pytest.mark.parametrize("abstract", [False, True], ids=["path", "abstract"])
def test_no_local_socket_is_reached(outcome, tmp_path, kind, abstract):
    address = f"\0grader-test-{os.getpid()}" if abstract else str(tmp_path / "socket")

    with listening(socket.AF_UNIX, kind, address) as sock:
        expression = (
            f"(s := socket.socket(socket.AF_UNIX, {int(kind)}), s.connect(values[0]), s.send(b'x'))"
        )
        assert outcome(expression, address) == "PermissionError"
        assert heard_nothing(sock)


def test_a_socket_pair_is_no_way_out(outcome, tmp_path):
    address = str(tmp_path / "socket")

    with listening(socket.AF_UNIX, socket.SOCK_DGRAM, address) as sock:
        pair = "socket.socketpair(socket.AF_UNIX, {})[0].sendto(b'x', values[0])"
        assert outcome(pair.format("socket.SOCK_DGRAM"), address) == "PermissionError"
        assert outcome(pair.format("socket.SOCK_STREAM"), address) == "OSError"
        assert heard_nothing(sock)


@pytest.mark.parametrize("family", range(46))  # up to AF_MCTP
def test_no_socket_of_any_family_is_made(student, family):
    for kind in ("STREAM", "DGRAM", "RAW", "SEQPACKET"):
        assert student.outcome(f"socket.socket({family}, socket.SOCK_{kind})") == "PermissionError"


def test_no_socket_can_listen(outcome):
    assert outcome("socket.create_server(('127.0.0.1', 0))") == "PermissionError"


def test_downloading_is_reported_as_forbidden(student_of):
    source = "def f(url): return urllib.request.urlopen(url, timeout=2).read()"

    with (
        listening(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0)) as sock,
        student_of(source) as student,
    ):
        with pytest.raises(StudentCodeError) as caught:
            student.f("http://{}:{}/".format(*sock.getsockname()))
        assert caught.value.verdict == Verdict.FORBIDDEN
        assert heard_nothing(sock)


# --- processes


@pytest.mark.parametrize(
    "expression",
    [
        "subprocess.run([sys.executable, '-c', ''])",
        "subprocess.run('true', shell=True)",
        "os.execv(sys.executable, [sys.executable, '-c', ''])",
        "os.posix_spawn('/bin/true', ['true'], {})",
    ],
)
def test_no_program_is_run(outcome, expression):
    assert outcome(expression) == "PermissionError"


def test_a_shell_command_does_nothing(student_of):
    source = "early = os.system('echo > early')\ndef late(): return os.system('echo > late')"

    with student_of(source) as student:
        assert student.value("early") != 0
        assert student.late() != 0
        assert student.value("os.listdir()") == []


@pytest.mark.parametrize(
    "expression", ["os.fork()", "os.forkpty()", "multiprocessing.Process(target=print).start()"]
)
def test_a_call_cannot_start_a_process(student, expression):
    assert student.outcome(expression) in ("PermissionError", "OSError")
    assert student.value("'alive'") == "alive"


def test_a_call_cannot_start_a_process_by_system_call(student):
    for flags in (17, 0x4000 | 0x100 | 17, 0x80000000 | 17):  # SIGCHLD; as vfork; with a pidfd
        assert student.syscall(CHECKED["clone"][COLUMN], flags) == errno.EPERM


@pytest.mark.parametrize("kind", ["NEWUSER", "NEWPID", "NEWNS", "NEWNET", "NEWIPC"])
def test_it_cannot_create_a_namespace(student_of, kind):
    flag = {"NEWNS": 1 << 17, "NEWIPC": 1 << 27, "NEWUSER": 1 << 28, "NEWPID": 1 << 29}
    flags = flag.get(kind, 1 << 30)
    clone, unshare = CHECKED["clone"][COLUMN], REFUSED["unshare"][COLUMN]
    source = f"early = syscall({clone}, {flags | 17}), syscall({unshare}, {flags})"

    with student_of(source) as student:
        assert student.value("early") == (errno.EPERM, errno.EPERM)
        assert student.syscall(unshare, flags) == errno.EPERM


@pytest.mark.parametrize(
    "expression",
    [
        "os.kill(os.getppid(), 0)",
        "os.kill(values[0], 0)",
        "os.kill(-1, 0)",
        "os.killpg(0, 0)",
        "os.pidfd_open(os.getppid())",
        "resource.prlimit(values[0], resource.RLIMIT_CPU, (1, 1))",
        "os.sched_setaffinity(values[0], {0})",
        "os.setpriority(os.PRIO_PROCESS, values[0], 19)",
    ],
)
def test_no_other_process_is_touched(outcome, expression):
    assert outcome(expression, os.getpid()) == "PermissionError"


def test_no_other_process_is_signalled_as_a_thread(student):
    number = CHECKED["tgkill"][COLUMN]

    assert student.syscall(number, os.getpid(), os.getpid(), 0) in (errno.EPERM, errno.ESRCH)


@pytest.mark.parametrize("command", ["F_SETOWN", "F_SETSIG", "F_SETLEASE", "F_NOTIFY"])
def test_no_descriptor_sends_signals(outcome, command):
    assert outcome(f"fcntl.fcntl(1, fcntl.{command}, 0)") == "PermissionError"


@pytest.mark.parametrize("request_", ["TIOCSTI", "TIOCSCTTY", "FIOASYNC"])
def test_no_device_is_controlled(outcome, request_):
    assert outcome(f"fcntl.ioctl(0, termios.{request_}, bytes(8))") == "OSError"


def test_it_keeps_to_its_own_process_group(outcome):
    for expression in ("os.setsid()", "os.setpgid(0, 0)", "os.setuid(1)", "os.setgroups([1])"):
        assert outcome(expression) == "PermissionError"


@pytest.mark.parametrize("name", ["AS", "CPU", "FSIZE", "NOFILE", "CORE", "NPROC", "STACK"])
def test_it_cannot_change_its_limits(outcome, name):
    limit = f"resource.RLIMIT_{name}"

    assert outcome(f"resource.setrlimit({limit}, resource.getrlimit({limit}))") == "ValueError"


# --- what is in its reach


def test_nothing_of_our_environment_is_known(student):
    assert "PYTEST_CURRENT_TEST" in os.environ

    there = student.value("dict(os.environ)")

    shared = set(there) & set(os.environ)
    ours = {name for name in shared if not name.startswith(("KMP_", "TORCHINDUCTOR_"))}  # PyTorch's
    assert ours <= SET_FOR_LIBRARIES | {"HOME", "LANG", "PATH", "TMPDIR"}
    assert there["HOME"] == there["TMPDIR"] == student.value("os.getcwd()")


def test_no_module_of_the_trusted_side_is_loaded(student):
    loaded = student.value("sorted(name for name in sys.modules if name.startswith('grader'))")

    assert loaded == ["grader"]  # what stands in for it
    assert student.value("'pytest' not in sys.modules")


@pytest.mark.parametrize("module", ["solutions.binary.solution", "tests.conftest"])
def test_nothing_of_the_repository_is_imported(outcome, module):
    assert (ROOT / module.replace(".", "/")).with_suffix(".py").exists()

    assert outcome(f"__import__({module!r})") == "ModuleNotFoundError"


@pytest.mark.parametrize("when", ["loading", "calling"])
def test_it_holds_no_descriptor_but_its_own(student_of, when):
    source = """
def kinds():
    found = []
    for fd in range(1024):
        try:
            found.append(stat.S_IFMT(os.fstat(fd).st_mode))
        except OSError:
            pass
    return found
early = kinds()
"""
    with student_of(source) as student:
        found = student.value("early" if when == "loading" else "kinds()")

    character_device, pipe, sock = 0o020000, 0o010000, 0o140000
    assert [character_device, pipe, pipe, sock] == found


# --- system calls


def test_every_refused_system_call_is_refused(student):
    names = [name for name, numbers in REFUSED.items() if numbers[COLUMN] is not None]
    numbers = [REFUSED[name][COLUMN] for name in names]

    found = student.value("[syscall(number) for number in values[0]]", numbers)

    assert dict.fromkeys(names, errno.EPERM) == dict(zip(names, found, strict=True))


def test_every_unknown_system_call_does_not_exist(student):
    known = {numbers[COLUMN] for table in (ALLOWED, CHECKED, REFUSED) for numbers in table.values()}
    known |= UNFILTERED
    unknown = [number for number in range(470) if number not in known]

    found = student.value("[syscall(number) for number in values[0]]", unknown)

    assert [n for n, error in zip(unknown, found, strict=True) if error != errno.ENOSYS] == []


@only_x86_64
@pytest.mark.parametrize(
    "body",
    [
        "libc.syscall(ctypes.c_long(0x40000000 | 39))",
        """
    code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(bytes.fromhex("b814000000cd80c3"))  # mov eax, 20; int 0x80; ret
    address = ctypes.addressof(ctypes.c_char.from_buffer(code))
    ctypes.CFUNCTYPE(ctypes.c_int)(address)()
""",
    ],
    ids=["x32", "int 0x80"],
)
def test_a_system_call_of_another_convention_ends_the_process(student_of, body):
    with (
        student_of(f"def f():\n    {body}") as student,
        pytest.raises(StudentCodeError) as caught,
    ):
        student.f()
    assert caught.value.verdict == Verdict.CRASHED


def test_no_new_privileges_come_by_prctl(student):
    set_dumpable, set_child_subreaper, set_keepcaps = 4, 36, 8

    for option in (set_dumpable, set_child_subreaper, set_keepcaps):
        assert student.syscall(CHECKED["prctl"][COLUMN], option, 1) == errno.EPERM


def test_the_kernel_reports_the_filter_and_no_capabilities(student):
    status = Path(f"/proc/{pid_of(student)}/status").read_text()
    fields = dict(line.split(":\t", 1) for line in status.splitlines())

    for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        assert int(fields[name], 16) == 0, name
    assert (fields["NoNewPrivs"], fields["Seccomp"]) == ("1", "2")


# --- nothing is left behind


def test_no_process_can_be_started(outcome):
    assert outcome("os.fork()") == "PermissionError"
    assert outcome("subprocess.run(['true'])") == "PermissionError"


FORKING_THREAD = """
children = []
def keep_trying():
    while True:
        try:
            pid = os.fork()
        except OSError:
            continue
        if not pid:
            time.sleep(1000)
        children.append(pid)
threading.Thread(target=keep_trying, daemon=True).start()
"""


def test_a_thread_does_not_get_the_fork_that_is_granted_to_the_grader(opened):
    with opened(FORKING_THREAD) as sandbox:
        for _ in range(5):
            with contextlib.closing(sandbox.student()) as student:
                assert student.value("children") == []


@pytest.mark.parametrize(
    "source",
    [
        "threading.Thread(target=lambda: time.sleep(1000), daemon=True).start()",
        "for number in range(1, 64):\n"
        "    if number not in (9, 19, 32, 33): signal.signal(number, signal.SIG_IGN)",
    ],
    ids=["thread", "deaf"],
)
def test_no_process_of_a_submission_outlives_it(student_of, source):
    with student_of(source) as student:
        group = os.getpgid(pid_of(student))
        assert group_exists(group)

    assert in_time(lambda: not group_exists(group))


def test_an_open_student_does_not_outlive_the_sandbox(opened):
    with opened() as sandbox:
        student = sandbox.student()
        group = os.getpgid(pid_of(student))

    with contextlib.closing(student):
        assert in_time(lambda: not group_exists(group))


def test_a_closed_student_has_ended(opened):
    with opened() as sandbox:
        with contextlib.closing(sandbox.student()) as student:
            pid = pid_of(student)
            assert runs(pid)

        assert in_time(lambda: not runs(pid))


def test_closed_students_do_not_pile_up(opened):
    with opened() as sandbox:
        for _ in range(10):
            with contextlib.closing(sandbox.student()) as student:
                group = os.getpgid(pid_of(student))
        members = [
            p for p in Path("/proc").iterdir() if p.name.isdecimal() and group_of(p) == group
        ]

        assert len(members) < 5


def group_exists(group: int) -> bool:
    """Whether the group has a process, if only one that nobody has reaped."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def runs(pid: int) -> bool:
    stat = stat_of(Path(f"/proc/{pid}"))
    return bool(stat) and stat[0] not in "ZX"


def group_of(process: Path) -> int:
    stat = stat_of(process)
    return int(stat[2]) if stat else 0


def stat_of(process: Path) -> list[str]:
    """State, parent, group and more of a process, empty if it has ended."""
    try:
        return (process / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []
