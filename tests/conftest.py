"""What several test modules share: warm servers, so that PyTorch is imported once in a run."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from grader.assignment import Assignment, load_assignments
from grader.grading import Grader
from grader.sandbox import SandboxServer
from grader.submission import Submission, parse_submission

ROOT = Path(__file__).parent.parent


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
