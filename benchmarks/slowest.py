"""Show that none of the 24 slowest hostile submissions holds a worker longer than its limits allow, plus 5 seconds.

    python benchmarks/slowest.py [DIVISOR]

They run under the default limits of time, divided by DIVISOR; undivided, this takes about 20 minutes. `make test` runs
some of them, and `make test-all` all, with limits of a few seconds.
"""

import os
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from grader.grading.grader import Grader
from grader.model.assignment import Assignment, Limits, load_assignment
from grader.model.submission import parse_submission

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "hostile"))
import test_availability as hostile

_SPARE_SECONDS = 5.0
_COMPUTING = (
    "loop",
    "one operation of torch",
    "signals ignored",
    "threads",
    "raises what never prints",
)


def main(divisor: float) -> int:
    default = Limits()
    limits = Limits(
        cpu_seconds=default.cpu_seconds / divisor,
        train_cpu_seconds=default.train_cpu_seconds / divisor,
        total_cpu_seconds=default.total_cpu_seconds / divisor,
    )
    bound = limits.total_wall_seconds + _SPARE_SECONDS
    print(f"at most {bound:.0f} s each\n{'seconds':>8}  {'points':>6}  submission")
    with tempfile.TemporaryDirectory() as folder, Grader() as grader:
        assignment = make_assignment(Path(folder), limits)

        def hold(name: str) -> float:
            submission = parse_submission(
                "x.py", f"{hostile.PRELUDE}{hostile.SLOWEST[name]}".encode()
            )
            begin = time.monotonic()
            report = grader.grade(assignment, submission, "x").report
            seconds = time.monotonic() - begin
            print(f"{seconds:8.1f}  {report.score:6g}  {name}", flush=True)
            return seconds

        grader.grade(assignment, parse_submission("x.py", b"x = 1"), "x")
        waiting = [name for name in hostile.SLOWEST if name not in _COMPUTING]
        seconds = []
        for names, at_once in ((waiting, len(waiting)), (_COMPUTING, os.cpu_count())):
            with ThreadPoolExecutor(at_once) as pool:
                seconds += pool.map(hold, names)
    print(f"the longest took {max(seconds):.1f} s")
    return int(max(seconds) > bound)


def make_assignment(folder: Path, limits: Limits) -> Assignment:
    """Write an assignment that calls a submission 41 times."""
    settings = hostile.SETTINGS.split("[limits]")
    times = "".join(
        f"{name} = {getattr(limits, name)}\n"
        for name in ("cpu_seconds", "train_cpu_seconds", "total_cpu_seconds")
    )
    items = settings[1][settings[1].index("[[items]]") :]
    (folder / "assignment.toml").write_text(f"{settings[0]}[limits]\n{times}{items}", "utf-8")
    (folder / "test_slowest.py").write_text(hostile.many_calls(40), "utf-8")
    return load_assignment(folder)


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 1.0))
