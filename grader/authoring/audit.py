"""Test the checks of an assignment: correct variants must keep every point; mistakes and mutants must lose points."""

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

from grader.authoring.mutants import make_mutants
from grader.authoring.regions import SOLUTION, find_regions
from grader.authoring.toml import settings_toml
from grader.grading.grader import Grader
from grader.grading.progress import State, processors, with_report
from grader.model.assignment import SETTINGS, Assignment, Limits, load_assignment
from grader.model.errors import AssignmentError
from grader.model.score import Measure, ScoreReport, Verdict
from grader.model.submission import Submission, parse_submission, read_submission
from grader.model.text import Text, tr

VARIANTS, MISTAKES, CHEATS = "variants", "mistakes", "cheats"
"""Folders beside a solution: right submissions, wrong ones, and ones that want points for work that they don't do."""
EQUIVALENT = "equivalent.toml"
"""The keys of mutants that may keep every point, with the reasons."""

_LOSES = re.compile(r"^# loses: *(.*)$", re.MULTILINE)
_HEAD = 2000  # characters searched for the header of a mistake
_LEAST_SECONDS, _TIMES = (
    3.0,
    3.0,
)  # CPU limit of a mutant: this many seconds plus this multiple of the solution's time


class Sample(msgspec.Struct, frozen=True):
    """A submission that the author wrote to test the checks."""

    name: str
    """Its path relative to the assignment's folder."""
    submission: Submission
    loses: frozenset[str]
    """The ids of exactly those items that must lose points."""


class Finding(msgspec.Struct, frozen=True):
    """A problem with the checks or with the samples that test them."""

    kind: Literal["sample", "mutant", "equivalent", "unstable", "ungraded"]
    subject: str
    """The name of a sample, or the key of a mutant."""
    text: Text
    diff: str = ""
    """The mutant's diff to the solution, or the messages of the checks."""


class JudgedSample(msgspec.Struct, frozen=True):
    """The result of a sample."""

    name: str
    must_lose: tuple[str, ...]
    """The ids of exactly those items that must lose points."""
    lost: tuple[str, ...]


class JudgedMutant(msgspec.Struct, frozen=True):
    """A mutant and its result."""

    key: str
    diff: str
    lost: tuple[str, ...]
    """The ids of the items that lost points."""
    equivalent: str = ""
    """The reason why it may keep every point, if declared."""


class Margin(msgspec.Struct, frozen=True):
    """How close a correct sample comes to a threshold."""

    sample: str
    closest: Measure
    """The measure closest to the threshold over all gradings."""
    spread: float | None
    """The standard deviation of the sample's values over different seeds; None with one seed."""

    @property
    def spreads(self) -> float | None:
        """The distance from the threshold in units of the spread; None without a spread."""
        return self.closest.margin / self.spread if self.spread else None


class Audit(msgspec.Struct, frozen=True, kw_only=True):
    """How well an assignment's checks distinguish right from wrong."""

    assignment: str
    title: Text
    items: tuple[str, ...]
    """The ids of the rubric items."""
    samples: tuple[JudgedSample, ...]
    """The solution, the variants, the mistakes and the cheats."""
    mutants: tuple[JudgedMutant, ...]
    margins: tuple[Margin, ...]
    """One per threshold and correct sample, the closest first."""
    findings: tuple[Finding, ...]

    @property
    def equivalent(self) -> int:
        """The number of mutants declared equivalent to the solution."""
        return sum(bool(mutant.equivalent) for mutant in self.mutants)

    @property
    def failed_by(self) -> dict[str, int]:
        """The number of mutants caught by each rubric item."""
        return {item: sum(item in mutant.lost for mutant in self.mutants) for item in self.items}


def read_samples(assignment: Assignment) -> list[Sample]:
    """Return the solution, the variants, the mistakes and the cheats of an assignment.

    Raises:
        AssignmentError: the solution is missing, or a header doesn't list the items that are lost.
    """
    folder = assignment.folder
    found = [Sample(SOLUTION, read_submission(folder / SOLUTION), frozenset())]
    known = {item.id for item in assignment.items}
    paths = (
        path
        for kind in (VARIANTS, MISTAKES, CHEATS)
        for path in sorted((folder / kind).glob("*.py"))
    )
    for path in paths:
        name = f"{path.parent.name}/{path.name}"
        loses: frozenset[str] = frozenset()
        if path.parent.name != VARIANTS:
            header = _LOSES.search(path.read_text(encoding="utf-8")[:_HEAD])
            loses = frozenset(re.findall(r"[^\s,]+", header[1] if header else ""))
            if not loses or not loses <= known:
                raise AssignmentError(
                    tr(
                        "{path}: the header must list the items that lose points, as in `# "
                        "loses: {items}`",
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
    """Grade the samples and the mutants, `jobs` at a time, and the correct samples again under `repeat` other seeds.

    The repetitions run while every processor is kept busy, which exposes checks that depend on timing. `show` is called
    after each report.

    Raises:
        AssignmentError: the assignment is incomplete.
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
        with _changed(grader, assignment, **seeds) as other, busy_processors():
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
    """Return the ids of the items without full points."""
    return frozenset(item.id for item in report.items if item.points != item.max_points)


class _Grading:
    """Grades submissions in parallel and reports progress."""

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
def busy_processors() -> Iterator[None]:
    """Keep every processor busy."""
    loop = [sys.executable, "-S", "-c", "while True: pass"]
    running = [subprocess.Popen(loop) for _ in range(processors())]
    try:
        yield
    finally:
        for each in running:
            each.kill()
            each.wait()


def _margins(runs: Mapping[str, list[ScoreReport]]) -> tuple[Margin, ...]:
    """The distance of each sample from each threshold, the closest first."""
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
    """The measure closest to each threshold."""
    found: dict[str, Measure] = {}
    for measure in (measure for item in report.items for measure in item.measures):
        known = found.get(measure.threshold)
        if known is None or measure.margin < known.margin:
            found[measure.threshold] = measure
    return found


@contextmanager
def _changed(grader: Grader, assignment: Assignment, **changed: object) -> Iterator[Assignment]:
    """The assignment with changed settings, in a temporary folder."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(
            assignment.folder,
            folder,
            dirs_exist_ok=True,
            ignore=shutil.ignore_patterns(VARIANTS, MISTAKES, CHEATS, "__pycache__"),
        )
        settings = msgspec.structs.replace(assignment, **changed)
        fields = (name for name in settings.__struct_fields__ if name != "folder")
        (folder / SETTINGS).write_text(settings_toml(settings, fields), encoding="utf-8")
        other = load_assignment(folder)
        try:
            yield other
        finally:
            grader.stop(other)


def _limits(limits: Limits, reference: ScoreReport) -> Limits:
    """The limits of a mutant, which are tight because some mutants hang."""
    seconds = _LEAST_SECONDS + _TIMES * reference.seconds
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
        raise AssignmentError(tr("{path} is invalid: {reason}", path=path, reason=error)) from error


def _judge_sample(sample: Sample, report: ScoreReport) -> Finding | None:
    lost = lost_items(report)
    if lost == sample.loses:
        return None
    words = [", ".join(sorted(items)) or "-" for items in (sample.loses, lost)]
    text = tr(
        "should lose points in: {expected}; actually loses points in: {lost}",
        expected=words[0],
        lost=words[1],
    )
    return Finding("sample", sample.name, text, _messages(report, lost - sample.loses))


def _messages(report: ScoreReport, items: Iterable[str]) -> str:
    return "\n".join(f"{i.id}: {i.message.en}" for i in report.items if i.id in items)


def _survives(mutant: JudgedMutant) -> Finding:
    return Finding("mutant", mutant.key, tr("faulty, but keeps every point"), mutant.diff)


def _stale(key: str) -> Finding:
    return Finding(
        "equivalent", key, tr("{file} lists a mutant that doesn't exist", file=EQUIVALENT)
    )


def _unstable(
    name: str, seeds: Mapping[str, int], lost: Iterable[str], report: ScoreReport
) -> Finding:
    text = tr(
        "loses points in {items} with seed {seed} and hidden_seed {hidden_seed}",
        items=", ".join(sorted(lost)),
        seed=seeds["seed"],
        hidden_seed=seeds["hidden_seed"],
    )
    return Finding("unstable", name, text, _messages(report, lost))


def _ungraded(names: list[str], reports: list[ScoreReport]) -> list[Finding]:
    return [
        Finding("ungraded", name, tr("couldn't be graded"), item.detail)
        for name, report in zip(names, reports, strict=True)
        for item in report.items
        if item.verdict is Verdict.UNGRADED
    ]
