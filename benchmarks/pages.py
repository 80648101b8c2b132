"""Measure the time for the HTML report of a large class.

    python benchmarks/pages.py [STUDENTS]

Grade the example class, fill the gradebook with copies of its reports under other names until each student has one for
every assignment, and time `grader report --format html` as a whole process.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import msgspec

from grader.gradebook import Gradebook, Task
from grader.grading.batch import find_work
from grader.grading.grader import Grader
from grader.grading.order import Graded
from grader.grading.progress import processors
from grader.model.assignment import load_assignments
from grader.model.submission import Submission

ROOT = Path(__file__).parent.parent


def graded(folder: Path) -> Iterator[tuple[Task, Submission, Graded]]:
    assignments = load_assignments(ROOT / "solutions")
    work = find_work([folder], assignments)
    with Grader() as grader:
        for task in work.tasks:
            submission = task.load()
            yield task, submission, grader.grade(task.assignment, submission, task.student)


def fill(results: Path, students: int, folder: Path) -> int:
    """Fill a gradebook with copies of the hand-ins in a folder; return the number of hand-ins."""
    work = list(graded(folder))
    assignments = {task.digest: task.assignment for task, _, _ in work}
    count = 0
    with Gradebook(results, create=True) as book:
        run = book.begin_run([], assignments)
        for assignment in assignments.values():
            of_it = cycle([each for each in work if each[0].assignment.name == assignment.name])
            for number, (task, submission, done) in zip(range(students), of_it, strict=False):
                name = f"student{number:04}"
                task = msgspec.structs.replace(task, student=name, origin=f"{name}/{task.file}")
                report = msgspec.structs.replace(done.report, student=name)
                book.save(run, task, submission, report)
                count += 1
    return count


def write(results: Path) -> float:
    """Write the pages of a gradebook, as a whole process; return its CPU seconds."""
    before = os.times()
    command = [sys.executable, "-m", "grader", "report", results, "--format", "html"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return sum(os.times()[2:4]) - sum(before[2:4])


def main(students: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        results = Path(name)
        count = fill(results, students, ROOT / "examples" / "class")
        begin = time.monotonic()
        cpu = write(results)
        seconds = time.monotonic() - begin
        pages = list(results.rglob("*.html"))
        size = sum(page.stat().st_size for page in pages) / 2**20
        print(
            f"{students} students, {count} hand-ins, {len(pages)} pages of {size:.0f} MB: "
            f"{seconds:.1f} s on {processors()} cores, {cpu:.1f} s of CPU time"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
