"""Tests of an assignment's checks: honest variants keep every point, known mistakes and mutants lose theirs."""

import re
import shutil
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import msgspec

from grader import toml
from grader.assignment import SETTINGS, Assignment, Limits, load_assignment
from grader.errors import AssignmentError
from grader.grading import Grader
from grader.mutants import make_mutants
from grader.release import SOLUTION, find_regions
from grader.score import ScoreReport, Verdict
from grader.submission import Submission, parse_submission, read_submission
from grader.text import Text, tr

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
    """How a mutant differs from the solution."""


class Audit(msgspec.Struct, frozen=True, kw_only=True):
    """How well an assignment's checks tell right from wrong."""

    assignment: str
    samples: int
    """How many variants and mistakes were graded, with the solution."""
    mutants: int
    equivalent: int
    """How many of the mutants are declared as equivalent to the solution."""
    failed_by: dict[str, int]
    """For each rubric item, how many mutants lose it."""
    findings: tuple[Finding, ...]


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


def audit(grader: Grader, assignment: Assignment, jobs: int, repeat: int = 0) -> Audit:
    """Grade the samples and the mutants, `jobs` at a time, and the right samples again under `repeat` other seeds.

    Raises:
        AssignmentError: the assignment lacks what is needed for it.
    """
    samples = read_samples(assignment)
    right = [sample for sample in samples if not sample.loses]
    source = (assignment.folder / SOLUTION).read_text(encoding="utf-8")
    mutants = make_mutants(source, find_regions(assignment, source))
    equivalent = _read_equivalent(assignment)

    reports = _grade(grader, assignment, (each.submission for each in samples), jobs)
    with tempfile.TemporaryDirectory() as folder:
        capped = _copy(assignment, Path(folder), limits=_limits(assignment.limits, reports[0]))
        submissions = (parse_submission(SOLUTION, each.source.encode()) for each in mutants)
        mutant_reports = _grade(grader, capped, submissions, jobs)
    findings = [
        *(_judge_sample(sample, report) for sample, report in zip(samples, reports, strict=True)),
        *(
            _survives(mutant.key, mutant.diff)
            for mutant, report in zip(mutants, mutant_reports, strict=True)
            if not lost_items(report) and mutant.key not in equivalent
        ),
        *(_stale(key) for key in equivalent if key not in {each.key for each in mutants}),
        *_ungraded([each.name for each in samples], reports),
        *_ungraded([each.key for each in mutants], mutant_reports),
    ]
    for step in range(1, repeat + 1):
        with tempfile.TemporaryDirectory() as folder:
            seed = assignment.hidden_seed + step
            other = _copy(assignment, Path(folder), hidden_seed=seed)
            again = _grade(grader, other, (sample.submission for sample in right), jobs)
        findings += [
            _unstable(sample.name, seed, lost_items(report))
            for sample, report in zip(right, again, strict=True)
            if lost_items(report)
        ]
    return Audit(
        assignment=assignment.name,
        samples=len(samples),
        mutants=len(mutants),
        equivalent=sum(mutant.key in equivalent for mutant in mutants),
        failed_by={
            item.id: sum(item.id in lost_items(report) for report in mutant_reports)
            for item in assignment.items
        },
        findings=tuple(finding for finding in findings if finding is not None),
    )


def lost_items(report: ScoreReport) -> frozenset[str]:
    """Return the ids of the items that didn't get all their points."""
    return frozenset(item.id for item in report.items if item.points != item.max_points)


def _grade(
    grader: Grader, assignment: Assignment, submissions: Iterable[Submission], jobs: int
) -> list[ScoreReport]:
    with ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(lambda each: grader.grade(assignment, each, "").report, submissions))


def _copy(assignment: Assignment, folder: Path, **changed: object) -> Assignment:
    """The assignment with other settings, in a folder of its own."""
    shutil.copytree(
        assignment.folder,
        folder,
        dirs_exist_ok=True,
        ignore=shutil.ignore_patterns(VARIANTS, MISTAKES, "__pycache__"),
    )
    other = msgspec.structs.replace(assignment, **changed)
    fields = (name for name in other.__struct_fields__ if name != "folder")
    (folder / SETTINGS).write_text(toml.lines(other, *fields), encoding="utf-8")
    return load_assignment(folder)


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
    messages = "\n".join(
        f"{item.id}: {item.message.en}" for item in report.items if item.id in lost - sample.loses
    )
    return Finding(
        "sample",
        sample.name,
        tr("must lose {expected}, but loses {lost}", expected=words[0], lost=words[1]),
        messages,
    )


def _survives(key: str, diff: str) -> Finding:
    return Finding("mutant", key, tr("a faulty solution keeps every point"), diff)


def _stale(key: str) -> Finding:
    return Finding(
        "equivalent", key, tr("{file} names a mutant that doesn't exist", file=EQUIVALENT)
    )


def _unstable(name: str, seed: int, lost: Iterable[str]) -> Finding:
    items = ", ".join(sorted(lost))
    return Finding(
        "unstable", name, tr("loses {items} if hidden_seed is {seed}", items=items, seed=seed)
    )


def _ungraded(names: list[str], reports: list[ScoreReport]) -> list[Finding]:
    return [
        Finding("ungraded", name, tr("could not be graded"), item.detail)
        for name, report in zip(names, reports, strict=True)
        for item in report.items
        if item.verdict is Verdict.UNGRADED
    ]
