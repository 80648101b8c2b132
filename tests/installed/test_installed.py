"""The package as people install it: a wheel in a separate environment, outside this checkout."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
import pytest
from babel.messages.pofile import read_po

from grader.model import needs

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "class"
NOBODY = 65534


def run(python, script, cwd, user=None, **env):
    """Run a script of the shell, in which the environment's programs come first, as root or as another user."""
    command = ["bash", "-euo", "pipefail", "-c", script]
    if user is not None:
        command = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", *command]
    path = f"{python.parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        command,
        cwd=cwd,
        env={k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
        | {"PATH": path, "LANG": "C.UTF-8", "COLUMNS": "200"}
        | env,
        capture_output=True,
        text=True,
        check=False,
    )


def words(text):
    return " ".join(text.split())


# --- in short: the wheel beside this environment's other packages ----------------------------------------------------


@pytest.mark.slow
def test_the_wheel_holds_all_that_it_needs(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        compiled = archive.read("grader/locale/ko/LC_MESSAGES/grader.mo")

    assert {
        *("grader/py.typed", "grader/constraints.txt", "grader/reports/templates/page.css"),
        "grader/notebook/card.html.j2",
        *("grader/gradebook/migrations/env.py", "grader/authoring/skeleton/assignment.toml"),
        *("grader/course/assignments/wine/wine.ipynb", "grader/course/solutions/wine/solution.py"),
    } <= names
    assert [
        name for name in names if "__pycache__" in name or name.endswith((".zip", ".pyc"))
    ] == []
    with (ROOT / "grader/locale/ko/LC_MESSAGES/grader.po").open("rb") as file:
        assert [m.id for m in read_po(file) if m.id and m.string.encode() not in compiled] == []


@pytest.mark.long
def test_a_notebook_is_checked_in_a_folder_without_an_assignment(installed, tmp_path):
    """In a kernel of the environment that has the wheel."""
    cells = ["import grader, torch", "def sigmoid(z):\n    return torch.sigmoid(z)"]
    cells.append('grader.check("sigmoid", assignment="binary")')
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    nbformat.write(notebook, tmp_path / "x.ipynb")
    script = """
        python -m ipykernel install --prefix here --name here >/dev/null 2>&1
        export JUPYTER_PATH=here/share/jupyter
        python -c "from nbclient.cli import main; main()" --kernel_name here --inplace x.ipynb
        python -c "import grader; print(grader.__file__)"
    """

    done = run(installed, script, tmp_path, LANGUAGE="en")

    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().startswith(str(installed.parents[1]))
    (shown,) = nbformat.read(tmp_path / "x.ipynb", as_version=4).cells[-1].outputs
    assert "Sigmoid (sigmoid): passed, 10 / 10" in shown.data["text/plain"]
    assert "grader-card" in shown.data["text/html"]


@pytest.mark.long
@pytest.mark.slow
def test_a_course_is_laid_out_and_grades(installed, tmp_path):
    script = f"""
        grader init course && cd course
        grader grade {EXAMPLES}/s01_wine.ipynb --format json > ../report.json
        grader release --check && grader pack gradescope binary
    """

    done = run(installed, script, tmp_path)

    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "report.json").read_text())["score"] == 100
    for name in ("assignments", "solutions"):
        of_checkout = subprocess.check_output(["git", "ls-files", name], cwd=ROOT, text=True)
        assert [
            n for n in of_checkout.split("\n") if n and not (tmp_path / "course" / n).exists()
        ] == []


def test_a_folder_that_holds_something_is_left_alone(command, tmp_path):
    (tmp_path / "notes.txt").touch()

    done = command("init", tmp_path)

    assert done.returncode == 2
    assert "isn't an empty folder" in words(done.stderr)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_an_empty_course(command, tmp_path):
    done = command("init", tmp_path / "course", "--empty")

    assert done.returncode == 0
    assert "grader new NAME" in done.stdout
    assert sorted(path.name for path in (tmp_path / "course").rglob("*")) == [
        "assignments",
        "solutions",
    ]


def test_the_extra_is_what_the_commands_ask_for():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    imported_as = {
        "markdown-it-py": "markdown_it",
        "pyyaml": "yaml",
        "scikit-learn": "sklearn",
        "tomli-w": "tomli_w",
    }
    names = (re.split(r"[^\w-]", line)[0] for line in extras["staff"])

    assert {imported_as.get(name, name) for name in names} == set(needs.STAFF)


# --- as written in the README, from nothing --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def dist() -> Iterator[Path]:
    """A folder that anybody can read, with the sdist and the wheel that is made of it."""
    with TemporaryDirectory(prefix="grader-fresh-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        build = [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", folder]
        subprocess.run(build, cwd=ROOT, check=True)
        (sdist,) = folder.iterdir()
        wheel = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", folder]
        subprocess.run([*wheel, sdist], check=True)
        yield folder


@pytest.fixture(scope="module")
def for_students(dist: Path) -> Path:
    """An environment in which only what the README tells students to install is."""
    return _environment(dist, "students", install_blocks(ROOT / "README.md")[0])


@pytest.fixture(scope="module")
def for_staff(dist: Path) -> Path:
    """An environment in which only what the README tells staff to install is."""
    return _environment(dist, "staff", install_blocks(ROOT / "README.md")[1])


def _environment(dist: Path, name: str, commands: str) -> Path:
    folder = dist / name
    subprocess.run([_python_for_all(), "-m", "venv", folder], check=True)
    (install,) = re.findall(r"(?m)^pip install .*", commands)
    done = as_written(folder, install, dist)
    assert done.returncode == 0, done.stderr
    return folder


def _python_for_all() -> str:
    """A Python that other users can run, if there is one: not in the home of root."""
    for each in ("/usr/bin/python3", "/usr/local/bin/python3"):
        code = "import sys, ensurepip; sys.exit(sys.version_info < (3, 11))"
        if Path(each).exists() and not subprocess.run([each, "-c", code], check=False).returncode:
            return each
    return sys.executable


def install_blocks(readme):
    """The blocks of commands in the section about installing, each as a script."""
    section = re.split(r"(?m)^## ", readme.read_text(encoding="utf-8"))[1]
    assert section.startswith(("Install", "설치"))
    blocks = re.findall(r"```console\n(.*?)```", section, re.DOTALL)
    return ["\n".join(re.findall(r"(?m)^\$ (.*)", block)) for block in blocks]


def as_written(environment, script, cwd):
    find = f"{os.environ.get('PIP_FIND_LINKS', '')} {environment.parent}".strip()
    pins = str(ROOT / "constraints.txt")
    python = environment / "bin" / "python"
    return run(python, script, cwd, PIP_FIND_LINKS=find, PIP_CONSTRAINT=pins)


@pytest.mark.long
def test_the_student_way_as_written(for_students, tmp_path):
    shutil.copytree(ROOT / "assignments" / "wine", tmp_path, dirs_exist_ok=True)
    student, _ = install_blocks(ROOT / "README.md")

    done = as_written(for_students, student, tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "Predict the cultivar" in done.stdout or "wine" in done.stdout


@pytest.mark.long
@pytest.mark.parametrize("args", ["batch . -o out", "report out", "release", "audit", "grade x.py"])
def test_what_a_student_lacks_is_named_in_one_sentence(for_students, tmp_path, args):
    done = as_written(for_students, f"grader {args}", tmp_path)

    assert (done.returncode, done.stdout) == (2, "")
    assert "pip install 'torch-grader[staff]'" in words(done.stderr)
    assert "Traceback" not in done.stderr


@pytest.mark.long
def test_the_staff_way_as_written(for_staff, tmp_path):
    shutil.make_archive(str(tmp_path / "submissions"), "zip", EXAMPLES)
    _, staff = install_blocks(ROOT / "README.md")
    assert staff == install_blocks(ROOT / "README.ko.md")[1]

    done = as_written(for_staff, staff, tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "isolation: full" in done.stdout
    assert (tmp_path / "course" / "results" / "index.html").is_file()


@pytest.mark.long
@pytest.mark.parametrize("user", [None, NOBODY])
def test_everything_works_for_root_and_for_others(for_staff, user):
    if user is not None and (os.getuid() or not _readable(for_staff)):
        pytest.skip("needs root, and a Python that other users can run")
    folder = for_staff.parent / f"home-{user}"
    folder.mkdir()
    shutil.copytree(EXAMPLES, folder / "class")
    shutil.copytree(ROOT / "assignments" / "binary", folder / "mine")
    if user is not None:
        shutil.chown(folder, user, user)
    root = folder / "gradescope"
    script = f"""
        grader init course; cd course
        grader doctor
        grader batch ../class -o results
        grader grade ../class/s01_wine.ipynb
        grader check ../mine/binary.ipynb
        grader release --check
        grader new regression
        grader pack gradescope binary
        mkdir -p {root}/source {root}/submission {root}/results
        python -m zipfile -e autograder.zip {root}/source
        cp ../class/s06_binary.ipynb {root}/submission
        AUTOGRADER_ROOT={root} GRADER_PYTHON=$(command -v python) bash {root}/source/run_autograder
    """

    done = run(for_staff / "bin" / "python", script, folder, user, HOME=str(folder))

    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads((root / "results" / "results.json").read_text())["score"] == 40


def _readable(for_staff):
    done = run(for_staff / "bin" / "python", "python -c ''", "/", NOBODY)
    return done.returncode == 0


@pytest.mark.long
def test_the_archives_own_wheel_installs_and_grades(for_staff, tmp_path):
    script = f"""
        grader init course; cd course
        grader pack gradescope binary
        python -m zipfile -e autograder.zip ../source
        pip install -q --no-deps --force-reinstall ../source/torch_grader-*.whl
        mkdir ../submission
        cp {EXAMPLES}/s01_binary.ipynb ../submission
        AUTOGRADER_ROOT={tmp_path} GRADER_PYTHON=$(command -v python) bash ../source/run_autograder
    """

    done = as_written(for_staff, script, tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads((tmp_path / "results" / "results.json").read_text())["score"] == 100
