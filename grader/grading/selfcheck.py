"""Run the public checks on a student's own computer, on any system, without a sandbox."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from grader.grading import plugin
from grader.grading.scoring import make_report, no_submission
from grader.model.assignment import Assignment
from grader.model.errors import AssignmentError
from grader.model.score import ScoreReport
from grader.model.submission import Submission
from grader.model.text import tr
from grader.sandbox import PlainSandbox

PUBLIC_CHECKS = "test_public.py"
_QUIET = (
    "--assert=plain",
    "--noconftest",
    *("-p", "grader.grading.plugin"),
    *("-pno:terminal", "-pno:cacheprovider", "-pno:warnings"),
)
_ALONE = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""}
"""Plugins on a student's computer may be slow or broken."""


def self_check(assignment: Assignment, submission: Submission, student: str) -> ScoreReport:
    """Run the public checks of the assignment's folder on the submission.

    Raises:
        AssignmentError: the checks can't be run.
    """
    if submission.problem is not None:
        return no_submission(assignment, submission, submission.problem, student)
    path = assignment.folder / PUBLIC_CHECKS
    if not path.is_file():
        raise AssignmentError(tr("no public checks: {path} is missing", path=path))
    grading = plugin.Grading(assignment)
    grading.submission = submission
    with PlainSandbox(submission, assignment.limits) as sandbox:
        grading.open_sandbox = lambda _: sandbox
        with _environment(_ALONE):
            status = pytest.main(
                [*_QUIET, f"--rootdir={assignment.folder}", "-c", os.devnull, str(path)],
                plugins=[_Session(grading)],
            )
        if status not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            raise AssignmentError(tr("can't run the public checks: {path}", path=path))
        return make_report(
            assignment,
            submission,
            student,
            grading.checks,
            (
                tr("these are only the public checks; grading also uses other data"),
                *sandbox.notes,
                *grading.remarks,
            ),
            sandbox.output,
        )


@contextmanager
def _environment(changed: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in changed}
    os.environ.update(changed)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


class _Session:
    def __init__(self, grading: plugin.Grading) -> None:
        self._grading = grading

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        config.stash[plugin.GRADING] = self._grading
