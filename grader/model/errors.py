"""What can go wrong that is not a verdict on a student's work.

    GraderError
    ├── UserError           what was asked can't be done as asked: one sentence, exit code 2
    │   └── AssignmentError the settings or the checks of an assignment are wrong
    └── InfrastructureError we could not do our work: the item is `ungraded`, never 0 points
        ├── SandboxError    the sandbox could not be started, or its server is gone
        ├── StaleRecordingError  the running submission contradicts its recorded answers
        └── GradingError    the process that holds the checks could not do its work

What a student's code did (raised, hung, died, answered wrongly) is a verdict and stands in `grader.model.score`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from grader.model.text import Text, tr


class GraderError(Exception):
    """The root of every error that this package raises on purpose."""


class UserError(GraderError):
    """What the user asked can't be done. `text` says what was wrong, where, and what to do."""

    def __init__(self, text: Text) -> None:
        super().__init__(text.en)
        self.text = text


class AssignmentError(UserError):
    """The settings or the checks of an assignment are wrong; its author must mend them."""


class InfrastructureError(GraderError):
    """We failed at our own work. It never costs a student points."""


class SandboxError(InfrastructureError):
    """The sandbox could not be started or is gone. It says nothing about the submission."""


class StaleRecordingError(InfrastructureError):
    """The running submission contradicts its recorded answers, so that they can't be mixed."""


class GradingError(InfrastructureError):
    """The process that holds the checks failed. It says nothing about the submission."""


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn what the system refuses while a file is read into a sentence.

    Raises:
        UserError: the block raised an `OSError`.
    """
    try:
        yield
    except OSError as error:
        raise UserError(
            tr("{path} can't be read: {reason}", path=path, reason=_words(error))
        ) from error


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what the system refuses while a file or folder is written into a sentence.

    Raises:
        UserError: the block raised an `OSError`.
    """
    try:
        yield
    except OSError as error:
        raise UserError(
            tr("{path} can't be written: {reason}", path=path, reason=_words(error))
        ) from error


def _words(error: OSError) -> str:
    return error.strerror or str(error)
