"""Share the hand-ins of a team among its members."""

from collections.abc import Iterable, Mapping
from typing import TypeVar

import msgspec

from grader.gradebook.comments import placed
from grader.model.record import Adjustment, Comment, Record, TeamMember

Order = TypeVar("Order")


def shared(
    attempts: Mapping[tuple[str, str], list[tuple[Record, Order]]],
    members: Iterable[TeamMember],
    adjustments: Mapping[tuple[str, str], tuple[Adjustment, ...]],
    comments: Mapping[tuple[str, str], tuple[Comment, ...]],
) -> dict[tuple[str, str], list[tuple[Record, Order]]]:
    """Give every member of a team the hand-ins of all its members, with the member's own adjustments and comments.

    `attempts` are the hand-ins by student and assignment. Which of a team's hand-ins counts follows the same rule as
    for the attempts of one student. A team for one assignment goes before a team for all.
    """
    found = dict(attempts)
    teams = {(each.student, each.assignment): each.team for each in members}
    students = {student for student, _ in teams}
    for assignment in {name for _, name in attempts}:
        by_team: dict[str, list[str]] = {}
        for student in sorted(students):
            team = teams.get((student, assignment)) or teams.get((student, ""))
            if team:
                by_team.setdefault(team, []).append(student)
        for together in by_team.values():
            pool = [each for one in together for each in attempts.get((one, assignment), ())]
            for student in together if pool else ():
                key = (student, assignment)
                found[key] = [
                    (
                        _given(record, student, adjustments.get(key, ()), comments.get(key, ())),
                        order,
                    )
                    for record, order in pool
                ]
    return found


def _given(
    record: Record,
    student: str,
    adjustments: tuple[Adjustment, ...],
    comments: tuple[Comment, ...],
) -> Record:
    author = record.report.student
    if author == student:
        return record
    return msgspec.structs.replace(
        record,
        report=msgspec.structs.replace(record.report, student=student),
        adjustments=adjustments,
        comments=(*record.comments, *(placed(each, record.cells) for each in comments)),
        handed_in_by=author,
    )
