"""Recorded answers are replayed without a process, combined with a running submission, or refused."""

import contextlib
import socket
import time

import msgspec
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from grader.model.assignment import Limits
from grader.model.errors import SandboxError, StaleRecordingError
from grader.model.score import Verdict
from grader.sandbox import StudentCodeError, Tape, open_sandbox, recording
from grader.sandbox.recording import Answer, decode, encode

LIMITS = Limits(cpu_seconds=20, train_cpu_seconds=20, wall_factor=3, memory_mb=1024, output_kb=1)
SHORT = msgspec.structs.replace(LIMITS, cpu_seconds=0.5, train_cpu_seconds=0.5, wall_factor=2)

COUNTER = """
n = 0
def count():
    global n
    n += 1
    print("now", n)
    return n
"""

FORGER = """
import os, stat
def f():
    for fd in range(3, 256):
        try:
            if stat.S_ISSOCK(os.fstat(fd).st_mode): os.write(fd, {!r})
        except OSError: pass
"""


class Taped:
    """Opens a submission again and again, each time with what the time before has recorded."""

    def __init__(self, control, submission, limits):
        self.control, self.submission, self.limits = control, submission, limits
        self.isolation = "full"
        self.recording = None

    @contextlib.contextmanager
    def opened(self):
        """Give a maker of copies."""
        self.tape = Tape(self.recording, self.submission, self.limits, self.isolation)
        with (
            open_sandbox(self.control, self.submission, self.limits, self.tape) as self.sandbox,
            contextlib.ExitStack() as stack,
        ):
            yield lambda: stack.enter_context(contextlib.closing(self.sandbox.student()))
        self.recording = self.tape.recording()

    @contextlib.contextmanager
    def student(self):
        with self.opened() as copy:
            yield copy()

    def without_server(self):
        """From now on a process can't be started."""
        self.control, theirs = socket.socketpair()
        self.control.close()
        theirs.close()


@pytest.fixture
def taped(sandbox_server, submit):
    def make(source, limits=LIMITS):
        return Taped(sandbox_server.control, submit(source), limits)

    return make


def error_of(call, *args):
    with pytest.raises(StudentCodeError) as caught:
        call(*args)
    return caught.value


def told(error):
    return error.verdict, error.text, error.detail


def test_a_replay_starts_no_process(taped):
    it = taped("import torch\ndef f(x): return [2 * x, {'a': None}]")
    with it.student() as student:
        first = student.f(torch.arange(5))
    assert it.tape.how == "run"
    it.without_server()

    with it.student() as student:
        again = student.f(torch.arange(5))

    assert it.tape.how == "replayed"
    assert first[0].tolist() == again[0].tolist() == [0, 2, 4, 6, 8]
    assert first[1] == again[1] == {"a": None}


def test_a_replay_can_be_replayed(taped):
    it = taped(COUNTER)
    for _ in range(3):
        with it.student() as student:
            assert student.count() == 1
        it.without_server()

    assert it.tape.how == "replayed"


def test_a_new_call_runs_in_the_state_that_the_replayed_ones_had_left(taped):
    it = taped(COUNTER)
    with it.student() as student:
        assert [student.count(), student.count()] == [1, 2]

    with it.student() as student:
        assert [student.count(), student.count(), student.count()] == [1, 2, 3]

    assert it.tape.how == "mixed"
    it.without_server()
    with it.student() as student:
        assert [student.count(), student.count(), student.count()] == [1, 2, 3]


def test_other_arguments_are_another_call(taped):
    it = taped("def same(*args, **kwargs): return [args, kwargs]")
    with it.student() as student:
        student.same(1, key=2)

    with it.student() as student:
        assert student.same(1, key=3) == [(1,), {"key": 3}]

    assert it.tape.how == "mixed"


def test_each_copy_is_replayed_from_its_beginning(taped):
    it = taped(COUNTER)
    with it.opened() as copy:
        long, short = copy(), copy()
        assert [long.count(), long.count(), short.count()] == [1, 2, 1]
    it.without_server()

    with it.opened() as copy:
        short, long = copy(), copy()
        assert [short.count(), long.count(), long.count()] == [1, 1, 2]


def test_models_stay_where_they_are(taped):
    it = taped(
        "import torch\ndef build(): return torch.nn.Linear(2, 1)\ndef use(m, x): return m(x)"
    )

    def outputs():
        with it.student() as student:
            net = student.seed(1).build()
            return net.kind, net.is_module, student.use(net, torch.ones(3, 2))

    kind, is_module, value = outputs()
    it.without_server()
    kind_again, is_module_again, value_again = outputs()

    assert kind == kind_again == "Linear"
    assert is_module is is_module_again is True
    assert torch.equal(value, value_again)


def test_what_a_check_does_to_an_answer_does_not_reach_the_recording(taped):
    it = taped("import torch\ndef f(): return torch.ones(3)")
    for _ in range(3):
        with it.student() as student:
            value = student.f()
            assert value.tolist() == [1, 1, 1]
            value.zero_()


def test_loading_is_replayed_with_what_it_raised_and_printed(taped):
    it = taped("print('hello')\ndef f(): return g()\n1 / 0\n")
    with it.opened() as copy:
        notes, error = it.sandbox.notes, error_of(copy().missing)
    it.without_server()

    with it.opened() as copy:
        assert it.sandbox.notes == notes
        assert "ZeroDivisionError" in notes[0].en
        assert told(error_of(copy().missing)) == told(error)
        assert it.sandbox.output == "hello\n"


def test_output_is_the_same_however_much_of_it_is_replayed(taped):
    it = taped("print('loaded')\n" + COUNTER)

    def output(calls):
        with it.opened() as copy:
            for times in calls:
                student = copy()
                for _ in range(times):
                    student.count()
            return it.sandbox.output

    output([2, 1])
    assert it.tape.how == "run"
    mixed = output([2, 1, 3])
    assert it.tape.how == "mixed"
    it.recording = None

    assert mixed == output([2, 1, 3])
    assert mixed.splitlines() == ["loaded", *(f"now {n}" for n in (1, 2, 1, 1, 2, 3))]


def test_output_is_cut_at_the_same_place(taped):
    it = taped("def f(): print('x' * 700)")

    def output():
        with it.student() as student:
            student.f()
            student.f()
            return it.sandbox.output

    live = output()
    it.without_server()

    assert output() == live
    assert live.endswith("[…]")


def test_measures_are_replayed_and_catching_up_costs_nothing(taped):
    it = taped(
        "import time, torch\n"
        "def work():\n"
        "    kept = torch.ones(20_000_000)\n"
        "    begin = time.process_time()\n"
        "    while time.process_time() - begin < 0.3: pass\n"
        "def more(): pass\n"
    )
    with it.student() as student:
        student.work()
    seconds, memory = it.sandbox.meter.cpu_seconds, it.sandbox.meter.memory_bytes
    assert seconds > 0.3
    assert memory > 70_000_000

    with it.student() as student:
        student.work()
    assert (it.sandbox.meter.cpu_seconds, it.sandbox.meter.memory_bytes) == (seconds, memory)

    with it.student() as student:
        student.work()
        student.more()
    assert it.tape.how == "mixed"
    assert it.sandbox.meter.cpu_seconds < seconds + 0.2
    assert it.sandbox.meter.memory_bytes > 70_000_000


@pytest.mark.parametrize(
    "source, verdict",
    [
        ("def f(): 1 / 0", Verdict.ERROR),
        ("def f(): raise NotImplementedError", Verdict.NOT_IMPLEMENTED),
        ("def f(): raise MemoryError", Verdict.MEMORY),
        ("def f(): open('/etc/passwd')", Verdict.FORBIDDEN),
        ("def f(): return object", Verdict.PASSED),
        ("import os\ndef f(): os._exit(3)", Verdict.CRASHED),
        ("import os\nos._exit(3)", Verdict.CRASHED),
        ("def f():\n    while True: pass", Verdict.TIMEOUT),
        ("def f(): return torch.ones(3, device='meta')\nimport torch", Verdict.FAILED),
        (FORGER.format(b"garbage, more than a header"), Verdict.CRASHED),
        (FORGER.format(b"\0\0\0\1\0\0\0\0\xc0"), Verdict.CRASHED),
    ],
)  # fmt: skip
def test_every_end_is_replayed_as_it_was(taped, source, verdict):
    it = taped(source, SHORT)

    def ends():
        found = []
        with it.opened() as copy:
            for _ in range(2):
                try:
                    copy().f()
                    found.append((Verdict.PASSED,))
                except StudentCodeError as error:
                    found.append(told(error))
            return found, it.sandbox.notes

    live = ends()
    it.without_server()
    begin = time.monotonic()

    assert ends() == live
    assert time.monotonic() - begin < 0.3
    assert live[0][0][0] == verdict
    assert it.tape.how == "replayed"


def test_a_process_that_has_ended_answers_no_more(taped):
    it = taped("import os\ndef f(): os._exit(0)\ndef g(): return 1")
    for _ in range(2):
        with it.student() as student:
            first, second = error_of(student.f), error_of(student.g)
            assert first.verdict == second.verdict == Verdict.CRASHED
            assert second.detail == "the process has ended"
        it.without_server()


def test_more_time_asks_again_after_a_timeout_but_not_after_an_answer(taped):
    it = taped(
        "import time\n"
        "def f(seconds):\n"
        "    begin = time.process_time()\n"
        "    while time.process_time() - begin < seconds: pass\n"
        "    return 1\n"
    )
    with it.opened() as copy:
        assert error_of(copy().with_cpu_seconds(0.2).f, 0.6).verdict == Verdict.TIMEOUT
        assert copy().with_cpu_seconds(5).f(0.5) == 1

    with it.opened() as copy:
        assert copy().with_cpu_seconds(5).f(0.6) == 1
        assert it.tape.how == "mixed"
    it.without_server()

    with it.opened() as copy:
        assert copy().with_cpu_seconds(5).f(0.6) == 1
        assert copy().with_cpu_seconds(9).f(0.5) == 1


def test_less_time_than_an_answer_took_asks_again(taped):
    it = taped(
        "import time\n"
        "def f():\n"
        "    begin = time.process_time()\n"
        "    while time.process_time() - begin < 1: pass\n"
    )
    with it.student() as student:
        student.f()

    with it.student() as student:
        assert error_of(student.with_cpu_seconds(0.3).f).verdict == Verdict.TIMEOUT
    assert it.tape.how == "mixed"


def test_two_answers_to_the_same_question_are_not_recorded(taped):
    it = taped("import os\ndef f(): return os.urandom(8)")
    with it.opened() as copy:
        assert copy().f() != copy().f()

    assert it.recording is None


def test_a_submission_that_contradicts_its_recording_is_not_mixed_with_it(taped):
    it = taped("import os\ndef f(): return os.urandom(8)\ndef g(): pass")
    with it.student() as student:
        student.f()

    with it.student() as student:
        student.f()
        with pytest.raises(StaleRecordingError):
            student.g()
    assert isinstance(it.tape.fault, StaleRecordingError)


def test_a_sandbox_that_can_not_be_started_is_our_fault(taped):
    it = taped(COUNTER)
    with it.student() as student:
        student.count()
    before = it.recording
    it.without_server()

    with it.student() as student:
        student.count()
        with pytest.raises(SandboxError):
            student.count()
    assert isinstance(it.tape.fault, SandboxError)
    assert it.recording == before


def test_another_submission_sandbox_or_limit_is_run_again(taped, submit):
    def change_submission(it):
        it.submission = submit(COUNTER + "\n")

    def change_name(it):
        it.submission = submit(COUNTER, "y.py")

    def change_limits(it):
        it.limits = msgspec.structs.replace(LIMITS, memory_mb=1025)

    def change_isolation(it):
        it.isolation = "reduced"

    for change in (change_submission, change_name, change_limits, change_isolation):
        it = taped(COUNTER)
        with it.student() as student:
            student.count()
        change(it)

        with it.student() as student:
            assert student.count() == 1

        assert it.tape.how == "run"
        assert not it.tape.damaged


def test_a_damaged_recording_is_ignored(taped):
    it = taped(COUNTER)
    with it.student() as student:
        student.count()
    it.recording = it.recording[:-3]

    with it.student() as student:
        assert student.count() == 1

    assert it.tape.damaged
    assert it.tape.how == "run"


def test_answers_that_are_too_large_are_not_recorded(taped, monkeypatch):
    monkeypatch.setattr(recording, "MAX_BYTES", 1_000_000)
    it = taped("import torch\ndef f(n): return torch.ones(n)")
    with it.student() as student:
        assert len(student.f(100)) == 100
        assert len(student.f(300_000)) == 300_000

    assert it.recording is None


def test_a_few_lines_of_code_leave_no_more_than_2_mb(taped):
    it = taped("import torch\ndef f(): return torch.randn(1_000_000)")
    with it.student() as student:
        assert len(student.f()) == 1_000_000

    assert it.recording is None


ANSWERS = st.dictionaries(
    st.binary(min_size=16, max_size=16),
    st.builds(
        Answer,
        allowed=st.floats(0, 1e6),
        ended=st.sampled_from(["", "timeout", "died"]),
        structure=st.binary(max_size=50),
        bulk=st.binary(max_size=50),
        reason=st.text(max_size=20),
        cpu_seconds=st.floats(0, 1e6),
        memory_bytes=st.integers(0, 2**40),
        output=st.text(max_size=20),
    ),
    max_size=5,
)


@given(ANSWERS)
def test_a_recording_survives_encoding(answers):
    assert decode(b"f" * 16, encode(b"f" * 16, answers)) == answers


@given(ANSWERS, st.data())
def test_a_flipped_or_missing_byte_never_makes_another_answer(answers, data):
    whole = encode(b"f" * 16, answers)
    at = data.draw(st.integers(0, len(whole) - 1))
    changed = data.draw(
        st.sampled_from([whole[:at], whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]])
    )
    try:
        found = decode(b"f" * 16, changed)
    except ValueError:
        return
    assert found in ({}, answers)


@given(st.binary(max_size=200))
def test_any_bytes_are_answers_or_damaged(data):
    with contextlib.suppress(ValueError):
        assert isinstance(decode(b"", data), dict)
