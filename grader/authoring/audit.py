"""Tests of an assignment's checks: honest variants keep every point, known mistakes and mutants lose theirs."""

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import stdev
from typing import Literal

import msgspec

from grader.authoring import toml
from grader.authoring.mutants import make_mutants
from grader.authoring.release import SOLUTION, find_regions
from grader.grading.batch import State, processors, with_report
from grader.grading.grader import Grader
from grader.model.assignment import SETTINGS, Assignment, Limits, load_assignment
from grader.model.errors import AssignmentError
from grader.model.score import Measure, ScoreReport, Verdict
from grader.model.submission import Submission, parse_submission, read_submission
from grader.model.text import Text, tr

VARIANTS, MISTAKES = "variants", "mistakes"
EQUIVALENT = "equivalent.toml"
"""Mutants that may keep every point: their keys, each with the reason."""

_LOSES = re.compile(r"^# loses: *(.*)$", re.MULTILINE)
_HEAD = 2000  # characters of a mistake in which its header stands
_LEAST_SECONDS, _TIMES = (
    3.0,
    3.0,
)  # of CPU that a mutant may use: this many, or times what the solution uses


class Sample(msgspec.Struct, frozen=True):
    """A submission that the author wrote to test the checks with."""

    name: str
    """Its path in the assignment's folder."""
    submission: Submission
    loses: frozenset[str]
    """The ids of the items that it must lose, no more and no fewer."""


class Finding(msgspec.Struct, frozen=True):
    """What is wrong with the checks, or with what tests them."""

    kind: Literal["sample", "mutant", "equivalent", "unstable", "ungraded"]
    subject: str
    """The name of a sample, or the key of a mutant."""
    text: Text
    diff: str = ""
    """How a mutant differs from the solution, or what the checks said."""


class JudgedSample(msgspec.Struct, frozen=True):
    """What the checks made of a sample."""

    name: str
    must_lose: tuple[str, ...]
    """The ids of the items that it must lose, no more and no fewer."""
    lost: tuple[str, ...]


class JudgedMutant(msgspec.Struct, frozen=True):
    """A faulty copy of the solution, and what the checks made of it."""

    key: str
    diff: str
    lost: tuple[str, ...]
    """The ids of the items that it loses."""
    equivalent: str = ""
    """Why it may keep every point, where that is declared."""


class Margin(msgspec.Struct, frozen=True):
    """How close a right sample comes to a threshold."""

    sample: str
    closest: Measure
    """The closest of all its gradings."""
    spread: float | None
    """The standard deviation of the sample's values under different seeds; None where it had one seed only."""

    @property
    def spreads(self) -> float | None:
        """How far it is on the right side, in units of the spread; None where there is none."""
        return self.closest.margin / self.spread if self.spread else None


class Audit(msgspec.Struct, frozen=True, kw_only=True):
    """How well an assignment's checks tell right from wrong."""

    assignment: str
    title: Text
    items: tuple[str, ...]
    """The ids of the rubric items."""
    samples: tuple[JudgedSample, ...]
    """The solution, the variants and the mistakes."""
    mutants: tuple[JudgedMutant, ...]
    margins: tuple[Margin, ...]
    """Of each threshold and each right sample, the closest first."""
    findings: tuple[Finding, ...]

    @property
    def equivalent(self) -> int:
        """How many of the mutants are declared as equivalent to the solution."""
        return sum(bool(mutant.equivalent) for mutant in self.mutants)

    @property
    def failed_by(self) -> dict[str, int]:
        """For each rubric item, how many mutants lose it."""
        return {item: sum(item in mutant.lost for mutant in self.mutants) for item in self.items}


def read_samples(assignment: Assignment) -> list[Sample]:
    """Return the solution, the variants and the mistakes of an assignment.

    Raises:
        AssignmentError: the solution is missing, or a mistake doesn't say in its header which items it loses.
    """
    folder = assignment.folder
    found = [Sample(SOLUTION, read_submission(folder / SOLUTION), frozenset())]
    known = {item.id for item in assignment.items}
    for path in sorted((folder / VARIANTS).glob("*.py")) + sorted((folder / MISTAKES).glob("*.py")):
        name = f"{path.parent.name}/{path.name}"
        loses: frozenset[str] = frozenset()
        if path.parent.name == MISTAKES:
            header = _LOSES.search(path.read_text(encoding="utf-8")[:_HEAD])
            loses = frozenset(re.findall(r"[^\s,]+", header[1] if header else ""))
            if not loses or not loses <= known:
                raise AssignmentError(
                    tr(
                        "{path}: say in its header what it loses, as in `# loses: {items}`",
                        path=path,
                        items=", ".join(item.id for item in assignment.items),
                    )
                )
        found.append(Sample(name, read_submission(path), loses))
    return found


def audit(
    grader: Grader,
    assignment: Assignment,
    jobs: int,
    repeat: int = 0,
    show: Callable[[State], None] = lambda state: None,
) -> Audit:
    """Grade the samples and the mutants, `jobs` at a time; the right samples again under `repeat` other seeds.

    While these are graded again every processor has something else to do, too: what hangs on time shows then.
    `show` is called at each report.

    Raises:
        AssignmentError: the assignment lacks what is needed for it.
    """
    samples = read_samples(assignment)
    right = [sample for sample in samples if not sample.loses]
    source = (assignment.folder / SOLUTION).read_text(encoding="utf-8")
    mutants = make_mutants(source, find_regions(assignment, source))
    equivalent = _read_equivalent(assignment)
    grade = _Grading(grader, jobs, len(samples) + len(mutants) + repeat * len(right), show)

    reports = grade(assignment, (each.submission for each in samples))
    with _changed(grader, assignment, limits=_limits(assignment.limits, reports[0])) as capped:
        submissions = (parse_submission(SOLUTION, each.source.encode()) for each in mutants)
        mutant_reports = grade(capped, submissions)
    judged = tuple(
        JudgedMutant(
            mutant.key,
            mutant.diff,
            tuple(sorted(lost_items(report))),
            equivalent.get(mutant.key, ""),
        )
        for mutant, report in zip(mutants, mutant_reports, strict=True)
    )
    findings = [
        *(_judge_sample(sample, report) for sample, report in zip(samples, reports, strict=True)),
        *(_survives(each) for each in judged if not (each.lost or each.equivalent)),
        *(_stale(key) for key in equivalent if key not in {each.key for each in judged}),
        *_ungraded([each.name for each in samples], reports),
        *_ungraded([each.key for each in judged], mutant_reports),
    ]
    runs = {
        sample.name: [report]
        for sample, report in zip(samples, reports, strict=True)
        if not sample.loses
    }
    for step in range(1, repeat + 1):
        seeds = {"seed": assignment.seed + step, "hidden_seed": assignment.hidden_seed + step}
        with _changed(grader, assignment, **seeds) as other, _busy_processors():
            again = grade(other, (sample.submission for sample in right))
        for sample, report in zip(right, again, strict=True):
            runs[sample.name].append(report)
            if lost := lost_items(report):
                findings.append(_unstable(sample.name, seeds, lost, report))
    return Audit(
        assignment=assignment.name,
        title=assignment.title,
        items=tuple(item.id for item in assignment.items),
        samples=tuple(
            JudgedSample(
                sample.name, tuple(sorted(sample.loses)), tuple(sorted(lost_items(report)))
            )
            for sample, report in zip(samples, reports, strict=True)
        ),
        mutants=judged,
        margins=_margins(runs),
        findings=tuple(finding for finding in findings if finding is not None),
    )


def lost_items(report: ScoreReport) -> frozenset[str]:
    """Return the ids of the items that didn't get all their points."""
    return frozenset(item.id for item in report.items if item.points != item.max_points)


class _Grading:
    """Grades submissions side by side, and tells how far it is."""

    def __init__(
        self, grader: Grader, jobs: int, total: int, show: Callable[[State], None]
    ) -> None:
        self._grader = grader
        self._jobs = jobs
        self._state = State(total=total)
        self._show = show

    def __call__(
        self, assignment: Assignment, submissions: Iterable[Submission]
    ) -> list[ScoreReport]:
        found = []
        with ThreadPoolExecutor(self._jobs) as pool:
            one = partial(self._grader.grade, assignment, student="")
            for graded in pool.map(one, submissions):
                found.append(graded.report)
                state = with_report(self._state, graded.report)
                running = min(self._jobs, state.total - state.graded)
                self._state = msgspec.structs.replace(state, running=running)
                self._show(self._state)
        return found


@contextmanager
def _busy_processors() -> Iterator[None]:
    """Give each processor something else to do."""
    loop = [sys.executable, "-S", "-c", "while True: pass"]
    running = [subprocess.Popen(loop) for _ in range(processors())]
    try:
        yield
    finally:
        for each in running:
            each.kill()
            each.wait()


def _margins(runs: Mapping[str, list[ScoreReport]]) -> tuple[Margin, ...]:
    """How close the gradings of each sample come to each threshold, the closest first."""
    found = []
    for sample, reports in runs.items():
        by_run = [_closest(report) for report in reports]
        for name in dict.fromkeys(name for each in by_run for name in each):
            measures = [each[name] for each in by_run if name in each]
            values = [each.value for each in measures]
            spread = stdev(values) if len(values) > 1 else None
            found.append(Margin(sample, min(measures, key=lambda each: each.margin), spread))
    return tuple(sorted(found, key=lambda each: (each.closest.threshold, each.closest.margin)))


def _closest(report: ScoreReport) -> dict[str, Measure]:
    """Of each threshold the measure that comes closest to it."""
    found: dict[str, Measure] = {}
    for measure in (measure for item in report.items for measure in item.measures):
        known = found.get(measure.threshold)
        if known is None or measure.margin < known.margin:
            found[measure.threshold] = measure
    return found


@contextmanager
def _changed(grader: Grader, assignment: Assignment, **changed: object) -> Iterator[Assignment]:
    """The assignment with other settings, in a folder of its own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(
            assignment.folder,
            folder,
            dirs_exist_ok=True,
            ignore=shutil.ignore_patterns(VARIANTS, MISTAKES, "__pycache__"),
        )
        settings = msgspec.structs.replace(assignment, **changed)
        fields = (name for name in settings.__struct_fields__ if name != "folder")
        (folder / SETTINGS).write_text(toml.lines(settings, *fields), encoding="utf-8")
        other = load_assignment(folder)
        try:
            yield other
        finally:
            grader.stop(other)


def _limits(limits: Limits, reference: ScoreReport) -> Limits:
    """What a mutant may use: one that hangs loses its points as well after seconds as after minutes."""
    seconds = _LEAST_SECONDS + _TIMES * sum(item.seconds for item in reference.items)
    names = ("cpu_seconds", "train_cpu_seconds", "total_cpu_seconds")
    return msgspec.structs.replace(
        limits, **{name: min(seconds, getattr(limits, name)) for name in names}
    )


def _read_equivalent(assignment: Assignment) -> dict[str, str]:
    path = assignment.folder / EQUIVALENT
    if not path.is_file():
        return {}
    try:
        return msgspec.toml.decode(path.read_bytes(), type=dict[str, str])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise AssignmentError(tr("{path} is wrong: {reason}", path=path, reason=error)) from error


def _judge_sample(sample: Sample, report: ScoreReport) -> Finding | None:
    lost = lost_items(report)
    if lost == sample.loses:
        return None
    words = [", ".join(sorted(items)) or "-" for items in (sample.loses, lost)]
    text = tr("must lose {expected}, but loses {lost}", expected=words[0], lost=words[1])
    return Finding("sample", sample.name, text, _messages(report, lost - sample.loses))


def _messages(report: ScoreReport, items: Iterable[str]) -> str:
    return "\n".join(f"{i.id}: {i.message.en}" for i in report.items if i.id in items)


def _survives(mutant: JudgedMutant) -> Finding:
    return Finding("mutant", mutant.key, tr("a faulty solution keeps every point"), mutant.diff)


def _stale(key: str) -> Finding:
    return Finding(
        "equivalent", key, tr("{file} names a mutant that doesn't exist", file=EQUIVALENT)
    )


def _unstable(
    name: str, seeds: Mapping[str, int], lost: Iterable[str], report: ScoreReport
) -> Finding:
    text = tr(
        "loses {items} if seed is {seed} and hidden_seed is {hidden_seed}",
        items=", ".join(sorted(lost)),
        seed=seeds["seed"],
        hidden_seed=seeds["hidden_seed"],
    )
    return Finding("unstable", name, text, _messages(report, lost))


def _ungraded(names: list[str], reports: list[ScoreReport]) -> list[Finding]:
    return [
        Finding("ungraded", name, tr("could not be graded"), item.detail)
        for name, report in zip(names, reports, strict=True)
        for item in report.items
        if item.verdict is Verdict.UNGRADED
    ]
