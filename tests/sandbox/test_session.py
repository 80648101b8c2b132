"""Submissions loaded and called in the real sandbox: results, messages and time limits."""

import contextlib
import time
import typing
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import nbformat.v4
import numpy as np
import pytest
import torch

from grader.model.assignment import Limits
from grader.model.score import Verdict
from grader.model.submission import Submission
from grader.model.text import Text
from grader.sandbox import (
    Handle,
    Sandbox,
    SandboxServer,
    Student,
    StudentCodeError,
    open_sandbox,
    worker,
)
from grader.sandbox.loading import Loading
from grader.sandbox.proxy import InternalError, verdict_on
from grader.sandbox.wire import Call, Frame, Kind, Raised

LIMITS = Limits(cpu_seconds=20, train_cpu_seconds=20, wall_factor=3, memory_mb=1024, output_kb=4)
SHORT = Limits(cpu_seconds=0.5, train_cpu_seconds=1, wall_factor=2, memory_mb=256, output_kb=4)

Opened = Callable[..., Sandbox]
StudentOf = Callable[..., AbstractContextManager[Student]]


@pytest.fixture
def opened(sandbox_server: SandboxServer, submit: Callable[..., Submission]) -> Opened:
    """Open a sandbox, to be closed by `with`."""

    def run(source: str, limits: Limits = LIMITS, name: str = "x.py") -> Sandbox:
        return open_sandbox(sandbox_server.control, submit(source, name), limits)

    return run


@pytest.fixture
def student_of(opened: Opened) -> StudentOf:
    @contextlib.contextmanager
    def run(source: str, limits: Limits = LIMITS, name: str = "x.py") -> Iterator[Student]:
        with (
            opened(source, limits, name) as sandbox,
            fresh(sandbox) as student,
        ):
            yield student

    return run


def fresh(sandbox: Sandbox) -> AbstractContextManager[Student]:
    return contextlib.closing(sandbox.student())


def notebook(*sources: str) -> str:
    return nbformat.writes(
        nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(s) for s in sources])
    )


def error_of(call: Callable[..., object], *args: object) -> StudentCodeError:
    with pytest.raises(StudentCodeError) as caught:
        call(*args)
    return caught.value


# --- calls


def test_values_survive_the_round_trip(student_of):
    with student_of("def same(*args, **kwargs): return [args, kwargs]") as student:
        args, kwargs = student.same(1, 2.5, "x", [True, None], key={"a": b"b"})

    assert args == (1, 2.5, "x", [True, None])
    assert kwargs == {"key": {"a": b"b"}}


def test_tensors_and_arrays_survive_the_round_trip(student_of):
    with student_of("def double(t, a): return t * 2, a * 2") as student:
        tensor, array = student.double(torch.tensor([[1.0, 2.0]]), np.array([3, 4]))

    assert (torch.float32, [[2.0, 4.0]]) == (tensor.dtype, tensor.tolist())
    assert (np.dtype("int64"), [6, 8]) == (array.dtype, array.tolist())


def test_messages_describe_the_kinds_of_arguments_and_results(opened):
    with (
        opened("def f(x, y): return x") as sandbox,
        fresh(sandbox) as student,
    ):
        student.f(torch.zeros(8, 1), y=3)

    assert (
        sandbox.meter.last_call.en
        == "f(tensor (8, 1) float32, y=int) returned tensor (8, 1) float32"
    )


def test_time_and_memory_are_metered(opened):
    source = (
        "import torch\ndef f():\n    x = torch.ones(10_000_000)\n    for _ in range(30): x = x + 1"
    )

    with opened(source) as sandbox, fresh(sandbox) as student:
        before = sandbox.meter.cpu_seconds
        student.f()
        used = sandbox.meter.cpu_seconds - before

    assert 0.05 < used < 20
    assert sandbox.meter.memory_bytes > 40_000_000


def test_standard_input_is_empty(student_of):
    with student_of("def f(): return input('name? ')") as student:
        assert "EOFError" in error_of(student.f).text.en


# --- what is told


def test_a_stub_is_not_implemented(student_of):
    with student_of("def train(): raise NotImplementedError") as student:
        error = error_of(student.train)

    assert (
        error.verdict,
        error.text.en,
    ) == (Verdict.NOT_IMPLEMENTED, "`train` is not implemented yet")


def test_a_stub_within_is_named(student_of):
    with student_of(
        "def loss(): raise NotImplementedError('todo')\ndef train(): return loss()"
    ) as student:
        error = error_of(student.train)

    assert (
        error.verdict,
        error.text.en,
    ) == (Verdict.NOT_IMPLEMENTED, "`loss` is not implemented yet")


def test_not_implemented_from_a_library_is_an_error(student_of):
    source = "import torch\nclass Net(torch.nn.Module): pass\ndef f(): return Net()(1)"

    with student_of(source) as student:
        assert error_of(student.f).verdict == Verdict.ERROR


def test_a_missing_function_is_not_implemented(student_of):
    with student_of("x = 1") as student:
        error = error_of(student.train, 1)

    assert (error.verdict, error.text.en) == (Verdict.NOT_IMPLEMENTED, "`train` is not defined")


def test_a_name_that_is_not_a_function_is_an_error(student_of):
    with student_of("train = 5") as student:
        assert error_of(student.train).verdict == Verdict.ERROR


def test_an_exception_is_reported_with_its_line(student_of):
    source = "def inner(x):\n    return 1 / x\n\ndef f(x):\n    return inner(x)"

    with student_of(source, name="lee.py") as student:
        error = error_of(student.f, 0)

    assert error.verdict == Verdict.ERROR
    assert (
        error.text.en
        == "f(int) raised ZeroDivisionError: division by zero (lee.py, line 2: `return 1 / x`)"
    )
    assert error.detail.splitlines() == [
        "  lee.py, line 5, in f",
        "  lee.py, line 2, in inner",
        "ZeroDivisionError: division by zero",
    ]


def test_an_exception_in_a_notebook_is_reported_with_its_cell(student_of):
    source = notebook("# nothing yet", "\ndef f():\n    return missing")

    with student_of(source, name="lee.ipynb") as student:
        error = error_of(student.f)

    assert (
        error.text.en
        == "f() raised NameError: name 'missing' is not defined (cell 2 (`def f():`), line 3: `return missing`)"
    )


@pytest.mark.parametrize(
    "body",
    [
        "raise SystemExit(3)",
        "raise KeyboardInterrupt",
        "exit()",
        "f()",
        "raise BaseException('x' * 10**6)",
        "raise Odd()",
        "raise Odd() from ValueError()",
    ],
)
def test_any_exception_is_an_error_and_does_not_end_the_process(student_of, body):
    source = (
        "class Odd(Exception):\n    def __str__(self): raise RuntimeError\n"
        f"def f(): {body}\ndef alive(): return True"
    )

    with student_of(source) as student:
        error = error_of(student.f)
        assert error.verdict == Verdict.ERROR
        assert len(error.text.en) < 1000
        assert student.alive()


def test_what_is_forbidden_is_reported_as_such(student_of):
    with student_of("def f(): return open('/etc/passwd').read()") as student:
        error = error_of(student.f)

    assert error.verdict == Verdict.FORBIDDEN
    assert "x.py, line 1" in error.text.en


@pytest.mark.parametrize(
    "expression",
    [
        "[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]",
        "'x' * 5_000_000",
        "torch.zeros(20_000_000)",
        "torch.zeros(2, device='meta')",
        "10**400",
        "'\\ud800'",
    ],
)
def test_what_cannot_be_sent_is_a_wrong_answer(student_of, expression):
    with student_of(f"import torch\ndef f(): return {expression}\ndef g(): return 1") as student:
        error = error_of(student.f)
        assert error.verdict == Verdict.FAILED
        assert student.g() == 1


class_of_its_own = """
import torch
class Loud(torch.Tensor):
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        raise ValueError("mine")
class Broken:
    def __array__(self, *_, **__):
        raise ValueError("mine")
class Endless(dict):
    def items(self):
        raise ValueError("mine")
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.w = torch.nn.Parameter(torch.ones(2))
        self.lazy = torch.nn.LazyLinear(1)
    def train(self, x, y, epochs): return []
    def forward(self, x): return x * self.w
class Constant(torch.nn.Linear):
    def forward(self, x): return torch.zeros(len(x), 1)
"""


@pytest.mark.parametrize("expression", ["Broken()", "[Endless(a=1)]"])
def test_what_the_students_own_code_raises_while_its_value_is_sent_is_an_error(
    student_of, expression
):
    with student_of(f"{class_of_its_own}\ndef f(): return {expression}") as student:
        error = error_of(student.f)

    assert error.verdict == Verdict.ERROR
    assert "ValueError: mine" in error.text.en


def test_a_value_of_any_class_is_sent_without_running_the_classs_code(student_of):
    with student_of(
        f"{class_of_its_own}\ndef f(): return torch.ones(2).as_subclass(Loud)"
    ) as student:
        assert student.f().tolist() == [1.0, 1.0]


def test_a_model_that_redefines_what_a_module_has_is_used_all_the_same(student_of):
    with student_of(f"{class_of_its_own}\ndef build_model(): return Net()") as student:
        net = student.build_model()

        assert net(torch.ones(2)).tolist() == [1.0, 1.0]
        assert [p.tolist() for p in net.parameters()] == [[1.0, 1.0]]
        assert net.gradients() == []


def test_a_model_that_our_own_loop_cannot_train_is_a_wrong_answer(student_of):
    with student_of(f"{class_of_its_own}\ndef build_model(): return Constant(1, 1)") as student:
        net = student.build_model()
        error = error_of(net.fit, "bce", torch.ones(3, 1), torch.ones(3, 1), 5)

    assert error.verdict == Verdict.FAILED
    assert error.text.en.startswith("the grader's own training loop can't train the model")


@pytest.mark.parametrize(
    "call",
    [
        lambda student: student.operate("leave_gradients", student.build_model(), []),
        lambda student: student.operate("no such operation"),
        lambda student: student.operate("input_gradient", "build_model"),
    ],
    ids=["gradients", "unknown", "arguments"],
)
def test_what_our_own_code_raises_is_no_verdict(student_of, call):
    with (
        student_of("import torch\ndef build_model(): return torch.nn.Linear(1, 1)") as student,
        pytest.raises(InternalError),
    ):
        call(student)


RAISES = {
    "not_implemented": "raise NotImplementedError",
    "memory": "raise MemoryError",
    "forbidden": "raise PermissionError",
    "unsendable": "return '\\ud800'",
    "error": "raise ValueError",
}


def test_the_proxy_knows_every_kind_that_the_worker_sends():
    """Each kind becomes a verdict of its own, or the fault of ours that it is."""
    verdicts = {}
    for kind in typing.get_args(Kind):
        raised = Raised("ValueError", "words", kind, [Frame("x.py", 1, "f")])
        try:
            verdicts[kind] = verdict_on(raised, "f", Text(ko="f()", en="f()"), Loading()).verdict
        except InternalError:
            verdicts[kind] = None

    assert verdicts == {
        "not_implemented": Verdict.NOT_IMPLEMENTED,
        "missing": Verdict.NOT_IMPLEMENTED,
        "memory": Verdict.MEMORY,
        "forbidden": Verdict.FORBIDDEN,
        "timeout": Verdict.TIMEOUT,
        "unsendable": Verdict.FAILED,
        "unfit": Verdict.FAILED,
        "internal": None,
        "error": Verdict.ERROR,
    }
    assert {
        *worker._KINDS.values(),
        *RAISES,
        "not_implemented",
        "memory",
        "forbidden",
        "error",
    } == {*verdicts}


@pytest.mark.parametrize("kind", RAISES)
def test_the_worker_sends_each_kind(student_of, kind):
    with student_of(f"def f(): {RAISES[kind]}") as student:
        reply, _ = student._process.exchange(Call("f", [], {}), 20, 60)

    assert reply.kind == kind


def test_another_student_after_a_crash_is_as_good_as_new(opened):
    source = "import os\ndef crash(): os._exit(0)\ndef f(): return 1"

    with opened(source) as sandbox:
        with fresh(sandbox) as student:
            assert error_of(student.crash).verdict == Verdict.CRASHED
            assert error_of(student.f).verdict == Verdict.CRASHED
        with fresh(sandbox) as student:
            assert student.f() == 1


@pytest.mark.parametrize(
    "body",
    [
        "os._exit(0)",
        "os._exit(1)",
        "ctypes.string_at(0)",
        "os.abort()",
        "signal.raise_signal(signal.SIGKILL)",
        "[os.close(fd) for fd in range(3, 256) if is_open(fd)]",
    ],
)
def test_a_death_is_a_crash(student_of, body):
    source = f"""
import ctypes, os, signal
def is_open(fd):
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True
def f(): {body}
"""
    with student_of(source) as student:
        assert error_of(student.f).verdict == Verdict.CRASHED


# --- loading


def test_an_exception_while_loading_keeps_what_was_defined_before(opened):
    source = "def f(): return 1\nraise ValueError('no data')\ndef g(): return 2"

    with opened(source) as sandbox, fresh(sandbox) as student:
        assert student.f() == 1
        error = error_of(student.g)

    assert [note.en for note in sandbox.notes] == ["x.py, line 2: ValueError: no data"]
    assert error.verdict == Verdict.ERROR
    assert "x.py, line 2: ValueError: no data" in error.text.en


@pytest.mark.parametrize("statement", ["raise SystemExit", "exit()", "import sys; sys.exit(1)"])
def test_leaving_a_script_keeps_what_was_defined_before(opened, statement):
    with (
        opened(f"def f(): return 1\n{statement}\n") as sandbox,
        fresh(sandbox) as student,
    ):
        assert student.f() == 1

    assert "SystemExit" in sandbox.notes[0].en


def test_a_cell_with_a_syntax_error_loses_only_itself(opened):
    source = notebook("def f(): return 1", "def g(): return (2", "def h(): return 3")

    with (
        opened(source, name="x.ipynb") as sandbox,
        fresh(sandbox) as student,
    ):
        assert (student.f(), student.h()) == (1, 3)
        assert error_of(student.g).verdict == Verdict.ERROR

    assert len(sandbox.notes) == 1
    assert sandbox.notes[0].en.startswith("cell 2 (`def g(): return (2`), line 1: SyntaxError: ")


def test_a_script_with_a_syntax_error_loses_all(opened):
    with opened("def f(): return 1\ndef g(:\n    pass") as sandbox, fresh(sandbox) as student:
        error = error_of(student.f)

    assert error.verdict == Verdict.ERROR
    assert "x.py, line 2: SyntaxError" in error.text.en


def test_an_exception_in_a_cell_loses_the_rest_of_the_cell(opened):
    source = notebook("x = 1", "y = 2\n1 / 0\nz = 3", "def names(): return sorted(globals())")

    with (
        opened(source, name="x.ipynb") as sandbox,
        fresh(sandbox) as student,
    ):
        assert {"x", "y", "z"} & set(student.names()) == {"x", "y"}

    assert [note.en for note in sandbox.notes] == [
        "cell 2 (`y = 2`), line 2: ZeroDivisionError: division by zero"
    ]


def test_a_guarded_demonstration_does_not_run(student_of):
    with student_of("x = 1\nif __name__ == '__main__':\n    x = 2\ndef f(): return x") as student:
        assert student.f() == 1


def test_a_cell_that_takes_too_long_keeps_what_was_defined_before(opened):
    source = notebook("def f(): return 1", "while True: pass\ndef g(): return 2")

    with (
        opened(source, SHORT, "x.ipynb") as sandbox,
        fresh(sandbox) as student,
    ):
        assert student.f() == 1

        error = error_of(student.g)

    (note,) = sandbox.notes
    assert "loading took too long" in note.en
    assert error.verdict == Verdict.TIMEOUT
    assert "`g` is not defined, because loading the submission took too long" in error.text.en


def test_loading_that_never_ends_is_a_timeout(opened):
    source = """
while True:
    try:
        x = 1
        while True: x += 1
    except BaseException:
        pass
"""

    with opened(source, SHORT) as sandbox:
        assert error_of(sandbox.student).verdict == Verdict.TIMEOUT
        assert [note.en for note in sandbox.notes] == ["loading the submission took too long"]


def test_loading_that_sleeps_is_a_timeout(opened):
    with opened("import time\ntime.sleep(1000)", SHORT) as sandbox:
        assert error_of(sandbox.student).verdict == Verdict.TIMEOUT


@pytest.mark.parametrize("statement", ["import os; os._exit(0)", "import os; os.abort()"])
def test_death_while_loading_is_a_crash(opened, statement):
    with opened(statement) as sandbox:
        assert error_of(sandbox.student).verdict == Verdict.CRASHED
        assert error_of(sandbox.student).verdict == Verdict.CRASHED


# --- limits


def test_an_endless_loop_ends_by_its_cpu_time(student_of):
    with student_of("def f():\n    while True: pass", SHORT) as student:
        begin = time.monotonic()
        error = error_of(student.f)

    assert error.verdict == Verdict.TIMEOUT
    assert time.monotonic() - begin < 10


def test_an_endless_loop_that_catches_everything_ends(student_of):
    source = "def f():\n    while True:\n        try:\n            while True: pass\n        except: pass"

    with student_of(source, SHORT) as student:
        assert error_of(student.f).verdict == Verdict.TIMEOUT


def test_an_endless_loop_in_native_code_ends(student_of):
    with student_of("def f(): return sum(range(10**15))", SHORT) as student:
        assert error_of(student.f).verdict == Verdict.TIMEOUT


def test_threads_count_together(student_of):
    source = """
import threading, time
def spin():
    while True: pass
def f():
    for _ in range(3): threading.Thread(target=spin, daemon=True).start()
    time.sleep(1000)
"""
    limits = Limits(cpu_seconds=0.5, train_cpu_seconds=1, wall_factor=1000)

    with student_of(source, limits) as student:
        assert error_of(student.f).verdict == Verdict.TIMEOUT


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    "body", ["time.sleep(1000)", "signal.raise_signal(signal.SIGSTOP)", "threading.Event().wait()"]
)
def test_waiting_ends_by_the_wall_clock(student_of, body):
    with student_of(f"import signal, threading, time\ndef f(): {body}", SHORT) as student:
        begin = time.monotonic()
        error = error_of(student.f)

    assert error.verdict == Verdict.TIMEOUT
    assert 0.9 < time.monotonic() - begin < 10


def test_sleeping_costs_no_cpu_time(opened):
    with (
        opened("import time\ndef f(): time.sleep(0.8)", SHORT) as sandbox,
        fresh(sandbox) as student,
    ):
        before = sandbox.meter.cpu_seconds
        student.f()

    assert sandbox.meter.cpu_seconds - before < 0.4


def test_a_call_can_be_given_more_time(student_of):
    source = "import time\ndef f():\n    end = time.process_time() + 1\n    while time.process_time() < end: pass"

    with student_of(source, SHORT) as student:
        student.with_cpu_seconds(20).f()
        assert error_of(student.f).verdict == Verdict.TIMEOUT


def test_all_calls_together_have_a_limit(opened):
    source = "import time\ndef f():\n    end = time.process_time() + 0.3\n    while time.process_time() < end: pass"
    limits = Limits(cpu_seconds=5, train_cpu_seconds=5, total_cpu_seconds=0.5)

    with opened(source, limits) as sandbox:
        with fresh(sandbox) as student:
            student.f()
            assert error_of(student.f).verdict == Verdict.TIMEOUT
        with fresh(sandbox) as student:
            assert error_of(student.f).verdict == Verdict.TIMEOUT


def test_a_student_after_a_timeout_is_as_good_as_new(opened):
    with opened("def hang():\n    while True: pass\ndef f(): return 1", SHORT) as sandbox:
        with fresh(sandbox) as student:
            assert error_of(student.hang).verdict == Verdict.TIMEOUT
        with fresh(sandbox) as student:
            assert student.f() == 1


@pytest.mark.parametrize(
    "body",
    [
        "return bytearray(10**10)",
        "return torch.zeros(10**10)",
        "return np.zeros((10**5, 10**5))",
        "return [bytes(10**6) for _ in range(10**6)]",
        "return list(range(10**12))",
        "return 'x' * 10**11",
    ],
)
def test_a_memory_bomb_is_reported_as_such_and_survived(student_of, body):
    source = f"import numpy as np\nimport torch\ndef f(): {body}\ndef g(): return 1"
    limits = Limits(cpu_seconds=20, train_cpu_seconds=20, memory_mb=256)

    with student_of(source, limits) as student:
        assert error_of(student.f).verdict == Verdict.MEMORY
        assert student.g() == 1


def test_memory_within_the_limit_can_be_used(student_of):
    source = "import torch\ndef f(): return torch.ones(40_000_000).sum()"
    limits = Limits(cpu_seconds=20, train_cpu_seconds=20, memory_mb=256)

    with student_of(source, limits) as student:
        assert student.f().item() == 40_000_000


# --- output


def test_what_is_printed_is_kept(opened):
    source = """
import sys
print("loading \N{SNOWMAN}")
def f():
    print("out")
    print("err", file=sys.stderr)
    sys.stdout.write("no newline")
"""
    with opened(source) as sandbox, fresh(sandbox) as student:
        student.f()

    assert sandbox.output.splitlines()[:3] == ["loading \N{SNOWMAN}", "out", "err"]


def test_what_native_code_and_a_dying_process_wrote_is_kept(opened):
    source = "import os\ndef f():\n    os.write(1, b'last words')\n    os._exit(1)"

    with opened(source) as sandbox:
        with fresh(sandbox) as student:
            assert error_of(student.f).verdict == Verdict.CRASHED
        assert sandbox.output == "last words"


def test_output_is_cut_at_its_limit(opened):
    with opened("print('x' * 100_000)") as sandbox:
        assert sandbox.output == "x" * 4096 + "\n[…]"


def test_bytes_that_are_no_text_are_kept_as_far_as_possible(opened):
    with opened(r"import os; os.write(1, b'a\xff\x00b')") as sandbox:
        assert sandbox.output == "a\N{REPLACEMENT CHARACTER}\0b"


def test_a_flood_does_not_block(opened):
    source = "def f():\n    for _ in range(100_000): print('x' * 999)\n    return 'done'"

    with opened(source) as sandbox:
        with fresh(sandbox) as student:
            assert student.f() == "done"
        assert sandbox.output == (("x" * 999 + "\n") * 5)[:4096] + "\n[…]"


def test_an_endless_flood_is_a_timeout(student_of):
    with student_of("def f():\n    while True: print('x' * 10_000)", SHORT) as student:
        assert error_of(student.f).verdict == Verdict.TIMEOUT


def test_closing_its_output_costs_us_no_time(student_of):
    source = """
import os, time
os.close(1)
os.close(2)
def f():
    time.sleep(1.5)
    return 1
"""
    with student_of(source) as student:
        before = time.process_time()
        assert student.f() == 1
        assert time.process_time() - before < 0.5


# --- each student is fresh


def test_a_changed_global_is_not_seen_by_the_next_student(opened):
    source = "calls = []\ndef f():\n    calls.append(1)\n    return len(calls)"

    with opened(source) as sandbox:
        with fresh(sandbox) as student:
            assert [student.f(), student.f()] == [1, 2]
        with fresh(sandbox) as student:
            assert student.f() == 1


def test_students_at_the_same_time_do_not_see_each_other(opened):
    source = "calls = []\ndef f():\n    calls.append(1)\n    return len(calls)"

    with opened(source) as sandbox, fresh(sandbox) as one, fresh(sandbox) as two:
        assert [one.f(), two.f(), one.f(), two.f()] == [1, 1, 2, 2]


def test_a_library_changed_by_one_student_is_whole_for_the_next(opened):
    source = """
import torch
def spoil():
    torch.sum = lambda *_: "spoiled"
    torch.nn.functional.cross_entropy = None
    torch.set_default_dtype(torch.float64)
def f(): return torch.sum(torch.ones(2))
"""
    with opened(source) as sandbox:
        with fresh(sandbox) as student:
            student.spoil()
            assert student.f() == "spoiled"
        with fresh(sandbox) as student:
            value = student.f()
            assert (torch.float32, 2.0) == (value.dtype, value.item())


def test_a_library_changed_by_one_submission_is_whole_for_the_next(student_of):
    with student_of("import torch\ntorch.ones = None\ntorch.nn.Linear.forward = None"):
        pass

    with student_of("import torch\ndef f(): return torch.nn.Linear(2, 1)(torch.ones(1, 2))") as s:
        assert tuple(s.f().shape) == (1, 1)


@pytest.mark.parametrize("library", ["torch", "numpy", "random"])
def test_a_seed_set_while_loading_holds_for_each_student(opened, library):
    source = """
import random, torch
import numpy as np
torch.manual_seed(5), np.random.seed(5), random.seed(5)
DRAW = {"torch": lambda: torch.rand(()).item(), "numpy": np.random.rand, "random": random.random}
def draw(library): return DRAW[library]()
"""
    found = []
    with opened(source) as sandbox:
        for _ in range(2):
            with fresh(sandbox) as student:
                found.append([student.draw(library), student.draw(library)])

    assert found[0] == found[1]
    assert found[0][0] != found[0][1]


# --- models

MODELS = """
import torch
from torch import nn

def build(): return nn.Linear(2, 1)
def build_two(): return {"models": [nn.Linear(1, 1), nn.Sequential(nn.Linear(1, 1))], "n": 2}
def dropout(): return nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5), nn.BatchNorm1d(4))
def fill(model, value):
    with torch.no_grad():
        for p in model.parameters(): p.fill_(value)
def total(*models): return sum(p.sum() for m in models for p in m.parameters())
def same(model): return model
def is_same(one, two): return one is two
def backward(model, x): model(x).sum().backward()
def training(model): return model.training
def no_model(): return 1j
"""


def test_a_model_comes_back_as_a_handle_that_can_be_called(student_of):
    with student_of(MODELS) as student:
        model = student.build()
        student.fill(model, 2.0)
        outputs = model(torch.tensor([[1.0, 1.0], [0.0, 0.0]]))

        assert isinstance(model, Handle)
        assert (model.kind, model.is_module) == ("Linear", True)
        assert outputs.tolist() == [[6.0], [2.0]]
        assert not outputs.requires_grad


def test_several_models_are_kept_apart(student_of):
    with student_of(MODELS) as student:
        one, two = student.build(), student.build()
        student.fill(one, 1.0)
        student.fill(two, 10.0)

        assert [p.flatten().tolist() for p in one.parameters()] == [[1.0, 1.0], [1.0]]
        assert [p.flatten().tolist() for p in two.parameters()] == [[10.0, 10.0], [10.0]]
        assert student.total(one, two).item() == 33.0
        assert student.is_same(one, student.same(one))
        assert not student.is_same(one, two)


def test_a_model_of_another_student_is_a_mistake_of_the_check(opened):
    source = "import torch\ndef build(): return torch.nn.Linear(1, 1)\ndef use(model): return 1"
    with (
        opened(source) as sandbox,
        contextlib.closing(sandbox.student()) as one,
        contextlib.closing(sandbox.student()) as other,
    ):
        with pytest.raises(ValueError, match="of one student to another"):
            other.use(one.build())
        assert other.use(other.build()) == 1


def test_models_in_lists_and_dicts_come_back_as_handles(student_of):
    with student_of(MODELS) as student:
        value = student.build_two()

        assert [model.kind for model in value["models"]] == ["Linear", "Sequential"]
        assert [tuple(m(torch.ones(3, 1)).shape) for m in value["models"]] == [(3, 1), (3, 1)]


def test_what_is_no_model_comes_back_as_a_handle_that_says_so(student_of):
    with student_of(MODELS) as student:
        value = student.no_model()

        assert (value.kind, value.is_module) == ("complex", False)
        assert error_of(value, torch.ones(1)).verdict == Verdict.ERROR


def test_a_model_is_evaluated_without_dropout(student_of):
    with student_of(MODELS) as student:
        model, x = student.dropout(), torch.ones(16, 4)
        student.fill(model, 1.0)

        assert torch.equal(model(x), model(x))
        assert torch.equal(model(x[:1]), model(x)[:1])
        assert student.training(model)


def test_gradients_are_seen_and_left(student_of):
    with student_of(MODELS) as student:
        model = student.build()
        assert model.gradients() == []

        model.leave_gradients([torch.tensor([[100.0, 200.0]]), torch.tensor([300.0])])
        assert [g.flatten().tolist() for g in model.gradients()] == [[100.0, 200.0], [300.0]]

        student.backward(model, torch.tensor([[3.0, 4.0]]))
        assert [g.flatten().tolist() for g in model.gradients()] == [[103.0, 204.0], [301.0]]


def test_parameters_are_copies(student_of):
    with student_of(MODELS) as student:
        model = student.build()
        student.fill(model, 1.0)
        for parameter in model.parameters():
            parameter.zero_()

        assert student.total(model).item() == 3.0


def test_a_model_is_fitted_by_our_own_loop(student_of):
    x = torch.linspace(-1, 1, 20)[:, None]
    source = (
        "from torch import nn\ndef build(): return nn.Sequential(nn.Linear(1, 1), nn.Sigmoid())"
    )

    with student_of(source) as student:
        model = student.seed(1).build()
        model.fit("bce", x, (x > 0).float(), 100)

        assert torch.equal(model(x) > 0.5, x > 0)


def test_the_gradient_with_respect_to_an_input_is_seen(student_of):
    source = "def loss(p, y): return ((p - y) ** 2).mean()\ndef cut(p, y): return loss(p, y).item()"

    with student_of(source) as student:
        p, y = torch.tensor([1.0, 3.0]), torch.tensor([0.0, 0.0])
        value, gradient = student.input_gradient("loss", p, y)
        cut, none = student.input_gradient("cut", p, y)

    assert (value.item(), gradient.tolist()) == (5.0, [1.0, 3.0])
    assert (cut, none) == (5.0, None)


def test_a_seed_makes_what_is_built_next_the_same(student_of):
    with student_of(MODELS) as student:
        one = student.seed(3).build().parameters()
        two = student.seed(3).build().parameters()
        other = student.build().parameters()

    torch.manual_seed(3)
    here = list(torch.nn.Linear(2, 1).parameters())
    assert all(map(torch.equal, one, two))
    assert all(map(torch.equal, one, here))
    assert not torch.equal(one[0], other[0])


# --- arguments

CHANGES = """
import numpy as np
def look(*args, **kwargs): return None
def scale(x, factor=1): x *= 2
def grow(x): x.append(1)
def deep(x): x["a"][0].zero_()
def resize(x): x.resize_(1)
def rebind(x): x = x * 2
"""


def test_arguments_that_are_only_read_are_not_reported(student_of):
    with student_of(CHANGES) as student:
        student.look(torch.ones(2), np.ones(2), [1, [2]], {"a": torch.ones(2)}, key=torch.ones(1))
        student.rebind(torch.ones(2))

        assert student.take_changed() == []


@pytest.mark.parametrize(
    "argument",
    [
        torch.tensor([1.0, float("nan")]),
        np.array([1.0, float("nan")]),
        float("nan"),
        [[torch.ones(2)]],
    ],
    ids=["tensor with nan", "array with nan", "nan", "nested tensors"],
)
def test_arguments_that_are_not_equal_to_themselves_are_not_reported(student_of, argument):
    with student_of(CHANGES) as student:
        student.look(argument)

        assert student.take_changed() == []


def test_arguments_changed_in_place_are_reported_once(student_of):
    with student_of(CHANGES) as student:
        student.scale(torch.ones(2))
        student.scale(x=np.ones(2), factor=1)
        student.grow([1])
        student.deep({"a": [torch.ones(2)]})
        student.resize(torch.ones(2))

        changed = [text.en for text in student.take_changed()]
        assert [" ".join(text.split()[:3]) for text in changed] == [
            f"`{function}` changed `x`" for function in ("scale", "grow", "deep", "resize")
        ]
        assert changed[0].endswith(" (x.py, line 4: `def scale(x, factor=1): x *= 2`)")
        assert student.take_changed() == []


def test_an_argument_without_a_name_is_reported_by_its_place(student_of):
    with student_of("def scale(*args): args[1].mul_(2)\ndouble = scale") as student:
        student.double(torch.ones(2), torch.ones(2))

        assert [text.en for text in student.take_changed()] == ["`double` changed `2`"]


def test_our_own_argument_stays_as_it_was(student_of):
    argument = torch.ones(2)

    with student_of(CHANGES) as student:
        student.scale(argument)

    assert argument.tolist() == [1.0, 1.0]


# --- ordinary code

SEEDED_TRAINING = """
import numpy as np
import random
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

def train():
    torch.manual_seed(7)
    model = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 2))
    x = torch.randn(64, 3)
    data = DataLoader(TensorDataset(x, (x.sum(1) > 0).long()), batch_size=16, shuffle=True)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    history = []
    for _ in range(10):
        for features, target in data:
            loss = nn.functional.cross_entropy(model(features), target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            history.append(loss.item())
    return history

def draw_torch(): return torch.rand(2)
def draw_numpy(): return np.random.rand(2)
def draw_random(): return [random.random(), random.random()]
def order(): return list({"a", "b", "c", "d", "e", "f", "g", "h"})
"""


def test_the_same_training_gives_the_same_numbers(opened):
    found = []
    for _ in range(2):
        with opened(SEEDED_TRAINING) as sandbox:
            for _ in range(2):
                with fresh(sandbox) as student:
                    found.append(student.train())

    assert len(found[0]) == 40
    assert found == [found[0]] * 4
    assert found[0][-1] < found[0][0]


@pytest.mark.parametrize("function", ["draw_torch", "draw_numpy", "draw_random", "order"])
def test_even_without_a_seed_a_submission_behaves_the_same_each_time(student_of, function):
    found = []
    for _ in range(2):
        with student_of(SEEDED_TRAINING) as student:
            found.append(list(getattr(student, function)()))

    assert found[0] == found[1]


ORDINARY = {
    "data loader with workers": (
        """
import torch
from torch.utils.data import DataLoader, TensorDataset
def f():
    data = TensorDataset(torch.arange(10.0))
    loader = DataLoader(data, batch_size=4, num_workers=2, prefetch_factor=2, persistent_workers=True)
    return [batch[0].tolist() for batch in loader]
""",
        [[0.0, 1.0, 2.0, 3.0], [4.0, 5.0, 6.0, 7.0], [8.0, 9.0]],
    ),
    "data loader with workers by place": (
        """
import torch
from torch.utils.data import DataLoader, TensorDataset
def f():
    return [b[0].tolist() for b in DataLoader(TensorDataset(torch.ones(2)), 1, False, None, None, 2)]
""",
        [[1.0], [1.0]],
    ),
    "plot": (
        """
import matplotlib.pyplot as plt
from pathlib import Path
def f():
    plt.plot([1, 2, 3])
    plt.title("loss")
    plt.savefig("loss.png")
    plt.show()
    return Path("loss.png").read_bytes()[:4]
""",
        b"\x89PNG",
    ),
    "pandas": (
        """
import pandas as pd
def f():
    pd.DataFrame({"a": [1, 2], "b": [3.0, 4.0]}).to_csv("x.csv", index=False)
    return pd.read_csv("x.csv").groupby("a")["b"].sum().to_dict()
""",
        {"1": 3.0, "2": 4.0},
    ),
    "progress bar": (
        """
from tqdm import tqdm, trange
from tqdm.auto import tqdm as auto
def f(): return sum(tqdm(range(5))) + sum(auto(range(3))) + sum(trange(2))
""",
        14,
    ),
    "temporary files": (
        """
import tempfile
from pathlib import Path
def f():
    with tempfile.TemporaryDirectory() as folder, tempfile.NamedTemporaryFile("w+") as file:
        Path(folder, "x").write_text("x")
        file.write("y")
        file.seek(0)
        return Path(folder, "x").read_text() + file.read()
""",
        "xy",
    ),
    "threads": (
        """
from concurrent.futures import ThreadPoolExecutor
import threading
def f():
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(lambda x: x * x, range(5)))
""",
        [0, 1, 4, 9, 16],
    ),
    "dataclass with annotations of the future": (
        """
from __future__ import annotations
import dataclasses
@dataclasses.dataclass
class Config:
    lr: float = 0.1
    names: list[str] = dataclasses.field(default_factory=list)
    next: Config | None = None
def f(): return dataclasses.asdict(Config(next=Config(0.2)))
""",
        {"lr": 0.1, "names": [], "next": {"lr": 0.2, "names": [], "next": None}},
    ),
    "classes that are pickled": (
        """
import copy, pickle
from enum import Enum
class Color(Enum):
    RED = 1
class Point:
    x = 1
def f():
    p = Point()
    p.x = 5
    return [pickle.loads(pickle.dumps(p)).x, copy.deepcopy(p).x, pickle.loads(pickle.dumps(Color.RED)).value]
""",
        [5, 5, 1],
    ),
    "a saved model": (
        """
import torch
from torch import nn
def f():
    model = nn.Linear(2, 1)
    torch.save(model.state_dict(), "model.pt")
    other = nn.Linear(2, 1)
    other.load_state_dict(torch.load("model.pt"))
    return torch.equal(model.weight, other.weight)
""",
        True,
    ),
    "wine": (
        """
from sklearn.datasets import load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.preprocessing import StandardScaler
def f():
    x, y = load_wine(return_X_y=True)
    x_train, x_test, y_train, y_test = train_test_split(x, y, random_state=0, stratify=y)
    scaler = StandardScaler().fit(x_train)
    search = GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, n_jobs=2)
    return bool(search.fit(scaler.transform(x_train), y_train).score(scaler.transform(x_test), y_test) > 0.9)
""",
        True,
    ),
    "logging, warnings and time": (
        """
import datetime, logging, time, warnings
logging.basicConfig(level=logging.INFO, filename="log.txt")
def f():
    logging.info("an epoch")
    warnings.warn("deprecated", DeprecationWarning)
    time.sleep(0.01)
    return [open("log.txt").read(), datetime.date(2025, 1, 31).strftime("%d.%m.%Y")]
""",
        ["INFO:root:an epoch\n", "31.01.2025"],
    ),
    "asyncio": (
        """
import asyncio
async def later(x):
    await asyncio.sleep(0.01)
    return x
def f(): return asyncio.run(later(3))
""",
        3,
    ),
    "lbfgs": (
        """
import torch
def f():
    x = torch.tensor([3.0], requires_grad=True)
    optimizer = torch.optim.LBFGS([x], line_search_fn="strong_wolfe")
    def closure():
        optimizer.zero_grad()
        loss = (x - 1).pow(2).sum()
        loss.backward()
        return loss
    optimizer.step(closure)
    return round(x.item(), 3)
""",
        1.0,
    ),
    "torch threads": (
        """
import torch
torch.set_num_threads(4)
def f(): return torch.ones(500, 500).mm(torch.ones(500, 500)).sum().item()
""",
        125_000_000.0,
    ),
}


@pytest.mark.parametrize("name", ORDINARY)
def test_ordinary_code_works(opened, name):
    source, expected = ORDINARY[name]

    with opened(source) as sandbox:
        assert sandbox.notes == ()
        with fresh(sandbox) as student:
            assert student.f() == expected


@pytest.mark.parametrize("name", ["plot", "wine", "pandas", "progress bar"])
def test_ordinary_code_works_while_it_is_loaded(opened, name):
    source, expected = ORDINARY[name]

    with opened(source + "\nearly = f()\ndef g(): return early") as sandbox:
        assert sandbox.notes == ()
        with fresh(sandbox) as student:
            assert student.g() == expected


def test_a_cell_may_await(opened):
    source = notebook(
        "import asyncio\nasync def later(x):\n    await asyncio.sleep(0.01)\n    return x",
        "x = await later(3)\ndef f(): return x",
        "y = [await later(n) for n in range(2)]\ndef g(): return y",
    )

    with opened(source, name="x.ipynb") as sandbox:
        assert sandbox.notes == ()
        with fresh(sandbox) as student:
            assert (student.f(), student.g()) == (3, [0, 1])


def test_magics_and_displays_of_a_notebook_do_no_harm(opened):
    source = notebook(
        "%matplotlib inline\n!pip install torch\n%load_ext autoreload",
        "import torch\n%time x = torch.ones(2).sum()\ndisplay(x)",
        "%%time\ndef f():\n    return x",
        "files = !ls\nget_ipython().run_line_magic('who', '')",
    )

    with opened(source, name="x.ipynb") as sandbox:
        assert sandbox.notes == ()
        with fresh(sandbox) as student:
            assert student.f().item() == 2.0


def test_annotations_of_the_future_hold_in_later_cells(opened):
    source = notebook(
        "from __future__ import annotations", "def f(x: undefined) -> undefined: return x"
    )

    with opened(source, name="x.ipynb") as sandbox:
        assert sandbox.notes == ()
        with fresh(sandbox) as student:
            assert student.f(1) == 1


# --- answers of an adversary

FORGER = """
import os, socket, stat, struct, sys, time
import msgspec

def channel():
    for fd in range(3, 256):
        try:
            if stat.S_ISSOCK(os.fstat(fd).st_mode):
                return fd
        except OSError:
            pass

def reply(structure, bulk=b""):
    return struct.pack(">II", len(structure), len(bulk)) + structure + bulk

def returned(value):
    return reply(msgspec.msgpack.encode({"type": "Returned", "value": value}))

def send(*parts, pause=0.0):
    for part in parts:
        os.write(channel(), part)
        time.sleep(pause)
    time.sleep(1000)
"""


@pytest.mark.parametrize(
    "parts",
    [
        "b'garbage, more than a header'",
        "struct.pack('>II', 2**32 - 1, 0)",
        "struct.pack('>II', 0, 2**32 - 1)",
        "reply(b'')",
        "reply(msgspec.msgpack.encode({'type': 'Fork'}))",
        "reply(b'\\x82\\xa4type\\xa8Returned\\xa5value' + b'\\x91' * 900 + b'\\xc0')",
        "returned(msgspec.msgpack.Ext(1, msgspec.msgpack.encode(['float32', [2**40], 0])))",
        "returned(msgspec.msgpack.Ext(3, b'x'))",
        "reply(msgspec.msgpack.encode({'type': 'Ready'}))",
        "reply(msgspec.msgpack.encode({'type': 'Loaded', 'errors': []}))",
    ],
)
def test_a_forged_answer_that_is_none_is_a_crash(student_of, parts):
    with student_of(f"{FORGER}\ndef f(): send({parts})") as student:
        assert error_of(student.f).verdict == Verdict.CRASHED


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    "parts",
    [
        "b'half'",
        "reply(b'x' * 100)[:50]",
        "struct.pack('>II', 200, 0), *[b'x'] * 200, pause=0.02",
    ],
    ids=["half a header", "half a frame", "byte by byte"],
)
def test_an_answer_that_never_comes_to_its_end_is_a_timeout(student_of, parts):
    with student_of(f"{FORGER}\ndef f(): send({parts})", SHORT) as student:
        begin = time.monotonic()
        assert error_of(student.f).verdict == Verdict.TIMEOUT

    assert time.monotonic() - begin < 10


def test_a_forged_exception_is_reported_in_one_clean_line(student_of):
    forged = {
        "type": "Raised",
        "exception": "Evil\n\x1b[31m",
        "message": "\u202e" + "x" * 10_000,
        "kind": "error",
        "frames": [{"cell": "cell 9\n", "line": 2**40, "function": "\x00"}],
    }
    source = f"{FORGER}\ndef f(): send(reply(msgspec.msgpack.encode({forged!r})))"

    with student_of(source) as student:
        error = error_of(student.f)

    assert error.verdict == Verdict.ERROR
    assert error.text.en.isprintable() or "\N{REPLACEMENT CHARACTER}" in error.text.en
    assert not set("\n\x1b\u202e\0") & set(error.text.en)
    assert len(error.text.en) < 1000


SPOILER = """
import sys, torch
from torch import nn
frame = sys._getframe()
while "_OPERATIONS" not in frame.f_globals: frame = frame.f_back
operations = frame.f_globals["_OPERATIONS"]
def build(): return nn.Linear(1, 1)
def spoil(name, answer): operations[name] = lambda *_: ANSWERS[answer]
ANSWERS = {"tensor": torch.ones(2), "array": torch.ones(2).numpy(), "list": [1], "none": None, "text": "no"}
"""


@pytest.mark.parametrize("answer", ["tensor", "array", "list", "none", "text"])
@pytest.mark.parametrize("question", ["parameters", "gradients"])
def test_a_forged_answer_about_a_model_is_no_fault_of_ours(student_of, question, answer):
    with student_of(SPOILER) as student:
        model = student.build()
        student.spoil(question, answer)

        assert error_of(getattr(model, question)).verdict == Verdict.FAILED


@pytest.mark.parametrize("answer", ["tensor", "array", "list", "none", "text"])
def test_a_forged_gradient_of_an_input_is_an_answer_or_a_verdict(student_of, answer):
    with student_of(SPOILER + "\ndef loss(p): return p.sum()") as student:
        student.spoil("input_gradient", answer)
        assert error_of(student.input_gradient, "loss", torch.ones(1)).verdict == Verdict.CRASHED


@pytest.mark.parametrize(
    "source",
    [
        "import builtins\nbuiltins.isinstance = None",
        "class Meta(type):\n    __name__ = 5\nclass Odd(Exception, metaclass=Meta): pass\nraise Odd",
    ],
    ids=["spoils builtins", "raises what has no name"],
)
def test_a_submission_that_spoils_its_own_process_is_a_crash(opened, source):
    with opened(source) as sandbox:
        assert error_of(sandbox.student).verdict == Verdict.CRASHED


# --- the sandbox itself


def test_a_sandbox_may_be_closed_twice(opened):
    with opened("x = 1") as sandbox:
        with fresh(sandbox) as student:
            student.close()
        sandbox.close()


def test_our_descriptors_do_not_grow(opened):
    def use() -> int:
        with opened("import os\ndef f(): return 1\ndef g(): os._exit(1)") as sandbox:
            for name in ("f", "g"):
                with fresh(sandbox) as student, contextlib.suppress(StudentCodeError):
                    getattr(student, name)()
        return len(list(Path("/proc/self/fd").iterdir()))

    use()

    assert [use() for _ in range(5)] == [use()] * 5


def test_many_submissions_at_once_are_kept_apart(opened):
    with contextlib.ExitStack() as stack:
        students = []
        for number in range(8):
            sandbox = stack.enter_context(opened(f"def f(): return {number}"))
            students.append(stack.enter_context(contextlib.closing(sandbox.student())))

        assert [student.f() for student in students] == list(range(8))
