"""Many submissions: graded side by side, each report written when it is made."""

import os
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import msgspec

from grader.grading import Grader
from grader.intake import HandIn
from grader.score import ScoreReport


def grade_all(grader: Grader, hand_ins: Iterable[HandIn], jobs: int) -> Iterator[ScoreReport]:
    """Grade `jobs` submissions at a time and yield each report when it is made."""
    with ThreadPoolExecutor(jobs) as pool:
        futures = [
            pool.submit(grader.grade, each.assignment, each.submission, each.student)
            for each in hand_ins
        ]
        try:
            for future in as_completed(futures):
                yield future.result().report
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def write_report(report: ScoreReport, results: Path) -> Path:
    """Write a report below `results`, whole or not at all, and return its path."""
    path = results / "reports" / f"{Path(report.submission).name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(msgspec.json.format(msgspec.json.encode(report)))
        file.flush()
        os.fsync(file.fileno())
    Path(file.name).replace(path)
    return path


def processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0))
