"""Describes what failed while a submission was loaded, for its notes and for calls that miss something."""

import re
import sys

from grader.model.score import Place
from grader.model.submission import Submission, place
from grader.model.syntax import newer_python
from grader.model.text import Text, printable, tr
from grader.sandbox.wire import Loaded, Raised, Skipped

_MAX_ERRORS = 100  # one a cell; what comes from a submission has limits
_MAX_SKIPPED = 50
_MAX_CHAIN = 10
_MAX_QUOTED = 100  # characters of a line


class Loading:
    """How a submission was loaded, as far as known."""

    def __init__(self) -> None:
        self.errors: list[tuple[str, Raised]] = []
        """What ended a cell, by cell."""
        self.skipped: list[Skipped] = []
        """Statements that failed and ended nothing but themselves."""
        self.newer = ""
        """The Python version that a part of the submission needs, if this one can't read it."""
        self.accelerator = False
        """Whether the submission asked for a GPU."""
        self._lines: dict[str, list[str]] = {}
        """The source of each cell."""
        self._misplaced: dict[str, Text] = {}
        self._needed: set[str] = set()

    def read(self, submission: Submission, reply: Loaded) -> None:
        """Read the process's answer about loading."""
        self.errors = reply.errors[:_MAX_ERRORS]
        self.skipped = reply.skipped[:_MAX_SKIPPED]
        self.accelerator = reply.accelerator
        self._lines = {cell.name: cell.source.splitlines() for cell in submission.cells}
        self._misplaced = dict(submission.misplaced)
        unread = {cell for cell, raised in self.errors if raised.exception in _UNREAD}
        versions = [newer_python(c.source) or "" for c in submission.cells if c.name in unread]
        self.newer = max(
            versions, default="", key=lambda v: [*map(int, filter(None, v.split(".")))]
        )

    @property
    def notes(self) -> tuple[Text, ...]:
        """A sentence for each thing that wasn't loaded, or was loaded differently from how it is written."""
        notes = [loading_note(cell, raised) for cell, raised in self.errors]
        if self.newer:
            notes.insert(0, self.newer_text)
        notes += map(self._skipped_note, self.skipped)
        if self.accelerator:
            notes.append(tr("the code asks for a GPU; it was run on the processor"))
        return tuple(notes)

    @property
    def newer_text(self) -> Text:
        """A sentence about the Python version that the submission needs and the one that grades here."""
        return tr(
            "written for Python {needed} or later; this machine grades with {this}",
            needed=self.newer,
            this=f"{sys.version_info.major}.{sys.version_info.minor}",
        )

    def why_missing(self, name: str) -> tuple[Text, Raised | None] | None:
        """Return why a name isn't defined, and the exception; None if the reason is unknown."""
        if name in self._misplaced:
            return self._misplaced[name], None
        skipped = self._skipped_for(name)
        if skipped is None:
            return None
        root = skipped
        for _ in range(_MAX_CHAIN):
            further = self._skipped_for(root.about) if root.reason == "depends" else None
            if further is None:
                break
            root = further
        self._needed.update((skipped.statement, root.statement))
        return tr(
            "`{name}` is missing because `{statement}` failed: {reason}",
            name=printable(name),
            statement=printable(root.statement, 100),
            reason=_reason(root),
        ), root.raised

    def where(self, at: Place | None) -> Text:
        """Return a line of the submission in parentheses, with its place and what stands there; empty for None."""
        if at is None:
            return Text(ko="", en="")
        lines = self._lines.get(at.cell, [])
        line = lines[at.line - 1].strip() if at.line <= len(lines) else ""
        if not line:
            return tr(" ({place})", place=place(at.cell, at.line))
        return tr(
            " ({place}: `{line}`)", place=place(at.cell, at.line), line=printable(line, _MAX_QUOTED)
        )

    def definition(self, function: str) -> Place | None:
        """Return where a function is defined the last time by `def`, if it is."""
        begins = re.compile(rf"\s*(?:async +)?def +{re.escape(function)}\b")
        found = None
        for cell, lines in self._lines.items():
            for number, line in enumerate(lines, start=1):
                if begins.match(line):
                    found = Place(cell, number)
        return found

    def _skipped_for(self, name: str) -> Skipped | None:
        named = [each for each in self.skipped if name in each.names]
        return next(iter(named or [each for each in self.skipped if "*" in each.names]), None)

    def _skipped_note(self, skipped: Skipped) -> Text:
        words = tr(
            "{where}: `{statement}` was skipped: {reason}",
            where=loading_place("", skipped.raised),
            statement=printable(skipped.statement, 100),
            reason=_reason(skipped),
        )
        if skipped.statement in self._needed:
            return tr("{note}; graded functions need it", note=words)
        return tr("{note}; nothing that was graded needs it", note=words)


_UNREAD = ("SyntaxError", "IndentationError", "TabError")


def _reason(skipped: Skipped) -> Text:
    match skipped.reason:
        case "package":
            return tr("{package} isn't installed here", package=printable(skipped.about, 60))
        case "colab":
            return tr("it works only in Colab")
        case "depends":
            return tr("`{name}` is missing", name=printable(skipped.about, 60))
        case "import":
            return Text(ko=words_of(skipped.raised), en=words_of(skipped.raised))


def loading_note(cell: str, raised: Raised) -> Text:
    """Return a sentence about the exception that loading a cell raised."""
    words = (
        tr("loading took too long")
        if raised.kind == "timeout"
        else Text(ko=words_of(raised), en=words_of(raised))
    )
    return tr("{where}: {words}", where=loading_place(cell, raised), words=words)


def loading_place(cell: str, raised: Raised) -> Text:
    """Return the place where loading raised an exception."""
    if not raised.frames:
        return place(printable(cell))
    return place(printable(raised.frames[-1].cell), raised.frames[-1].line)


def words_of(raised: Raised) -> str:
    """Return `ValueError: bad shape`, or the name alone of an exception without a message."""
    return ": ".join(filter(None, (printable(raised.exception), printable(raised.message))))


def place_of(raised: Raised) -> Place | None:
    """Return the submission's line that raised, if there is one."""
    frame = raised.frames[-1] if raised.frames else None
    return Place(printable(frame.cell), frame.line) if frame and 0 < frame.line < 2**31 else None
