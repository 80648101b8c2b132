"""What several test modules share: warm servers, so that PyTorch is imported once in a run."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from grader.grading.grader import Grader
from grader.model.assignment import Assignment, load_assignments
from grader.model.submission import Submission, parse_submission
from grader.sandbox import SandboxServer

ROOT = Path(__file__).parent.parent


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--all", action="store_true", help="run also what `load` and `sampled` leave out"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out tests under load, and of the cases of a test that is `sampled(n)` all but each n-th."""
    if config.getoption("--all"):
        return
    seen: Counter[str] = Counter()
    kept, left = [], []
    for item in items:
        marker = item.get_closest_marker("sampled")
        name = item.nodeid.partition("[")[0]
        out = item.get_closest_marker("load") or (marker and seen[name] % marker.args[0])
        (left if out else kept).append(item)
        seen[name] += 1
    config.hook.pytest_deselected(items=left)
    items[:] = kept


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


@pytest.fixture
def submit() -> Callable[..., Submission]:
    def make(source: str, name: str = "x.py") -> Submission:
        return parse_submission(name, source.encode())

    return make
