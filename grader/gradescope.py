"""The Gradescope autograder: the archive to upload, and its code for Gradescope's container."""

import base64
import hashlib
import io
import sys
import traceback
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import distribution
from pathlib import Path
from typing import Literal, cast

from grader.grading.grader import Grader
from grader.grading.scoring import ungraded
from grader.intake.apart import read_file
from grader.model.assignment import Assignment, load_assignments
from grader.model.builtin import constraints
from grader.model.course import COURSE, course_file
from grader.model.record import Record
from grader.model.submission import SUFFIXES, Submission, match_assignment
from grader.model.text import Language, tr, visible
from grader.reports.gradescope import to_gradescope

Level = Literal["reduced", "full"]
"""The minimum isolation of the container; below `reduced`, nothing can be graded."""

_CACHES = {"__pycache__", ".pytest_cache", ".ipynb_checkpoints"}

_SETUP = """\
#!/usr/bin/env bash
# Prepares the container, once: Python, the grader, and the libraries that submissions may import.
set -euo pipefail
root=${AUTOGRADER_ROOT:-/autograder}
apt-get update
apt-get install -y python3.12 python3.12-venv || apt-get install -y python3.11 python3.11-venv
"$(command -v python3.12 || command -v python3.11)" -m venv "$root/venv"
"$root/venv/bin/pip" install --no-cache-dir --extra-index-url https://download.pytorch.org/whl/cpu \\
    -c "$root/source/constraints.txt" "$(echo "$root"/source/torch_grader-*.whl)[staff]"
"""

_RUN = """\
#!/usr/bin/env bash
# Grades the one submission in submission/ into results/results.json.
set -euo pipefail
root=${{AUTOGRADER_ROOT:-/autograder}}
# -P: nothing is imported from the current folder, which may be the student's
exec "${{GRADER_PYTHON:-$root/venv/bin/python}}" -P -m grader.gradescope "$root" {isolation} {language}
"""


def pack(assignment: Assignment, isolation: Level, language: Language) -> bytes:
    """Return an `autograder.zip` that grades this assignment, with its hidden folder and the grader in it.

    It gives no score where the container's isolation is below `isolation`.
    """
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        _add_script(archive, "setup.sh", _SETUP)
        _add_script(archive, "run_autograder", _RUN.format(isolation=isolation, language=language))
        archive.write(constraints(), "constraints.txt")
        archive.writestr(*_wheel())
        if (settings := course_file(assignment.folder)) is not None:
            archive.write(settings, COURSE)
        hidden = Path("solutions", assignment.folder.name)
        for path in _files(assignment.folder):
            archive.write(path, hidden / path.relative_to(assignment.folder))
    return file.getvalue()


def _wheel() -> tuple[str, bytes]:
    """Return the name and the bytes of a wheel of this package as it is installed, without its built-in course.

    The format is https://packaging.python.org/specifications/binary-distribution-format/.
    """
    package = Path(__file__).parent
    known = distribution("torch-grader")
    info = f"torch_grader-{known.version}.dist-info"
    content = {
        f"grader/{path.relative_to(package).as_posix()}": path.read_bytes()
        for path in _files(package)
        if path.relative_to(package).parts[0] != "course"
    }
    for name in ("METADATA", "WHEEL", "entry_points.txt"):
        content[f"{info}/{name}"] = (known.read_text(name) or "").encode()
    record = [f"{name},sha256={_digest(data)},{len(data)}" for name, data in content.items()]
    content[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,", ""]).encode()
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as wheel:
        for name, data in content.items():
            wheel.writestr(name, data)
    return f"torch_grader-{known.version}-py3-none-any.whl", file.getvalue()


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")


def run(root: Path, grader: Grader, language: Language) -> None:
    """Grade the submission in `root/submission` into `root/results/results.json`.

    Where we fail, the result says so and has no score, and the reason is printed for the instructor. A student who
    handed in no script or notebook, or several, gets 0 points and is told why.
    """
    (assignment,) = load_assignments(root / "source" / "solutions").values()
    submission = _the_submission(root / "submission", assignment)
    try:
        report = grader.grade(assignment, submission, "").report
    except Exception:  # whatever it is, it is ours
        reason = traceback.format_exc()
        print(visible(reason))
        report = ungraded(assignment, submission, "", reason)
    record = Record(report=report, origin=submission.file, graded_at=datetime.now(UTC))
    results = root / "results"
    results.mkdir(exist_ok=True)
    (results / "results.json").write_text(to_gradescope(record, language), encoding="utf-8")


def main() -> None:
    """Entry point in the container. Arguments: the root folder, the minimum isolation, the language."""
    _, root, isolation, language = sys.argv
    with Grader(cast(Level, isolation)) as grader:
        run(Path(root), grader, cast(Language, language))


def _the_submission(folder: Path, assignment: Assignment) -> Submission:
    """The submitted file; of several, the one for this assignment."""
    found = [read_file(path) for path in _handed_in(folder)]
    if len(found) > 1:
        found = [s for s in found if match_assignment(s, {assignment.name: assignment})] or found
    if len(found) == 1:
        return found[0]
    problem = tr(
        "submit exactly one script (.py) or notebook (.ipynb); found: {files}",
        files=", ".join(each.file for each in found) or "–",
    )
    return Submission(file="", sha256="", notebook=False, problem=problem)


def _handed_in(folder: Path) -> Iterator[Path]:
    """The scripts and notebooks below the folder, ignoring links that lead out of it (to the solutions)."""
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith((".", "__MACOSX")) for part in path.relative_to(folder).parts)
        inside = path.resolve().is_relative_to(folder.resolve())
        if path.suffix.lower() in SUFFIXES and path.is_file() and inside and not hidden:
            yield path


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not _CACHES & set(path.relative_to(folder).parts):
            yield path


def _add_script(archive: zipfile.ZipFile, name: str, text: str) -> None:
    info = zipfile.ZipInfo(name)
    info.external_attr = 0o100755 << 16
    archive.writestr(info, text)


if __name__ == "__main__":
    main()
