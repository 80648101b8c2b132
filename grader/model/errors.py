"""Errors that are not verdicts on a student's work.

    GraderError
    ├── UserError           the request can't be carried out: one sentence, exit code 2
    │   └── AssignmentError the settings or checks of an assignment are invalid
    └── InfrastructureError the grader itself failed: the item is `ungraded`, never 0 points
        ├── SandboxError    the sandbox can't be started, or its server has died
        ├── StaleRecordingError  the running submission contradicts its recorded answers
        └── GradingError    the process that runs the checks failed

Whatever a student's code does (raise, hang, crash, answer wrongly) is a verdict: see `grader.model.score`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from grader.model.text import Text, tr


class GraderError(Exception):
    """Base class of all errors that this package raises on purpose."""


class UserError(GraderError):
    """The user's request can't be carried out. `text` says what is wrong, where, and what to do."""

    def __init__(self, text: Text) -> None:
        super().__init__(text.en)
        self.text = text


class AssignmentError(UserError):
    """The settings or checks of an assignment are invalid; its author must fix them."""


class InfrastructureError(GraderError):
    """The grader itself failed. This never costs a student points."""


class SandboxError(InfrastructureError):
    """The sandbox can't be started or has died. This says nothing about the submission."""


class StaleRecordingError(InfrastructureError):
    """The running submission contradicts its recorded answers, so the two can't be combined."""


class GradingError(InfrastructureError):
    """The process that runs the checks failed. This says nothing about the submission."""


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn operating system errors while reading a file into a clear sentence.

    Raises:
        UserError: the block raised an `OSError`.
    """
    try:
        yield
    except OSError as error:
        raise UserError(
            tr("can't read {path}: {reason}", path=path, reason=_words(error))
        ) from error


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn operating system errors while writing a file or folder into a clear sentence.

    Raises:
        UserError: the block raised an `OSError`.
    """
    try:
        yield
    except OSError as error:
        raise UserError(
            tr("can't write {path}: {reason}", path=path, reason=_words(error))
        ) from error


def _words(error: OSError) -> str:
    return error.strerror or str(error)
