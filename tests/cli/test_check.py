"""`grader check` as students run it: on any system, on any console, and with any problem in their file."""

import io
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
from typer.testing import CliRunner

from grader.cli import app
from grader.cli.console import console
from grader.cli.options import public_assignments

ROOT = Path(__file__).parents[2]
WINDOWS = Path(__file__).parent / "windows"


def command(*args, cwd, **env):
    return subprocess.run(
        [sys.executable, "-m", "grader", *map(str, args)],
        cwd=cwd,
        env=os.environ | {"COLUMNS": "200", "LANG": "C.UTF-8", "PYTHONPATH": str(WINDOWS)} | env,
        capture_output=True,
        check=False,
    )


@pytest.fixture
def course(tmp_path):
    """What a student has: the released folder, with the solution written into the script."""
    for name in ("binary", "wine"):
        shutil.copytree(ROOT / "assignments" / name, tmp_path / "assignments" / name)
    solution = (ROOT / "solutions" / "binary" / "solution.py").read_bytes()
    (tmp_path / "assignments" / "binary" / "binary.py").write_bytes(solution)
    return tmp_path


@pytest.fixture
def folder(course):
    return course / "assignments" / "binary"


def notebook(path, *sources, **metadata):
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=metadata), path)
    return path


# --- other systems and consoles


@pytest.mark.parametrize("name", ["fcntl", "os.fork", "select.poll", "signal.SIGKILL"])
def test_what_windows_lacks_is_lacking_here(name):
    code = f"import {name.partition('.')[0]}; {name}"
    run = ["import sys", "exec(sys.argv[1], {'__name__': sys.argv[2]})"]
    ends = [
        subprocess.run(
            [sys.executable, "-c", "; ".join(run), code, module],
            env=os.environ | {"PYTHONPATH": str(WINDOWS)},
            capture_output=True,
            check=False,
        ).returncode
        for module in ("grader.sandbox", "somebody")
    ]

    assert ends == [1, 0]


@pytest.mark.long
@pytest.mark.parametrize(
    "encoding, there",
    [
        ("cp949", ["통과", "확인 중", "공개 검사"]),
        pytest.param("ascii", ["passed", "Checking", "public checks"], marks=pytest.mark.long),
    ],
)
def test_check_runs_without_what_windows_lacks_and_prints_what_the_console_can_show(
    folder, encoding, there
):
    path = notebook(folder / "kim_binary.ipynb", (folder / "binary.py").read_text("utf-8"))

    done = command("check", path.name, cwd=folder, PYTHONIOENCODING=encoding, LANG="ko_KR.UTF-8")

    words = (done.stdout + done.stderr).decode(encoding)
    assert done.returncode == 0, words
    assert [each for each in there if each not in words] == []
    assert "?" not in words
    assert "100 / 100" in words


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["cp949", "ascii"])
@pytest.mark.parametrize("args", [["--help"], ["check", "--help"], ["check"]])
def test_no_command_fails_at_a_sign_that_the_console_lacks(tmp_path, args, encoding):
    done = command(*args, cwd=tmp_path, PYTHONIOENCODING=encoding)

    assert done.returncode == (0 if "--help" in args else 2), done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize(
    "encoding, shown",
    [
        ("utf-8", "✓ 0.5–1 · 학습 … ██"),
        ("cp949", "v 0.5-1 · 학습 … ##"),
        ("ascii", "v 0.5-1 - \\ud559\\uc2b5 ... ##"),
    ],
)
def test_a_sign_that_the_console_lacks_is_a_plain_letter(encoding, shown, monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding)
    monkeypatch.setattr(sys, "stdout", stream)

    console().print("✓ 0.5–1 · 학습 … ██")

    stream.flush()
    assert stream.buffer.getvalue().decode(encoding) == shown + "\n"


# --- where the public checks come from


@pytest.mark.parametrize("name", ["kim_wine.py", "wine.py"])
def test_the_lessons_own_checks_come_with_the_package(tmp_path, name, monkeypatch):
    path = tmp_path / name
    path.write_text("def load_data(): ...\n")
    monkeypatch.chdir(tmp_path)

    assert public_assignments(path)["wine"].folder == ROOT / "assignments" / "wine"


def test_assignments_above_the_file_are_found_from_anywhere(course, tmp_path_factory, monkeypatch):
    (course / "kim").mkdir()
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))

    found = public_assignments(course / "kim" / "wine.py")

    assert found["wine"].folder == course / "assignments" / "wine"


# --- what comes first


def test_the_first_line_comes_within_a_second_and_before_pytorch(folder, tmp_path):
    (tmp_path / "torch.py").write_text("import time; time.sleep(60)")
    begun = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "grader", "check", "binary.py", "--lang", "en"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    try:
        first = process.stderr.readline()
        seconds = time.monotonic() - begun
        cpu = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    finally:
        process.kill()
        process.communicate()

    assert first == "Checking binary.py: 7 checks …\n"
    assert sum(map(int, cpu)) / os.sysconf("SC_CLK_TCK") < 1
    assert seconds < 20  # a busy machine


@pytest.mark.long
@pytest.mark.slow
def test_a_syntax_error_comes_first_with_its_line_and_a_caret(folder):
    path = notebook(
        folder / "binary.ipynb",
        "import torch",
        "\ndef sigmoid(z):\n    값 = '학습' 1 + z\n    return 값",
        "def weighted_sum(x, w, b):\n    return x @ w + b",
    )

    options = ["--lang", "en", "--format", "json"]
    done = command("check", path.name, *options, cwd=folder, PYTHONIOENCODING="utf-8")

    lines = done.stderr.decode().splitlines()
    assert lines[0].startswith("Checking binary.ipynb")
    assert lines[1].startswith("cell 2 (`def sigmoid(z):`), line 3: syntax error: invalid syntax")
    assert lines[2:4] == ["        값 = '학습' 1 + z", " " * 20 + "^"]
    assert lines[-1] == "binary.py is finished too: hand in one of the two files"
    report = json.loads(done.stdout)
    points = {item["id"]: item["points"] for item in report["items"]}
    assert (points["weighted_sum"], points["sigmoid"]) == (10, 0)


# --- bad input: one sentence, exit code 2, nothing changed


@pytest.fixture
def refused(monkeypatch):
    def run(*args, cwd):
        monkeypatch.chdir(cwd)
        before = files(cwd)
        done = CliRunner().invoke(app, [*map(str, args), "--lang", "en"])
        assert (done.exit_code, done.stdout) == (2, ""), done.output
        assert len(done.stderr.splitlines()) == 1
        assert files(cwd) == before
        return done.stderr

    return run


def files(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(params=["check", "grade"])
def verb(request):
    return request.param


def options(verb):
    return ["--solutions", ROOT / "solutions"] if verb == "grade" else []


@pytest.mark.slow
def test_without_pytorch(folder, verb, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "class Refuse:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] == 'torch': raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Refuse())\n"
    )

    before = files(folder)
    args = [verb, "binary.py", "--lang", "en", *options(verb)]
    done = command(*args, cwd=folder, PYTHONPATH=str(tmp_path))

    words = "PyTorch is not installed; install it: pip install 'torch>=2.4'\n"
    assert (done.returncode, done.stdout, done.stderr.decode()) == (2, b"", words)
    assert files(folder) == before


def test_a_pytorch_that_is_too_old(refused, folder, verb, tmp_path, monkeypatch):
    info = tmp_path / "torch-2.3.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: torch\nVersion: 2.3.1+cpu\n")

    monkeypatch.syspath_prepend(tmp_path)

    words = refused(verb, "binary.py", *options(verb), cwd=folder)

    assert words == "PyTorch 2.3.1+cpu is too old; upgrade it: pip install 'torch>=2.4'\n"


def test_an_assignment_that_is_not_there(refused, folder, verb):
    words = refused(verb, "binary.py", "--assignment", "beer", *options(verb), cwd=folder)

    assert "beer" in words
    assert "binary" in words


def test_a_notebook_without_functions(refused, folder, verb):
    notebook(folder / "binary.ipynb", "import torch", "x = 1")

    words = refused(verb, "binary.ipynb", *options(verb), cwd=folder)

    assert words.startswith("binary.ipynb defines none of the functions of binary (weighted_sum, ")


@pytest.mark.parametrize("language", ["R", "julia"])
def test_a_notebook_of_another_language(refused, folder, verb, language):
    kernel = {"name": "ir", "display_name": language, "language": language}
    notebook(folder / "binary.ipynb", "train <- 1", kernelspec=kernel)

    words = refused(verb, "binary.ipynb", *options(verb), cwd=folder)

    assert words == f"binary.ipynb: the notebook is written in {language}, not in Python\n"


def test_a_file_that_is_no_notebook(refused, folder):
    (folder / "binary.ipynb").write_text("{")

    assert "readable notebook" in refused("check", "binary.ipynb", cwd=folder)


def test_a_homework_whose_checks_are_nowhere(refused, tmp_path):
    (tmp_path / "beer.py").write_text("def brew(): ...\n")

    assert "run this command in the folder of your assignment" in refused(
        "check", "beer.py", cwd=tmp_path
    )


def test_two_copies_of_the_assignment(refused, course, verb):
    folder = course / "assignments"
    shutil.copytree(folder / "binary", folder / "binary (1)")
    work = shutil.copy(folder / "binary" / "binary.py", course)
    solutions = ["--solutions", folder] if verb == "grade" else []

    words = refused(verb, work, *solutions, cwd=course)

    assert "binary (1)" in words
    assert "are both the assignment binary" in words
