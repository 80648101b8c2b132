"""Isolation on kernels that lack features, and for users other than root."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
WITHOUT = [sys.executable, str(Path(__file__).with_name("without.py"))]
PLAIN_USER = ["unshare", "--user", "--map-user=1000", "--map-group=1000"]
SNOOP = """
import os, socket, torch

def weighted_sum(x, w, b):
    return x @ w + b

def sigmoid(z):
    {attempt}
    return torch.sigmoid(z)
"""

pytestmark = [pytest.mark.slow, pytest.mark.long]


def grade(prefix, file, *options):
    return subprocess.run(
        [*prefix, sys.executable, "-m", "grader", "grade", str(file), "--format", "json", *options],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={
            "PATH": "/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "HOME": "/nowhere",
            "PYTHONPATH": str(ROOT),
        },
    )


def snooping(tmp_path, attempt):
    file = tmp_path / "kim_binary.py"
    file.write_text(SNOOP.format(attempt=attempt))
    return file


def verdicts(done):
    report = json.loads(done.stdout)
    return report["isolation"], {item["id"]: item["verdict"] for item in report["items"]}


def can_map_users():
    return bool(shutil.which("unshare")) and not subprocess.run([*PLAIN_USER, "true"]).returncode


@pytest.mark.parametrize(
    "prefix",
    [
        pytest.param([], id="as it is"),
        pytest.param([*WITHOUT, "namespaces"], id="no namespaces"),
        pytest.param(
            PLAIN_USER,
            id="plain user",
            marks=pytest.mark.skipif(not can_map_users(), reason="no user namespaces"),
        ),
        pytest.param(
            [*PLAIN_USER, *WITHOUT, "namespaces"],
            id="plain user, no namespaces",
            marks=pytest.mark.skipif(not can_map_users(), reason="no user namespaces"),
        ),
    ],
)
def test_isolation_is_full(tmp_path, prefix):
    secret = tmp_path / "secret"
    secret.write_text("x")

    level, items = verdicts(grade(prefix, snooping(tmp_path, f"open({str(secret)!r}).read()")))

    assert level == "full"
    assert (items["weighted_sum"], items["sigmoid"]) == ("passed", "forbidden")


@pytest.mark.long
def test_where_a_rule_is_refused_files_are_out_of_reach_but_a_user_must_accept_it(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("x")
    file = snooping(tmp_path, f"open({str(secret)!r}).read()")
    prefix = [*WITHOUT, "capset"]

    refused = grade(prefix, file)
    accepted = grade(prefix, file, "--isolation", "reduced")

    assert (refused.returncode, refused.stdout) == (2, "")
    assert "--isolation reduced" in refused.stderr
    level, items = verdicts(accepted)
    assert (level, items["sigmoid"]) == ("reduced", "forbidden")
    assert json.loads(accepted.stdout)["not_blocked"] == ["capabilities can't be dropped"]


@pytest.mark.long
@pytest.mark.parametrize(
    "lack, attempt, hole",
    [
        ("landlock", "open({secret!r}).read()", "read a file"),
        ("seccomp", "socket.socket(socket.AF_UNIX)", "connect to a local socket"),
    ],
)
def test_without_landlock_or_seccomp_nothing_is_promised(tmp_path, lack, attempt, hole):
    secret = tmp_path / "secret"
    secret.write_text("x")
    file = snooping(tmp_path, attempt.format(secret=str(secret)))
    prefix = [*WITHOUT, lack]

    refused = grade(prefix, file, "--isolation", "reduced")
    accepted = grade(prefix, file, "--isolation", "none")

    assert refused.returncode == 2
    assert "--isolation none" in refused.stderr
    level, items = verdicts(accepted)
    assert (level, items["sigmoid"]) == ("none", "passed")
    assert hole in json.loads(accepted.stdout)["not_blocked"]


@pytest.mark.long
@pytest.mark.parametrize("lack, word", [("landlock", "lsm="), ("seccomp", "isolation: none")])
def test_doctor_says_what_is_missing(lack, word):
    done = subprocess.run(
        [*WITHOUT, lack, sys.executable, "-m", "grader", "doctor", "--lang", "en"],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )

    assert done.returncode == 1
    assert word in done.stdout
