"""Sandboxes with one defence switched off, to show that the tests of that defence would fail without it."""

import contextlib
import platform
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

from grader.model.assignment import Limits
from grader.model.submission import Submission
from grader.sandbox import SandboxServer, lockdown, open_sandbox, server
from grader.sandbox.forkserver import ForkedServer, ForkServer
from grader.sandbox.syscalls import ALLOWED, CHECKED, REFUSED

LIMITS = Limits(cpu_seconds=10, train_cpu_seconds=10, wall_factor=3, memory_mb=1024)

SWITCHES = {
    "namespaces": "lockdown.own_namespaces = lambda workdir: False\nlockdown.own_process_ids = lambda: None",
    "process ids": "lockdown.own_process_ids = lambda: None",
    "guardian": "from grader.sandbox import forkserver\nforkserver.guard = lambda *_: None",
    "chain": "from grader.sandbox import forkserver\nforkserver.die_with_parent = lambda parent: None",
    "tasks": "lockdown._counts_tasks_by_namespace = lambda: False",
    "files": "lockdown.restrict_files = lambda workdir, hiding: None",
    "calls": "lockdown.allow_system_calls = lambda: None",
    "capabilities": "lockdown.drop_capabilities = lambda: None",
    "limits": "lockdown.limit_resources = lambda memory, cpu: None",
    "fork": "lockdown.deny_fork = lambda: None",
    "descriptors": "lockdown.deny_descriptors = lambda: None",
    "cleaning": "server._remove = lambda folder: None",
    "guard": "import sys\nworker.hide_grader = lambda: None\nworker._stub = lambda: sys.modules['grader']",
    "closing": "server.Path = type('Blind', (type(server.Path()),), {'iterdir': lambda self: []})",
}
"""The code that switches a defence off."""

# Submissions of these tests need little of what the real server loads.
_LIGHT = """
def warm_up():
    import torch
    worker.adapt()
server._warm_up = warm_up
"""


# Runs in a process that has imported PyTorch, and that forks a server for each piece of code.
_ORIGIN = """
import os, socket, sys
import torch, torch.utils.data
from grader.sandbox import forkserver, lockdown, server, worker

def changed(fds):
    code = socket.socket(fileno=os.dup(fds[0])).recv(65536)
    sys.argv = ["", str(fds[0])]
    exec(code, globals())

forkserver.serve(forkserver.control_from_argv(), changed)
"""


def origin_of_servers() -> ForkServer:
    boot, _, _ = server._BOOT.rpartition("main()")
    return ForkServer(["-s", "-P", "-c", boot + _ORIGIN], server._environment())


class ChangedServer(ForkedServer):
    """A server of sandboxes that runs some code of ours before it serves, forked from one that has PyTorch."""

    isolation = SandboxServer.isolation

    def __init__(self, origin: ForkServer, code: str) -> None:
        super().__init__(origin, [], f"{_LIGHT}\n{code}\nserver.main()".encode())


class ChangedServerOfItsOwn(SandboxServer):
    """A server that runs some code of ours before it serves, in a process with some more environment."""

    def __init__(self, code: str, env: dict[str, str]) -> None:
        boot, call, _ = server._BOOT.rpartition("main()")
        imports = "from grader.sandbox import lockdown, server, worker"
        argv = ["-s", "-P", "-c", "\n".join((boot, imports, _LIGHT, code, call))]
        ForkServer.__init__(self, argv, server._environment() | env)


ServerWith = Callable[..., SandboxServer | ChangedServer]
ServerWithout = ServerWith


@pytest.fixture(scope="session")
def landlock_abi(request: pytest.FixtureRequest) -> int:
    """The version of Landlock that the sandboxes use."""
    older = request.config.getoption("--landlock")
    return lockdown.landlock_abi() if older is None else older


@pytest.fixture
def skip_refused_signals(landlock_abi: int) -> Callable[[str], None]:
    """Skip a test whose code sends itself a signal, which is refused where Landlock can't confine signals."""

    def skip(source: str) -> None:
        if landlock_abi < 6 and "raise_signal" in source:
            pytest.skip("signals are refused with this version of Landlock")

    return skip


@pytest.fixture
def skip_refused_moves(landlock_abi: int) -> Callable[[object], None]:
    """Skip a test whose code moves or links a file into another folder, which Landlock 1 refuses by itself."""

    def skip(outcomes: object) -> None:
        if landlock_abi < 2 and "Invalid cross-device link" in str(outcomes):
            pytest.skip("moves between folders are refused with this version of Landlock")

    return skip


@pytest.fixture(scope="session")
def server_with() -> Iterator[ServerWith]:
    """A running server that has run some code before it serves, with more environment; the same one for the same."""
    running: dict[str, SandboxServer | ChangedServer] = {}
    with ExitStack() as stack:
        origin: list[ForkServer] = []

        def start(code: str, env: dict[str, str]) -> SandboxServer | ChangedServer:
            if env:
                return ChangedServerOfItsOwn(code, env)
            if not origin:
                origin.append(stack.enter_context(origin_of_servers()))
            return ChangedServer(origin[0], code)

        def make(code: str, **env: str) -> SandboxServer | ChangedServer:
            key = f"{code}{env}"
            if key not in running:
                running[key] = stack.enter_context(start(code, env))
            return running[key]

        yield make


@pytest.fixture(scope="session")
def server_without(server_with: ServerWith) -> ServerWithout:
    """A running server that lacks the named defences of `SWITCHES`, and runs some code before it serves."""

    def make(*names: str, code: str = "", **env: str) -> SandboxServer | ChangedServer:
        switches = [SWITCHES[name] for name in sorted(set(names))]
        return server_with("\n".join([*switches, code]), **env)

    return make


@pytest.fixture(scope="session")
def installed_server(installed: Path) -> Iterator[ServerWithout]:
    """A running server that lacks the named defences, where the package is installed among the libraries."""
    checkout = str(Path(server.__file__).parents[2])
    (site,) = map(str, installed.parents[1].glob("lib/python3*/site-packages"))
    running: dict[tuple[str, ...], ChangedServer] = {}
    with ExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "executable", str(installed))
            patch.setattr(server, "_BOOT", server._BOOT.replace(checkout, site))
            origin = stack.enter_context(origin_of_servers())

        def make(*names: str) -> ChangedServer:
            if names not in running:
                code = "\n".join(SWITCHES[name] for name in names)
                running[names] = stack.enter_context(ChangedServer(origin, code))
            return running[names]

        yield make


# --- attacks

SECRET = "what only the grader knows"
_COLUMN = {"x86_64": 0, "aarch64": 1}.get(platform.machine(), 0)
_UNKNOWN = {"pidfd_getfd": (438, 438), "ioprio_set": (251, 30), "inotify_init1": (294, 26)}
_NUMBERS = {
    name: numbers[_COLUMN]
    for name, numbers in {**ALLOWED, **CHECKED, **REFUSED, **_UNKNOWN}.items()
}
PRELUDE = (
    f"NUMBERS = {_NUMBERS!r}"
    + """
import ctypes, errno, fcntl, gc, inspect, linecache, mmap, os, resource, select, signal, socket, stat, struct, sys
import tempfile, threading, time, traceback
from multiprocessing import shared_memory
from pathlib import Path

libc = ctypes.CDLL(None, use_errno=True)

def c(name, *arguments):
    result = getattr(libc, name)(*arguments)
    if result == -1:
        raise OSError(ctypes.get_errno(), name)
    return result

def system_call(name, *arguments):
    return c("syscall", NUMBERS[name], *arguments)

def found(data, rest=b"hat only the grader knows"):
    place = data.find(rest)
    return data[place - 1 : place + len(rest)] if place > 0 else b""

def tried(**targets):
    try:
        return ["done", attack(**targets)]
    except BaseException as error:
        return [type(error).__name__, str(error)]
"""
)


class Outcome(NamedTuple):
    """How an attack ended."""

    how: str
    """`done`, or the name of the exception."""
    value: object
    """What the attack returned, or the exception's words."""


Assault = Callable[..., list[Outcome]]


@pytest.fixture(params=["locked in", "without namespaces"])
def strong_server(
    request: pytest.FixtureRequest, sandbox_server: SandboxServer, server_without: ServerWithout
) -> SandboxServer:
    """The server as it is, with namespaces where the kernel grants them; and as it is where none are granted."""
    return sandbox_server if request.param == "locked in" else server_without("namespaces")


@pytest.fixture(scope="session")
def assault() -> Assault:
    """Run the body of a function in a submission, with targets as its arguments: while loading, then in a call."""

    def run(
        server: SandboxServer, submit: Callable[..., Submission], body: str, **targets: object
    ) -> list[Outcome]:
        parameters = ", ".join(targets)
        function = f"def attack({parameters}):\n{textwrap.indent(textwrap.dedent(body), '    ')}"
        source = (
            f"{PRELUDE}\n{function}\nearly = tried(**{targets!r})\ndef loaded(): return early\n"
        )
        with (
            open_sandbox(server.control, submit(source), LIMITS) as sandbox,
            contextlib.closing(sandbox.student()) as student,
        ):
            return [Outcome(*student.loaded()), Outcome(*student.tried(**targets))]

    return run


class Victim(NamedTuple):
    """A process of the grader's user, beside the sandbox."""

    process: "subprocess.Popen[bytes]"
    pid: int
    address: int
    """Where its memory holds its environment."""
    size: int
    folder: Path
    """Its working folder, which holds a file `secret`."""


@pytest.fixture
def victim(tmp_path: Path) -> Iterator[Victim]:
    """A process that holds what only the grader knows: in its environment, arguments, memory, folder and files."""
    folder = tmp_path / "hidden"
    folder.mkdir(exist_ok=True)
    (folder / "secret").write_text(SECRET)
    code = "import sys, time; print(flush=True); time.sleep(1000)"
    with (
        (folder / "secret").open() as secret,
        subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", code, SECRET],
            env={"SECRET": SECRET},
            cwd=folder,
            stdin=secret,
            stdout=subprocess.PIPE,
            start_new_session=True,
        ) as process,
    ):
        try:
            assert process.stdout is not None
            process.stdout.readline()
            lines = Path(f"/proc/{process.pid}/maps").read_text().splitlines()
            (stack,) = (line.split()[0] for line in lines if line.endswith("[stack]"))
            start, end = (int(number, 16) for number in stack.split("-"))
            yield Victim(process, process.pid, start, end - start, folder)
        finally:
            process.kill()


@pytest.fixture
def secret() -> str:
    """What no submission may learn."""
    return SECRET


@pytest.fixture(scope="session")
def in_time() -> Callable[..., bool]:
    """Whether a condition holds within some seconds."""

    def wait(condition: Callable[[], bool], seconds: float = 10) -> bool:
        deadline = time.monotonic() + seconds
        while not (holds := condition()) and time.monotonic() < deadline:
            time.sleep(0.01)
        return holds

    return wait
