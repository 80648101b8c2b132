"""Make the students' files from a solution: the same cells as a script and a notebook, without the answers."""

import io
import json
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Literal

import jupytext
import msgspec
import nbformat

from grader.authoring.readme import PACKAGE, README, released_readme
from grader.authoring.regions import SOLUTION, find_regions, not_releasable
from grader.authoring.toml import settings_toml
from grader.grading.grader import Grader
from grader.model.assignment import MAX_LOSS, SETTINGS, Assignment, is_beside
from grader.model.bilingual import code_in, markdown_in
from grader.model.errors import UserError, reading, writing
from grader.model.submission import DEMO_TAG, SETUP_TAG, parse_submission, read_submission
from grader.model.text import Language, tr

PUBLIC = "public"
"""The folder of an assignment whose files students get unchanged: the README, public checks, data."""

_TODO = {
    "ko": "여기에 코드를 쓰고 아래 줄을 지우세요.",
    "en": "Write your code here and delete the next line.",
}
_NOT_YET = {"ko": "아직 구현하지 않았습니다.", "en": "not implemented yet"}
_SETUP = {
    "ko": "# Colab에서 필요한 준비입니다. 다른 곳에서도 그대로 실행하면 됩니다.",
    "en": "# Colab needs this. Elsewhere, just run it.",
}
_CHECK = """\
## 확인하기
*Check your work*

지금 정의된 함수를 공개 검사로 확인합니다. 저장하지 않아도 됩니다. 함수를 고쳤으면 그 셀을 다시 실행한 다음
확인하세요. 항목 하나만 확인하려면 아무 셀에서나 `grader.check("{item}")`처럼 쓰세요.

*This runs the public checks on your functions as they are defined now, saved or not. After a change, run the cell of
the function again, then check. To check one item, write `grader.check("{item}")` in any cell.*"""
_HEADER = "# The functions and rubric items of this assignment. Keep it next to your file: `grader check` reads it.\n"
_PUBLIC_SETTINGS = (
    "name",
    "title",
    "short",
    "functions",
    "lang",
    "aliases",
    "packages",
    "thresholds",
)
_PUBLIC_ITEM = ("id", "title", "short", "points")
_TRIVIAL = 20  # shorter lines give nothing away
_COMMON = re.compile(r"import |from |@|def |class |#|\"\"\"")

Languages = Language | Literal["both"]


def make_release(
    assignment: Assignment, languages: Languages = "both", url: str = ""
) -> dict[str, bytes]:
    """Return the files that students get, by name.

    `url` is the address below which the released folders can be fetched, for notebooks that run without theirs.

    Raises:
        AssignmentError: the solution or a public file is missing or invalid, or the files would reveal an answer.
    """
    name, folder = assignment.name, assignment.folder
    source = _read(assignment, SOLUTION)
    stubs = _stubs(assignment, source, languages)
    language = None if languages == "both" else languages
    script = code_in(stubs, language) if language is not None else stubs
    files = {
        f"{name}.py": script.encode(),
        f"{name}.ipynb": _notebook(assignment, script, languages, url).encode(),
        SETTINGS: _public_settings(assignment).encode(),
    }
    for path in sorted((folder / PUBLIC).rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            target = path.relative_to(folder / PUBLIC).as_posix()
            data = path.read_bytes()
            if target == README:
                data = released_readme(assignment, data.decode(), language).encode()
            elif path.suffix == ".md" and language is not None:
                data = markdown_in(data.decode(), language).encode()
            files[target] = data
    if README not in files:
        raise not_releasable(assignment, tr("{file} is missing", file=f"{PUBLIC}/{README}"))
    _refuse_leaks(assignment, source, files)
    return files


def verify_release(grader: Grader, assignment: Assignment, files: dict[str, bytes]) -> None:
    """Grade the released templates and the solution, the latter with the public checks too.

    Raises:
        AssignmentError: an empty template gets points, or the solution doesn't get full points.
    """
    for name in (f"{assignment.name}.py", f"{assignment.name}.ipynb"):
        report = grader.grade(assignment, parse_submission(name, files[name]), "").report
        if why := [item.message for item in report.items if item.points is None]:
            raise not_releasable(
                assignment,
                tr("the empty template {file} can't be graded: {reason}", file=name, reason=why[0]),
            )
        if report.score > 0:
            raise not_releasable(
                assignment,
                tr("the empty template {file} gets {score} points", file=name, score=report.score),
            )
    report = grader.grade(assignment, read_submission(assignment.folder / SOLUTION), "").report
    if lost := [item.id for item in report.items if item.points != item.max_points]:
        raise not_releasable(
            assignment, tr("the solution loses points in {items}", items=", ".join(lost))
        )
    if lost := _lost_in_public(assignment, files):
        raise not_releasable(
            assignment,
            tr(
                "the solution loses points in {items} with the public checks", items=", ".join(lost)
            ),
        )


def differences(files: dict[str, bytes], folder: Path) -> list[str]:
    """Return the names of files that are missing, different or superfluous in `folder`."""
    there = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not is_beside(path.relative_to(folder))
    }
    return sorted(name for name in files | there if files.get(name) != there.get(name))


def write_release(files: dict[str, bytes], folder: Path) -> None:
    """Make `folder` contain exactly these files.

    Raises:
        UserError: it can't be written, or holds files other than an earlier release, which would be lost.
    """
    there = folder.iterdir() if folder.is_dir() else ()
    if any(not is_beside(Path(path.name)) for path in there) and not _is_release(folder):
        raise UserError(
            tr(
                "{folder} contains other files than a release; choose another folder with -o",
                folder=folder,
            )
        )
    with writing(folder):
        for name in differences(files, folder):
            path = folder / name
            if name in files:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(files[name])
            else:
                path.unlink()


def _is_release(folder: Path) -> bool:
    """Whether a folder is a release: it has settings, but no solution."""
    return (folder / SETTINGS).is_file() and not (folder / SOLUTION).exists()


def zip_release(files: dict[str, bytes], name: str) -> bytes:
    """Return the files as an archive with one folder. The bytes depend only on the files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(f"{name}/{path}"), data, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _stubs(assignment: Assignment, source: str, languages: Languages) -> str:
    lines = source.splitlines()
    for region in reversed(find_regions(assignment, source)):
        marker = lines[region.first - 1]
        indent = marker[: len(marker) - len(marker.lstrip())]
        todo, not_yet = (
            " / ".join(words[each] for each in _chosen(languages)) for words in (_TODO, _NOT_YET)
        )
        lines[region.first - 1 : region.last] = [
            f"{indent}# TODO: {todo}",
            f'{indent}raise NotImplementedError("{region.function}: {not_yet}")',
        ]
    return "\n".join(lines) + "\n"


def _notebook(assignment: Assignment, script: str, languages: Languages, url: str) -> str:
    """The script's cells, demonstrations without their guard, between a cell that sets up and one that checks."""
    name = assignment.name
    address = f"{url.rstrip('/')}/{name}" if url else ""
    notebook = jupytext.reads(script, fmt="py:percent")
    notebook.cells = [
        _setup_cell(assignment, languages),
        *notebook.cells,
        *_check_cells(assignment, languages, address),
    ]
    notebook.metadata = nbformat.from_dict(
        {
            "grader": {"assignment": name} | ({"url": address} if url else {}),
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    for number, cell in enumerate(notebook.cells, start=1):
        cell["id"] = f"{name}-{number:02d}"
        cell.metadata = nbformat.from_dict({k: v for k, v in cell.metadata.items() if k == "tags"})
        if DEMO_TAG in cell.metadata.get("tags", []):
            cell.source = _unguarded(cell.source)
    nbformat.validate(notebook)
    text: str = nbformat.writes(notebook, version=nbformat.NO_CONVERT)
    return text + "\n"


def _setup_cell(assignment: Assignment, languages: Languages) -> nbformat.NotebookNode:
    lines = [
        *(_SETUP[each] for each in _chosen(languages)),
        "try:",
        "    import grader",
        "except ImportError:",
        f"    %pip install -q {' '.join((PACKAGE, *assignment.packages))}",
        "    import grader",
    ]
    return nbformat.v4.new_code_cell("\n".join(lines), metadata={"tags": [SETUP_TAG]})


def _check_cells(
    assignment: Assignment, languages: Languages, address: str
) -> list[nbformat.NotebookNode]:
    words = _CHECK.format(item=assignment.items[0].id)
    if languages != "both":
        words = markdown_in(words, languages)
    call = f'grader.check(url="{address}")' if address else "grader.check()"
    return [
        nbformat.v4.new_markdown_cell(words),
        nbformat.v4.new_code_cell(call, metadata={"tags": [DEMO_TAG]}),
    ]


def _chosen(languages: Languages) -> tuple[Language, ...]:
    return ("ko", "en") if languages == "both" else (languages,)


def _unguarded(source: str) -> str:
    guard, _, body = source.partition("\n")
    if not re.fullmatch(r"if __name__ == ['\"]__main__['\"]:", guard):
        return source
    return re.sub(r"(?m)^    ", "", body)


def _public_settings(assignment: Assignment) -> str:
    """What a student's own check needs. The threshold of the loss is public where the rubric states it."""
    words = [item.what.en for item in assignment.items if item.what is not None]
    stated = any(f"{{{MAX_LOSS}}}" in each for each in words)
    thresholds = {k: v for k, v in assignment.thresholds.items() if k == MAX_LOSS and stated}
    public = msgspec.structs.replace(assignment, thresholds=thresholds)
    return _HEADER + settings_toml(public, _PUBLIC_SETTINGS, _PUBLIC_ITEM)


def _refuse_leaks(assignment: Assignment, source: str, files: dict[str, bytes]) -> None:
    lines = source.splitlines()
    hidden = {
        line.strip()
        for region in find_regions(assignment, source)
        for line in lines[region.first : region.last - 1]
    }
    for path in assignment.folder.glob("*.py"):
        if path.name != SOLUTION:
            hidden |= {line.strip() for line in path.read_text(encoding="utf-8").splitlines()}
    telling = {line for line in hidden if len(line) > _TRIVIAL and not _COMMON.match(line)}
    if assignment.hidden_seed:
        telling.add(str(assignment.hidden_seed))
    for name, data in files.items():
        for line in _text(name, data).splitlines():
            if found := next((each for each in sorted(telling) if each in line), None):
                raise not_releasable(
                    assignment,
                    tr("{file} would reveal a hidden line: {line}", file=name, line=found),
                )


def _text(name: str, data: bytes) -> str:
    if name.endswith(".ipynb"):
        return "\n".join(cell.source for cell in nbformat.reads(data.decode(), 4).cells)
    return data.decode("utf-8", "replace")


def _lost_in_public(assignment: Assignment, files: dict[str, bytes]) -> list[str]:
    """The items that the solution loses in `grader check`, run as a student would."""
    with tempfile.TemporaryDirectory() as folder:
        write_release(files, Path(folder))
        path = Path(folder) / f"{assignment.name}.py"
        path.write_bytes((assignment.folder / SOLUTION).read_bytes())
        command = ["check", str(path), "--format", "json"]
        run = subprocess.run(
            [sys.executable, "-P", "-c", "from grader.cli import main; main()", *command],
            capture_output=True,
            text=True,
            check=False,
        )
    if not run.stdout:
        raise not_releasable(
            assignment, tr("can't run the public checks: {path}", path=run.stderr.strip())
        )
    items = json.loads(run.stdout)["items"]
    return [item["id"] for item in items if item["points"] != item["max_points"]]


def _read(assignment: Assignment, name: str) -> str:
    path = assignment.folder / name
    with reading(path):
        return path.read_text(encoding="utf-8")
