"""`pytest solutions/<name> --submission FILE`, as an assistant uses it to debug a check."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def run_pytest(*args, cwd=ROOT):
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *map(str, args)],
        cwd=cwd,
        env=os.environ | {"COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_checks_of_a_right_submission_pass():
    done = run_pytest("solutions/binary", "--submission", "solutions/binary/solution.py")

    assert done.returncode == 0
    assert "solution.py: 100 of 100" in done.stdout


def test_one_check_can_be_debugged_alone():
    done = run_pytest("solutions/wine", "-k", "split", "--submission", "examples/class/s09_wine.py")

    assert done.returncode == 1
    assert "1 failed" in done.stdout
    assert "CheckFailedError" in done.stdout


def test_checks_without_a_submission_say_what_is_missing():
    done = run_pytest("solutions/binary")

    assert done.returncode != 0
    assert "--submission FILE" in done.stdout + done.stderr


def test_a_file_that_is_no_submission_is_a_usage_error():
    done = run_pytest("solutions/wine", "--submission", "examples/class/s11_wine.ipynb")

    assert done.returncode == 4
    assert "isn't a readable notebook" in done.stderr


def test_the_plugin_leaves_other_test_suites_alone(tmp_path):
    (tmp_path / "test_other.py").write_text("def test_one():\n    assert 1 + 1 == 2\n")

    done = run_pytest(tmp_path, cwd=tmp_path)

    assert done.returncode == 0
    assert "1 passed" in done.stdout


def test_the_plugin_does_not_import_torch_by_itself():
    code = "import sys, grader.grading.plugin; sys.exit('torch' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
