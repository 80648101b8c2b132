"""Shared fixtures: warm servers, so that PyTorch is imported once per run."""

import contextlib
import os
import re
import secrets
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import venv
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import psycopg
import pytest
from typer.testing import CliRunner

from grader.cli import app
from grader.gradebook import Gradebook
from grader.grading.grader import Grader
from grader.model.assignment import Assignment, load_assignments
from grader.model.submission import Submission, parse_submission
from grader.sandbox import SandboxServer, server

ROOT = Path(__file__).parent.parent
# A disk that waits for each commit of a database would take a third of the time of the tests.
_MEMORY = Path("/dev/shm")
_ROOM = 4 * 2**30
if (
    _MEMORY.is_dir()
    and not os.statvfs(_MEMORY).f_flag & os.ST_NOEXEC
    and shutil.disk_usage(_MEMORY).free > _ROOM
):
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_MEMORY))
hypothesis.settings.register_profile("all", deadline=None)  # the machine may be busy
hypothesis.settings.register_profile("some", deadline=None, max_examples=25)
_STARTED = {
    *("grader", "sandbox_server", "server_with", "cold_command", "installed", "postgresql"),
    *("kernel", "fresh", "client", "browser", "sandbox", "served", "shared"),
}
"""Fixtures, and one parameter, for which servers, kernels, clusters or browsers are started."""
_PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--all", action="store_true", help="run also what `long` and `sampled` leave out"
    )
    parser.addoption(
        "--rest",
        action="store_true",
        help="run what is left out, and Hypothesis's tests with all examples",
    )
    parser.addoption(
        "--landlock", type=int, metavar="ABI", help="as on a kernel with this version of Landlock"
    )


def pytest_configure(config: pytest.Config) -> None:
    hypothesis.settings.load_profile(
        "all" if config.getoption("--all") or config.getoption("--rest") else "some"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what starts servers as slow; leave out long tests, and of `sampled(n)` cases all but each n-th."""
    for item in items:
        if _STARTED & {*getattr(item, "fixturenames", ()), *re.findall(r"\w+", item.name)}:
            item.add_marker("slow")
    if config.getoption("--all"):
        return
    seen: Counter[str] = Counter()
    kept, left = [], []
    for item in items:
        marker = item.get_closest_marker("sampled")
        name = item.nodeid.partition("[")[0]
        out = item.get_closest_marker("long") or (marker and seen[name] % marker.args[0])
        (left if out else kept).append(item)
        seen[name] += 1
    if config.getoption("--rest"):
        sampled = [item for item in kept if hasattr(getattr(item, "obj", None), "hypothesis")]
        left, kept = [item for item in kept if item not in sampled], [*left, *sampled]
    config.hook.pytest_deselected(items=left)
    items[:] = kept


@pytest.fixture(scope="session", autouse=True)
def landlock(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let all sandboxes use no more of Landlock than `--landlock` says."""
    if (abi := request.config.getoption("--landlock")) is None:
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        boot, main, _ = server._BOOT.rpartition("main()")
        older = f"from grader.sandbox import lockdown\nlockdown.landlock_abi = lambda: {abi}\n"
        patch.setattr(server, "_BOOT", f"{boot}{older}{main}")
        yield


@pytest.fixture(scope="session")
def assignments() -> dict[str, Assignment]:
    return load_assignments(ROOT / "solutions")


@pytest.fixture(scope="session")
def grader() -> Iterator[Grader]:
    with Grader() as running:
        yield running


@pytest.fixture(scope="session")
def sandbox_server() -> Iterator[SandboxServer]:
    with SandboxServer() as running:
        yield running


Command = Callable[..., "subprocess.CompletedProcess[str]"]
USER = {"COLUMNS": "200", "LANG": "C.UTF-8"}


@pytest.fixture(scope="session")
def command(grader: Grader) -> Command:
    """Run `grader ARGS` in this process, over the session's warm servers: what costs 10 s cold takes 0.1 s.

    An exception that would be a traceback fails the test. Servers of assignments elsewhere than here are ended
    behind each command, so that the next one meets the checks as they are then.
    """

    def run(*args: object, cwd: Path = ROOT, **env: str) -> "subprocess.CompletedProcess[str]":
        words = [os.fsdecode(a) if isinstance(a, bytes | Path) else str(a) for a in args]
        with contextlib.chdir(cwd):
            done = CliRunner().invoke(app, words, obj=grader, env=USER | env, prog_name="grader")
        for each in list(grader._servers.values()):
            if not each._assignment.folder.resolve().is_relative_to(ROOT):
                grader.stop(each._assignment)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        printed = (
            data.decode("utf-8", "surrogateescape")
            for data in (done.stdout_bytes, done.stderr_bytes)
        )
        return subprocess.CompletedProcess(words, done.exit_code, *printed)

    return run


@pytest.fixture(scope="session")
def cold_command() -> Command:
    """Run `grader ARGS` as its users do, in a process of its own."""

    def run(*args: object, cwd: Path = ROOT, **env: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [Path(sys.executable).with_name("grader"), *map(str, args)],
            cwd=cwd,
            env=os.environ | USER | env,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package, built from this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    build = ["wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, ROOT]
    subprocess.run([*_PIP, *build], check=True)
    (wheel,) = folder.iterdir()
    return wheel


@pytest.fixture(scope="session")
def installed(wheel: Path) -> Iterator[Path]:
    """A Python in which the wheel is installed, and which has this Python's other packages."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        venv.create(folder, symlinks=True)
        python = Path(folder) / "bin" / "python"
        subprocess.run(
            [*_PIP, "--python", python, "install", "--quiet", "--no-deps", "--no-index", wheel],
            check=True,
        )
        (site,) = Path(folder).glob("lib/python3*/site-packages")
        (site / "others.pth").write_text(sysconfig.get_path("purelib"))
        yield python


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Path]:
    """The folder with the socket of a PostgreSQL server of our own."""
    programs = [*Path("/usr/lib/postgresql").glob("*/bin"), *map(Path, os.get_exec_path())]
    found = next((p for p in programs if (p / "initdb").exists()), None)
    if found is None:
        pytest.skip("PostgreSQL's initdb and pg_ctl are not installed")
    if os.getuid() == 0 and shutil.which("runuser") is None:
        pytest.skip("PostgreSQL does not run as root, and there is no runuser")
    user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    folder = Path(
        tempfile.mkdtemp(prefix="gradebook-", dir=os.environ.get("PYTEST_DEBUG_TEMPROOT"))
    )
    if user:
        shutil.chown(folder, "postgres")

    def run(program: str, *args: object) -> None:
        command = [*user, found / program, "-D", folder / "data", *map(str, args)]
        subprocess.run(command, check=True, cwd="/", stdout=subprocess.DEVNULL)

    run("initdb", "-U", "postgres", "-A", "trust", "--no-sync")
    options = f"-c listen_addresses= -c fsync=off -k {folder}"
    run("pg_ctl", "-w", "-l", folder / "log", "-o", options, "start")
    try:
        yield folder
    finally:
        run("pg_ctl", "-w", "-m", "immediate", "stop")
        shutil.rmtree(folder)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database without tables."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/book.db"
        return
    with database(request.getfixturevalue("postgresql"), "template1") as made:
        yield made


@pytest.fixture(scope="session")
def new_gradebook(postgresql: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a PostgreSQL database with the tables of a gradebook and no entries, to be copied."""
    with psycopg.connect(host=str(postgresql), user="postgres", autocommit=True) as connection:
        connection.execute("create database new_gradebook")
    url = f"postgresql://postgres@/new_gradebook?host={postgresql}"
    with Gradebook(tmp_path_factory.mktemp("new"), url, create=True):
        return "new_gradebook"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a gradebook without entries."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/book.db"
        return
    folder, template = map(request.getfixturevalue, ("postgresql", "new_gradebook"))
    with database(folder, template) as made:
        yield made


@contextlib.contextmanager
def database(server: Path, template: str) -> Iterator[str]:
    name = f"book{secrets.token_hex(8)}"
    with psycopg.connect(host=str(server), user="postgres", autocommit=True) as connection:
        connection.execute(f"create database {name} template {template}")
        yield f"postgresql://postgres@/{name}?host={server}"
        connection.execute(f"drop database {name} with (force)")


@pytest.fixture
def tmp_path(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """For attacks, a folder on the file system of the sandbox's own: nothing can be moved from one to another."""
    if {"hostile", "sandbox"}.isdisjoint(request.path.parts):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir="/tmp", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.fixture
def submit() -> Callable[..., Submission]:
    def make(source: str, name: str = "x.py") -> Submission:
        return parse_submission(name, source.encode())

    return make
