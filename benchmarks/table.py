"""Print what grading costs in one table, compared with the last run on this machine.

    python benchmarks/table.py [--short]

All values are CPU time of every process involved. `loops` is the same in empty Python loops of 10 million steps, which
are measured in turns with it, so that machines and busy hours compare. `last run` is the number of loops in the run
before, kept in `.benchmarks/`.
"""

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
from batch import graded, hand_ins
from overhead import loop_seconds, overheads
from pages import fill, write
from replay import cpu_ms, recorded

from grader.grading.grader import Grader
from grader.model.assignment import Assignment, load_assignments

ROOT = Path(__file__).parent.parent
KEPT = ROOT / ".benchmarks" / "last.json"


class Measurement(msgspec.Struct, frozen=True):
    """The cost of one thing."""

    name: str
    seconds: float
    """CPU time."""
    loop: float
    """The CPU seconds of an empty loop, measured in turns with it."""

    @property
    def loops(self) -> float:
        return self.seconds / self.loop


class Size(msgspec.Struct, frozen=True):
    """How much is measured."""

    runs: int
    hand_ins: int
    students: int


SHORT = Size(runs=1, hand_ins=4, students=50)
WHOLE = Size(runs=10, hand_ins=50, students=1000)


def in_turns(measure: Callable[[], float]) -> tuple[float, float]:
    """Return what `measure` returns, and the CPU seconds of the loops before and after it."""
    before = [loop_seconds() for _ in range(5)]
    value = measure()
    return value, sum([*before, *(loop_seconds() for _ in range(5))]) / 10


def used() -> float:
    """CPU seconds of this process and of those that it has waited for."""
    return sum(os.times()[:4])


def above_own(size: Size) -> Iterator[Measurement]:
    for each in overheads(size.runs):
        yield Measurement(f"above own, {each.assignment}", each.above, each.loop)


def in_a_batch(assignment: Assignment, size: Size) -> Iterator[Measurement]:
    def above() -> float:
        with tempfile.TemporaryDirectory() as name:
            hand_ins(Path(name, "in"), assignment, size.hand_ins)
            before = used()
            records = graded(Path(name, "in"), Path(name, "out"), assignment)
            own = sum(record.report.seconds for record in records)
            return (used() - before - own) / size.hand_ins

    yield Measurement(
        f"above own in a batch of {size.hand_ins}, {assignment.name}", *in_turns(above)
    )


def again(assignments: list[Assignment], size: Size) -> Iterator[Measurement]:
    with Grader() as grader:
        for assignment in assignments:
            each = recorded(grader, assignment)
            cpu = in_turns(lambda each=each: cpu_ms(each.replay, 5 * size.runs) / 1e3)
            yield Measurement(f"graded again, {assignment.name}", *cpu)


def on_pages(assignments: list[Assignment], size: Size) -> Iterator[Measurement]:
    with tempfile.TemporaryDirectory() as name:
        folder, results = Path(name, "in"), Path(name, "out")
        folder.mkdir()
        results.mkdir()
        for assignment in assignments:
            (path,) = hand_ins(Path(name, assignment.name), assignment, 1)
            path.rename(folder / path.name)
        count = fill(results, size.students, folder)
        yield Measurement(f"pages of {count} hand-ins", *in_turns(lambda: write(results)))


def measurements(size: Size) -> Iterator[Measurement]:
    assignments = load_assignments(ROOT / "solutions")
    everything = list(assignments.values())
    yield from above_own(size)
    yield from in_a_batch(assignments["binary"], size)
    yield from again(everything, size)
    yield from on_pages(everything, size)


def main(size: Size) -> None:
    last: dict[str, float] = {}
    if KEPT.exists():
        last = msgspec.json.decode(KEPT.read_bytes(), type=dict[str, float])
    print(f"{'CPU time':<36} {'ms':>8} {'loops':>8} {'last run':>9} {'change':>7}")
    now = dict(last)
    for each in measurements(size):
        before = last.get(each.name)
        now[each.name] = each.loops
        compared = f"{before:9.2f} {each.loops / before - 1:+7.0%}" if before else ""
        print(
            f"{each.name:<36} {each.seconds * 1e3:8.0f} {each.loops:8.2f} {compared}".rstrip(),
            flush=True,
        )
    KEPT.parent.mkdir(exist_ok=True)
    KEPT.write_bytes(msgspec.json.format(msgspec.json.encode(now)))


if __name__ == "__main__":
    main(SHORT if "--short" in sys.argv[1:] else WHOLE)
