"""`grader serve` and `grader work` as processes: load, kills, a stop, logs, measures. Short forms of the benchmark."""

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "deploy" / "grader.service"
sys.path.insert(0, str(ROOT / "benchmarks"))
import serve as bench  # noqa: E402 - what it imports is beside it


@pytest.mark.long
@pytest.mark.slow
def test_whoever_hands_in_at_the_last_moment_gets_a_receipt_and_a_report():
    found = asyncio.run(bench.measure_rush(4, 1.0))
    assert found.errors == []
    assert len(found.receipts) == 4
    assert max(found.memory) < found.memory[0] + 40


@pytest.mark.load
@pytest.mark.long
def test_a_rush_ends_without_an_error_and_keeps_its_memory_flat():
    found = asyncio.run(bench.measure_rush(60, 20))
    assert found.errors == []
    assert max(found.memory) < found.memory[0] + 40
    assert bench.quantile(found.estimates, 0.2) > 0.67
    assert bench.quantile(found.estimates, 0.8) < 1.5


@pytest.mark.load
@pytest.mark.long
def test_what_is_killed_costs_nobody_a_grading():
    found = asyncio.run(bench.measure_kills(30, 5))
    assert found.graded_once == found.reports == 30
    assert found.ungraded == 0


@pytest.mark.load
@pytest.mark.long
def test_three_thousand_pages_may_wait():
    found = asyncio.run(bench.measure_waiting(3000))
    assert found.after - found.before < 150


@pytest.mark.long
def test_a_stop_puts_what_is_being_graded_back():
    found = asyncio.run(bench.measure_stop(4))
    assert (found.exit_code, found.running, found.tries) == (0, 0, 0)
    assert found.waiting
    assert found.waiting + found.graded == 4
    assert found.seconds < 20


@pytest.mark.long
def test_a_machine_that_only_grades_needs_no_web_packages_and_logs_no_names(tmp_path):
    with bench.server(2, "--no-grading", "--log", str(tmp_path / "web.log")) as at:
        blocked = tmp_path / "blocked"
        for name in ("multipart", "prometheus_client", "python_multipart", "starlette", "uvicorn"):
            (blocked / name).mkdir(parents=True)
            (blocked / name / "__init__.py").write_text("raise ImportError", encoding="utf-8")
        worker = subprocess.Popen(
            [
                *(Path(sys.executable).with_name("grader"), "work", "-o", at.folder / "results"),
                *("--log", tmp_path / "work.log", "--lang", "en"),
            ],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(blocked)},
        )
        try:
            students = asyncio.run(hand_in_and_watch(at))
            measures = httpx.get(f"{at.url}/metrics")
            outside = httpx.get(f"{at.url}/metrics", headers={"X-Forwarded-For": "203.0.113.7"})
        finally:
            worker.send_signal(signal.SIGTERM)
            assert worker.wait(30) == 0
    assert "grader_graded_total 2.0" in measures.text
    assert 'grader_jobs{state="waiting"} 0.0' in measures.text
    assert "process_resident_memory_bytes" in measures.text
    assert outside.status_code == 404
    lines = [(tmp_path / name).read_text(encoding="utf-8") for name in ("web.log", "work.log")]
    requests, jobs = ([json.loads(line) for line in text.splitlines()] for text in lines)
    assert {each["event"] for each in requests} == {"request"}
    assert {"/assignments/{name}/uploads", "/uploads/{key}/hand-in"} <= {
        each["address"] for each in requests
    }
    assert [(each["event"], each["assignment"], each["ungraded"]) for each in jobs] == [
        ("graded", "binary", False)
    ] * 2
    for secret in ("s0000", "s0001", *(each.key for each in students)):
        assert secret not in "".join(lines)
        assert secret not in measures.text


async def hand_in_and_watch(at):
    async with bench.signed_in(at) as students:
        for each in students:
            await each.hand_in()
            await each.watch()
    return students


def test_the_unit_for_systemd_is_valid(tmp_path):
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed")
    text = UNIT.read_text(encoding="utf-8")
    for line in text.splitlines():
        if line.startswith(("ExecStart=", "User=", "WorkingDirectory=")):
            assert "/srv/course" in line or line == "User=grader"
    unit = tmp_path / "grader.service"
    unit.write_text(text.replace("/srv/course/.venv/bin/grader", "/bin/true"), encoding="utf-8")
    done = subprocess.run(
        [program, "verify", "--man=no", unit], capture_output=True, text=True, check=False
    )
    complaints = [line for line in done.stderr.splitlines() if "grader.service" in line]
    assert (done.returncode, complaints) == (0, [])


@pytest.mark.long
def test_the_image_installs_this_package_and_starts_an_option_that_exists(command):
    text = (ROOT / "deploy" / "Containerfile").read_text(encoding="utf-8")
    base = re.search(r"^FROM \S+/python:(3\.\d+)-slim", text, re.MULTILINE)[1]
    assert tuple(map(int, base.split("."))) >= (3, 11)
    install = re.search(r"pip (install [^\n]*)", text)[1].replace("'", "").split()
    started = json.loads(re.search(r"^CMD (.*)$", text, re.MULTILINE)[1])

    pip = [sys.executable, "-m", "pip", *install, "--no-deps", "--no-build-isolation", "--dry-run"]
    found = subprocess.run(pip, cwd=ROOT, capture_output=True, text=True, check=False)
    options = command(*started[1:2], "--help").stdout

    assert found.returncode == 0, found.stderr
    assert all(each in options for each in started if each.startswith("--"))
