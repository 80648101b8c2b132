"""What grading a class costs, against a fresh Python process for each submission.

    python benchmarks/batch.py [SUBMISSIONS OF EACH ASSIGNMENT]

Every submission is the reference solution with a comment of its own. `own` is the CPU time that the submissions'
processes used for the calls of the checks, read from the kernel. `wall x cores` is what the machine could have computed
meanwhile: the servers' start, sandbox, checks and gradebook are in it. Own over that is the efficiency. For comparison
the same checks run on the same files without sandbox and gradebook, in a fresh process for each that imports PyTorch
and the checks, as many at once as there are cores. Other work on the machine makes both look worse.
"""

import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from grader.assignment import Assignment, load_assignments
from grader.batch import State, find_work, grade_all, processors
from grader.gradebook import Gradebook
from grader.grading import Grader
from grader.record import Record

ROOT = Path(__file__).parent.parent
FRESH = """
import os, sys
from pathlib import Path
import pytest, torch
from grader import plugin
from grader.assignment import Limits, load_assignment
from grader.sandbox import PlainSandbox
from grader.submission import read_submission

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


def hand_ins(folder: Path, assignments: dict[str, Assignment], count: int) -> dict[Path, Path]:
    """Write `count` submissions of each assignment; return the assignment's folder of each."""
    folder.mkdir()
    made = {}
    for name, assignment in assignments.items():
        source = (assignment.folder / "solution.py").read_text(encoding="utf-8")
        for number in range(count):
            path = folder / f"s{number:04}_{name}.py"
            path.write_text(f"{source}\n# {number}\n", encoding="utf-8")
            made[path] = assignment.folder
    return made


def graded(folder: Path, results: Path, assignments: dict[str, Assignment]) -> tuple[Record, ...]:
    work = find_work([folder], assignments, None)
    results.mkdir()
    with Gradebook(results, create=True) as book, Grader() as grader:
        run = book.begin_run(work.paths, work.assignments)
        state = State(total=len(work.entries))
        jobs = processors()
        grade_all(
            grader, book, run, work.entries, state, jobs=jobs, reuse=True, show=lambda state: None
        )
        return book.class_record().records


def fresh(made: dict[Path, Path]) -> None:
    def one(path: Path) -> None:
        subprocess.run([sys.executable, "-c", FRESH, made[path], path], check=True)

    with ThreadPoolExecutor(processors()) as pool:
        list(pool.map(one, made))


def main(count: int) -> None:
    assignments = load_assignments(ROOT / "solutions")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = hand_ins(folder / "in", assignments, count)
        begin = time.monotonic()
        records = graded(folder / "in", folder / "out", assignments)
        wall = time.monotonic() - begin
        assert len(records) == len(made)
        assert all(record.score == record.report.max_score for record in records)
        begin = time.monotonic()
        fresh(made)
        fresh_wall = time.monotonic() - begin
    own = sum(item.seconds for record in records for item in record.report.items)
    whole, fresh_whole = wall * processors(), fresh_wall * processors()
    print(f"{len(made)} submissions, {processors()} cores")
    print(f"{'':<30} {'seconds':>9} {'of own':>8} {'efficiency':>11}")
    for title, seconds in (
        ("own CPU of the submissions", own),
        ("batch, wall x cores", whole),
        ("fresh processes, wall x cores", fresh_whole),
    ):
        print(f"{title:<30} {seconds:9.1f} {seconds / own:8.2f} {own / seconds:11.0%}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
