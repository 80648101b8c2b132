"""Compute item statistics of a class: difficulty, discrimination, and the most frequent messages."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

import msgspec
import numpy as np

from grader.model.assignment import Assignment
from grader.model.record import ClassRecord
from grader.model.score import ItemResult, Verdict
from grader.model.text import Text


class ItemStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """One rubric item over the hand-ins that count. Ungraded results appear only in `verdicts`."""

    assignment: str
    item: str
    title: Text
    max_points: float
    count: int
    """The number of hand-ins in which the item was graded."""
    mean: float | None
    """Mean points; None if nothing was graded."""
    difficulty: float | None
    """Mean points divided by the item's maximum, from 0 (no one got any) to 1 (everyone got all)."""
    discrimination: float | None
    """Pearson correlation of the item's points with the points of all other items, from -1 to 1.

    For an all-or-nothing item this is the point-biserial correlation. None if undefined: fewer than two completely
    graded hand-ins, or no variation on either side.
    """
    verdicts: dict[Verdict, int]
    """The number of hand-ins per verdict; verdicts that no one got are left out."""
    seconds: float | None
    """Mean CPU seconds of the student's process; None if nothing was handed in."""


class MessageGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Students who lost points of an item for the same reason."""

    verdict: Verdict
    message: Text
    """What their messages have in common: without the call, and with … for numbers that differ."""
    students: tuple[str, ...]
    """Their ids, in order."""


def message_groups(results: Iterable[tuple[str, ItemResult]]) -> tuple[MessageGroup, ...]:
    """Group the results of one item, each with its student's id, by their causes, or else by their messages.

    The largest group comes first.

    Results without a message are left out, such as passed ones.
    """
    same: dict[tuple[Verdict, str, Text], list[str]] = {}
    for student, result in results:
        if result.message.en:
            same.setdefault((result.verdict, result.cause, result.message), []).append(student)
    found: dict[tuple[Verdict, str], list[tuple[str, Text]]] = {}
    for (verdict, cause, message), students in same.items():
        reason = _each(_without_call, message)
        key = (verdict, cause or _NUMBER.sub("…", _PLACE.sub("…", reason.en)))
        found.setdefault(key, []).extend((student, reason) for student in students)
    groups = (
        MessageGroup(
            verdict=verdict,
            message=_common([reason for _, reason in members]),
            students=tuple(sorted(student for student, _ in members)),
        )
        for (verdict, _), members in found.items()
    )
    return tuple(sorted(groups, key=lambda group: -len(group.students)))


def item_statistics(record: ClassRecord) -> tuple[ItemStatistics, ...]:
    """Return the statistics of every item, in the order of the assignments and their rubrics."""
    return tuple(each for assignment in record.assignments for each in _of(assignment, record))


def _of(assignment: Assignment, record: ClassRecord) -> Iterator[ItemStatistics]:
    hand_ins = [
        hand_in.report.by_item
        for (_, name), hand_in in record.counting.items()
        if name == assignment.name
    ]
    columns = [[each.get(item.id) for each in hand_ins] for item in assignment.items]
    points = np.array([[r and r.points for r in column] for column in columns], dtype=float).T
    whole = points[~np.isnan(points).any(axis=1)]
    for n, (item, column) in enumerate(zip(assignment.items, columns, strict=True)):
        results = [each for each in column if each]
        graded = points[~np.isnan(points[:, n]), n]
        mean = float(graded.mean()) if len(graded) else None
        yield ItemStatistics(
            assignment=assignment.name,
            item=item.id,
            title=item.title,
            max_points=item.points,
            count=len(graded),
            mean=mean,
            difficulty=None if mean is None else mean / item.points,
            discrimination=_correlation(whole[:, n], np.delete(whole, n, axis=1).sum(axis=1)),
            verdicts=dict(Counter(result.verdict for result in results)),
            seconds=sum(r.seconds for r in results) / len(results) if results else None,
        )


_CALL = re.compile(r"\w+\(.*?\).*?: ")
_PLACE = re.compile(r"\S+\.py, line \d+|cell \d+( \(`.*?`\))?(, line \d+)?")
_NUMBER = re.compile(r"(?<![\w.])-?\d[\d,]*(\.\d+)?(e[+-]?\d+)?")


def _each(change: Callable[[str], str], text: Text) -> Text:
    return Text(ko=change(text.ko), en=change(text.en))


def _without_call(message: str) -> str:
    """The message without the description of the call at its beginning."""
    call = _CALL.match(message)
    return message[call.end() :] if call else message


def _common(reasons: list[Text]) -> Text:
    most = Counter(reasons).most_common(1)[0][0]
    if all(reason == most for reason in reasons):
        return most
    return _each(lambda words: _NUMBER.sub("…", words), most)


def _correlation(one: np.ndarray, other: np.ndarray) -> float | None:
    one, other = one.round(6), other.round(6)  # equal sums of decimals may differ in the last bit
    if len(one) < 2 or not np.ptp(one) or not np.ptp(other):
        return None
    return float(np.corrcoef(one, other)[0, 1])
