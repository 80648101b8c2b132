"""What is left behind by many submissions in one batch: memory, descriptors, zombies, temporary files.

    python benchmarks/endurance.py [SUBMISSIONS]

Every tenth submission is one that dies, loops or floods. The columns must not grow.
"""

import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil

from grader.assignment import Assignment, load_assignment
from grader.grading import Grader
from grader.submission import parse_submission

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
    print(
        f"{'done':>6} {'seconds':>8} {'RSS MB':>8} {'fds':>5} {'processes':>10} {'zombies':>8} {'files':>6}"
    )
    begin, others = time.monotonic(), temporary()
    with tempfile.TemporaryDirectory() as folder, Grader() as grader:
        assignment = tiny(Path(folder))
        with ThreadPoolExecutor(2) as pool:
            step = max(20, count // 10)
            for start in range(0, count, step):
                part = range(start, min(start + step, count))
                scores = list(pool.map(lambda n: score(grader, assignment, n), part))
                assert scores == [0 if n % 10 == 9 else 10 for n in part]
                time.sleep(0.5)
                print_state(part[-1] + 1, time.monotonic() - begin, len(temporary() - others))


def tiny(folder: Path) -> Assignment:
    (folder / "assignment.toml").write_text(SETTINGS, encoding="utf-8")
    (folder / "test_tiny.py").write_text(CHECKS, encoding="utf-8")
    return load_assignment(folder)


def score(grader: Grader, assignment: Assignment, number: int) -> float:
    source = f"# {number}\n{SUBMISSIONS[number % len(SUBMISSIONS)]}"
    submission = parse_submission("x_tiny.py", source.encode())
    return grader.grade(assignment, submission, "x").report.score


def temporary() -> set[Path]:
    return set(Path(tempfile.gettempdir()).glob("grader-sandbox-*/*"))


def print_state(done: int, seconds: float, files: int) -> None:
    me = psutil.Process()
    family = [me, *me.children(recursive=True)]
    zombies = [each for each in family if each.status() == psutil.STATUS_ZOMBIE]
    memory = sum(each.memory_info().rss for each in family) / 2**20
    descriptors = sum(each.num_fds() for each in family if each not in zombies)
    print(
        f"{done:6} {seconds:8.0f} {memory:8.0f} {descriptors:5} {len(family):10} {len(zombies):8} {files:6}",
        flush=True,
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
