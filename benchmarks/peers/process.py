"""Run commands, and measure what they and all their descendants cost."""

import contextlib
import ctypes
import os
import resource
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import psutil

CORES = len(os.sched_getaffinity(0))
ADDRESS_SPACE = 6 << 30
"""Bytes of address space for each process, so that a memory bomb doesn't take the machine with it."""
PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True)
class Job:
    """A command, where it runs, and its environment."""

    command: tuple[str, ...]
    folder: Path
    environment: dict[str, str]


@dataclass(frozen=True)
class Cost:
    """CPU and wall time in seconds, and the peak memory of all processes together in MB."""

    cpu: float
    wall: float
    peak: float


def adopt_orphans() -> None:
    """Let processes whose parent ends become children of this one, so that their CPU time counts."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def measure(jobs: list[Job], seconds: float) -> Cost:
    """Run commands, as many at once as processors; each is killed after `seconds`."""
    before, begin = children_cpu(), time.monotonic()
    peak, done = [0.0], threading.Event()
    watch = threading.Thread(target=watch_memory, args=(peak, done))
    watch.start()
    with ThreadPoolExecutor(CORES) as pool:
        list(pool.map(lambda job: run(job, seconds), jobs))
    wall = time.monotonic() - begin
    done.set()
    watch.join()
    bury(psutil.Process().children(recursive=True))
    return Cost(children_cpu() - before, wall, peak[0])


def run(job: Job, seconds: float) -> None:
    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))

    with (job.folder / "log.txt").open("ab") as log:
        process = subprocess.Popen(
            job.command, cwd=job.folder, env=job.environment, stdin=subprocess.DEVNULL,
            stdout=log, stderr=log, preexec_fn=limited, start_new_session=True,
        )  # fmt: skip
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            below = psutil.Process(process.pid).children(recursive=True)
            process.kill()
            process.wait()
            for each in below:
                with contextlib.suppress(psutil.NoSuchProcess):
                    each.kill()


def bury(left: list[psutil.Process]) -> None:
    """Kill what a command left behind, and collect the CPU time of all orphans."""
    for process in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    with contextlib.suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)


def children_cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def watch_memory(peak: list[float], done: threading.Event) -> None:
    """Sum the proportional set sizes of all descendants five times a second."""
    while not done.wait(0.2):
        total = 0
        for process in psutil.Process().children(recursive=True):
            with contextlib.suppress(OSError, psutil.Error):
                lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()
                total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
        peak[0] = max(peak[0], total / 1024)
