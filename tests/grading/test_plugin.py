"""`pytest solutions/<name> --submission FILE`, as an assistant uses it to debug a check."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run_pytest(*args, cwd=ROOT, lack=None):
    """Run pytest, on a kernel that lacks something if told so."""
    prefix = [] if lack is None else [sys.executable, ROOT / "tests/sandbox/without.py", lack]
    return subprocess.run(
        [*prefix, sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *map(str, args)],
        cwd=cwd,
        env=os.environ | {"COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.long
@pytest.mark.slow
def test_checks_of_a_right_submission_pass():
    done = run_pytest("solutions/binary", "--submission", "solutions/binary/solution.py")

    assert done.returncode == 0
    assert "solution.py: 100 of 100" in done.stdout


@pytest.mark.long
def test_one_check_can_be_debugged_alone():
    done = run_pytest("solutions/wine", "-k", "split", "--submission", "examples/class/s09_wine.py")

    assert done.returncode == 1
    assert "1 failed" in done.stdout
    assert "CheckFailedError" in done.stdout


@pytest.mark.long
def test_the_checks_of_a_rubric_item_are_chosen_by_its_id():
    file = "solutions/binary/solution.py"

    done = run_pytest("solutions/binary", "-k", "bce_loss", "--submission", file, "-v")

    assert done.returncode == 0
    assert "test_mean_over_the_batch_with_a_gradient PASSED" in done.stdout
    assert " deselected" in done.stdout


@pytest.mark.long
def test_checks_without_a_submission_say_what_is_missing():
    done = run_pytest("solutions/binary")

    assert done.returncode != 0
    assert "--submission FILE" in done.stdout + done.stderr


@pytest.mark.long
def test_a_file_that_is_no_submission_is_a_usage_error():
    done = run_pytest("solutions/wine", "--submission", "examples/class/s11_wine.ipynb")

    assert done.returncode == 4
    assert "isn't a readable notebook" in done.stderr


@pytest.mark.long
@pytest.mark.parametrize(
    ("lack", "options", "code", "words"),
    [
        ("capset", [], 4, "--isolation reduced"),
        pytest.param(
            "landlock", ["--isolation", "reduced"], 4, "--isolation none", marks=pytest.mark.long
        ),
        ("capset", ["--isolation", "reduced"], 0, "not blocked: capabilities can't be dropped"),
    ],
)
def test_it_runs_below_full_isolation_only_if_allowed(lack, options, code, words):
    file = "solutions/binary/solution.py"

    done = run_pytest(
        "solutions/binary", "-k", "mean_over", "--submission", file, *options, lack=lack
    )

    assert done.returncode == code
    assert words in done.stdout + done.stderr
    assert ("passed" in done.stdout) == (code == 0)


@pytest.mark.long
def test_the_plugin_leaves_other_test_suites_alone(tmp_path):
    (tmp_path / "test_other.py").write_text("def test_one():\n    assert 1 + 1 == 2\n")

    done = run_pytest(tmp_path, cwd=tmp_path)

    assert done.returncode == 0
    assert "1 passed" in done.stdout


def test_the_plugin_does_not_import_torch_by_itself():
    code = "import sys, grader.grading.plugin; sys.exit('torch' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
