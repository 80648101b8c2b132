"""Grading one submission gives a result for every item, whatever the submission does."""

import contextlib
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from functools import cache
from pathlib import Path

import psutil
import pytest

from grader.grading.grader import Grader
from grader.model.assignment import load_assignment
from grader.model.errors import AssignmentError
from grader.model.score import Curve, Place, Verdict
from grader.model.submission import parse_submission, read_submission

ROOT = Path(__file__).parents[2]
SOLUTION = ROOT / "solutions" / "binary" / "solution.py"

TINY = """
name = "tiny"
title = { ko = "작은 과제", en = "Tiny" }
functions = ["double"]

[limits]
cpu_seconds = 1
total_cpu_seconds = 3

[[items]]
id = "double"
title = { ko = "두 배", en = "Double" }
points = 6
weights = { test_numbers = 1, test_negative = 2 }

[[items]]
id = "whole"
title = { ko = "전체", en = "Whole" }
points = 4
"""
CHECKS = """
import pytest
from grader.checks.expect import assert_close, number, require

@pytest.mark.item("double")
def test_numbers(student):
    assert_close(number(student.double(2)), 4)

@pytest.mark.item("double")
def test_negative(student):
    assert_close(number(student.double(-2)), -4)

@pytest.mark.item("whole")
def test_state(student):
    assert_close(number(student.double(1)), 2)
    assert_close(number(student.double(1)), 2)
"""


CURVES = """
import pytest

@pytest.mark.item("double")
def test_numbers(draw):
    draw.predictions([1.0, 2.0], [1, 3])

@pytest.mark.item("double")
def test_negative(draw):
    draw.loss([1.0, float("inf")])

@pytest.mark.item("whole")
def test_state(draw):
    draw.loss([float(n) for n in range(1000)])
    assert False
"""


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """Make an assignment: the same one for the same settings and checks, so that its server stays warm."""

    @cache
    def make(checks=CHECKS, settings=TINY):
        folder = tmp_path_factory.mktemp("tiny")
        (folder / "assignment.toml").write_text(settings, encoding="utf-8")
        (folder / "test_tiny.py").write_text(checks, encoding="utf-8")
        return load_assignment(folder)

    return make


def verdicts(report):
    return {item.id: item.verdict for item in report.items}


def without_measures(report):
    return [(i.id, i.points, i.verdict, i.message, i.detail) for i in report.items], report.notes


def test_untouched_template_is_not_implemented(grader, assignments):
    for name, assignment in assignments.items():
        for suffix in ("py", "ipynb"):
            file = ROOT / "assignments" / name / f"{name}.{suffix}"

            report = grader.grade(assignment, read_submission(file), "x").report

            assert set(verdicts(report).values()) == {Verdict.NOT_IMPLEMENTED}
            assert report.score == 0
            assert report.gradable


def test_file_that_is_no_submission(grader, assignments):
    submission = parse_submission("wine.ipynb", b'{"cells": [')

    report = grader.grade(assignments["wine"], submission, "x").report

    assert set(verdicts(report).values()) == {Verdict.ERROR}
    assert not report.gradable
    assert "notebook" in report.items[0].message.en


def test_weights_of_the_settings_give_part_of_the_points(grader, tiny, submit):
    report = grader.grade(tiny(), submit("def double(x): return abs(x) * 2"), "x").report

    assert verdicts(report) == {"double": Verdict.PARTIAL, "whole": Verdict.PASSED}
    assert report.items[0].points == 2


def test_one_call_that_hangs_costs_its_item_only(grader, tiny, submit):
    source = "def double(x):\n    while x < 0: pass\n    return 2 * x"

    report = grader.grade(tiny(), submit(source), "x").report

    assert verdicts(report) == {"double": Verdict.PARTIAL, "whole": Verdict.PASSED}
    assert "longer than 1 s" in report.items[0].message.en


def test_time_of_all_calls_is_bounded(grader, tiny, submit):
    begin = time.monotonic()

    report = grader.grade(tiny(), submit("def double(x):\n    while True: pass"), "x").report

    assert set(verdicts(report).values()) == {Verdict.TIMEOUT}
    assert time.monotonic() - begin < 30


def test_death_of_the_process_is_a_verdict(grader, tiny, submit):
    report = grader.grade(tiny(), submit("import os\ndef double(x): os._exit(0)"), "x").report

    assert set(verdicts(report).values()) == {Verdict.CRASHED}


def test_death_while_loading_is_a_verdict(grader, tiny, submit):
    report = grader.grade(tiny(), submit("import os\nos._exit(0)"), "x").report

    assert set(verdicts(report).values()) == {Verdict.CRASHED}
    assert report.gradable


def test_a_check_that_fails_itself_leaves_its_item_ungraded(grader, tiny, submit):
    broken = CHECKS.replace("assert_close(number(student.double(-2)), -4)", "1 / 0")

    report = grader.grade(tiny(broken), submit("def double(x): return 2 * x"), "x").report

    assert verdicts(report) == {"double": Verdict.UNGRADED, "whole": Verdict.PASSED}
    assert report.items[0].points is None
    assert report.ungraded
    assert not report.gradable
    assert "ZeroDivisionError" in report.items[0].detail


def test_a_grading_process_that_dies_leaves_everything_ungraded(grader, tiny, submit):
    deadly = CHECKS.replace("assert_close(number(student.double(2)), 4)", "import os; os._exit(1)")

    report = grader.grade(tiny(deadly), submit("def double(x): return 2 * x"), "x").report

    assert set(verdicts(report).values()) == {Verdict.UNGRADED}


def test_checks_that_do_not_parse_are_the_authors_error(grader, tiny, submit):
    with pytest.raises(AssignmentError, match="SyntaxError"):
        grader.grade(tiny("def test(:"), submit("x = 1"), "x")


def test_checks_that_do_not_run_leave_no_descriptor_open(grader, tiny, submit):
    assignment = tiny("def test(:")

    def fail():
        with pytest.raises(AssignmentError):
            grader.grade(assignment, submit("x = 1"), "x")
        while grader._servers[assignment.folder].alive:
            time.sleep(0.01)
        return len(list(Path("/proc/self/fd").iterdir()))

    assert fail() == fail() == fail()


def test_a_process_with_many_open_descriptors_grades(grader, tiny, submit):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    with contextlib.ExitStack() as stack:
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        taken = os.open(os.devnull, os.O_RDONLY)
        stack.callback(os.close, taken)
        while (another := os.dup(taken)) < 1100:
            stack.callback(os.close, another)
        stack.callback(os.close, another)
        checks = CHECKS + "# on a server of its own\n"

        report = grader.grade(tiny(checks), submit("def double(x): return 2 * x"), "x").report

        assert report.score == 10


def test_a_check_of_no_item_is_the_authors_error(grader, tiny, submit):
    with pytest.raises(AssignmentError, match="isn't marked with a rubric item"):
        grader.grade(tiny(CHECKS.replace('"whole"', '"hole"')), submit("x = 1"), "x")


def test_a_conftest_above_the_assignment_is_not_run(grader, tmp_path, submit):
    folder = tmp_path / "solutions" / "tiny"
    folder.mkdir(parents=True)
    (folder / "assignment.toml").write_text(TINY, encoding="utf-8")
    (folder / "test_tiny.py").write_text(CHECKS, encoding="utf-8")
    for above in (tmp_path, folder.parent):
        (above / "conftest.py").write_text("raise SystemExit('run')")

    assert grader.grade(load_assignment(folder), submit("x = 1"), "x").report.gradable


def test_what_is_printed_is_kept_for_the_assistant_and_costs_nothing(grader, tiny, submit):
    source = (
        "import warnings\ndef double(x):\n    print('seen', x); warnings.warn('hm'); return 2 * x"
    )

    report = grader.grade(tiny(), submit(source), "x").report

    assert report.score == 10
    assert "seen -2" in report.output


def test_no_message_shows_an_expected_value(grader, tiny, submit):
    report = grader.grade(
        tiny(CHECKS.replace("-4", "-4.125")), submit("def double(x): return 7"), "x"
    ).report

    shown = "".join(item.message.en + item.message.ko for item in report.items)
    assert "4.125" not in shown
    assert "double(int) returned int" in shown


@pytest.mark.long
@pytest.mark.slow
def test_servers_that_are_killed_are_started_again(tiny, submit):
    others, told = children_of(os.getpid()), []
    with Grader(tell=lambda text: told.append(text.en)) as own:
        assignment, submission = tiny(), submit("def double(x): return 2 * x")
        assert own.grade(assignment, submission, "x").report.score == 10
        assert (told[0], told[-1]) == ("Starting the sandbox …", "Grading x.py …")
        servers = children_of(os.getpid()) - others
        assert len(servers) == 2
        for pid in servers:
            os.kill(pid, signal.SIGKILL)

        assert own.grade(assignment, submission, "x").report.score == 10


def open_files(pid):
    with contextlib.suppress(OSError):  # it has ended
        for fd in Path(f"/proc/{pid}/fd").iterdir():
            yield str(fd.readlink())


@pytest.mark.long
def test_sandbox_whose_folder_somebody_deletes_is_started_again(tiny, submit):
    others = set(psutil.Process().children(recursive=True))
    with Grader() as own:
        assignment, submission = tiny(), submit("def double(x): return 2 * x")
        assert own.grade(assignment, submission, "x").report.score == 10
        (folder,) = {
            target
            for child in set(psutil.Process().children(recursive=True)) - others
            for target in open_files(child.pid)
            if "grader-sandbox-" in target and "(deleted)" not in target
        }
        shutil.rmtree(folder)

        assert own.grade(assignment, submission, "x").report.score == 10


@pytest.mark.long
def test_a_sandbox_that_dies_under_a_submission_is_not_its_fault(tiny, submit):
    others = children_of(os.getpid())
    with Grader() as own:
        assert own.isolation
        (sandbox,) = children_of(os.getpid()) - others
        assignment = tiny()
        own.grade(assignment, submit("def double(x): return 2 * x"), "x")
        killer = threading.Timer(1, os.kill, (sandbox, signal.SIGKILL))
        killer.start()

        graded = own.grade(
            assignment, submit("import time\ndef double(x): time.sleep(1); return 2 * x"), "x"
        )

    assert not killer.is_alive()
    assert graded.report.score == 10
    assert graded.recording is not None


@pytest.mark.long
@pytest.mark.parametrize("source", ["time.sleep(1)", "def later(): time.sleep(1)"])
def test_a_submission_whose_process_somebody_kills_loses_nothing(tiny, submit, source):
    others = children_of(os.getpid())
    with Grader() as own:
        assert own.isolation
        (sandbox,) = children_of(os.getpid()) - others
        assignment = tiny()
        own.grade(assignment, submit("def double(x): return 2 * x"), "x")
        killer = threading.Timer(0.5, lambda: [os.kill(pid, 9) for pid in children_of(sandbox)])
        killer.start()
        slow = "def double(x): time.sleep(0.3); return 2 * x"

        graded = own.grade(assignment, submit(f"import time\n{source}\n{slow}"), "x")

    assert not killer.is_alive()
    assert graded.report.score == 10


# --- grading again


def test_the_same_checks_are_answered_by_the_recording(grader, tiny, submit):
    assignment = tiny()
    source = "print('loaded')\ndef double(x):\n    print(x)\n    if x < 0: 1 / 0\n    return 2 * x"
    first = grader.grade(assignment, submit(source), "x")

    again = grader.grade(assignment, submit(source), "x", first.recording)

    assert first.how == "run"
    assert again.how == "replayed"
    assert again.report == first.report
    assert again.recording == first.recording


@pytest.mark.parametrize(
    "checks, settings",
    [
        (CHECKS, TINY.replace("points = 6", "points = 7").replace("_negative = 2", "_negative = 3")),
        (CHECKS.replace("-4)", "-4, tolerance=0.5)"), TINY),
        (CHECKS.replace("assert_close(number(student.double(2)), 4)",
                        "require(student.double(2) == 5, ko='다섯', en='five')"), TINY),
    ],
    ids=["points and weights", "tolerance", "expected value and message"],
)  # fmt: skip
def test_changed_judgements_are_made_on_the_recording(grader, tiny, submit, checks, settings):
    submission = submit("def double(x): return 2 * x if x > 0 else -4.25")
    before = grader.grade(tiny(), submission, "x")
    changed = tiny(checks, settings)

    again = grader.grade(changed, submission, "x", before.recording)

    assert again.how == "replayed"
    assert without_measures(again.report) == without_measures(
        grader.grade(changed, submission, "x").report
    )
    assert without_measures(again.report) != without_measures(before.report)


ADDED = """
@pytest.mark.item("whole")
def test_more(student):
    assert_close(number(student.double(1)), 2)
    assert_close(number(student.double(5)), 10)
"""


def test_only_an_added_check_is_run(grader, tiny, submit):
    submission = submit("def double(x): return min(2 * x, 8)")
    before = grader.grade(tiny(), submission, "x")
    assert before.report.score == 10
    changed = tiny(CHECKS + ADDED)

    mixed = grader.grade(changed, submission, "x", before.recording)
    again = grader.grade(changed, submission, "x", mixed.recording)

    assert mixed.how == "mixed"
    assert verdicts(mixed.report) == {"double": Verdict.PASSED, "whole": Verdict.FAILED}
    assert again.how == "replayed"
    assert again.report == mixed.report


def test_a_submission_that_does_not_repeat_itself_is_run_as_a_whole(grader, tiny, submit):
    submission = submit("import os\ndef double(x): return [2 * x, os.urandom(8)]")
    before = grader.grade(tiny(), submission, "x")

    again = grader.grade(
        tiny(CHECKS + ADDED.replace("(student.double(1)), 2", "(student.double(1)[0]), 2")),
        submission,
        "x",
        before.recording,
    )

    assert again.how == "run"
    assert set(verdicts(again.report).values()) == {Verdict.FAILED}


TOLD = """
import os, random
from functools import cache
import numpy as np, torch
DECLARED = None

@cache
def known(value): return value

@pytest.mark.item("whole")
def test_told(student, remark, settings):
    global LAST
    assert True
    drawn = random.random(), np.random.rand(), torch.rand(1).item()
    remark(ko=str(os.getpid()), en=str(os.getpid()))
    remark(ko=str(drawn), en=f"random numbers: {drawn}")
    pass
"""
IN_A_CLASS = """
import os

@pytest.mark.item("whole")
class TestKept:
    def test_told(self, student, remark):
        assert not hasattr(self, "seen")
        self.seen = student
        remark(ko=str(os.getpid()), en=str(os.getpid()))
"""


def test_recorded_answers_of_a_class_are_judged_in_one_process_each_on_its_own(
    grader, tiny, submit
):
    assignment = tiny(CHECKS + TOLD)
    factors = {"2 * x": 10, "3 * x": 0, "abs(x) * 2": 6, "x / 0": 0}
    submissions = [submit(f"def double(x): return {factor}") for factor in factors]
    ran = [grader.grade(assignment, each, "x") for each in submissions]

    again = [
        grader.grade(assignment, each, "x", before.recording)
        for each, before in zip(submissions * 2, ran * 2, strict=True)
    ]

    assert {each.how for each in again} == {"replayed"}
    assert [each.report.score for each in again] == [*factors.values()] * 2
    assert [each.report.items for each in again] == [each.report.items for each in ran] * 2
    processes, numbers = ({each.report.notes[n] for each in ran + again} for n in (0, 1))
    assert len(processes) == len(ran) + 1
    assert len(numbers) == 1


@pytest.mark.parametrize(
    "declared, clean, kept",
    [
        ("SEEN = []", "not SEEN", "SEEN.append(1)"),
        ("SEEN = {'a': [[]]}", "not SEEN['a'][0]", "SEEN['a'][0].append(1)"),
        ("LAST = 0.5", "LAST == 0.5", "LAST = 1.5; LAST = 2.5"),
        ("ONES = torch.ones(2)", "(ONES == 1).all()", "ONES.data.add_(1)"),
        ("ZEROS = np.zeros(2)", "not ZEROS.any()", "ZEROS[0] = 1"),
        ("NEXT = iter(range(9))", "next(NEXT) == 0", "pass"),
        ("class Box: seen = 0", "not Box.seen", "Box.seen = 1"),
        ("BOX = type('Box', (), {})()", "not vars(BOX)", "BOX.seen = 1"),
        ("", "not hasattr(test_told, 'seen')", "test_told.seen = 1"),
        ("", "not known.cache_info().currsize", "known(student)"),
        ("", "torch.ones(1).dtype == torch.float32", "torch.set_default_dtype(torch.float64)"),
        ("", "not settings.thresholds", "settings.thresholds['seen'] = 1.0"),
    ],
)
def test_what_a_check_keeps_does_not_reach_the_next_submission(
    grader, tiny, submit, declared, clean, kept
):
    changed = TOLD.replace("DECLARED = None", declared).replace("assert True", f"assert {clean}")
    judged_alone(grader, tiny(CHECKS + changed.replace("    pass", f"    {kept}")), submit)


def test_what_a_class_of_checks_keeps_does_not_reach_the_next_submission(grader, tiny, submit):
    judged_alone(grader, tiny(CHECKS + IN_A_CLASS), submit)


def judged_alone(grader, assignment, submit):
    submission = submit("def double(x): return 2 * x")
    ran = grader.grade(assignment, submission, "x")

    again = [grader.grade(assignment, submission, "x", ran.recording) for _ in range(3)]

    assert [each.report.score for each in again] == [10] * 3
    assert {each.how for each in again} == {"replayed"}
    assert len({each.report.notes[0] for each in again}) == 3


MUCH = CHECKS.replace(
    "assert_close(number(student.double(1)), 2)",
    "assert student.double(1) != 3 or bytearray(2**40)",
)


def test_what_is_too_much_for_a_process_is_judged_by_a_fresh_one(grader, tiny, submit):
    assignment = tiny(MUCH + TOLD)
    sources = [f"def double(x): return {factor} * x" for factor in (2, 3, 2)]
    ran = [grader.grade(assignment, submit(each), "x") for each in sources]

    again = [
        grader.grade(assignment, submit(each), "x", before.recording)
        for each, before in zip(sources, ran, strict=True)
    ]

    assert {each.how for each in again} == {"replayed"}
    assert [verdicts(each.report)["whole"] for each in again] == ["passed", "memory", "passed"]
    assert len({each.report.notes[0] for each in again}) == 3


def test_a_damaged_recording_is_noted_and_the_submission_run_again(grader, tiny, submit):
    assignment, submission = tiny(), submit("def double(x): return 2 * x")
    first = grader.grade(assignment, submission, "x")

    again = grader.grade(assignment, submission, "x", first.recording[:-9])

    assert again.how == "run"
    assert again.report.items[0].points == 6
    assert any("couldn't read" in note.en for note in again.report.notes)
    assert again.recording is not None


def test_what_is_no_answer_of_the_submission_is_not_recorded(grader, assignments, tiny, submit):
    deadly = CHECKS.replace("assert_close(number(student.double(2)), 4)", "import os; os._exit(1)")

    ungraded = grader.grade(tiny(deadly), submit("def double(x): return 2 * x"), "x")
    unread = grader.grade(assignments["wine"], parse_submission("wine.ipynb", b"{"), "x")

    assert ungraded.recording is unread.recording is None


def children_of(pid):
    return {
        int(path.name)
        for path in Path("/proc").iterdir()
        if path.name.isdigit() and stat_of(path).rpartition(")")[2].split()[1:2] == [str(pid)]
    }


def stat_of(path):
    try:
        return (path / "stat").read_text()
    except OSError:
        return ""


@pytest.mark.long
def test_the_same_report_twice_on_a_loaded_machine(grader, assignments):
    submission = read_submission(
        ROOT / "solutions" / "wine" / "variants" / "dataloader_adamw_tqdm.py"
    )
    first = grader.grade(assignments["wine"], submission, "x").report
    burners = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"])
        for _ in range(2 * len(os.sched_getaffinity(0)))
    ]
    try:
        second = grader.grade(assignments["wine"], submission, "x").report
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()

    assert without_measures(first) == without_measures(second)
    assert first.score == 100


@pytest.mark.long
def test_threads_may_share_a_grader(grader, assignments):
    submission = read_submission(SOLUTION)
    reports = []
    threads = [
        threading.Thread(
            target=lambda: reports.append(
                grader.grade(assignments["binary"], submission, "x").report
            )
        )
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [report.score for report in reports] == [100] * 4


def test_curves_of_a_check_are_in_its_item(grader, tiny, submit):
    report = grader.grade(tiny(CURVES), submit("def double(x): return 2 * x"), "kim").report

    double, whole = (item.curves for item in report.items)
    assert double == (Curve(kind="predictions", values=(1, 2), low=(1, 3), high=(1, 3)),)
    assert (whole[0].kind, len(whole[0].values)) == ("loss", 200)
    assert (whole[0].values[0], whole[0].values[-1]) == (0, 999)


def test_losses_are_drawn_against_the_band_beside_the_settings(grader, tiny, submit):
    assignment = tiny(f"{CURVES}# with a band")
    band = assignment.folder / "loss_band.json"
    band.write_text('{"low": [0.5, 0.1], "high": [0.75, 0.2]}')

    report = grader.grade(assignment, submit("def double(x): return 2 * x"), "kim").report

    (curve,) = report.items[1].curves
    assert (curve.low, curve.high) == ((0.5, 0.1), (0.75, 0.2))


def test_place_is_where_the_submission_raised(grader, tiny, submit):
    report = grader.grade(
        tiny(), submit("def double(x):\n    return 1 / 0\n", "kim.py"), "kim"
    ).report

    assert [item.place for item in report.items] == [Place("kim.py", 2)] * 2


def test_place_of_a_missing_function_is_where_loading_stopped(grader, tiny, submit):
    report = grader.grade(
        tiny(), submit("import os\n1 / 0\ndef double(x): ...\n", "kim.py"), "kim"
    ).report

    assert [item.place for item in report.items] == [Place("kim.py", 2)] * 2


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["binary", pytest.param("multinomial", marks=pytest.mark.long), "wine"]
)
def test_reference_gets_full_marks_and_is_drawn_within_its_band(grader, assignments, name):
    solution = read_submission(ROOT / "solutions" / name / "solution.py")

    report = grader.grade(assignments[name], solution, "kim").report

    assert report.score == report.max_score == 100
    assert report.gradable
    assert (report.isolation, report.student) == ("full", "kim")
    loss, predictions = (curve for item in report.items for curve in item.curves)
    assert (loss.kind, predictions.kind) == ("loss", "predictions")
    assert len(loss.low) == len(loss.high) == len(loss.values)
    inside = zip(loss.low, loss.values, loss.high, strict=True)
    assert all(low - 1e-3 <= value <= high + 1e-3 for low, value, high in inside)
    assert len(predictions.values) == len(predictions.low)


@pytest.mark.parametrize(
    "mistake, item, cause",
    [
        ("binary/mistakes/uses_globals.py", "training_loop", "globals"),
        ("binary/mistakes/bce_detached.py", "bce_loss", "no_gradient"),
        pytest.param(
            *("multinomial/mistakes/softmax_in_model.py", "model_shape", "softmax"),
            marks=pytest.mark.long,
        ),
        ("binary/mistakes/sigmoid_overflow.py", "sigmoid", ""),
    ],
)
def test_report_names_the_cause_that_the_check_found(grader, assignments, mistake, item, cause):
    submission = read_submission(ROOT / "solutions" / mistake)

    report = grader.grade(assignments[mistake.partition("/")[0]], submission, "kim").report

    assert [each.cause for each in report.items if each.id == item] == [cause]
