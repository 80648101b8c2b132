"""The Gradescope archive, unpacked and run as their container does, below a root of our own."""

import ctypes
import io
import json
import os
import shutil
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import grader
from grader import gradescope
from grader.gradescope import pack
from grader.model.assignment import load_assignment

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples" / "class"


@pytest.fixture(scope="module")
def archive():
    assignment = load_assignment(ROOT / "solutions" / "binary")
    return zipfile.ZipFile(io.BytesIO(pack(assignment, "full", "ko")))


@pytest.fixture
def container(tmp_path, archive):
    """What Gradescope makes of the archive; the modes of its files are those of Info-ZIP."""
    source = tmp_path / "source"
    archive.extractall(source)
    script = tmp_path / "run_autograder"
    shutil.copy(source / "run_autograder", script)
    script.chmod(archive.getinfo("run_autograder").external_attr >> 16 & 0o777)
    for name in ("submission", "results"):
        (tmp_path / name).mkdir()
    (tmp_path / "submission_metadata.json").write_text('{"id": 1, "users": []}')
    return tmp_path


def without_landlock():
    """What a kernel without Landlock says to all that is started from here: there is no such system call."""
    program = ctypes.create_string_buffer(
        struct.pack("HBBI", 0x20, 0, 0, 0)  # the number of the call
        + struct.pack("HBBI", 0x15, 0, 1, 444)  # landlock_create_ruleset?
        + struct.pack("HBBI", 0x06, 0, 0, 0x00050026)  # ENOSYS
        + struct.pack("HBBI", 0x06, 0, 0, 0x7FFF0000)  # allowed
    )
    libc = ctypes.CDLL(None)
    libc.prctl(38, 1, 0, 0, 0)
    assert libc.prctl(22, 2, struct.pack("HxxxxxxQ", 4, ctypes.addressof(program)), 0, 0) == 0


def run_cold(container, before=None):
    """Run as the container does, in the worst of folders: the student's."""
    done = subprocess.run(
        [container / "run_autograder"],
        cwd=container / "submission",
        env=os.environ
        | {"AUTOGRADER_ROOT": str(container), "GRADER_PYTHON": sys.executable}
        | {"PYTHONPATH": str(Path(grader.__file__).parents[1])},
        preexec_fn=before,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads((container / "results" / "results.json").read_text("utf-8")), done.stdout


@pytest.fixture
def run(grader, capsys):
    """Do what the container's process does, over the session's warm servers."""

    def run(container):
        gradescope.run(container, grader, "ko")
        grader.stop(load_assignment(container / "source" / "solutions" / "binary"))
        return json.loads(
            (container / "results" / "results.json").read_text("utf-8")
        ), capsys.readouterr().out

    return run


def submit(container, example, name):
    target = container / "submission" / name
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(EXAMPLES / example, target)


def test_the_scripts_can_be_run(archive):
    for name in ("setup.sh", "run_autograder"):
        assert archive.getinfo(name).external_attr >> 16 == 0o100755
        subprocess.run(["bash", "-n"], input=archive.read(name), check=True)


def test_the_archive_holds_what_the_container_needs(archive):
    names = set(archive.namelist())

    assert {
        *("setup.sh", "run_autograder", "constraints.txt", "course.toml"),
        *("solutions/binary/assignment.toml", "solutions/binary/solution.py"),
    } <= names
    (wheel,) = [name for name in names if name.endswith(".whl")]
    with zipfile.ZipFile(io.BytesIO(archive.read(wheel))) as packed:
        inside = packed.namelist()
    assert {"grader/cli/__init__.py", "grader/locale/ko/LC_MESSAGES/grader.mo"} <= set(inside)
    assert [name for name in inside if name.startswith("grader/course/")] == []
    assert [name for name in names if "__pycache__" in name] == []
    assert [name for name in names if "multinomial" in name] == []


@pytest.mark.slow
def test_a_submission_is_graded(run, container):
    submit(container, "s06_binary.ipynb", "hw1.ipynb")

    results, _ = run(container)

    assert results["score"] == 40
    assert len(results["tests"]) == 7
    assert {test["status"] for test in results["tests"]} == {"passed", "failed"}
    assert results["extra_data"]["isolation"] == "full"


@pytest.mark.slow
def test_of_several_files_the_one_of_the_assignment_is_graded(run, container):
    submit(container, "s01_binary.ipynb", "in a folder/binary.ipynb")
    (container / "submission" / "notes.py").write_text("print('notes')\n")
    (container / "submission" / "plot.png").write_bytes(b"\x89PNG")

    results, _ = run(container)

    assert results["score"] == 100


@pytest.mark.long
def test_the_students_files_shadow_no_library(container):
    submit(container, "s01_binary.ipynb", "binary.ipynb")
    for name in ("json", "msgspec", "torch", "grader"):
        (container / "submission" / f"{name}.py").write_text("raise SystemExit('shadowed')\n")

    results, _ = run_cold(container)

    assert results["score"] == 100


@pytest.mark.parametrize("names", [[], ["one_binary.ipynb", "two_binary.ipynb"]])
def test_no_file_or_several_are_0_points_and_say_so(run, container, names):
    for name in names:
        submit(container, "s01_binary.ipynb", name)

    results, _ = run(container)

    assert results["score"] == 0
    for test in results["tests"]:
        assert "파일 하나" in test["output"]
        assert all(name in test["output"] for name in names)


def test_a_link_to_the_solution_is_no_submission(run, container):
    link = container / "submission" / "binary.py"
    link.symlink_to(container / "source" / "solutions" / "binary" / "solution.py")

    results, _ = run(container)

    assert results["score"] == 0


@pytest.mark.slow
def test_where_we_fail_there_is_no_score(run, container):
    submit(container, "s01_binary.ipynb", "binary.ipynb")
    (checks,) = (container / "source" / "solutions" / "binary").glob("test_*.py")
    checks.write_text("import nothing_of_that_name\n")

    results, printed = run(container)

    assert "score" not in results
    assert [test for test in results["tests"] if "score" in test] == []
    assert "nothing_of_that_name" not in json.dumps(results)
    assert "nothing_of_that_name" in printed


@pytest.mark.long
def test_a_container_that_is_not_closed_gives_no_score(container):
    submit(container, "s01_binary.ipynb", "binary.ipynb")

    results, printed = run_cold(container, before=without_landlock)

    assert "score" not in results
    assert {"failed", "passed"}.isdisjoint(test.get("status") for test in results["tests"])
    assert "isolation: none" in printed
    assert "--isolation" in printed
