"""The commands as their users type them, in processes of their own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from grader.gradebook import Gradebook

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "class"


def grader(*args, cwd=ROOT, **env):
    return subprocess.run(
        [Path(sys.executable).with_name("grader"), *map(str, args)],
        cwd=cwd,
        env=os.environ | {"COLUMNS": "200", "LANG": "C.UTF-8"} | env,
        capture_output=True,
        text=True,
        check=False,
    )


def test_grade_prints_json_alone_on_stdout():
    done = grader("grade", EXAMPLES / "s06_binary.ipynb", "--format", "json", "--lang", "en")

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


def test_grade_prints_a_table_in_korean():
    done = grader("grade", EXAMPLES / "s07_binary.py", LANG="ko_KR.UTF-8")

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
def test_a_users_mistake_is_one_sentence_and_exit_code_2(args, words):
    done = grader("grade", *args, "--lang", "en")

    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_broken_notebook_is_told_as_such():
    done = grader("grade", EXAMPLES / "s11_wine.ipynb", "--format", "json", "--lang", "en")

    report = json.loads(done.stdout)
    assert done.returncode == 0
    assert report["gradable"] is False
    assert {item["verdict"] for item in report["items"]} == {"error"}


def test_something_ungraded_is_exit_code_3(tmp_path):
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

    done = grader("grade", "tiny.py", "--format", "json", cwd=tmp_path)

    assert done.returncode == 3
    assert json.loads(done.stdout)["items"][0]["points"] is None


def test_check_runs_the_public_checks_without_solutions(tmp_path):
    folder = tmp_path / "binary"
    folder.mkdir()
    for file in (ROOT / "assignments" / "binary").iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    (folder / "binary.py").write_bytes((ROOT / "solutions/binary/solution.py").read_bytes())

    done = grader("check", "binary.py", "--format", "json", cwd=folder)
    template = grader("check", "binary.ipynb", "--format", "json", cwd=folder)

    assert json.loads(done.stdout)["score"] == 100
    assert json.loads(done.stdout)["isolation"] == "none"
    assert {i["verdict"] for i in json.loads(template.stdout)["items"]} == {"not_implemented"}


def test_doctor_finds_this_machine_well():
    done = grader("doctor", "--lang", "en")

    assert done.returncode == 0
    assert "isolation: full" in done.stdout
    assert "torch 2." in done.stdout


@pytest.mark.parametrize("command", [[], ["grade"], ["batch"], ["adjust"], ["check"], ["doctor"]])
def test_help_has_examples(command):
    done = grader(*command, "--help")

    assert done.returncode == 0
    assert "grader" in done.stdout
    if command:
        assert "Example" in done.stdout


@pytest.mark.slow
def test_batch_grades_the_example_class(tmp_path):
    done = grader("batch", EXAMPLES, "-o", tmp_path / "results", "--lang", "en")

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


@pytest.mark.slow
def test_batch_lists_what_it_cannot_match(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "notes.py").write_text("x = 1\n")
    (folder / "lee_binary.py").write_bytes((ROOT / "solutions/binary/solution.py").read_bytes())

    done = grader("batch", folder, "-o", tmp_path / "out", "--lang", "en")

    assert done.returncode == 3
    assert "notes.py" in done.stdout
    assert "lee" in done.stdout
