"""Measure grading again from recorded answers, compared with running each assignment's reference solution.

    python benchmarks/replay.py [RUNS]

`run` and `replay` are the CPU time of every process involved, from the same run of this program. `class of 500` is the
wall time of 500 replays, one at a time per processor.
"""

import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
from overhead import cpu_of_servers

from grader.grading.grader import Grader
from grader.grading.order import Graded
from grader.model.assignment import Assignment, load_assignments
from grader.model.submission import Submission, read_submission

ROOT = Path(__file__).parent.parent
CLASS = 500


def cpu_ms(grade: Callable[[], Graded], runs: int) -> float:
    """CPU milliseconds of one grading, in this process and its children."""

    def used() -> float:
        return time.process_time() + cpu_of_servers()

    before = used()
    for _ in range(runs):
        assert grade().report.score == 100
    time.sleep(0.2)  # until the last process is waited for
    return (used() - before) / runs * 1e3


class Recorded(msgspec.Struct, frozen=True):
    """The reference solution of an assignment with its recording."""

    grader: Grader
    assignment: Assignment
    submission: Submission
    recording: bytes

    def run(self) -> Graded:
        return self.grader.grade(self.assignment, self.submission, "x")

    def replay(self) -> Graded:
        return self.grader.grade(self.assignment, self.submission, "x", self.recording)


def recorded(grader: Grader, assignment: Assignment) -> Recorded:
    submission = read_submission(assignment.folder / "solution.py")
    recording = grader.grade(assignment, submission, "x").recording
    assert recording is not None
    return Recorded(grader, assignment, submission, recording)


def measure(each: Recorded, runs: int) -> None:
    jobs = len(os.sched_getaffinity(0))
    run_ms, replay_ms = cpu_ms(each.run, runs), cpu_ms(each.replay, 5 * runs)
    begin = time.monotonic()
    with ThreadPoolExecutor(jobs) as pool:
        graded = list(pool.map(lambda _: each.replay(), range(CLASS)))
    seconds = time.monotonic() - begin
    assert {done.how for done in graded} == {"replayed"}
    print(
        f"{each.assignment.name:<12} {run_ms:8.0f} {replay_ms:10.0f} {run_ms / replay_ms:13.1f} "
        f"{len(each.recording) / 1e3:12.0f} {seconds:15.0f}"
    )


def main(runs: int) -> None:
    print(
        f"{'assignment':<12} {'run ms':>8} {'replay ms':>10} {'run / replay':>13} {'recorded kB':>12} "
        f"{f'class of {CLASS}, s':>15}"
    )
    with Grader() as grader:
        for assignment in load_assignments(ROOT / "solutions").values():
            measure(recorded(grader, assignment), runs)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
