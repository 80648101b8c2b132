"""A class is graded with nothing lost, whatever stops the batch: the command, on a tiny assignment.

Where a batch is stopped or limited, it has a process of its own; the others run over the session's warm servers.
"""

import contextlib
import json
import os
import random
import resource
import signal
import sqlite3
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from grader.gradebook import Gradebook
from grader.grading.batch import only_one
from grader.model.errors import UserError

SETTINGS = """
name = "tiny"
title = { ko = "작은 과제", en = "Tiny" }
functions = ["double"]

[[items]]
id = "double"
title = { ko = "두 배", en = "Double" }
points = 10
"""
CHECKS = """
import pytest
from grader.checks.expect import assert_close, number

@pytest.mark.item("double")
def test_double(student):
    assert_close(number(student.double(2)), 4)
"""
SLOW = "import time\ndef double(x):\n    time.sleep(0.3)\n    return 2 * x\n"


@pytest.fixture
def home(tmp_path):
    solutions = tmp_path / "solutions" / "tiny"
    solutions.mkdir(parents=True)
    (solutions / "assignment.toml").write_text(SETTINGS, encoding="utf-8")
    (solutions / "test_tiny.py").write_text(CHECKS)
    (tmp_path / "in").mkdir()
    return tmp_path


def hand_in(home, count, source=SLOW):
    for number in range(count):
        (home / "in" / f"s{number:05}_tiny.py").write_text(f"{source}# {number}\n")


def cold(*args):
    return [Path(sys.executable).with_name("grader"), *map(str, args), "--lang", "en"]


def heed_ctrl_c():
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a test run in the background ignores it


def start(home, *args, preexec_fn=heed_ctrl_c):
    environment = os.environ | {"COLUMNS": "200", "LANG": "C.UTF-8", "HOME_OF_TEST": str(home)}
    return subprocess.Popen(
        cold("batch", "in", "-o", "out", *args),
        cwd=home,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=preexec_fn,
    )


def cold_batch(home, *args, preexec_fn=heed_ctrl_c):
    process = start(home, *args, preexec_fn=preexec_fn)
    process.stdout, process.stderr = process.communicate()
    return process


@pytest.fixture
def batch(command, home):
    return lambda *args: command("batch", "in", "-o", "out", *args, "--lang", "en", cwd=home)


@pytest.fixture
def adjust(command, home):
    return lambda *args: command("adjust", "out", *args, "--lang", "en", cwd=home)


def landed(home):
    try:
        opened = sqlite3.connect(f"file:{home}/out/gradebook.db?mode=ro", uri=True)
        with contextlib.closing(opened) as connection:
            query = "select hand_in.file from report join hand_in on hand_in.id = hand_in_id"
            return sorted(file for (file,) in connection.execute(query))
    except sqlite3.OperationalError:
        return []


def wait_for(home, count, process):
    while len(landed(home)) < count and process.poll() is None:
        time.sleep(0.1)
    return process.poll() is None


def names(count):
    return [f"s{number:05}_tiny.py" for number in range(count)]


def processes_of(home):
    found = []
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            try:
                words = (path / "environ").read_bytes()
            except OSError:
                continue
            if os.fsencode(f"HOME_OF_TEST={home}") in words.split(b"\0"):
                found.append(int(path.name))
    return found


def children_of(pid):
    found = []
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            try:
                parent = (path / "stat").read_text().rpartition(")")[2].split()[1]
            except OSError:
                continue
            if parent == str(pid):
                found.append(int(path.name))
    return found


def test_a_class_is_graded_once(batch, home):
    hand_in(home, 3)
    first = batch()
    second = batch()

    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert landed(home) == names(3)
    assert "graded now: 3" in first.stdout
    assert "graded now: 0 (ungraded: 0), graded before: 3" in second.stdout
    assert "10 / 10" in second.stdout


@pytest.mark.slow
def test_what_changed_is_graded_and_regrade_grades_all(batch, home):
    hand_in(home, 2, "def double(x): return 2 * x\n")
    batch()
    (home / "in" / "s00001_tiny.py").write_text("def double(x): return x\n")
    changed = batch()
    again = batch("--regrade")

    assert "graded now: 1 (ungraded: 0), graded before: 1" in changed.stdout
    assert "graded now: 2 (ungraded: 0), graded before: 0" in again.stdout
    with Gradebook(home / "out") as book:
        told = [(r.report.student, r.score, r.counts) for r in book.class_record().records]
    assert told == [("s00000", 10, True), ("s00001", 10, False), ("s00001", 0, True)]


def test_a_file_that_two_students_hand_in_is_graded_once(batch, home):
    notebook = {"cell_type": "code", "source": SLOW, "metadata": {}, "outputs": []}
    notebook |= {"execution_count": None}
    for student in ("kim", "lee", "park"):
        document = {"cells": [notebook], "metadata": {}, "nbformat": 4, "nbformat_minor": 4}
        (home / "in" / f"{student}_tiny.ipynb").write_text(json.dumps(document))

    done = batch("--jobs", "1")

    assert "graded now: 1 (ungraded: 0), graded before: 2" in done.stdout
    assert done.stdout.count("10 / 10") == 3


@pytest.mark.slow
def test_checks_that_fail_leave_it_ungraded_and_the_next_run_grades_it(batch, home):
    hand_in(home, 2, "def double(x): return 2 * x\n")
    flag = home / "broken"
    flag.touch()
    breaks = f"    import os\n    assert not os.path.exists({str(flag)!r}) or 1 / 0\n"
    checks = CHECKS.replace("(student):\n", "(student):\n" + breaks)
    (home / "solutions/tiny/test_tiny.py").write_text(checks)
    broken = batch()
    flag.unlink()
    mended = batch()

    assert broken.returncode == 3
    assert "graded now: 2 (ungraded: 2)" in broken.stdout
    assert mended.returncode == 0
    assert "10 / 10" in mended.stdout


def test_a_file_without_a_match_is_reported_and_is_exit_code_3(batch, home):
    hand_in(home, 1)
    (home / "in" / "notes.py").write_text("x = 1\n")

    done = batch()

    assert done.returncode == 3
    assert "notes.py" in done.stdout
    with Gradebook(home / "out") as book:
        assert [each.origin for each in book.class_record().unmatched] == ["in/notes.py"]


@pytest.mark.slow
def test_adjusted_points_show_in_the_class(batch, adjust, home):
    hand_in(home, 1)
    batch()
    adjusted = adjust("s00000", "tiny", "-2.5", "--reason", "[copied]")
    (home / "solutions/tiny/test_tiny.py").write_text(CHECKS + "# other\n")

    done = batch()

    assert adjusted.returncode == 0, adjusted.stderr
    assert "-2.5 points" in adjusted.stdout
    assert "[copied]" in adjusted.stdout
    assert "graded now: 1" in done.stdout
    assert "7.5 / 10" in done.stdout


def test_a_wrong_adjustment_is_one_sentence(batch, adjust, home):
    (home / "in" / "s00000_tiny.py").write_text("")
    batch()
    for args, words in (
        (["nobody", "tiny", "1"], "nobody"),
        (["s00000", "beer", "1"], "available: tiny"),
        (["s00000", "tiny", "1", "--item", "no"], "available items: double"),
        (["s00000", "tiny", "nan"], "a valid number of points"),
    ):
        done = adjust(*args, "--reason", "x")

        assert done.returncode == 2
        assert words in done.stderr.replace("\n", " ")
        assert "Traceback" not in done.stderr


def test_two_batches_in_one_folder_are_refused(batch, home):
    hand_in(home, 1)
    with only_one(home / "out"):
        done = batch()

    assert done.returncode == 2
    assert "another batch" in done.stderr
    assert batch().returncode == 0


def test_results_that_cannot_be_written_are_one_sentence(batch, home):
    (home / "out").write_text("a file")
    hand_in(home, 1)

    done = batch()

    assert done.returncode == 2
    assert "can't write" in done.stderr
    assert "Traceback" not in done.stderr
    with pytest.raises(UserError), only_one(home / "out"):
        pass


@pytest.mark.long
def test_a_log_gets_plain_lines(batch, home):
    hand_in(home, 2, SLOW.replace("0.3", "3"))

    done = batch("--jobs", "1")

    lines = done.stderr.splitlines()
    assert lines
    assert all("of 2 graded" in line for line in lines)
    assert "\x1b" not in done.stderr


# --- stopped at any moment


@pytest.mark.long
def test_ctrl_c_keeps_what_is_done_and_leaves_nothing_running(batch, home):
    hand_in(home, 12)
    for count in (1, 4):
        process = start(home)
        assert wait_for(home, count, process)
        assert len(processes_of(home)) >= 3
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=180)

        assert process.returncode == 130, out + err
        assert "Run the same command again" in err
        assert "Traceback" not in err
        assert count <= len(landed(home)) < 12
        assert processes_of(home) == []
    kept = landed(home)

    done = batch()

    assert done.returncode == 0
    assert landed(home) == names(12)
    assert f"graded now: {12 - len(kept)} " in done.stdout


@pytest.mark.long
def test_ctrl_c_before_anything_is_graded(batch, home):
    hand_in(home, 2)
    for seconds in (0.3, 2):
        process = start(home)
        time.sleep(seconds)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=180)

        assert process.returncode in (0, 130, -signal.SIGINT), out + err
    assert processes_of(home) == []
    assert batch().returncode == 0
    assert landed(home) == names(2)


@pytest.mark.long
def test_a_batch_that_is_killed_is_gone_on_with(batch, home):
    hand_in(home, 16)
    dice = random.Random(2025)
    kept = []
    for count in (0, 2, 4, 7):
        process = start(home)
        assert wait_for(home, count, process)
        time.sleep(dice.uniform(0, 1.5))
        process.kill()
        process.communicate()
        assert set(kept) <= set(landed(home))
        kept = landed(home)

    done = batch()

    assert done.returncode == 0, done.stderr
    assert landed(home) == names(16)
    with Gradebook(home / "out") as book:
        assert [r.score for r in book.class_record().records] == [10] * 16


@pytest.mark.long
def test_servers_and_grading_processes_that_are_killed_cost_nobody_points(batch, home):
    hand_in(home, 10)
    dice = random.Random(7)
    process = start(home)
    wait_for(home, 1, process)
    for _ in range(3):
        servers = children_of(process.pid)
        victims = [*servers, *(pid for server in servers for pid in children_of(server))]
        if victims:
            with contextlib.suppress(ProcessLookupError):
                os.kill(dice.choice(victims), signal.SIGKILL)
        time.sleep(dice.uniform(1, 3))
    process.communicate()

    done = batch()

    assert process.returncode in (0, 3)
    assert done.returncode == 0
    with Gradebook(home / "out") as book:
        assert [r.score for r in book.class_record().records] == [10] * 10


@pytest.mark.long
def test_a_full_disk_stops_with_one_sentence_and_loses_nothing(batch, home):
    noise = "import random\nprint(*(random.random() for _ in range(3000)))\n"
    hand_in(home, 12, noise + "def double(x): return 2 * x\n")
    (home / "out").mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=600k", "none", home / "out"],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("a small file system can't be mounted here")
    try:
        full = cold_batch(home)
        kept = landed(home)
        again = batch()
        subprocess.run(["mount", "-o", "remount,size=50m", home / "out"], check=True)
        done = batch()
        all_of_them = landed(home)
    finally:
        subprocess.run(["umount", home / "out"], check=True)

    for stopped in (full, again):
        assert stopped.returncode == 2
        assert "full" in stopped.stderr
        assert "its content is safe" in stopped.stderr
        assert "Traceback" not in stopped.stderr
    assert 0 < len(kept) < 12
    assert done.returncode == 0
    assert f"graded now: {12 - len(kept)} " in done.stdout
    assert all_of_them == names(12)


@pytest.mark.long
def test_a_file_that_may_not_grow_stops_with_one_sentence(batch, home):
    noise = "import random\nprint(*(random.random() for _ in range(3000)))\n"
    hand_in(home, 8, noise + "def double(x): return 2 * x\n")

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))

    full = cold_batch(home, preexec_fn=limit)
    kept = landed(home)
    done = batch()

    assert full.returncode == 2, full.stderr
    assert "its content is safe" in full.stderr
    assert "Traceback" not in full.stderr
    assert len(kept) < 8
    assert done.returncode == 0
    assert landed(home) == names(8)


@pytest.mark.load
@pytest.mark.long
def test_three_thousand_submissions_take_linear_time_and_flat_memory(home):
    costs = {}
    for count in (500, 3_000):
        for number in range(count):
            (home / "in" / f"s{number:05}_tiny.ipynb").write_text(f"cut off {number}")
        with (home / "log").open("w") as log:
            process = subprocess.Popen(
                cold("batch", "in", "-o", f"out{count}"), cwd=home, stdout=log, stderr=log
            )
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        printed = (home / "log").read_text()
        assert process.returncode == 0, printed
        assert f"graded now: {count} " in printed
        costs[count] = (usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)

    (seconds, megabytes), (more_seconds, more_megabytes) = costs.values()
    assert more_seconds < 9 * seconds
    assert more_megabytes < megabytes + 60
    assert printed.count("s0") == 0


RIGHT = "def double(x): return 2 * x\n"


def test_unmatched_files_are_listed_to_be_filled_in_and_the_same_command_takes_them(batch, home):
    (home / "class.csv").write_text("id,name\n2025001,Kim Minsu\n2025002,Lee Jun\n")
    (home / "in" / "2025001").mkdir()
    (home / "in" / "2025001" / "tiny.py").write_text(RIGHT)
    (home / "in" / "jjun").mkdir()
    (home / "in" / "jjun" / "tiny.py").write_text(RIGHT + "#\n")
    first = batch("--roster", home / "class.csv")
    path = home / "out" / "matches.csv"
    listed = path.read_text("utf-8-sig")
    path.write_text(listed.replace("in/jjun/tiny.py,,", "in/jjun/tiny.py,2025002,"))

    second = batch("--roster", home / "class.csv")
    third = batch("--roster", home / "class.csv", "--matches", path)

    assert first.returncode == 3
    assert "fill in the column `student` of" in first.stdout
    assert "in/jjun/tiny.py,,tiny,2025002" in listed
    assert (second.returncode, third.returncode) == (0, 0), second.stdout
    assert "graded now: 1" in second.stdout
    with Gradebook(home / "out") as book:
        records = book.class_record().records
    assert [(r.report.student, r.score) for r in records] == [("2025001", 10), ("2025002", 10)]


def test_student_of_the_roster_with_nothing_usable_has_a_row_that_says_why(batch, home):
    (home / "class.csv").write_text("id,name\n2025001,Kim Minsu\n2025002,Lee Jun\n2025003,Park\n")
    (home / "in" / "2025001_tiny.py").write_text(RIGHT)
    (home / "in" / "Lee Jun").mkdir()
    (home / "in" / "2025003_tiny.py").symlink_to("2025001_tiny.py")

    done = batch("--roster", home / "class.csv")

    rows = {line for line in done.stdout.splitlines() if "│" in line}
    assert any("2025002" in row and "contains no script" in row for row in rows), done.stdout
    assert any("2025003" in row and "is a link" in row for row in rows)
    page = (home / "out" / "index.html").read_text()
    assert page.count("contains no script") >= 2


def test_same_bytes_in_another_download_are_graded_once(batch, command, home):
    for name in ("submissions.zip", "submissions (1).zip"):
        with zipfile.ZipFile(home / name, "w") as archive:
            archive.writestr(f"{name[:-4]}/kim/tiny.py", RIGHT)
    for name in ("submissions.zip", "submissions (1).zip"):
        done = command("batch", home / name, "-o", home / "out", "--lang", "en", cwd=home)

    assert "graded before: 1" in done.stdout
    with Gradebook(home / "out") as book:
        assert [r.origin for r in book.class_record().records] == [
            "submissions (1).zip/submissions (1)/kim/tiny.py"
        ]
