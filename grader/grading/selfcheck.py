"""Run the public checks on a student's own computer, on any system, without a sandbox."""

import os
from collections.abc import Collection, Generator, Iterator
from contextlib import contextmanager

import pytest

from grader.grading import plugin
from grader.grading.scoring import make_report, no_submission
from grader.model.assignment import Assignment
from grader.model.errors import AssignmentError
from grader.model.score import ScoreReport
from grader.model.submission import Submission
from grader.model.text import printable, tr
from grader.sandbox import PlainSandbox

PUBLIC_CHECKS = "test_public.py"
PUBLIC_ONLY = tr("these are only the public checks; grading also uses other data")
_OPTIONS = (
    "--assert=plain",
    "--noconftest",
    "--import-mode=importlib",  # nothing is left on the path of who runs them
    *("-c", os.devnull),
    *("-p", "grader.grading.plugin"),
    *(f"-pno:{name}" for name in ("terminal", "cacheprovider", "capture", "logging", "warnings")),
    *(f"-pno:{name}" for name in ("threadexception", "unraisableexception", "faulthandler")),
    *(f"-pno:{name}" for name in ("doctest", "unittest", "junitxml", "pastebin", "debugging")),
)
_ALONE = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": "", "PYTEST_PLUGINS": ""}
"""Plugins on a student's computer may be slow or broken."""


def self_check(assignment: Assignment, submission: Submission, student: str) -> ScoreReport:
    """Run the public checks of the assignment's folder on the submission.

    Raises:
        AssignmentError: the checks can't be run.
    """
    if submission.problem is not None:
        return no_submission(assignment, submission, submission.problem, student)
    grading = plugin.Grading(assignment)
    grading.submission = submission
    with PlainSandbox(submission, assignment.limits) as sandbox:
        grading.open_sandbox = lambda _: sandbox
        run_public_checks(grading)
        return make_report(
            assignment,
            submission,
            student,
            grading.checks,
            (PUBLIC_ONLY, *sandbox.notes, *grading.remarks),
            sandbox.output,
            sandbox.meter.loading.newer,
        )


def run_public_checks(
    grading: plugin.Grading, items: Collection[str] = (), *plugins: object
) -> None:
    """Run the public checks of these rubric items, or of all; what comes of them is in `grading.checks`.

    `plugins` are further plugins of pytest.

    Raises:
        AssignmentError: the checks are missing or can't be run.
        KeyboardInterrupt: the user stopped them.
    """
    folder = grading.assignment.folder
    path = folder / PUBLIC_CHECKS
    if not path.is_file():
        raise AssignmentError(tr("no public checks: {path} is missing", path=path))
    session = _Session(grading, items)
    with _environment(_ALONE):
        status = pytest.main(
            [*_OPTIONS, f"--rootdir={folder}", str(path)], plugins=[session, *plugins]
        )
    if status == pytest.ExitCode.INTERRUPTED:
        raise KeyboardInterrupt
    if status not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        reason = printable(session.problem)
        raise AssignmentError(
            tr("can't run the public checks: {path}", path=path)
            if not reason
            else tr("can't run the public checks in {path}: {reason}", path=path, reason=reason)
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
    def __init__(self, grading: plugin.Grading, items: Collection[str]) -> None:
        self.problem = ""
        """Why checks could not be collected."""
        self._grading = grading
        self._items = items

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        config.stash[plugin.GRADING] = self._grading

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.problem = report.longreprtext.strip().splitlines()[-1]

    @pytest.hookimpl(wrapper=True)
    def pytest_collection(self) -> Generator[None, object, object]:
        try:
            return (yield)
        except pytest.UsageError as error:
            self.problem = str(error)
            raise

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        if self._items:
            items[:] = [each for each in items if plugin.item_id(each) in self._items]
