"""The sandbox for a student's own computer gives the same answers as the real one, without its locks."""

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import torch

from grader.model.assignment import Limits
from grader.model.score import Verdict
from grader.model.submission import Submission, parse_submission, read_submission
from grader.sandbox import (
    PlainSandbox,
    Sandbox,
    Student,
    StudentCodeError,
    open_sandbox,
)

SOLUTIONS = Path(__file__).parents[2] / "solutions"
LIMITS = Limits(cpu_seconds=20, train_cpu_seconds=60, wall_factor=3, output_kb=4)

SOURCE = """
import os, sys, time
import torch
from torch import nn

print("loaded")
calls = []
def count():
    calls.append(1)
    return len(calls)
def shout():
    print("out")
    print("err", file=sys.stderr)
    print("\N{SNOWMAN}")
def flood():
    for _ in range(10_000): print("x" * 99)
def ask(): return input("name? ")
def fail(): return 1 / 0
def stub(): raise NotImplementedError
def leave(): raise SystemExit
def large(): return "x" * 10_000_000
def hang(): time.sleep(1000)
def die(): os._exit(3)
def pid(): return os.getpid()
def write(): open("mine.txt", "w").write("x")
def folder(): return os.getcwd()
def build(): return nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5))
def total(model): return sum(p.sum() for p in model.parameters())
def scale(x): x *= 2
def cpu(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end: pass
def broken(): return later
1 / 0
later = 1
"""


@pytest.fixture(scope="module")
def sandbox() -> Iterator[PlainSandbox]:
    with PlainSandbox(submission(SOURCE), LIMITS) as running:
        yield running


@pytest.fixture
def student(sandbox: PlainSandbox) -> Iterator[Student]:
    with contextlib.closing(sandbox.student()) as opened:
        yield opened


def submission(source: str) -> Submission:
    return parse_submission("x.py", source.encode())


def error_of(call: Callable[..., object], *args: object) -> StudentCodeError:
    with pytest.raises(StudentCodeError) as caught:
        call(*args)
    return caught.value


def fresh(sandbox: Sandbox) -> AbstractContextManager[Student]:
    return contextlib.closing(sandbox.student())


# --- the same answers as in the real sandbox


def binary(student: Student) -> list[object]:
    x = torch.tensor([[0.0], [1], [3], [5], [8], [11], [15], [20]])
    y = (x > 6).float()
    model = student.seed(1).build_model()
    history = student.train(model, x, y, epochs=30)
    return [
        student.weighted_sum(torch.tensor([1.0, 2, 3]), torch.tensor([0.1, 0.2, 0.3]), 0.5),
        student.sigmoid(torch.linspace(-1000, 1000, 9)),
        student.bce_loss(torch.tensor([[0.2], [0.9]]), torch.tensor([[0.0], [1.0]])),
        student.input_gradient("bce_loss", torch.tensor([0.2, 0.9]), torch.tensor([0.0, 1.0]))[1],
        history,
        student.predict(model, x, threshold=0.7),
        model(x),
        *model.parameters(),
        *model.gradients(),
    ]


def multinomial(student: Student) -> list[object]:
    generator = torch.Generator().manual_seed(1)
    x, y = torch.rand(12, 4, generator=generator), torch.arange(12) % 3
    model = student.seed(1).build_model()
    return [
        student.cross_entropy_loss(x[:, :3], y),
        student.train(model, x, y, epochs=30),
        student.predict_proba(model, x),
        student.predict(model, x),
        *model.parameters(),
    ]


def wine(student: Student) -> list[object]:
    x_train, x_test, y_train, y_test = student.load_data(random_state=3)
    model = student.seed(1).build_model()
    return [
        x_train, x_test, y_train, y_test,
        student.train(model, x_train, y_train, epochs=20),
        student.predict_test_0(model, x_test),
        *model.parameters(),
    ]  # fmt: skip


@pytest.mark.long
@pytest.mark.sampled(3)
@pytest.mark.parametrize("use", [binary, multinomial, wine], ids=lambda use: use.__name__)
def test_a_reference_solution_answers_as_in_the_real_sandbox(sandbox_server, use):
    solution = read_submission(SOLUTIONS / use.__name__ / "solution.py")

    with open_sandbox(sandbox_server.control, solution, LIMITS) as real, fresh(real) as student:
        expected = use(student)
    with PlainSandbox(solution, LIMITS) as plain, fresh(plain) as student:
        found = use(student)
        assert plain.output == real.output

    assert len(expected) >= 6
    for here, there in zip(expected, found, strict=True):
        torch.testing.assert_close(there, here, rtol=0, atol=0)


# --- calls


@pytest.mark.long
def test_each_student_gets_a_fresh_module(sandbox):
    with fresh(sandbox) as one, fresh(sandbox) as two:
        assert [one.count(), one.count(), two.count(), one.count()] == [1, 2, 1, 3]
        assert one.pid() == two.pid() != os.getpid()


def test_models_are_handled(student):
    model, other = student.build(), student.build()
    model.leave_gradients([torch.ones(2, 2), torch.ones(2)])
    x = torch.ones(8, 2)

    assert (model.kind, model.is_module) == ("Sequential", True)
    assert student.total(model) == sum(p.sum() for p in model.parameters())
    assert torch.equal(model(x), model(x))
    assert (len(model.gradients()), other.gradients()) == (2, [])


def test_changed_arguments_are_reported(student):
    argument = torch.ones(2)
    student.scale(argument)

    assert [text.en.split(" (")[0] for text in student.take_changed()] == ["`scale` changed `x`"]
    assert argument.tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    "verdict, function, words",
    [
        (
            Verdict.ERROR,
            "fail",
            "ZeroDivisionError: division by zero (x.py, line 18: `def fail(): return 1 / 0`)",
        ),
        (Verdict.ERROR, "leave", "SystemExit"),
        (Verdict.ERROR, "ask", "EOFError"),
        (Verdict.NOT_IMPLEMENTED, "stub", "`stub` is not implemented yet"),
        (Verdict.ERROR, "later", "x.py, line 34: ZeroDivisionError"),
        (Verdict.FAILED, "large", "too large"),
    ],
)
def test_what_goes_wrong_is_reported_as_in_the_real_sandbox(
    sandbox_server, student, verdict, function, words
):
    here = error_of(getattr(student, function))
    with (
        open_sandbox(sandbox_server.control, submission(SOURCE), LIMITS) as real,
        fresh(real) as other,
    ):
        there = error_of(getattr(other, function))

    assert (here.verdict, here.text, here.detail) == (there.verdict, there.text, there.detail)
    assert here.verdict == verdict
    assert words in here.text.en


def test_what_loading_raised_is_noted(sandbox, student):
    assert student.count() == 1
    assert [note.en for note in sandbox.notes] == [
        "x.py, line 34: ZeroDivisionError: division by zero"
    ]


# --- output and files


@pytest.mark.long
def test_what_is_printed_is_kept_and_not_shown(capfd):
    with PlainSandbox(submission(SOURCE), LIMITS) as sandbox:
        with fresh(sandbox) as student:
            student.shout()
            assert sandbox.output.splitlines() == ["loaded", "out", "err", "\N{SNOWMAN}"]
            student.flood()
        assert len(sandbox.output.encode()) == 4096

    assert capfd.readouterr() == ("", "")


@pytest.mark.long
def test_what_was_printed_is_known_after_the_end():
    with PlainSandbox(submission("print('said')"), LIMITS) as sandbox:
        sandbox.student()

    assert sandbox.output == "said\n"


@pytest.mark.long
def test_its_files_are_in_a_folder_of_its_own_that_is_gone_afterwards():
    with PlainSandbox(submission(SOURCE), LIMITS) as sandbox, fresh(sandbox) as student:
        student.write()
        folder = Path(student.folder())
        assert folder != Path.cwd()
        assert (folder / "mine.txt").read_text() == "x"

    assert not folder.exists()


# --- limits


@pytest.mark.slow
def test_a_call_that_takes_too_long_is_a_timeout_and_the_next_student_works():
    limits = Limits(cpu_seconds=0.5, train_cpu_seconds=20, wall_factor=2)

    with PlainSandbox(submission(SOURCE), limits) as sandbox:
        with fresh(sandbox) as student:
            pid = student.pid()
            begin = time.monotonic()
            assert error_of(student.hang).verdict == Verdict.TIMEOUT
            assert 0.9 < time.monotonic() - begin < 10
            assert error_of(student.count).verdict == Verdict.CRASHED
        assert not Path(f"/proc/{pid}").exists()
        with fresh(sandbox) as student:
            assert student.count() == 1


@pytest.mark.long
@pytest.mark.slow
def test_a_death_is_a_crash_and_the_next_student_works():
    with PlainSandbox(submission(SOURCE), LIMITS) as sandbox:
        with fresh(sandbox) as student:
            assert error_of(student.die).verdict == Verdict.CRASHED
        with fresh(sandbox) as student:
            assert student.count() == 1


@pytest.mark.long
@pytest.mark.slow
def test_loading_that_does_not_end_is_a_timeout():
    limits = Limits(train_cpu_seconds=0.5, wall_factor=2)

    with PlainSandbox(submission("import time\ntime.sleep(1000)"), limits) as sandbox:
        assert error_of(sandbox.student).verdict == Verdict.TIMEOUT


def test_death_while_loading_is_a_crash():
    with PlainSandbox(submission("import os\nos._exit(1)"), LIMITS) as sandbox:
        assert error_of(sandbox.student).verdict == Verdict.CRASHED


def test_its_process_ends_with_the_sandbox():
    with PlainSandbox(submission(SOURCE), LIMITS) as sandbox, fresh(sandbox) as student:
        pid = student.pid()
        assert Path(f"/proc/{pid}").exists()

    assert not Path(f"/proc/{pid}").exists()


def test_a_sandbox_that_was_never_used_closes():
    with PlainSandbox(submission(SOURCE), LIMITS) as sandbox:
        assert sandbox.output == ""
        sandbox.close()
