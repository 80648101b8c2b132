"""The autograder that Gradescope runs: the archive that is uploaded, and what it does in their container."""

import io
import sys
import traceback
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, cast

from grader.grading.grader import Grader
from grader.grading.scoring import ungraded
from grader.model.assignment import Assignment, load_assignments
from grader.model.errors import UserError
from grader.model.record import Record
from grader.model.submission import SUFFIXES, Submission, match_assignment, read_submission
from grader.model.text import Language, tr
from grader.reports.gradescope import to_gradescope

Level = Literal["reduced", "full"]
"""The least isolation that a container must offer; below `reduced` nothing can be graded."""

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
    -c "$root/source/constraints.txt" "$root/source/package"
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

    Raises:
        UserError: this grader was not installed from a checkout, so that its source can't be packed.
    """
    package = Path(__file__).parent
    checkout = package.parent
    if not (checkout / "pyproject.toml").is_file():
        raise UserError(
            tr(
                "the grader in {folder} was installed without its source; run this command "
                "from a checkout",
                folder=package,
            )
        )
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        _add_script(archive, "setup.sh", _SETUP)
        _add_script(archive, "run_autograder", _RUN.format(isolation=isolation, language=language))
        archive.write(checkout / "constraints.txt", "constraints.txt")
        for name in ("pyproject.toml", "README.md", "LICENSE"):
            archive.write(checkout / name, f"package/{name}")
        for path in _files(package):
            archive.write(path, Path("package/grader", path.relative_to(package)))
        hidden = Path("solutions", assignment.folder.name)
        for path in _files(assignment.folder):
            archive.write(path, hidden / path.relative_to(assignment.folder))
    return file.getvalue()


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
        print(reason)
        report = ungraded(assignment, submission, "", reason)
    record = Record(report=report, origin=submission.file, graded_at=datetime.now(UTC))
    results = root / "results"
    results.mkdir(exist_ok=True)
    (results / "results.json").write_text(to_gradescope(record, language), encoding="utf-8")


def main() -> None:
    """Run in a container: the root, the least isolation and the language are the arguments."""
    _, root, isolation, language = sys.argv
    with Grader(cast(Level, isolation)) as grader:
        run(Path(root), grader, cast(Language, language))


def _the_submission(folder: Path, assignment: Assignment) -> Submission:
    """The one file that was handed in; of several, the one that is for this assignment."""
    found = [read_submission(path) for path in _handed_in(folder)]
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
    """The scripts and notebooks below the folder; no link leads out of it, to the solutions."""
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
