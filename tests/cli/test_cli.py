"""The commands as users type them."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from grader.gradebook import Gradebook

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "class"
OWN_TESTS = {"PYTEST_ADDOPTS": "-vv -n 3", "PYTEST_PLUGINS": "not_installed"}


@pytest.mark.slow
def test_grade_in_a_process_of_its_own(cold_command):
    done = cold_command(
        "grade",
        *(EXAMPLES / "s06_binary.ipynb", "--format", "json"),
        **OWN_TESTS,
        LANG="ko_KR.UTF-8",
    )

    report = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert (report["student"], report["score"], report["isolation"]) == ("s06", 40, "full")


def test_grade_prints_json_alone_on_stdout(command):
    done = command("grade", EXAMPLES / "s06_binary.ipynb", "--format", "json", "--lang", "en")

    report = json.loads(done.stdout)
    assert done.returncode == 0
    assert report["schema_version"] == 1
    assert (report["student"], report["assignment"]) == ("s06", "binary")
    assert (report["score"], report["max_score"]) == (40, 100)
    assert report["gradable"] is True
    assert report["isolation"] == "full"
    verdicts = {item["id"]: item["verdict"] for item in report["items"]}
    assert verdicts["bce_loss"] == "failed"
    assert verdicts["sigmoid"] == "passed"


def test_grade_prints_a_table_in_korean(command):
    done = command("grade", EXAMPLES / "s07_binary.py", LANG="ko_KR.UTF-8")

    assert done.returncode == 0
    assert "학습 과정" in done.stdout
    assert "미구현" in done.stdout


@pytest.mark.parametrize(
    "args, words",
    [
        (["nothing.py"], "nothing.py"),
        (["README.md"], "neither a script"),
        (["examples/class/s01_wine.ipynb", "--assignment", "beer"], "binary, multinomial, wine"),
        (["grader/model/errors.py"], "--assignment"),
        (["examples/class/s01_wine.ipynb", "--solutions", "docs"], "no assignment"),
        (["examples/class"], "neither a script"),
    ],
)
def test_a_users_mistake_is_one_sentence_and_exit_code_2(command, args, words):
    done = command("grade", *args, "--lang", "en")

    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_broken_notebook_is_reported_as_such(command):
    done = command("grade", EXAMPLES / "s11_wine.ipynb", "--format", "json", "--lang", "en")

    report = json.loads(done.stdout)
    assert done.returncode == 0
    assert report["gradable"] is False
    assert {item["verdict"] for item in report["items"]} == {"error"}


def test_something_ungraded_is_exit_code_3(command, tmp_path):
    folder = tmp_path / "solutions" / "tiny"
    folder.mkdir(parents=True)
    (folder / "assignment.toml").write_text(
        'name = "tiny"\ntitle = { ko = "가", en = "a" }\nfunctions = ["f"]\n'
        '[[items]]\nid = "f"\ntitle = { ko = "가", en = "a" }\npoints = 1\n'
    )
    (folder / "test_tiny.py").write_text(
        "import pytest\n@pytest.mark.item('f')\ndef test_f(student): raise RuntimeError\n"
    )
    (tmp_path / "tiny.py").write_text("def f(): return 1\n")

    done = command("grade", "tiny.py", "--format", "json", cwd=tmp_path)

    assert done.returncode == 3
    assert json.loads(done.stdout)["items"][0]["points"] is None


@pytest.mark.slow
def test_check_runs_the_public_checks_without_solutions(command, cold_command, tmp_path):
    folder = shutil.copytree(ROOT / "assignments" / "binary", tmp_path / "binary")
    (folder / "binary.py").write_bytes((ROOT / "solutions/binary/solution.py").read_bytes())

    done = cold_command("check", "binary.py", "--format", "json", cwd=folder, **OWN_TESTS)
    template = command("check", "binary.ipynb", "--format", "json", cwd=folder)

    assert json.loads(done.stdout)["score"] == 100
    assert json.loads(done.stdout)["isolation"] == "none"
    assert {i["verdict"] for i in json.loads(template.stdout)["items"]} == {"not_implemented"}


@pytest.mark.long
def test_python_m_grader_imports_nothing_from_the_current_folder(tmp_path):
    for library in ("typer", "msgspec", "rich", "torch", "numpy", "pytest", "json", "sqlalchemy"):
        (tmp_path / f"{library}.py").write_text("raise SystemExit('imported')")
    solution = ROOT / "solutions" / "binary" / "solution.py"
    command = [sys.executable, "-m", "grader", "grade", solution, "--assignment", "binary"]

    done = subprocess.run(
        [*command, "--solutions", ROOT / "solutions", "--lang", "en"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "100 / 100" in done.stdout or "100 of 100" in done.stdout


@pytest.mark.slow
def test_doctor_finds_this_machine_well(cold_command):
    done = cold_command("doctor", "--lang", "en")

    assert done.returncode == 0
    assert "isolation: full" in done.stdout
    assert "torch 2." in done.stdout


def test_the_command_itself_loads_neither_pytorch_nor_pytest():
    code = "import sys, grader.cli, grader.grading.grader, grader.grading.batch\n"
    code += "sys.exit(bool({'torch', 'pytest', 'numpy', 'pandas', 'sklearn'} & set(sys.modules)))"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("words", [[], ["grade"], ["batch"], ["adjust"], ["check"], ["doctor"]])
def test_help_has_examples(command, words):
    done = command(*words, "--help")

    assert done.returncode == 0
    assert "grader" in done.stdout
    if words:
        assert "Example" in done.stdout


@pytest.mark.long
def test_batch_grades_the_example_class(command, tmp_path):
    done = command("batch", EXAMPLES, "-o", tmp_path / "results", "--lang", "en")

    with Gradebook(tmp_path / "results") as book:
        records = book.class_record().records
    scores = {(r.report.student, r.report.assignment): r.score for r in records}
    assert done.returncode == 0
    assert len(records) == len([p for p in EXAMPLES.iterdir() if p.suffix in (".py", ".ipynb")])
    for student in ("s01", "s02", "s03", "s04"):
        for assignment in ("binary", "multinomial", "wine"):
            assert scores[student, assignment] == 100
    assert scores["s05", "binary"] == 80
    assert scores["s11", "wine"] == 0
    assert "s12" in done.stdout
    assert str(tmp_path / "results") in done.stdout.replace("\n", "")


def test_batch_lists_what_it_cannot_match(command, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "notes.py").write_text("x = 1\n")
    (folder / "lee_binary.py").write_bytes((ROOT / "solutions/binary/solution.py").read_bytes())

    done = command("batch", folder, "-o", tmp_path / "out", "--lang", "en")

    assert done.returncode == 3
    assert "notes.py" in done.stdout
    assert "lee" in done.stdout


NOWHERE = "/proc/nowhere/x"


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    "args",
    [
        ("grade", NOWHERE),
        ("grade", "x" * 5000 + ".py"),
        ("grade", "{folder}.py"),
        ("grade", str(EXAMPLES / "s01_wine.ipynb"), "--solutions", NOWHERE),
        ("check", NOWHERE),
        ("check", "x" * 5000 + ".py"),
        ("new", "x", "--solutions", NOWHERE),
        ("new", "x", "--solutions", "{file}"),
        ("new", "x", "--solutions", "x" * 5000),
        ("import", "nbgrader", NOWHERE),
        ("import", "nbgrader", "{folder}.py"),
        ("pack", "gradescope", "wine", "-o", NOWHERE),
        ("pack", "gradescope", "wine", "-o", "{folder}"),
        ("release", "--check", "--solutions", NOWHERE),
        ("audit", "--solutions", "{file}"),
        ("batch", "{folder}", "-o", NOWHERE),
        ("batch", "{folder}", "-o", "{file}"),
        ("batch", NOWHERE, "-o", "{folder}"),
        ("batch", "{folder}.py", "-o", "{folder}", "--roster", NOWHERE),
        ("batch", "{folder}.py", "-o", "{folder}", "--roster", "{folder}"),
        ("batch", "{folder}.py", "-o", "{folder}", "--extensions", "{folder}"),
        ("batch", "x" * 5000, "-o", "{folder}"),
        ("report", NOWHERE),
        ("report", "{file}"),
        ("report", "x" * 5000),
        ("report", "{results}", "--format", "csv", "-o", NOWHERE),
        ("report", "{results}", "--format", "csv", "-o", "{folder}"),
        ("report", "{results}", "--format", "html", "-o", NOWHERE),
        ("report", "{results}", "--format", "html", "-o", "{file}"),
        ("report", "{results}", "--format", "html", "--anonymous", "-o", "{file}"),
        ("report", "{results}", "--format", "canvas", "--template", "{folder}"),
        ("report", "{results}", "--format", "canvas", "--template", "x" * 5000),
        ("adjust", NOWHERE, "kim", "wine", "5", "--reason", "x"),
        ("adjust", "{file}", "kim", "wine", "5", "--reason", "x"),
        ("similar", "{file}"),
        ("similar", "{results}", "-o", "{folder}"),
    ],
    ids=lambda args: " ".join(args)[:60],
)
def test_what_the_system_refuses_is_one_sentence(command, tmp_path, args):
    names = {each: tmp_path / each for each in ("folder", "file", "results")}
    names["folder"].mkdir()
    (tmp_path / "folder.py").mkdir()
    names["file"].write_bytes(b"x")
    names["results"].mkdir()
    with Gradebook(names["results"], create=True):
        pass

    done = command(*(arg.format(**names) for arg in args), cwd=tmp_path)

    assert done.returncode == 2, done.stdout + done.stderr
    assert len(done.stderr.splitlines()) == 1
