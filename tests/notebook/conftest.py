"""Real kernels that run cells one by one, as a student does."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[2]


class Kernel:
    """A running kernel."""

    def __init__(self, client: NotebookClient) -> None:
        self._client = client

    def run(self, source: str) -> list[nbformat.NotebookNode]:
        """Run a cell and return its outputs; an exception fails the test."""
        cell = nbformat.v4.new_code_cell(source)
        self._client.nb.cells.append(cell)
        self._client.execute_cell(cell, len(self._client.nb.cells) - 1)
        return cell.outputs

    def printed(self, source: str) -> str:
        """Run a cell and return what it prints."""
        return "".join(each.text for each in self.run(source) if each.output_type == "stream")

    def check(self, arguments: str = "") -> tuple[str, str]:
        """Run `grader.check(…)` as a cell and return what it shows, as text and as HTML."""
        (shown,) = self.run(f"grader.check({arguments})")
        assert shown.output_type == "display_data"
        return shown.data["text/plain"], shown.data["text/html"]


@contextmanager
def running_kernel(folder: Path, **environment: str) -> Iterator[Kernel]:
    client = NotebookClient(nbformat.v4.new_notebook(), timeout=240, kernel_name="python3")
    env = {**os.environ, "LC_ALL": "C.UTF-8", "LANGUAGE": "en", **environment}
    with client.setup_kernel(cwd=str(folder), env=env):
        yield Kernel(client)


@pytest.fixture(scope="module")
def start_kernel() -> Callable[..., object]:
    return running_kernel
