"""Submissions: the code of one `.py` or `.ipynb`, read as data. Nothing is run or compiled here."""

import codecs
import hashlib
import io
import json
import re
import unicodedata
import warnings
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import IO, Any

import msgspec

from grader.model.assignment import Assignment
from grader.model.errors import UserError, reading
from grader.model.magics import effort, was_notebook, without_magics, without_script_magics
from grader.model.outputs import without_outputs
from grader.model.text import Text, printable, tr

MAX_BYTES = 20 * 2**20
"""The size limit of a submission without the outputs of a notebook."""
MAX_FILE = 400 * 2**20
"""The size limit of a submission with the outputs of a notebook, which are dropped while it is read."""

SUFFIXES = (".py", ".ipynb")
DEMO_TAG = "demo"
SETUP_TAG = "setup"
"""Of the cell that makes a notebook ready on Colab: it is loaded, and nobody needs to know what of it is skipped."""
SHELL = "_grader_shell"
"""The name used for calls of magics, because a submission may import its own `get_ipython`."""
_MAX_NOTES = 50
_EFFORT_OF_A_CELL = 500  # fixed cost of transforming a cell
_MAX_EFFORT = 2**20  # as much as hundreds of ordinary notebooks
_CHUNK = 2**20  # bytes
_QUOTED = 30  # characters of a cell's first line


class Cell(msgspec.Struct, frozen=True):
    """A piece of code that is loaded completely or not at all."""

    name: str
    """The name in messages: the script's name, or ``cell 7 (`def train(model, x, y):`)``, counting all cells from 1.

    Jupyter doesn't number Markdown cells, so a number alone is hard to find.
    """
    source: str


class Submission(msgspec.Struct, frozen=True, kw_only=True):
    """The code that a student handed in for one assignment."""

    file: str
    """The file name without its folder."""
    sha256: str
    notebook: bool
    cells: tuple[Cell, ...] = ()
    notes: tuple[Text, ...] = ()
    """Parts that were skipped."""
    misplaced: tuple[tuple[str, Text], ...] = ()
    """Names that Markdown and raw cells and demonstration code would bind if they ran, and why they don't."""
    problem: Text | None = None
    """The reason why the file isn't a submission, if it isn't."""
    python: bool = True
    """Whether it is written in Python; False for a notebook of another language."""


def read_submission(path: Path) -> Submission:
    """Read the code in `path`. If the file isn't a submission, `problem` says why; no exception is raised.

    Raises:
        UserError: the file doesn't exist, can't be read, or is neither a script nor a notebook.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise UserError(
            tr("{path} is neither a script (.py) nor a notebook (.ipynb)", path=path.name)
        )
    with reading(path):
        if not path.is_file():
            raise UserError(tr("{path} isn't a file: pass the submitted file", path=path))
        with path.open("rb") as file:
            return parse_submission(path.name, file)


def parse_submission(file: str, content: bytes | IO[bytes]) -> Submission:
    """Read the code in `content`, that of the file named `file`; a stream must be seekable."""
    file = readable(file)
    stream = io.BytesIO(content) if isinstance(content, bytes) else content
    notebook = file.lower().endswith(".ipynb") or _is_notebook(stream)
    submission = Submission(file=file, sha256=digest_of(stream), notebook=notebook)
    try:
        if notebook and stream.tell() > MAX_FILE:
            raise _NoSubmissionError(
                tr("the file is larger than {limit} MB", limit=MAX_FILE // 2**20)
            )
        data = _code_of(stream, notebook)
        cells, notes, misplaced = (_notebook_cells if notebook else _script_cells)(file, data)
        if not cells:
            raise _NoSubmissionError(tr("the file contains no code"))
    except _NoSubmissionError as error:
        return msgspec.structs.replace(submission, problem=error.text, python=error.python)
    return msgspec.structs.replace(submission, cells=cells, notes=notes, misplaced=misplaced)


def match_assignment(
    submission: Submission, assignments: dict[str, Assignment]
) -> Assignment | None:
    """Return the assignment that matches the file's name or else its functions, or None."""
    by_name = [a for a in assignments.values() if a.name_pattern.search(submission.file)]
    if len(by_name) == 1:
        return by_name[0]
    source = "\n".join(cell.source for cell in submission.cells)
    defined = set(re.findall(r"^(?:async )?def +(\w+)|^(\w+) *=", source, re.MULTILINE))
    names = {name for pair in defined for name in pair if name}
    best = closest(names, assignments.values())
    return best[0] if len(best) == 1 else None


def closest(names: set[str], assignments: Collection[Assignment]) -> list[Assignment]:
    """Return the assignments that the largest part of whose functions is among the names; none if no function is."""
    score = {a.name: len(names & set(a.functions)) / len(a.functions) for a in assignments}
    most = max(score.values(), default=0)
    return [a for a in assignments if score[a.name] == most > 0]


def mentions_any(submission: Submission, functions: tuple[str, ...]) -> bool:
    """Return whether the code contains the name of any of these functions, however it is defined."""
    names = re.compile(rf"\b(?:{'|'.join(map(re.escape, functions))})\b")
    return any(names.search(cell.source) for cell in submission.cells)


def readable(name: str) -> str:
    """Return a file name for display: in NFC (macOS writes Hangul in NFD), decoded from UTF-8 or CP949 (Windows)."""
    raw = name.encode("utf-8", "surrogateescape")
    for encoding in ("utf-8", "cp949"):
        try:
            return unicodedata.normalize("NFC", raw.decode(encoding))
        except UnicodeDecodeError:
            continue
    return raw.decode("utf-8", "replace")


class _NoSubmissionError(Exception):
    def __init__(self, text: Text, python: bool = True) -> None:
        super().__init__(text.en)
        self.text = text
        self.python = python


def digest_of(stream: IO[bytes]) -> str:
    """Return the SHA-256 of a file, of at most the bytes that are ever read of it."""
    digest = hashlib.sha256()
    for chunk in _chunks(stream):
        digest.update(chunk)
    return digest.hexdigest()


def _chunks(stream: IO[bytes]) -> Iterator[bytes]:
    stream.seek(0)
    left = MAX_FILE + 1
    while left > 0 and (chunk := stream.read(min(left, _CHUNK))):
        left -= len(chunk)
        yield chunk


def _code_of(stream: IO[bytes], notebook: bool) -> bytes:
    """The file, if it is a notebook without its outputs, which are what makes one large."""
    kept = bytearray()
    for piece in without_outputs(_chunks(stream)) if notebook else _chunks(stream):
        kept += piece
        if len(kept) > MAX_BYTES:
            limit = MAX_BYTES // 2**20
            raise _NoSubmissionError(
                tr("the file is larger than {limit} MB without its outputs", limit=limit)
                if notebook
                else tr("the file is larger than {limit} MB", limit=limit)
            )
    return bytes(kept)


def _is_notebook(stream: IO[bytes]) -> bool:
    """Whether a file of any name holds a notebook's JSON."""
    stream.seek(0)
    if not stream.read(_CHUNK).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return False
    try:
        content = json.loads(_code_of(stream, notebook=True))
    except (ValueError, RecursionError, _NoSubmissionError):
        return False
    return isinstance(content, dict) and {"nbformat", "metadata"} <= content.keys()


_Parts = tuple[tuple[Cell, ...], tuple[Text, ...], tuple[tuple[str, Text], ...]]
"""The cells, what was skipped, and what stands outside of code cells."""


def _script_cells(file: str, data: bytes) -> _Parts:
    source = _decode(data, script=True)
    if not source.strip():
        return (), (), ()
    skipped: list[tuple[int, str]] = []
    if was_notebook(source) and effort(source) <= _MAX_EFFORT:
        source, skipped = without_script_magics(source, SHELL)
    notes = tuple(_skipped(file, line, what) for line, what in skipped[:_MAX_NOTES])
    guarded = _bound("".join(_GUARDED.findall(source + "\n")))
    where = Text(ko="`__main__`", en="`__main__`")
    misplaced = tuple((each, _only_in_demo(each, where)) for each in guarded)
    return (Cell(name=file, source=source),), notes, misplaced


def _notebook_cells(file: str, data: bytes) -> _Parts:
    cells: list[Cell] = []
    notes: list[Text] = []
    misplaced: dict[str, Text] = {}
    patience = _MAX_EFFORT
    for number, cell in enumerate(_cells_of(_decode(data)), start=1):
        name = _cell_name(number, cell.source)
        if cell.kind != "code":
            where = _OTHER_CELLS.get(cell.kind, _OTHER_CELLS["raw"])
            for each in _DEFINED.findall(cell.source)[:_MAX_NOTES]:
                misplaced.setdefault(each, _misplaced(each, name, where))
            continue
        if DEMO_TAG in cell.tags:
            for each in _bound(cell.source):
                misplaced.setdefault(each, _only_in_demo(each, place(name)))
            notes.append(tr("{place}: demonstration code was not run", place=place(name)))
            continue
        if not cell.source.strip():
            continue
        patience -= _EFFORT_OF_A_CELL + effort(cell.source)
        source, skipped = without_magics(cell.source, SHELL) if patience > 0 else (cell.source, [])
        cells.append(Cell(name=name, source=source))
        if SETUP_TAG not in cell.tags:
            notes.extend(_skipped(name, line, what) for line, what in skipped)
    return tuple(cells), tuple(notes[:_MAX_NOTES]), tuple(misplaced.items())


def _misplaced(name: str, cell: str, kind: Text) -> Text:
    return tr(
        "`{name}` stands in {place}, {kind}, which isn't run: turn it into a code cell",
        name=printable(name),
        place=place(cell),
        kind=kind,
    )


def _only_in_demo(name: str, where: Text) -> Text:
    return tr(
        "`{name}` is set only in demonstration code ({where}), which isn't run: set it where it is used",
        name=printable(name),
        where=where,
    )


def _bound(source: str) -> list[str]:
    """The names that definitions and plain assignments bind."""
    found = (re.split(r"[\s,]+", targets or name) for targets, name in _BINDS.findall(source))
    return list(dict.fromkeys(name for names in found for name in names))[:_MAX_NOTES]


_BINDS = re.compile(
    r"^[ \t]*(?:(\w+(?:[ \t]*,[ \t]*\w+)*)[ \t]*=(?!=)|(?:def|class)[ \t]+(\w+))", re.MULTILINE
)
_GUARDED = re.compile(
    r"""^if[ \t]+__name__[ \t]*==[ \t]*["']__main__["'].*\n((?:[ \t]+.*\n|[ \t]*\n)*)""",
    re.MULTILINE,
)
_DEFINED = re.compile(r"^(?:(?:async +)?def|class) +(\w+)", re.MULTILINE)
_OTHER_CELLS = {"markdown": tr("a Markdown cell"), "raw": tr("a raw cell")}


def _cell_name(number: int, source: str) -> str:
    first = next(filter(None, map(str.strip, source.splitlines())), "")
    return f"cell {number} (`{printable(first, _QUOTED)}`)" if first else f"cell {number}"


class _NotebookCell(msgspec.Struct):
    kind: str
    source: str
    tags: list[str]


def _cells_of(text: str) -> list[_NotebookCell]:
    """The cells of a notebook of any version."""
    try:
        notebook = json.loads(text)
        if notebook["nbformat"] != 4:
            notebook = _upgraded(text)
        metadata = notebook.get("metadata") or {}
        language = (metadata.get("kernelspec") or {}).get("language") or (
            metadata.get("language_info") or {}
        ).get("name", "python")
        if str(language).lower() not in ("python", "python3", "ipython"):
            raise _NoSubmissionError(
                tr(
                    "the notebook is written in {language}, not in Python",
                    language=printable(str(language), 40),
                ),
                python=False,
            )
        return [
            _NotebookCell(str(cell.get("cell_type")), _joined(cell.get("source", "")), _tags(cell))
            for cell in notebook["cells"]
        ]
    except (_NoSubmissionError, MemoryError):
        raise
    except RecursionError as error:
        raise _NoSubmissionError(tr("the notebook is nested too deeply")) from error
    except Exception as error:  # a broken file can make nbformat raise anything
        raise _NoSubmissionError(
            tr("the file isn't a readable notebook; the upload may have been cut off")
        ) from error


def _upgraded(text: str) -> dict[str, Any]:
    import nbformat  # slow to load, and hardly ever needed

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        notebook: dict[str, Any] = nbformat.reads(text, as_version=4)
        return notebook


def _joined(source: object) -> str:
    text = "".join(map(str, source)) if isinstance(source, list) else str(source)
    return text.encode("utf-8", "replace").decode()  # JSON can hold halves of characters


def _tags(cell: dict[str, object]) -> list[str]:
    metadata = cell.get("metadata")
    tags = metadata.get("tags") if isinstance(metadata, dict) else None
    return [str(tag) for tag in tags] if isinstance(tags, list) else []


def _skipped(name: str, line: int, what: str) -> Text:
    return tr("{place}: `{what}` was skipped", place=place(name, line), what=printable(what)[:60])


def place(name: str, line: int | None = None) -> Text:
    """Return a position in a submission: ``cell 7 (`def train():`), line 3``, or `wine.py, line 12`."""
    if cell := re.fullmatch(r"cell (\d+)(.*)", name):
        number = tr("cell {number}", number=cell[1])
        where = Text(ko=number.ko + cell[2], en=number.en + cell[2])
    else:
        where = Text(ko=name, en=name)
    return tr("{where}, line {line}", where=where, line=line) if line else where


def _decode(data: bytes, script: bool = False) -> str:
    """Decode a file in any common encoding. A script's coding line is obeyed or refused as Python does."""
    cookie = _COOKIE.match(data.removeprefix(codecs.BOM_UTF8)) if script else None
    for mark, encoding in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if data.startswith(mark):
            candidates = [encoding]
            break
    else:
        candidates = [cookie[1].decode("ascii", "replace")] if cookie else ["utf-8", "cp949"]
    if cookie and data.startswith(codecs.BOM_UTF8) and not _is_utf8(cookie[1]):
        candidates = []
    for encoding in candidates:
        try:
            text = data.decode(encoding)
            text.encode()  # halves of characters are no text
        except (UnicodeError, LookupError, ValueError):
            continue
        if "\0" in text:
            break
        return io.IncrementalNewlineDecoder(None, translate=True).decode(text, final=True)
    if cookie:
        name = printable(cookie[1].decode("ascii", "replace"), 40)
        raise _NoSubmissionError(
            tr(
                "Python can't read the file in the encoding that its coding line names: {name}",
                name=name,
            )
        )
    raise _NoSubmissionError(tr("the file isn't UTF-8 or CP949 text"))


_COOKIE = re.compile(
    rb"(?:[ \t\f]*(?:#[^\r\n]*)?(?:\r\n|\r|\n))??[ \t\f]*#[^\r\n]*?coding[:=][ \t]*([-\w.]+)"
)
"""What Python takes for a coding line: in the first line, or in the second below a comment."""


def _is_utf8(name: bytes) -> bool:
    try:
        return codecs.lookup(name.decode("ascii", "replace")).name == "utf-8"
    except (LookupError, ValueError):
        return False
