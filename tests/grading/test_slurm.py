"""A class is graded by Slurm jobs, on a Slurm of one node that is started here. `make test-slurm` runs it."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from grader.gradebook import Gradebook
from grader.model.errors import UserError

pytestmark = pytest.mark.long
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "scancel", "squeue")
CONF = """
ClusterName=test
SlurmctldHost={host}
SlurmctldPort={ctld}
SlurmdPort={d}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
ReturnToService=2
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
NodeName={host} CPUs={cpus} State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""
SETTINGS = """
name = "tiny"
title = { ko = "작은 과제", en = "Tiny" }
functions = ["double"]

[[items]]
id = "double"
title = { ko = "두 배", en = "Double" }
points = 10
"""
CHECKS = """
import pytest

@pytest.mark.item("double")
def test_double(student):
    assert student.double(2) == 4
"""
JOBS = {
    "CORES": "1",
    "PROCESSES": "1",
    "MEMORY": "2GB",
    "QUEUE": "main",
    "JOB_DIRECTIVES_SKIP": '["--mem"]',
}


def free_port():
    with socket.create_server(("", 0)) as server:
        return server.getsockname()[1]


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    """The environment in which Slurm's commands find it."""
    if missing := [name for name in PROGRAMS if not shutil.which(name)]:
        pytest.skip(f"not installed: {', '.join(missing)} (apt-get install slurm-wlm munge)")
    if os.getuid() != 0:
        pytest.skip("Slurm's daemons need root")
    folder = tmp_path_factory.mktemp("slurm")
    for parent in (folder, *folder.parents[:2]):
        parent.chmod(0o755)
    (folder / "munge.key").write_bytes(os.urandom(1024))
    (folder / "munge.key").chmod(0o600)
    settings = CONF.format(
        host=socket.gethostname(),
        folder=folder,
        ctld=free_port(),
        d=free_port(),
        cpus=os.cpu_count(),
    )
    (folder / "slurm.conf").write_text(settings)
    for name in ("state", "spool"):
        (folder / name).mkdir()
    environment = os.environ | {"SLURM_CONF": str(folder / "slurm.conf")}
    commands = (
        [
            *("munged", "--foreground", "--force", f"--key-file={folder}/munge.key"),
            *(f"--{name}-file={folder}/munge.{name}" for name in ("pid", "log", "seed")),
            f"--socket={folder}/munge.socket",
        ],
        ["slurmctld", "-D"],
        ["slurmd", "-D", "-N", socket.gethostname()],
    )
    running = []
    try:
        for command in commands:
            with (folder / f"{command[0]}.out").open("wb") as log:
                running.append(subprocess.Popen(command, env=environment, stdout=log, stderr=log))
            time.sleep(2)
        end = time.monotonic() + 60
        while (
            b"idle"
            not in subprocess.run(
                ["sinfo", "-h"], env=environment, capture_output=True, check=False
            ).stdout
        ):
            assert time.monotonic() < end, (folder / "slurmctld.log").read_text()[-3000:]
            time.sleep(0.5)
        yield environment
    finally:
        for process in reversed(running):
            process.terminate()
            process.wait()


def test_a_class_is_graded_by_slurm_jobs_and_one_is_cancelled(slurm, tmp_path):
    tiny = tmp_path / "solutions" / "tiny"
    tiny.mkdir(parents=True)
    (tiny / "assignment.toml").write_text(SETTINGS, encoding="utf-8")
    (tiny / "test_tiny.py").write_text(CHECKS)
    (tmp_path / "in").mkdir()
    for number in range(60):
        source = f"import time\ndef double(x):\n    time.sleep(0.5)\n    return 2 * x\n# {number}\n"
        (tmp_path / "in" / f"s{number:05}_tiny.py").write_text(source)
    settings = {f"DASK_JOBQUEUE__SLURM__{name}": value for name, value in JOBS.items()}
    process = subprocess.Popen(
        [
            Path(sys.executable).with_name("grader"),
            "batch",
            "in",
            "-o",
            "out",
            "--cluster",
            "slurm:2",
        ],
        cwd=tmp_path,
        env=slurm | settings | {"LANG": "C.UTF-8"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    end = time.monotonic() + 300
    while process.poll() is None and time.monotonic() < end:
        listed = subprocess.run(
            ["squeue", "-h", "-o", "%i %T"], env=slurm, capture_output=True, text=True, check=True
        )
        jobs = [line.split()[0] for line in listed.stdout.splitlines() if "RUNNING" in line]
        if len(jobs) == 2 and landed(tmp_path):
            subprocess.run(["scancel", jobs[0]], env=slurm, check=True)
            break
        time.sleep(0.5)
    out, err = process.communicate(timeout=400)

    assert process.returncode == 0, out + err
    with Gradebook(tmp_path / "out") as book:
        assert [record.score for record in book.class_record().records] == [10] * 60
    left = subprocess.run(
        ["squeue", "-h", "-t", "R"], env=slurm, capture_output=True, text=True, check=True
    )
    assert left.stdout == ""


def landed(home):
    with contextlib.suppress(UserError), Gradebook(home / "out") as book:
        return len(book.class_record().records)
    return 0
