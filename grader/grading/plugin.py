"""The pytest plugin: `--submission`, the fixtures for checks, the marker `item`, and the verdict of each check.

To debug a check, run `pytest solutions/wine --submission kim.ipynb`.
"""

import math
import zlib
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import msgspec
import pytest

from grader.model.score import Curve, Measure, Verdict, sampled
from grader.model.text import Text, tr

if TYPE_CHECKING:
    import torch

    from grader.grading.scoring import CheckResult
    from grader.model.assignment import Assignment
    from grader.model.submission import Submission
    from grader.sandbox import Sandbox, Student


class Grading:
    """State shared by the fixtures and hooks while one submission is graded."""

    def __init__(self, assignment: "Assignment") -> None:
        self.assignment = assignment
        self.submission: Submission | None = None
        self.open_sandbox: Callable[[Submission], Sandbox] | None = None
        self.checks: list[CheckResult] = []
        self.remarks: list[Text] = []
        self.curves: list[Curve] = []
        self.measures: list[Measure] = []
        """Recorded by the current check."""
        self._sandbox: Sandbox | None = None
        self._seconds_before = 0.0

    @property
    def sandbox(self) -> "Sandbox":
        """The submission in its sandbox, loaded on first access."""
        if self._sandbox is None:
            if self.submission is None or self.open_sandbox is None:
                raise pytest.UsageError("checks need a submission: pass --submission FILE")
            self._sandbox = self.open_sandbox(self.submission)
        return self._sandbox

    def begin(self) -> None:
        """Start a check."""
        meter = self.sandbox.meter
        meter.begin(None)
        meter.memory_bytes, self._seconds_before = 0, meter.cpu_seconds
        self.curves.clear()
        self.measures.clear()

    def end(self, item: pytest.Item, error: BaseException | None, detail: str) -> None:
        """End a check; `error` is None if it passed."""
        from grader.checks.expect import CheckFailedError
        from grader.grading.scoring import CheckResult
        from grader.sandbox import StudentCodeError

        meter = self._sandbox.meter if self._sandbox else None
        verdict, message, own_detail = judge(error, meter.last_call if meter else None)
        self.checks.append(
            CheckResult(
                item=item_id(item),
                name=item.name,
                verdict=verdict,
                message=message,
                cause=error.cause if isinstance(error, CheckFailedError) else "",
                detail="\n".join(filter(None, (detail, own_detail))),
                seconds=meter.cpu_seconds - self._seconds_before if meter else 0.0,
                memory_bytes=meter.memory_bytes if meter else 0,
                place=error.place if isinstance(error, StudentCodeError) else None,
                curves=tuple(self.curves),
                measures=tuple(self.measures),
            )
        )

    def close(self) -> None:
        """Close the sandbox."""
        if self._sandbox is not None:
            self._sandbox.close()


GRADING: pytest.StashKey[Grading] = pytest.StashKey()
_ERROR: pytest.StashKey[tuple[BaseException, str] | None] = pytest.StashKey()


def judge(error: BaseException | None, last_call: Text | None) -> "tuple[Verdict, Text, str]":
    """Return the verdict of a check, the message for the student, and the detail for assistants."""
    from grader.checks.expect import CheckFailedError
    from grader.sandbox import StudentCodeError

    match error:
        case None:
            return Verdict.PASSED, Text(ko="", en=""), ""
        case StudentCodeError():
            return error.verdict, error.text, error.detail
        case CheckFailedError() | AssertionError():
            words = str(error).split("\n")[0] or "the check doesn't hold"
            text = error.text if isinstance(error, CheckFailedError) else Text(ko=words, en=words)
            if last_call is not None:
                text = tr("{call}: {text}", call=last_call, text=text)
            return Verdict.FAILED, text, ""
        case _ if _is_out_of_memory(error):
            text = tr("what it returned takes more memory than the grader has for it")
            if last_call is not None:
                text = tr("{call}: {text}", call=last_call, text=text)
            return Verdict.MEMORY, text, ""
        case _:
            return (
                Verdict.UNGRADED,
                tr("the check itself failed; the course staff need to look at it"),
                "",
            )


def _is_out_of_memory(error: BaseException) -> bool:
    """Whether a check hit the memory limit of the grading process; PyTorch has no exception of its own for that."""
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
    )


def item_id(item: pytest.Item) -> str:
    """Return the id of the rubric item that a check belongs to, an empty one if it has no marker."""
    marker = item.get_closest_marker("item")
    return str(marker.args[0]) if marker and marker.args else ""


class Rng:
    """Hidden random data. The same seed gives the same data, so the same submission gets the same score."""

    def __init__(self, seed: int) -> None:
        import torch

        self._generator = torch.Generator().manual_seed(seed)

    def normal(self, *shape: int) -> "torch.Tensor":
        """Return a float32 tensor of standard normal numbers."""
        import torch

        return torch.randn(shape, generator=self._generator)

    def uniform(self, *shape: int, low: float = 0.0, high: float = 1.0) -> "torch.Tensor":
        """Return a float32 tensor of numbers between `low` and `high`."""
        import torch

        return low + (high - low) * torch.rand(shape, generator=self._generator)

    def logits(self, *shape: int) -> "torch.Tensor":
        """Return a float32 tensor of logits, normal with a standard deviation of 3."""
        return 3 * self.normal(*shape)

    def classes(self, rows: int, count: int) -> "torch.Tensor":
        """Return `rows` class indices (int64) below `count`."""
        import torch

        return torch.randint(count, (rows,), generator=self._generator)


LOSS_BAND = "loss_band.json"
"""A file next to the settings: the range of losses over several trainings of the reference solution."""


class LossBand(msgspec.Struct, frozen=True):
    """The lowest and highest losses over several trainings, evenly spaced."""

    low: tuple[float, ...] | None = None
    high: tuple[float, ...] | None = None


class Draw:
    """Records curves for reports. Use public data only: students see them. Curves with infinite values are dropped."""

    def __init__(self, grading: Grading) -> None:
        self._grading = grading

    def loss(self, losses: Sequence[float]) -> None:
        """Record the history of the default training, to be plotted with the reference's."""
        path = self._grading.assignment.folder / LOSS_BAND
        band = (
            msgspec.json.decode(path.read_bytes(), type=LossBand) if path.is_file() else LossBand()
        )
        values = sampled([float(loss) for loss in losses])
        self._record(Curve(kind="loss", values=values, low=band.low, high=band.high))

    def predictions(self, predicted: Sequence[float], truth: Sequence[float]) -> None:
        """Record a prediction and the true value of each row."""
        true, values = (sampled([float(each) for each in row]) for row in (truth, predicted))
        self._record(Curve(kind="predictions", values=values, low=true, high=true))

    def _record(self, curve: Curve) -> None:
        if all(map(math.isfinite, curve.values)):
            self._grading.curves.append(curve)


class Threshold:
    """Compares values with thresholds of the settings and records them, so that audits show how close correct
    answers come."""

    def __init__(self, grading: Grading) -> None:
        self._grading = grading

    def at_most(
        self,
        name: str,
        value: float,
        bound: float | None = None,
        *,
        ko: str,
        en: str,
        cause: str = "",
    ) -> None:
        """Fail the check with a message and both numbers unless `value` is at most the threshold `name`, or `bound`.

        Raises:
            CheckFailedError: it is larger.
        """
        self._hold(name, value, bound, Text(ko=ko, en=en), cause, at_most=True)

    def at_least(
        self,
        name: str,
        value: float,
        bound: float | None = None,
        *,
        ko: str,
        en: str,
        cause: str = "",
    ) -> None:
        """Fail the check with a message and both numbers unless `value` is at least the threshold `name`, or `bound`.

        Raises:
            CheckFailedError: it is smaller.
        """
        self._hold(name, value, bound, Text(ko=ko, en=en), cause, at_most=False)

    def _hold(
        self, name: str, value: float, bound: float | None, text: Text, cause: str, at_most: bool
    ) -> None:
        from grader.checks.expect import CheckFailedError

        limit = self._grading.assignment.thresholds[name] if bound is None else bound
        measure = Measure(threshold=name, value=value, bound=limit, at_most=at_most)
        if math.isfinite(value) and math.isfinite(limit):
            self._grading.measures.append(measure)
        if not measure.margin >= 0:
            shown, most = _shown(value, limit)
            words = (
                tr("{text}: {value}, must be at most {bound}", text=text, value=shown, bound=most)
                if at_most
                else tr(
                    "{text}: {value}, must be at least {bound}", text=text, value=shown, bound=most
                )
            )
            raise CheckFailedError(words, cause)


def _shown(value: float, bound: float) -> tuple[str, str]:
    """Both numbers with so many digits that they differ."""
    pairs = ((f"{value:.{digits}g}", f"{bound:.{digits}g}") for digits in (3, 5, 9, 17))
    return next((pair for pair in pairs if pair[0] != pair[1]), (str(value), str(bound)))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options `--submission` and `--isolation`."""
    from grader.sandbox import Level

    parser.getgroup("grader").addoption(
        "--submission",
        type=Path,
        metavar="FILE",
        help="the .py or .ipynb to check, run in a sandbox",
    )
    parser.getgroup("grader").addoption(
        "--isolation",
        choices=get_args(Level),
        default="full",
        help="minimum sandbox isolation; refuse to run below it (full)",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker and, with `--submission`, grade that file."""
    config.addinivalue_line("markers", "item(id): the rubric item that this check belongs to")
    if config.getoption("--submission", None):
        config.pluginmanager.register(_OneSubmission(config), "grader-one-submission")


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Ignore the folders below the hidden checks: public checks, variants, mistakes and cheats."""
    below = collection_path.is_dir() and (collection_path.parent / "assignment.toml").is_file()
    return True if below else None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(
    item: pytest.Item,
) -> Generator[None, object, object]:
    """Measure a check and record its result."""
    grading = item.config.stash.get(GRADING, None)
    if grading is None:
        return (yield)
    item.stash[_ERROR] = None
    with suppress(Exception):  # the fixture raises the same error again
        grading.begin()
    result = yield
    error, detail = item.stash[_ERROR] or (None, "")
    grading.end(item, error, detail)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep the first exception of a check: from its fixtures, its body or its clean-up."""
    report = yield
    if call.excinfo is not None and item.stash.get(_ERROR, None) is None:
        ours = _is_ours(call.excinfo.value)
        detail = report.longreprtext if ours else _line_of(item, call.excinfo)
        item.stash[_ERROR] = (call.excinfo.value, detail)
    return report


def _is_ours(error: BaseException) -> bool:
    """Whether a check failed because of us; then the full traceback is kept."""
    from grader.sandbox import StudentCodeError

    return not isinstance(error, StudentCodeError | AssertionError)


def _line_of(item: pytest.Item, excinfo: pytest.ExceptionInfo[BaseException]) -> str:
    """The line of the check that failed."""
    lines = [entry for entry in excinfo.traceback if entry.path == item.path]
    if not lines:
        return ""
    return f"{item.path.name}:{lines[-1].lineno + 1}: {str(lines[-1].statement).strip()}"


def pytest_itemcollected(item: pytest.Item) -> None:
    """Let `-k` select checks by their rubric item."""
    item.extra_keyword_matches.add(item_id(item))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Refuse checks without a rubric item, and rubric items without a check."""
    grading = config.stash.get(GRADING, None)
    if grading is None:
        return
    known = {item.id for item in grading.assignment.items}
    checked = {item_id(item) for item in items}
    for item in items:
        if item_id(item) not in known:
            raise pytest.UsageError(
                f"{item.nodeid} isn't marked with a rubric item of the settings"
            )
    for rubric_item in grading.assignment.items:
        names = {item.name for item in items if item_id(item) == rubric_item.id}
        if rubric_item.weights and names and names != set(rubric_item.weights):
            raise pytest.UsageError(f"the weights of {rubric_item.id} don't match its checks")
    if known - checked and not config.getoption("keyword") and not config.getoption("markexpr"):
        raise pytest.UsageError(
            f"rubric items without a check: {', '.join(sorted(known - checked))}"
        )


@pytest.fixture(scope="session")
def grading(request: pytest.FixtureRequest) -> Grading:
    """The state of the current grading."""
    found = request.config.stash.get(GRADING, None)
    if found is None:
        raise pytest.UsageError("checks need a submission: pass --submission FILE")
    return found


@pytest.fixture(scope="session")
def settings(grading: Grading) -> "Assignment":
    """The assignment's settings: thresholds, seeds, limits."""
    return grading.assignment


@pytest.fixture(scope="module")
def new_student(grading: Grading) -> "Iterator[Callable[[], Student]]":
    """Create fresh students that live as long as the file's checks, for expensive results that checks share."""
    students: list[Student] = []

    def make() -> "Student":
        students.append(grading.sandbox.student())
        return students[-1]

    yield make
    for student in students:
        student.close()


@pytest.fixture
def student(grading: Grading) -> "Iterator[Student]":
    """The submission as it was right after loading, so that checks don't affect each other."""
    fresh = grading.sandbox.student()
    yield fresh
    fresh.close()


@pytest.fixture
def rng(grading: Grading, request: pytest.FixtureRequest) -> Rng:
    """Hidden random data, different for each check."""
    return Rng(grading.assignment.hidden_seed + zlib.crc32(request.node.name.encode()))


@pytest.fixture
def draw(grading: Grading) -> Draw:
    """Record curves for reports: `draw.loss(losses)`, `draw.predictions(predicted, truth)`."""
    return Draw(grading)


@pytest.fixture
def threshold(grading: Grading) -> Threshold:
    """Compare a value with a threshold of the settings: `threshold.at_most("max_loss", loss, ko="…", en="…")`."""
    return Threshold(grading)


@pytest.fixture
def remark(grading: Grading) -> Callable[..., None]:
    """Add a note that costs no points: `remark(ko="…", en="…")`."""

    def note(*, ko: str, en: str) -> None:
        text = Text(ko=ko, en=en)
        if text not in grading.remarks:
            grading.remarks.append(text)

    return note


class _OneSubmission:
    """Grades the file of `--submission` in an ordinary pytest run."""

    def __init__(self, config: pytest.Config) -> None:
        from grader.model.assignment import SETTINGS, load_assignment
        from grader.model.errors import UserError
        from grader.model.submission import read_submission
        from grader.sandbox import SandboxServer, open_sandbox, refuse_readable

        folders = {Path(a.split("::")[0]).resolve() for a in config.args}
        folders = {f if f.is_dir() else f.parent for f in folders}
        if len(folders) != 1 or not (folder := folders.pop()).joinpath(SETTINGS).is_file():
            raise pytest.UsageError("--submission needs the folder of one assignment to run")
        try:
            self._grading = Grading(load_assignment(folder))
            refuse_readable(folder)
            submission = read_submission(config.getoption("--submission"))
        except UserError as error:
            raise pytest.UsageError(error.text.en) from error
        if submission.problem is not None:
            raise pytest.UsageError(f"{submission.file}: {submission.problem.en}")
        self._server = SandboxServer()
        self._isolation = self._server.isolation
        try:
            self._isolation.require(config.getoption("--isolation"))
        except UserError as error:
            self._server.close()
            raise pytest.UsageError(error.text.en) from error
        self._grading.submission = submission
        self._grading.open_sandbox = lambda it: open_sandbox(
            self._server.control, it, self._grading.assignment.limits
        )
        config.stash[GRADING] = self._grading

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the points of each item."""
        from grader.grading.scoring import make_report

        assert self._grading.submission is not None
        report = make_report(
            self._grading.assignment,
            self._grading.submission,
            student="",
            checks=self._grading.checks,
            notes=tuple(self._grading.remarks),
        )
        terminalreporter.section(f"{report.submission}: {report.score:g} of {report.max_score:g}")
        for item in report.items:
            points = "-" if item.points is None else f"{item.points:g}"
            terminalreporter.line(
                f"{item.id:<20} {points:>4} / {item.max_points:<4g} {item.verdict:<16} {item.message.en}"
            )
        for note in report.notes:
            terminalreporter.line(note.en)
        if holes := self._isolation.not_blocked:
            terminalreporter.line(
                f"isolation: {self._isolation.level}; not blocked: {', '.join(holes)}"
            )

    def pytest_unconfigure(self) -> None:
        """Close the sandbox."""
        self._grading.close()
        self._server.close()
