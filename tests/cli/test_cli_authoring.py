"""The commands for authors, as they type them."""

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.long
@pytest.mark.slow
def test_new_audit_and_release(command, cold_command, tmp_path):
    made = cold_command("new", "error", cwd=tmp_path)
    assert (made.returncode, made.stderr) == (0, "")

    audited = command("audit", "error", "--format", "json", "--repeat", "1", cwd=tmp_path)
    (result,) = json.loads(audited.stdout)
    assert (audited.returncode, result["findings"]) == (0, [])

    out_of_step = command("release", "--check", cwd=tmp_path)
    assert (out_of_step.returncode, out_of_step.stdout.count("\n")) == (1, 5)

    assert command("release", "--zip", cwd=tmp_path).returncode == 0
    assert (tmp_path / "assignments" / "error.zip").is_file()
    in_step = command("release", "--check", cwd=tmp_path)
    assert (in_step.returncode, in_step.stdout.strip()) == (0, "")


@pytest.mark.slow
def test_a_survivor_is_printed_with_its_difference(command, tmp_path):
    command("new", "error", cwd=tmp_path)
    (tmp_path / "solutions" / "error" / "equivalent.toml").write_text("")

    audited = command("audit", "--lang", "en", cwd=tmp_path)

    assert audited.returncode == 1
    assert "error: 3 submissions" in audited.stdout
    assert "+    return (differences ** 2).mean()[None]" in audited.stdout


def test_the_tutorial_is_released_as_it_stands(command):
    done = command("release", "--check", cwd=ROOT / "docs" / "tutorial")

    assert (done.returncode, done.stdout.strip()) == (0, "")


@pytest.mark.parametrize(
    "args, words",
    [
        (["release", "beer"], "binary, multinomial, wine"),
        (["audit", "beer"], "binary, multinomial, wine"),
        (["new", "wine"], "already exists"),
        (["new", "Wine"], "lower-case"),
        (["import", "nbgrader", "README.md"], "isn't a readable notebook"),
    ],
)
def test_a_users_mistake_is_one_sentence_and_exit_code_2(command, args, words):
    done = command(*args)

    assert done.returncode == 2
    assert words in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
