"""Measure what many submissions in one batch leave behind: memory, descriptors, zombies, temporary files.

    python benchmarks/endurance.py [SUBMISSIONS]

Every tenth submission crashes, loops or floods the output. Only the first two columns and the gradebook may grow, and
only linearly: the last column is the time for a tenth of the batch.
"""

import sys
import tempfile
import time
from pathlib import Path

import psutil
from rich.console import Console

from grader.gradebook import Gradebook
from grader.grading.batch import find_work, run_batch
from grader.grading.executor import LocalExecutor
from grader.grading.grader import Grader
from grader.grading.progress import State, processors
from grader.model.assignment import Assignment, load_assignment
from grader.reports.table import totals_table

SETTINGS = """
name = "tiny"
title = {ko = "작은 과제", en = "Tiny"}
functions = ["double"]
[limits]
cpu_seconds = 1
[[items]]
id = "double"
title = {ko = "두 배", en = "Double"}
points = 10
"""
CHECKS = """
import pytest

@pytest.mark.item("double")
def test_double(student):
    assert student.double(2) == 4
"""
SUBMISSIONS = [
    *["def double(x): return 2 * x"] * 9,
    "import os\ndef double(x): os._exit(1)",
    *["import torch\ndef double(x): return (torch.ones(1000, 1000).sum() * 0 + 2 * x).item()"] * 9,
    "def double(x):\n    while True: print('x' * 1000)",
]
"""Twenty, of which each twentieth dies and each twentieth floods until its time is over."""


def main(count: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        assignment = tiny(folder / "tiny")
        write_submissions(folder / "in", count)
        begin = time.monotonic()
        work = find_work([folder / "in"], {assignment.name: assignment})
        print(f"found {len(work.tasks)} submissions in {time.monotonic() - begin:.1f} s")
        with Gradebook(folder, create=True) as book, Grader() as grader:
            run_batch(LocalExecutor(grader, processors()), book, work, show=Watch(count, folder))
            Console(width=100).print(totals_table(book.totals(), "en"))


def write_submissions(folder: Path, count: int) -> None:
    folder.mkdir()
    for number in range(count):
        source = f"# {number}\n{SUBMISSIONS[number % len(SUBMISSIONS)]}"
        (folder / f"s{number:05}_tiny.py").write_text(source, encoding="utf-8")


def tiny(folder: Path) -> Assignment:
    folder.mkdir()
    (folder / "assignment.toml").write_text(SETTINGS, encoding="utf-8")
    (folder / "test_tiny.py").write_text(CHECKS, encoding="utf-8")
    return load_assignment(folder)


class Watch:
    """Prints the current state after each tenth of the batch."""

    def __init__(self, count: int, folder: Path) -> None:
        self._step = self._next = max(1, count // 10)
        self._folder = folder
        self._others = temporary()
        self._begin = self._last = time.monotonic()
        print(
            f"{'done':>6} {'seconds':>8} {'RSS MB':>8} {'fds':>5} {'processes':>10} {'zombies':>8} "
            f"{'files':>6} {'gradebook MB':>13} {'this tenth':>11}"
        )

    def __call__(self, state: State) -> None:
        if state.graded < self._next:
            return
        self._next += self._step
        now = time.monotonic()
        me = psutil.Process()
        family = [me, *me.children(recursive=True)]
        zombies = [each for each in family if each.status() == psutil.STATUS_ZOMBIE]
        memory = sum(each.memory_info().rss for each in family if each not in zombies) / 2**20
        descriptors = sum(each.num_fds() for each in family if each not in zombies)
        gradebook = sum(each.stat().st_size for each in self._folder.glob("gradebook.db*")) / 2**20
        print(
            f"{state.graded:6} {now - self._begin:8.0f} {memory:8.0f} {descriptors:5} {len(family):10} "
            f"{len(zombies):8} {len(temporary() - self._others):6} {gradebook:13.1f} {now - self._last:11.1f}",
            flush=True,
        )
        self._last = now


def temporary() -> set[Path]:
    return set(Path(tempfile.gettempdir()).glob("grader-sandbox-*/*"))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
