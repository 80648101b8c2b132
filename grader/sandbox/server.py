"""The preloaded process that forks sandboxed processes. It holds no secrets, because a fork would copy them."""

import contextlib
import faulthandler
import gc
import importlib
import logging
import os
import socket
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import msgspec

from grader.model.errors import SandboxError
from grader.sandbox import forkserver
from grader.sandbox.forkserver import Child, ForkServer
from grader.sandbox.libraries import LIBRARIES, split_once
from grader.sandbox.probe import Isolation, probe

_PREFIX = "grader-sandbox-"
_JUST_MADE = 60.0  # seconds that a starting server has to lock its folder


class WorkerLimits(msgspec.Struct, frozen=True):
    """What the kernel enforces on one sandboxed process. The time of each call is measured from outside."""

    memory_bytes: int
    cpu_seconds: int


class SandboxServer(ForkServer):
    """The server of sandboxed processes, as the trusted side sees it. Use it in a `with` statement."""

    def __init__(self, niceness: int = 0) -> None:
        """Start the server, with this niceness. Loading PyTorch takes seconds, for which the first request waits."""
        super().__init__(["-s", "-P", "-c", _BOOT], _environment(), niceness)

    @property
    def isolation(self) -> Isolation:
        """How well its processes are locked in, measured by probes at start.

        Raises:
            SandboxError: the server didn't start.
        """
        if not self.greeting:
            raise SandboxError("the server of the sandbox did not start")
        return msgspec.msgpack.decode(self.greeting, type=Isolation)


def request_worker(
    control: socket.socket,
    channel: socket.socket,
    output: int,
    limits: WorkerLimits,
    libraries: list[str],
) -> Child:
    """Ask the server behind `control` for a process that answers on `channel` and prints to `output`.

    The server first loads those of the `libraries` that it hasn't loaded yet.

    Raises:
        InfrastructureError: the server is gone.
    """
    settings, theirs = os.pipe()
    try:
        os.write(theirs, msgspec.msgpack.encode(limits))
        return forkserver.request_child(
            control, [channel.fileno(), output, settings], " ".join(libraries).encode()
        )
    finally:
        os.close(settings)
        os.close(theirs)


def main() -> None:
    """Load what submissions import, then fork a locked-down worker for each request."""
    import fcntl

    from grader.sandbox.lockdown import hide_package, own_process_ids

    faulthandler.disable()
    control = forkserver.control_from_argv()
    forkserver.guard(control, own_process_ids)
    sys.argv = [""]
    _warm_up()
    removals = _Removals()
    _remove_abandoned(removals)
    root = Path(tempfile.mkdtemp(prefix=_PREFIX))
    fcntl.flock(os.open(root, os.O_RDONLY), fcntl.LOCK_EX)
    try:
        hiding = hide_package(root)
        isolation = probe(root, hiding)
        control.send(msgspec.msgpack.encode(isolation))
        forkserver.serve(
            control,
            lambda fds: _work(root, fds, isolation, hiding),
            after=lambda pid: removals.start(_workdir(root, pid)),
            before=partial(_before, root),
        )
    finally:
        removals.start(root)
        removals.wait()


# The package is found through the parent's path. A checkout is not left on the path of submissions, nor is an editable
# install's, which `site` has put there; what is installed lies among the libraries of submissions.
_BOOT = f"""
import sys
root = {str(Path(__file__).parents[2])!r}
sys.path.insert(0, root)
from grader.sandbox.server import main
sys.path.remove(root)
if not root.endswith(("site-packages", "dist-packages")):
    sys.path[:] = [each for each in sys.path if each != root]
    sys.path_importer_cache.pop(root, None)
del root
main()
"""


def _environment() -> dict[str, str]:
    """Return an environment without the caller's variables that keeps libraries quiet and single-threaded."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "grader"
    return {
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "PYTHONHASHSEED": "0",
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MALLOC_ARENA_MAX": "2",
        "TORCH_COMPILE_DISABLE": "1",
        "JOBLIB_MULTIPROCESSING": "0",
        "MPLBACKEND": "agg",
        "MPLCONFIGDIR": str(cache / "matplotlib"),
    }


def _warm_up() -> None:
    """Load what every submission needs."""
    import torch
    import torch.utils.data

    from grader.sandbox import compiler, lockdown, worker  # noqa: F401

    compiler.postpone()
    worker.adapt()
    model = torch.nn.Linear(2, 2)
    for kind in (torch.optim.SGD, torch.optim.Adam):
        optimizer = kind(model.parameters(), lr=0.1)
        loss = torch.nn.functional.cross_entropy(model(torch.ones(3, 2)), torch.tensor([0, 1, 1]))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()


def _before(root: Path, note: bytes) -> bool:
    """Load what the next submission needs; end the server if its folder was deleted, so that the grader starts anew."""
    if not root.is_dir():
        sys.exit("the folder of the sandbox was deleted")
    return _load(note)


def _load(note: bytes) -> bool:
    """Import the libraries that the next submission mentions here, once, so that no submission pays for it."""
    names = [
        name for name in note.decode().split() if name in LIBRARIES and name not in sys.modules
    ]
    if not names:
        return False
    gc.disable()
    logging.disable()  # matplotlib tells that it looks for fonts
    for name in names:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    logging.disable(logging.NOTSET)
    split_once()
    if "tqdm.notebook" in names:
        from grader.sandbox.worker import without_widgets

        without_widgets()
    return True


def _work(root: Path, fds: list[int], isolation: Isolation, hiding: int | None) -> None:
    from grader.sandbox.lockdown import deny_descriptors, deny_fork, lock_down, own_namespaces
    from grader.sandbox.worker import SocketChannel, Worker, greet, hide_grader, prepare

    channel, output, settings = fds
    limits = msgspec.msgpack.decode(os.read(settings, 4096), type=WorkerLimits)
    os.close(settings)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)  # its flags are shared with nobody
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    workdir = _workdir(root, os.getpid())
    workdir.mkdir()
    own_namespaces(workdir)
    prepare(workdir)
    for fd in [int(path.name) for path in Path("/proc/self/fd").iterdir()]:
        if fd not in (0, 1, 2, channel, hiding):
            with contextlib.suppress(OSError):
                os.close(fd)
    locked = lock_down(workdir, limits.memory_bytes, limits.cpu_seconds, hiding)
    if locked.refused and isolation.level == "full":
        raise SandboxError(f"the kernel refuses what it granted before: {locked.refused}")
    sock = socket.socket(fileno=channel)
    greet(sock, locked.forks)
    if locked.forks is not None:
        deny_descriptors()

    loaded = os.getpid()

    def in_copy() -> None:
        forkserver.die_with_parent(loaded)
        if locked.forks is not None:
            deny_fork()

    worker = Worker(in_copy)
    hide_grader()
    worker.serve(SocketChannel(sock))


def _workdir(root: Path, pid: int) -> Path:
    return root / str(pid)


def _remove(folder: Path) -> subprocess.Popen[bytes] | None:
    """Remove a folder, whatever it contains: `rm` has no depth limit, and `chmod` makes closed folders accessible."""
    with contextlib.suppress(OSError):
        folder.rmdir()  # it is empty if a file system was mounted on it
        return None
    if not folder.exists():
        return None
    script = 'chmod -R u+rwX -- "$1"; rm -rf -- "$1"'
    return subprocess.Popen(["sh", "-c", script, "sh", str(folder)], stderr=subprocess.DEVNULL)


class _Removals:
    """Removes folders in the background, because a deep one takes seconds."""

    def __init__(self) -> None:
        self._running: list[subprocess.Popen[bytes]] = []

    def start(self, folder: Path) -> None:
        self._running = [each for each in self._running if each.poll() is None]
        with contextlib.suppress(BlockingIOError):  # no room for a process: it goes with the root
            if (removal := _remove(folder)) is not None:
                self._running.append(removal)

    def wait(self) -> None:
        for each in self._running:
            each.wait()


def _remove_abandoned(removals: _Removals) -> None:
    """Remove the folders of killed servers: no process holds the lock on them."""
    import fcntl

    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            if time.time() - folder.stat().st_mtime < _JUST_MADE:
                continue
            fd = os.open(folder, os.O_RDONLY | os.O_NOFOLLOW)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                removals.start(folder)
            finally:
                os.close(fd)
