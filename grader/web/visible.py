"""What a person may see of somebody's results now: the one rule that every page and download asks."""

from datetime import datetime

import msgspec

from grader.gradebook.people import Account
from grader.gradebook.uploads import Upload
from grader.model.assignment import Assignment
from grader.model.score import ItemResult
from grader.model.text import Text, tr


class Visible(msgspec.Struct, frozen=True):
    """What may be shown of a hand-in's results."""

    items: frozenset[str]
    """The ids of the rubric items whose results may be shown."""
    everything: bool
    """Whether the score and the full report may be shown as well."""
    reason: Text | None = None
    """Why something is hidden."""

    def of(self, items: tuple[ItemResult, ...]) -> tuple[ItemResult, ...]:
        """Return the results that may be shown."""
        return tuple(item for item in items if item.id in self.items)


def may_open(person: Account, upload: Upload, section: str) -> bool:
    """Return whether a person may see a hand-in at all: its student, or staff of the student's `section`."""
    if person.may_act_as("assistant"):
        return in_section(person, section)
    return person.id == upload.student


def in_section(person: Account, section: str) -> bool:
    """Return whether staff may see the students of a section: assistants with a section see only their own."""
    return person.role != "assistant" or person.section in ("", section)


def visible(
    person: Account,
    assignment: Assignment,
    *,
    released: bool,
    due: datetime | None,
    now: datetime,
) -> Visible:
    """Return what a person who may open a hand-in may see of its results.

    `due` is the student's own due date. Staff see everything.
    """
    show = assignment.feedback.show
    everyone = frozenset(item.id for item in assignment.items)
    if person.may_act_as("assistant") or released or show == "at_once":
        return Visible(everyone, True)
    if show == "after_release":
        words = tr("The results of this assignment haven't been released yet.")
        return Visible(frozenset(), False, words)
    if due is None or now >= due:
        return Visible(everyone, True)
    public = frozenset(item.id for item in assignment.items if item.public)
    return Visible(public, False, tr("The other results are shown after the due date."))
