"""A coverage-guided fuzzer of intake: archives, notebooks, scripts, CSV files and Gradescope's list of submissions.

Whatever the bytes are, they are read or refused with a `UserError` or a reason.

python tests/fuzz/fuzz_intake.py -max_total_time=60
"""

import contextlib
import io
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

import atheris

with atheris.instrument_imports(
    include=["grader.intake", "grader.model.submission", "grader.model.outputs"]
):
    from grader.intake import archive, layouts, roster
    from grader.model import submission

from grader.model.assignment import load_assignments
from grader.model.errors import UserError

ROOT = Path(__file__).parents[2]
ASSIGNMENTS = load_assignments(ROOT / "solutions")
FOLDER = Path(tempfile.mkdtemp(prefix="fuzz"))
NOTEBOOK = b'{"nbformat":4,"metadata":{},"cells":[{"cell_type":"code","source":["%%time\\n","x"],"outputs":[{}]}]}'
YAML = b"submission_1:\n  :submitters:\n  - {:name: Kim, :sid: 1, :email: k@x}\n  :created_at: 2025-05-01 14:58:01 Z\n"
CSV = '학번,이름,이메일\r\n1,"김, 철수",k@x\r\n'.encode("cp949")


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("submissions/kim_101_2002_wine.ipynb", NOTEBOOK)
        file.writestr("submission_metadata.yml", YAML)
        file.writestr("a/", b"")
    return buffer.getvalue()


def tarred() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as file:
        info = tarfile.TarInfo("kim/wine.ipynb")
        info.size = len(NOTEBOOK)
        file.addfile(info, io.BytesIO(NOTEBOOK))
    return buffer.getvalue()


KINDS = {
    "a.zip": zipped(),
    "a.tar.gz": tarred(),
    "kim_wine.ipynb": NOTEBOOK,
    "kim_wine.py": b"#!x\n# coding: cp949\n%time x = 1\n!ls\n",
    "submission_metadata.yml": YAML,
    "roster.csv": CSV,
}
NAMES = tuple(KINDS)


def one_file(data: bytes) -> None:
    if not data:
        return
    name, content = NAMES[data[0] % len(NAMES)], data[1:]
    path = FOLDER / name
    path.write_bytes(content)
    with contextlib.suppress(UserError):
        if name.endswith((".py", ".ipynb")):
            parsed = submission.parse_submission(name, content)
            for cell in parsed.cells:
                cell.source.encode()
        elif name.endswith(".csv"):
            roster.RosterIndex(roster.read_roster(path)).only((name,))
        else:
            files = [each for each in archive.walk(path) if isinstance(each, archive.File)]
            layout, _ = layouts.layout_of(files, ASSIGNMENTS.values(), roster.RosterIndex(()))
            for file in files:
                layouts.path_info(file.parts, layout)
                with contextlib.suppress(UserError):
                    file.read(1000)


def mutate(data: bytes, max_size: int, seed: int) -> bytes:
    """Begin with files that are whole; then change bytes."""
    if len(data) < 2:
        kind = seed % len(NAMES)
        data = bytes([kind]) + KINDS[NAMES[kind]]
    return data[:1] + bytes(atheris.Mutate(data[1:], max_size - 1))


if __name__ == "__main__":
    atheris.Setup([*sys.argv, "-max_len=4096"], one_file, custom_mutator=mutate)
    atheris.Fuzz()
