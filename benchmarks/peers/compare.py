"""Compare the grader with other graders: time, memory, and what awkward hand-ins do to them.

    python benchmarks/peers/compare.py [--quick] [--costs] [--class 20] [--only NAME ...]

Each grader is installed in its own environment below `.venv-peers`, with the versions in `benchmarks/peers/NAME.txt`
(`make benchmark-peers` does it). All grade the same notebooks. `one` is a single hand-in from a cold start; `class` is
a class of right hand-ins, for each of them. CPU time is that of all processes. The peers' checks are those of
`checks.py`; grader runs its own. All take turns in the same run, so other work on the machine disturbs all of them, but
not alike: CPU time is steadier than wall time.
"""

import argparse
import dataclasses
import datetime
import os
import platform
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from hand_ins import HandIn, awkward, class_of
from peers import PEERS, Peer
from process import CORES, Cost, adopt_orphans, measure

ASSIGNMENTS = ("binary", "multinomial", "wine")
PATIENCE = 900.0
"""Seconds for a command that grades right hand-ins."""
AWKWARD_LIMIT, AWKWARD_PATIENCE = 10, 90.0
"""Seconds for a call or cell of an awkward hand-in, and for a whole command per hand-in."""


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table in Markdown, numbers to the right."""
    head = list(head)
    line = "|".join(["---", *["---:"] * (len(head) - 1)])
    body = [f"| {' | '.join(cells)} |" for cells in (head, *rows)]
    return "\n".join([body[0], f"|{line}|", *body[1:]])


def cost_of(peer: type[Peer], assignment: str, hand_ins: tuple[HandIn, ...]) -> Cost:
    """Grade right hand-ins, each of which must get all points."""
    with tempfile.TemporaryDirectory() as name:
        course = Path(name, "home", "staff", "course")
        work = peer(course, assignment, limit=120, patient=True)
        for hand_in in hand_ins:
            work.add(hand_in)
        cost = measure(work.jobs(hand_ins), PATIENCE)
        scores = {hand_in.name: work.score(hand_in) for hand_in in hand_ins}
        if set(scores.values()) != {100}:
            log = next(iter(course.rglob("log.txt"))).read_text(errors="replace")[-3000:]
            raise SystemExit(f"{log}\n{peer.name}, {assignment}: expected 100 points, got {scores}")
    return cost


def verdicts(peer: type[Peer]) -> dict[str, str]:
    """What becomes of each awkward hand-in, in a class with a right one before and one after it."""
    *ones, last = awkward()
    first = dataclasses.replace(last, name="aa right")
    return {each.name: outcome(peer, (first, each, last)) for each in ones}


def outcome(peer: type[Peer], hand_ins: tuple[HandIn, ...]) -> str:
    """What becomes of the hand-in in the middle."""
    with tempfile.TemporaryDirectory() as name:
        work = peer(Path(name, "home", "staff", "course"), "binary", AWKWARD_LIMIT, False)
        for hand_in in hand_ins:
            work.add(hand_in)
        jobs = work.jobs(hand_ins)
        measure(jobs, AWKWARD_PATIENCE * (len(hand_ins) if len(jobs) == 1 else 1))
        first, score, last = (work.score(hand_in) for hand_in in hand_ins)
    return verdict(hand_ins[1], score) if first == last == 100 else "stops the batch"


def verdict(hand_in: HandIn, score: float | None) -> str:
    """Whether a score is the right one."""
    if score == hand_in.right or (hand_in.right is None and not score):
        return "right"
    if score is None:
        return "no result"
    return f"{score:g} instead of {hand_in.right or 0:g}"


def main(peers: list[type[Peer]], count: int, names: tuple[str, ...], awkward_too: bool) -> None:
    """Measure all graders in turns, and print the tables."""
    begin = time.monotonic()
    load = os.getloadavg()[0]
    costs: dict[tuple[type[Peer], str, int], Cost] = {}
    for assignment in names:
        for size in (1, count):
            for peer in peers:
                cost = cost_of(peer, assignment, class_of(assignment, size))
                costs[peer, assignment, size] = cost
                print(f"  {peer.name}, {size} {assignment}: {cost}", file=os.sys.stderr, flush=True)
    outcomes = {peer: verdicts(peer) for peer in peers} if awkward_too else {}

    def times(peer: type[Peer], size: int, field: str) -> str:
        return " / ".join(f"{getattr(costs[peer, name, size], field) / size:.1f}" for name in names)

    print(
        f"{datetime.date.today()}, Python {platform.python_version()}, {CORES} processors, load before the run "
        f"{load:.1f}\nSeconds per hand-in: {' / '.join(names)}\n"
    )
    print(
        table(
            (
                "grader", "one: CPU s", "one: wall s", f"class of {count}: CPU s each",
                f"class of {count}: wall s each", "peak MB", "awkward right",
            ),
            (
                (
                    f"{peer.name} {peer.version()}", times(peer, 1, "cpu"), times(peer, 1, "wall"),
                    times(peer, count, "cpu"), times(peer, count, "wall"),
                    f"{max(costs[peer, name, count].peak for name in names):.0f}",
                    f"{sum(found == 'right' for found in outcomes[peer].values())} of 10"
                    if awkward_too
                    else "–",
                )
                for peer in peers
            ),
        )
    )  # fmt: skip
    if awkward_too:
        rows = (
            (each.name, *(outcomes[peer][each.name] for peer in peers)) for each in awkward()[:-1]
        )
        print("\n" + table(("awkward hand-in", *(peer.name for peer in peers)), rows))
    print("\n" + "\n".join(f"- {peer.name} {peer.version()}: {peer.note}" for peer in peers))
    print(f"\nThe whole run took {(time.monotonic() - begin) / 60:.0f} minutes.")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a class of 4, binary only")
    parser.add_argument("--costs", action="store_true", help="no awkward hand-ins")
    parser.add_argument("--class", dest="count", type=int, default=20)
    parser.add_argument("--only", nargs="*", help="names of graders")
    given = parser.parse_args()
    adopt_orphans()
    chosen = [peer for peer in PEERS if not given.only or peer.name in given.only]
    if given.quick:
        main(chosen, 4, ASSIGNMENTS[:1], not given.costs)
    else:
        main(chosen, given.count, ASSIGNMENTS, not given.costs)
