"""Measure the cost of grading on top of the student's own time, with each assignment's reference solution.

    python benchmarks/overhead.py [RUNS]

`own` is the CPU time of the submission's processes for the checks' calls, read from the kernel. `all` is the CPU time
of every process involved: both servers, the grading processes, the sandboxes. Both come from the same run.
`above / loop` compares what is above `own` with an empty Python loop of 10 million steps, run in turns with the
gradings, so that machines and busy hours compare.
"""

import contextlib
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from grader.grading.grader import Grader
from grader.model.assignment import Limits, load_assignments
from grader.model.submission import read_submission
from grader.sandbox import SandboxServer, open_sandbox

ROOT = Path(__file__).parent.parent
WARM = """
import sys, time, torch, types
torch.set_num_threads(1)
module = types.ModuleType("submission"); sys.modules["submission"] = module
exec(compile(open(sys.argv[1]).read(), sys.argv[1], "exec"), module.__dict__)
x = torch.tensor([[0.], [1], [3], [5], [8], [11], [15], [20]])
y = torch.tensor([[0.], [0], [0], [0], [1], [1], [1], [1]])
for _ in range(4):
    model = module.build_model()
    begin = time.process_time()
    module.train(model, x, y)
    print("seconds", time.process_time() - begin)
"""


class Overhead(msgspec.Struct, frozen=True):
    """The CPU seconds of one grading."""

    assignment: str
    own: float
    """Those of the submission's own code."""
    all: float
    """Those of every process involved."""
    loop: float
    """Those of an empty Python loop, measured in turns with the gradings."""

    @property
    def above(self) -> float:
        return self.all - self.own


def cpu_of_servers() -> float:
    """CPU seconds of all processes below this one, and of those that they have waited for."""
    fields = {}
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            with contextlib.suppress(OSError):
                stat = (path / "stat").read_text().rsplit(")", 1)[1].split()
                fields[int(path.name)] = int(stat[1]), sum(map(int, stat[11:15]))
    found, ticks = {os.getpid()}, 0
    while below := [pid for pid, (parent, _) in fields.items() if parent in found - {pid}]:
        ticks += sum(fields.pop(pid)[1] for pid in below)
        found.update(below)
    return ticks / os.sysconf("SC_CLK_TCK")


def loop_seconds() -> float:
    """CPU seconds of an empty loop of 10 million steps, as measured by a tenth of it."""
    begin = time.process_time()
    for _ in range(1_000_000):
        pass
    return 10 * (time.process_time() - begin)


def overheads(runs: int) -> Iterator[Overhead]:
    """Grade each assignment's reference solution so many times."""
    with Grader() as grader:
        for name, assignment in load_assignments(ROOT / "solutions").items():
            submission = read_submission(ROOT / "solutions" / name / "solution.py")
            grader.grade(assignment, submission, "warm")
            before = cpu_of_servers()
            own = loop = 0.0
            for _ in range(runs):
                loop += statistics.mean(loop_seconds() for _ in range(5))
                report = grader.grade(assignment, submission, "x").report
                own += report.seconds
                assert report.score == report.max_score
            time.sleep(0.2)
            everything = cpu_of_servers() - before
            yield Overhead(name, own / runs, everything / runs, loop / runs)


def grading(runs: int) -> None:
    print(
        f"{'assignment':<12} {'own ms':>8} {'all ms':>8} {'above own ms':>13} {'all / own':>10} "
        f"{'loop ms':>8} {'above / loop':>13}"
    )
    for each in overheads(runs):
        print(
            f"{each.assignment:<12} {each.own * 1e3:8.0f} {each.all * 1e3:8.0f} "
            f"{each.above * 1e3:13.0f} {each.all / each.own:10.2f} "
            f"{each.loop * 1e3:8.0f} {each.above / each.loop:13.2f}"
        )


def fresh_state(runs: int) -> None:
    """Compare forking the loaded submission again with loading it again."""
    submission = read_submission(ROOT / "solutions" / "binary" / "solution.py")
    with SandboxServer() as server:
        server.isolation  # noqa: B018  (waits until it is warm)
        for title, again in (("fork again", True), ("load again", False)):
            begin = cpu_of_servers()
            if again:
                with open_sandbox(server.control, submission, Limits()) as sandbox:
                    for _ in range(runs * 5):
                        student = sandbox.student()
                        student.seed(1)
                        student.close()
            else:
                for _ in range(runs * 5):
                    with open_sandbox(server.control, submission, Limits()) as sandbox:
                        sandbox.student().seed(1)
            time.sleep(0.2)
            print(f"{title}: {(cpu_of_servers() - begin) / runs / 5 * 1e3:.1f} ms CPU")


def training_itself() -> None:
    """Compare the default training in the sandbox with the same call in a warm bare process."""
    solution = ROOT / "solutions" / "binary" / "solution.py"
    printed = subprocess.run(
        [sys.executable, "-c", WARM, str(solution)], capture_output=True, text=True, check=True
    ).stdout
    times = [float(line.split()[1]) for line in printed.splitlines() if line.startswith("seconds")]
    bare = statistics.median(times[1:])
    assignment = load_assignments(ROOT / "solutions")["binary"]
    with Grader() as grader:
        reports = [
            grader.grade(assignment, read_submission(solution), "x").report for _ in range(4)
        ]
    boxed = statistics.median(
        next(item.seconds for item in report.items if item.id == "convergence")
        for report in reports[1:]
    )
    print(
        f"default training of binary: {bare * 1e3:.0f} ms bare, {boxed * 1e3:.0f} ms in the sandbox"
    )


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    grading(count)
    fresh_state(count)
    training_itself()
