"""Measure the cost of grading a class, compared with a fresh Python process per submission.

    python benchmarks/batch.py [SUBMISSIONS] [ASSIGNMENT ...]

Each assignment gets its own class of reference solutions with different comments. `own` is the CPU time of the
submissions' processes for the checks' calls, read from the kernel. `batch` is wall time times cores, including the
start of the servers, the sandbox, the checks and the gradebook. Efficiency is `own` divided by `batch`. `fresh` is the
same for a new process per submission that imports PyTorch and runs the checks without sandbox and gradebook, with as
many processes as cores, extrapolated from a tenth of the submissions. The last column compares what both need on top of
`own`. Other work on the machine makes both look worse.
"""

import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from grader.gradebook import Gradebook
from grader.grading.batch import find_work, run_batch
from grader.grading.executor import LocalExecutor
from grader.grading.grader import Grader
from grader.grading.progress import processors
from grader.model.assignment import Assignment, load_assignments
from grader.model.record import Record

ROOT = Path(__file__).parent.parent
FRESH = """
import os, sys
from pathlib import Path
import pytest, torch
from grader.grading import plugin
from grader.model.assignment import Limits, load_assignment
from grader.sandbox import PlainSandbox
from grader.model.submission import read_submission

class Session:
    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config):
        config.stash[plugin.GRADING] = grading

torch.set_num_threads(1)
folder, file = map(Path, sys.argv[1:])
grading = plugin.Grading(load_assignment(folder))
grading.submission = read_submission(file)
patient = Limits(cpu_seconds=1e4, train_cpu_seconds=1e4, total_cpu_seconds=1e5)
with PlainSandbox(grading.submission, patient) as sandbox:
    grading.open_sandbox = lambda _: sandbox
    options = ["--assert=plain", "-pno:terminal", "-pno:cacheprovider", "-pno:warnings"]
    sys.exit(pytest.main([*options, "-c", os.devnull, f"--rootdir={folder}", folder], [Session()]))
"""


TENTH = 10


def hand_ins(folder: Path, assignment: Assignment, count: int) -> list[Path]:
    """Write `count` submissions of an assignment."""
    folder.mkdir()
    source = (assignment.folder / "solution.py").read_text(encoding="utf-8")
    paths = [folder / f"s{number:04}_{assignment.name}.py" for number in range(count)]
    for path in paths:
        path.write_text(f"{source}\n# {path.name}\n", encoding="utf-8")
    return paths


def graded(folder: Path, results: Path, assignment: Assignment) -> tuple[Record, ...]:
    work = find_work([folder], {assignment.name: assignment})
    results.mkdir()
    with Gradebook(results, create=True) as book, Grader() as grader:
        run_batch(LocalExecutor(grader, processors()), book, work)
        return book.class_record().records


def fresh(paths: list[Path], assignment: Assignment) -> None:
    def one(path: Path) -> None:
        subprocess.run([sys.executable, "-c", FRESH, assignment.folder, path], check=True)

    with ThreadPoolExecutor(processors()) as pool:
        list(pool.map(one, paths))


def measure(assignment: Assignment, count: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        paths = hand_ins(Path(name, "in"), assignment, count)
        begin = time.monotonic()
        records = graded(Path(name, "in"), Path(name, "out"), assignment)
        whole = (time.monotonic() - begin) * processors()
        assert len(records) == count
        assert all(record.score == record.report.max_score for record in records)
        begin = time.monotonic()
        fresh(paths[: count // TENTH], assignment)
        fresh_whole = (time.monotonic() - begin) * processors() * TENTH
    own = sum(record.report.seconds for record in records)
    print(
        f"{assignment.name:<12} {own:8.1f} {whole:9.1f} {own / whole:11.0%} {fresh_whole:9.1f} "
        f"{fresh_whole / whole:14.1f} {(fresh_whole - own) / (whole - own):10.1f}",
        flush=True,
    )


def main(count: int, names: list[str]) -> None:
    print(f"{count} submissions of each assignment, {processors()} cores; seconds")
    print(
        f"{'assignment':<12} {'own':>8} {'batch':>9} {'efficiency':>11} {'fresh':>9} {'fresh / batch':>14} "
        f"{'above own':>10}"
    )
    assignments = load_assignments(ROOT / "solutions")
    for name in names or assignments:
        measure(assignments[name], count)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100, sys.argv[2:])
