"""How each grader is used: the files that it wants, the commands that grade, and where the scores are."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from abc import ABC, abstractmethod
from importlib.metadata import version
from pathlib import Path

import checks
from hand_ins import ROOT, HandIn, reference_cells
from nbformat import v4
from process import Job

HERE = Path(__file__).parent
SOURCES = (HERE / "checks.py", HERE / "student.py")


class Peer(ABC):
    """A grader at work in a folder, on the hand-ins of one assignment."""

    name: str
    note: str
    """What its documentation has for limits and isolation, and how it is used here."""

    def __init__(self, folder: Path, assignment: str, limit: int, patient: bool) -> None:
        """Write the files of the assignment.

        `limit` is the time limit of a call or cell in seconds, `patient` says that speed matters and not isolation.
        """
        self.folder, self.assignment, self.limit, self.patient = folder, assignment, limit, patient
        self.environment = {
            **os.environ, "ASSIGNMENT": assignment, "LIMIT": str(limit), "OMP_NUM_THREADS": "1",
            "PATH": f"{self.venv() / 'bin'}:{os.environ['PATH']}", "PYTHONPATH": str(HERE),
            "TMPDIR": str(folder / "tmp"),
        }  # fmt: skip
        (folder / "tmp").mkdir(parents=True)
        self.set_up()

    @classmethod
    def venv(cls) -> Path:
        return ROOT / ".venv-peers" / cls.name

    @classmethod
    def version(cls) -> str:
        """Its version, as pinned."""
        pins = (HERE / f"{cls.name}.txt").read_text(encoding="utf-8")
        return re.findall(rf"^{cls.name}==(.+)$", pins, flags=re.MULTILINE)[0]

    def set_up(self) -> None:
        """Write what the assignment needs; the solution lies beside it, as on an instructor's disk."""
        text = "\n\n".join(reference_cells(self.assignment))
        (self.folder / "solution.py").write_text(text, encoding="utf-8")

    def tool(self, *arguments: str) -> None:
        """Run a command of the grader that isn't measured."""
        command = [self.venv() / "bin" / arguments[0], *arguments[1:]]
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True
        )
        if done.returncode:
            sys.exit(f"{' '.join(arguments)}:\n{done.stdout}{done.stderr}")

    @abstractmethod
    def add(self, hand_in: HandIn) -> None:
        """Put a hand-in where the grader looks for it."""

    @abstractmethod
    def jobs(self, hand_ins: tuple[HandIn, ...]) -> list[Job]:
        """The commands that grade."""

    @abstractmethod
    def score(self, hand_in: HandIn) -> float | None:
        """The points, or None if it wasn't graded."""


class Ours(Peer):
    name = "grader"
    note = "`grader batch`, all items of `solutions/` with its own checks"

    @classmethod
    def venv(cls) -> Path:
        return Path(sys.prefix)

    @classmethod
    def version(cls) -> str:
        return version("torch-grader")

    def set_up(self) -> None:
        shutil.copytree(ROOT / "solutions", self.folder / "solutions")
        settings = self.folder / "solutions" / self.assignment / "assignment.toml"
        text = settings.read_text(encoding="utf-8")
        text = re.sub(r"^((?:train_)?cpu_seconds) = \d+", rf"\1 = {self.limit}", text, flags=re.M)
        settings.write_text(text, encoding="utf-8")

    def add(self, hand_in: HandIn) -> None:
        hand_in.write(self.folder / "in" / f"{slug(hand_in)}_{self.assignment}.ipynb")

    def jobs(self, hand_ins: tuple[HandIn, ...]) -> list[Job]:
        return [self.job("batch", "in", "-o", "results")]

    def job(self, *arguments: str) -> Job:
        command = (str(self.venv() / "bin" / "grader"), *arguments)
        return Job(command, self.folder, self.environment | {"PYTHONPATH": ""})

    def score(self, hand_in: HandIn) -> float | None:
        exported = self.folder / "scores.json"
        if not exported.exists():
            self.tool("grader", "report", "results", "--format", "json", "-o", "scores.json")
        records = json.loads(exported.read_text(encoding="utf-8"))["hand_ins"]
        scores = {each["student"]: each["score"] for each in records}
        return scores.get(slug(hand_in))


class Nbgrader(Peer):
    name = "nbgrader"
    note = "`nbgrader autograde`, serial as it is; limit: `Execute.timeout` per cell; no isolation (its FAQ: Docker)"

    def set_up(self) -> None:
        (self.folder / "nbgrader_config.py").write_text(
            f"c = get_config()\nc.CourseDirectory.course_id = 'course'\nc.Execute.timeout = {self.limit}\n"
            "c.OverwriteCells.add_missing_cells = True\n",
            encoding="utf-8",
        )
        source = self.folder / "source" / self.assignment
        solved = [
            v4.new_code_cell(text, metadata=nbgrader_cell(f"cell{n}", solution=True))
            if "BEGIN SOLUTION" in text
            else v4.new_code_cell(text)
            for n, text in enumerate(reference_cells(self.assignment))
        ]
        HandIn("source", ()).write(source / f"{self.assignment}.ipynb", (*solved, *self.cells()))
        for path in SOURCES:
            shutil.copy(path, source)
        self.tool("nbgrader", "generate_assignment", self.assignment)

    def cells(self) -> tuple[v4.nbbase.NotebookNode, ...]:
        return tuple(
            v4.new_code_cell(
                "import checks as _checks, student as _student\n"
                f"_checks.run({self.assignment!r}, {name!r}, _student.student_in(globals()))",
                metadata=nbgrader_cell(name, points=points),
            )
            for name, (points, _) in checks.RUBRIC[self.assignment].items()
        )

    def add(self, hand_in: HandIn) -> None:
        folder = self.folder / "submitted" / slug(hand_in) / self.assignment
        hand_in.write(folder / f"{self.assignment}.ipynb", self.cells())

    def jobs(self, hand_ins: tuple[HandIn, ...]) -> list[Job]:
        command = (str(self.venv() / "bin" / "nbgrader"), "autograde", self.assignment)
        return [Job(command, self.folder, self.environment)]

    def score(self, hand_in: HandIn) -> float | None:
        exported = self.folder / "grades.csv"
        if not exported.exists():
            self.tool("nbgrader", "export", "--to", "grades.csv")
        if not (self.folder / "autograded" / slug(hand_in) / self.assignment).exists():
            return None
        with exported.open(encoding="utf-8") as file:
            scores = {row["student_id"]: row["score"] for row in csv.DictReader(file)}
        return float(scores[slug(hand_in)])


def nbgrader_cell(name: str, solution: bool = False, points: int = 0) -> dict[str, object]:
    graded = {"points": points} if points else {}
    return {
        "nbgrader": {
            "grade": bool(points), "solution": solution, "locked": not solution, "task": False,
            "schema_version": 3, "grade_id": name, **graded,
        }
    }  # fmt: skip


class Otter(Peer):
    name = "otter-grader"
    note = "`otter run` for each hand-in, as many at once as processors; no limit (`otter grade` has one, with Docker)"

    def set_up(self) -> None:
        super().set_up()
        for path in SOURCES:
            shutil.copy(path, self.folder)
        (self.folder / "tests").mkdir()
        for name, (points, _) in checks.RUBRIC[self.assignment].items():
            (self.folder / "tests" / f"{name}.py").write_text(
                "from otter.test_files import test_case\n\n"
                f"OK_FORMAT = False\nname, points = {name!r}, {points}\n\n\n"
                "@test_case(points=points)\ndef test(env):\n"
                "    import checks, student\n"
                f"    checks.run({self.assignment!r}, name, student.student_in(env))\n",
                encoding="utf-8",
            )
        files = [path.name for path in SOURCES]
        self.tool("otter", "generate", "-t", "tests", "-o", "autograder.zip", *files)

    def add(self, hand_in: HandIn) -> None:
        hand_in.write(self.folder / "in" / f"{slug(hand_in)}.ipynb")

    def jobs(self, hand_ins: tuple[HandIn, ...]) -> list[Job]:
        def job(name: str) -> Job:
            (self.folder / "out" / name).mkdir(parents=True, exist_ok=True)
            command = (
                str(self.venv() / "bin" / "otter"), "run", "-a", "autograder.zip",
                "-o", f"out/{name}", f"in/{name}.ipynb",
            )  # fmt: skip
            return Job(command, self.folder, self.environment)

        return [job(slug(hand_in)) for hand_in in hand_ins]

    def score(self, hand_in: HandIn) -> float | None:
        path = self.folder / "out" / slug(hand_in) / "results.json"
        if not path.exists():
            return None
        return sum(test.get("score", 0) for test in json.loads(path.read_text())["tests"])


class PrairieLearn(Peer):
    name = "pytest-prairielearn-grader"
    note = (
        "one pytest for each hand-in, as many at once as processors; the submission in its own process, as user nobody "
        "where that can run Python; "
        "limit: `sandbox_timeout`; timed with `module_sandbox`, awkward hand-ins with a fresh `sandbox` per item"
    )

    def add(self, hand_in: HandIn) -> None:
        folder = self.folder / slug(hand_in)
        shutil.copytree(HERE / "prairielearn", folder, ignore=lambda *_: ["trailing_code.py"])
        hand_in.write(folder / "test_student" / "student_code.ipynb")
        trailing = [HERE / "student.py", HERE / "prairielearn" / "trailing_code.py"]
        text = "\n\n".join(path.read_text(encoding="utf-8") for path in trailing)
        (folder / "test_student" / "trailing_code.py").write_text(text, encoding="utf-8")

    def jobs(self, hand_ins: tuple[HandIn, ...]) -> list[Job]:
        user = ("--worker-username", "nobody") if runs_as_nobody(self.venv()) else ()
        command = (
            str(self.venv() / "bin" / "pytest"), "test_student.py", *user, "-q",
            "-c", os.devnull, "--rootdir", ".", "-p", "no:cacheprovider",
        )  # fmt: skip
        environment = self.environment | {
            "SANDBOX": "module_sandbox" if self.patient else "sandbox"
        }
        return [Job(command, self.folder / slug(each), environment) for each in hand_ins]

    def score(self, hand_in: HandIn) -> float | None:
        path = self.folder / slug(hand_in) / "autograder_results.json"
        if not path.exists():
            return None
        results = json.loads(path.read_text())
        return 100 * results["score"] if results.get("gradable", True) else None


class Pytest(Peer):
    name = "pytest"
    note = (
        "a script that starts pytest for each hand-in, as many at once as processors; no isolation"
    )

    def set_up(self) -> None:
        super().set_up()
        shutil.copy(HERE / "plain" / "test_items.py", self.folder)

    def add(self, hand_in: HandIn) -> None:
        hand_in.write(self.folder / "in" / f"{slug(hand_in)}.ipynb")

    def jobs(self, hand_ins: tuple[HandIn, ...]) -> list[Job]:
        return [
            Job(
                (
                    str(self.venv() / "bin" / "pytest"), "test_items.py", "-q", "-c", os.devnull,
                    "--rootdir", ".", "-p", "no:cacheprovider", f"--junitxml=out/{name}.xml",
                ),
                self.folder,
                self.environment | {"HAND_IN": f"in/{name}.ipynb"},
            )
            for name in map(slug, hand_ins)
        ]  # fmt: skip

    def score(self, hand_in: HandIn) -> float | None:
        path = self.folder / "out" / f"{slug(hand_in)}.xml"
        if not path.exists():
            return None
        rubric = checks.RUBRIC[self.assignment]
        cases = list(ElementTree.parse(path).iter("testcase"))
        passed = [
            case.get("name", "")
            for case in cases
            if len(case.findall("*")) == len(case.findall("system-out"))
        ]
        names = [re.sub(r".*\[(.*)\]", r"\1", name) for name in passed]
        return sum(rubric[name][0] for name in names) if cases else None


def runs_as_nobody(venv: Path) -> bool:
    """Whether this process may start the environment's Python as user nobody."""
    try:
        return not subprocess.run([venv / "bin" / "python", "-c", ""], user="nobody").returncode
    except PermissionError:
        return False


def slug(hand_in: HandIn) -> str:
    return re.sub(r"\W+", "", hand_in.name)


PEERS: tuple[type[Peer], ...] = (Ours, Nbgrader, Otter, PrairieLearn, Pytest)
