"""Write HTML reports: two pages per hand-in (for the student and for assistants), and one page for the class.

A page is one file. Styles, scripts and pictures are inline, nothing is fetched, and text by students is never markup.
"""

import hashlib
import hmac
import math
import multiprocessing
import os
import re
import secrets
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Literal, get_args
from urllib.parse import quote

import msgspec
from markupsafe import Markup

from grader.grading.progress import processors
from grader.model.assignment import MAX_LOSS, Assignment
from grader.model.errors import writing
from grader.model.record import ClassRecord, Comment, Record, RosterEntry
from grader.model.score import Curve, ItemResult, Place, Verdict
from grader.model.submission import Cell
from grader.model.submission import place as place_text
from grader.model.text import Language, Text, tr, visible
from grader.reports.class_page import RECORDED, by_name
from grader.reports.class_page import class_page as class_page_at
from grader.reports.code import code_view
from grader.reports.markdown import to_markup
from grader.reports.notebook import NotebookView, notebook_view
from grader.reports.page import CUT, first_lines, render, write_page
from grader.reports.plots import loss_plot, predictions_plot
from grader.reports.words import due_text, flagged, late_text

INDEX = "index.html"
_INDEX_FROM_PAGES = f"../../{INDEX}"
_MAX_NAME_BYTES = 120
_MAX_CLASSES = 10


def student_page(
    record: Record,
    assignment: Assignment,
    language: Language,
    name: str = "",
    attempts: Sequence[Record] = (),
) -> str:
    """Return the page that a student sees. It leaves out printed output and the checks' technical details.

    `name` is the student's name if it differs from the id. `attempts` are all hand-ins of the student for the
    assignment; they are listed if there are several.
    """
    return _hand_in_page(_hand_in_view(record, assignment, language, name, attempts), language)


def assistant_page(
    record: Record,
    assignment: Assignment,
    language: Language,
    twin: str,
    name: str = "",
    attempts: Sequence[Record] = (),
    index: str = _INDEX_FROM_PAGES,
) -> str:
    """Return the assistants' version of the page.

    `twin` is the address of the student's page, and `index` that of the class page.
    """
    view = _hand_in_view(record, assignment, language, name, attempts)
    return _hand_in_page(view, language, twin, index)


Pages = Literal["assistant", "students"]
"""The two kinds of pages of hand-ins, and the folders that they are in."""


def class_page(record: ClassRecord, language: Language, links: Pages = "assistant") -> str:
    """Return the class page. Its links point to where `write_site` puts the other pages."""
    addresses = {key: quote(str(path)) for key, path in _paths(record, links).items()}
    return class_page_at(record, language, lambda student, name: addresses.get((student, name)))


def write_site(
    record: ClassRecord,
    folder: Path,
    language: Language,
    key: bytes | None = None,
    *,
    assistants: bool = True,
    only: Collection[str] | None = None,
    notebooks: Mapping[str, bytes] | None = None,
) -> Path:
    """Write all pages below `folder`, each atomically, and return the path of the class page.

    With a `key`, students appear under pseudonyms (see `anonymous`). The assistants' pages can be left out; then the
    class page links to the students'. `only` are the ids of the students whose pages are written besides the class
    page; by default all. `notebooks` are the files of notebooks by their digests; they aren't shown under pseudonyms,
    because their text may name anyone.

    Raises:
        UserError: the pages can't be written there.
    """
    if key is not None:
        record, notebooks = anonymous(record, key), None
    own, theirs = _paths(record, "students"), _paths(record, "assistant")
    pages = {
        at: (path, folder / theirs[at] if assistants else None)
        for at, path in ((at, folder / each) for at, each in own.items())
        if only is None or at[0] in only
    }
    index = folder / INDEX
    with writing(folder):
        with _writing_hand_ins(record, pages, language, notebooks or {}):
            page = class_page(record, language, "assistant" if assistants else "students")
        write_page(index, page)
    return index


def write_pages(
    record: ClassRecord,
    paths: Mapping[tuple[str, str], Path],
    language: Language,
    notebooks: Mapping[str, bytes] | None = None,
) -> None:
    """Write students' pages to these paths, by student id and assignment name; `notebooks` as in `write_site`.

    Raises:
        OSError: a page can't be written there.
    """
    pages = {at: (path, None) for at, path in paths.items()}
    with _writing_hand_ins(record, pages, language, notebooks or {}):
        pass


@contextmanager
def _writing_hand_ins(
    record: ClassRecord,
    pages: Mapping[tuple[str, str], tuple[Path, Path | None]],
    language: Language,
    notebooks: Mapping[str, bytes],
) -> Iterator[None]:
    """Write the student's and the assistants' page of each hand-in that counts, beside what the caller does."""
    attempts = record.attempts
    assignments = {assignment.name: assignment for assignment in record.assignments}
    names = {student.id: student.name for student in record.students}
    jobs = [
        _Job(
            record=each,
            assignment=assignments[at[1]],
            name=names[at[0]],
            attempts=tuple(msgspec.structs.replace(one, cells=()) for one in attempts[at]),
            own=pages[at][0],
            assistants=pages[at][1],
            notebook=notebooks.get(each.report.sha256),
        )
        for at, each in record.chosen.items()
        if at in pages
    ]
    write = partial(_write_hand_in, language=language)
    workers = min(processors(), 1 + len(jobs) // 200)
    if workers == 1:
        list(map(write, jobs))
        yield
        return
    context = multiprocessing.get_context("spawn")  # a fork would copy the caller's threads
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        written = pool.map(write, jobs, chunksize=10)
        yield
        list(written)


class _Job(msgspec.Struct, frozen=True, kw_only=True):
    """The two pages of one hand-in."""

    record: Record
    assignment: Assignment
    name: str
    attempts: tuple[Record, ...]
    """Without their code."""
    own: Path
    assistants: Path | None
    notebook: bytes | None


def _write_hand_in(job: _Job, language: Language) -> None:
    view = _hand_in_view(job.record, job.assignment, language, job.name, job.attempts, job.notebook)
    write_page(job.own, _hand_in_page(view, language))
    if job.assistants is not None:
        twin = quote(os.path.relpath(job.own, job.assistants.parent))
        write_page(job.assistants, _hand_in_page(view, language, twin))


# --- who is who ------------------------------------------------------------------------------------------------------


def pseudonym(student: str, key: bytes) -> str:
    """Return a student's pseudonym: always the same for a key, and impossible to trace without it."""
    return f"anon-{hmac.digest(key, student.encode(), 'sha256').hex()[:10]}"


def own_key(folder: Path) -> bytes:
    """Return the key of the pseudonyms in `folder`, creating it on first use.

    Raises:
        UserError: the key can't be written.
    """
    path = folder / "anonymous.key"
    if not path.exists():
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            path.touch(0o600)
            path.write_bytes(secrets.token_bytes(32))
    return path.read_bytes()


def anonymous(record: ClassRecord, key: bytes) -> ClassRecord:
    """Return the class with pseudonyms for its students, including in file names and quotations of them.

    Students' code keeps everything but their own names and ids. Comments and the reasons of adjustments are
    left out, because they may name anyone.
    """
    names = {entry.id: entry.name for entry in record.roster}
    return msgspec.structs.replace(
        record,
        roster=tuple(RosterEntry(pseudonym(entry.id, key)) for entry in record.roster),
        records=tuple(
            _anonymous_record(each, names.get(each.report.student, ""), key)
            for each in record.records
        ),
        unmatched=tuple(
            msgspec.structs.replace(
                each,
                origin=pseudonym(each.origin, key),
                reason=tr("name hidden"),
                student=each.student and pseudonym(each.student, key),
            )
            for each in record.unmatched
        ),
        excused=frozenset((pseudonym(student, key), name) for student, name in record.excused),
        dropped=tuple(RosterEntry(pseudonym(entry.id, key)) for entry in record.dropped),
    )


def _anonymous_record(record: Record, name: str, key: bytes) -> Record:
    report = record.report
    alias = pseudonym(report.student, key)
    file = alias + Path(report.submission).suffix
    author = pseudonym(record.handed_in_by, key) if record.handed_in_by else ""
    words = {
        report.submission: file,
        report.student: alias,
        name: alias,
        record.handed_in_by: author,
    }
    known = [re.escape(word) for word in words if len(word) > 1]
    pattern = re.compile("|".join(known) or "(?!)")

    def hide(text: str) -> str:
        return pattern.sub(lambda match: words[match[0]], text)

    def hidden(text: Text) -> Text:
        return Text(ko=hide(text.ko), en=hide(text.en))

    return msgspec.structs.replace(
        record,
        origin=file,
        handed_in_by=author,
        adjustments=tuple(
            msgspec.structs.replace(each, reason="…", author="…") for each in record.adjustments
        ),
        comments=(),
        cells=tuple(Cell(hide(cell.name), hide(cell.source)) for cell in record.cells),
        report=msgspec.structs.replace(
            report,
            student=alias,
            submission=file,
            notes=tuple(map(hidden, report.notes)),
            output=hide(report.output),
            flags=tuple(
                msgspec.structs.replace(flag, place=_hidden_place(flag.place, hide))
                for flag in report.flags
            ),
            items=tuple(
                msgspec.structs.replace(
                    item,
                    message=hidden(item.message),
                    detail=hide(item.detail),
                    place=_hidden_place(item.place, hide),
                )
                for item in report.items
            ),
        ),
    )


def _hidden_place(place: Place | None, hide: Callable[[str], str]) -> Place | None:
    return place and Place(hide(place.cell), place.line)


def _paths(record: ClassRecord, top: Pages) -> dict[tuple[str, str], PurePosixPath]:
    """The path of each student's page per assignment, relative to the class page."""
    students = file_names(entry.id for entry in by_name(record.students))
    assignments = file_names(assignment.name for assignment in record.assignments)
    return {
        (student, name): PurePosixPath(top, students[student], f"{assignments[name]}.html")
        for student, name in {(r.report.student, r.report.assignment) for r in record.records}
        if name in assignments
    }


def folders_of(record: ClassRecord, student: str) -> tuple[PurePosixPath, ...]:
    """Return the folders that hold the pages of a student, dropped or not, relative to the class page."""
    names = file_names(entry.id for entry in (*record.students, *record.dropped))
    return tuple(PurePosixPath(top, names[student]) for top in get_args(Pages))


def file_names(names: Iterable[str]) -> dict[str, str]:
    """Map names to file names that are safe on any system and unique regardless of case.

    A name that isn't a valid file name gets part of its digest appended, so that the result is the same in every class.
    """
    found: dict[str, str] = {}
    taken: set[str] = set()
    for name in sorted(set(names), key=lambda name: (_safe(name) != name, name)):
        safe = _safe(name)
        digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
        lengths = range(8, 65, 8) if safe != name or safe.casefold() in taken else [0]
        choices = (f"{safe}-{digest[:length]}" if length else safe for length in lengths)
        found[name] = next(choice for choice in choices if choice.casefold() not in taken)
        taken.add(found[name].casefold())
    return found


def _safe(name: str) -> str:
    """The letters, digits and dashes of a name, avoiding reserved names."""
    words = re.sub(r"[^\w-]+", "_", unicodedata.normalize("NFC", name)).strip("_-")
    words = words.encode("utf-8", "ignore")[:_MAX_NAME_BYTES].decode("utf-8", "ignore")
    device = re.fullmatch(r"(?i)con|prn|aux|nul|(com|lpt)\d", words)
    return f"_{words}" if device or not words else words


# --- one hand-in -----------------------------------------------------------------------------------------------------


class _CellView(msgspec.Struct, frozen=True):
    title: Text
    html: Markup


class _ItemView(msgspec.Struct, frozen=True):
    result: ItemResult
    hint: Text | None
    where: str
    """The anchor of the line that the message refers to, empty if it isn't shown."""
    where_text: Text | None
    quoted: tuple[tuple[int, str], ...]
    """That line with its neighbours, numbered."""
    pictures: tuple["_Picture", ...]


class _CommentView(msgspec.Struct, frozen=True):
    comment: Comment
    html: Markup
    where: str
    """The anchor of the line that it is about, empty if there is none."""
    where_text: Text | None


class _Picture(msgspec.Struct, frozen=True):
    kind: str
    svg: Markup | None
    """None if a table says it better."""
    words: Text
    compared: bool
    """Whether it shows a reference."""
    threshold: float | None = None
    """The loss to reach, drawn as a line."""
    confusion: tuple[tuple[int, tuple[int, ...]], ...] = ()
    """For classes: each true class with how often each class was predicted, in the same order."""


class _HandInView(msgspec.Struct, frozen=True):
    record: Record
    assignment: Assignment
    name: str
    attempts: Sequence[Record]
    items: list[_ItemView]
    comments: list[_CommentView]
    cells: list[_CellView]
    notebook: NotebookView | None
    cut: bool
    """Whether the code is longer than what is shown."""


def _hand_in_page(
    view: _HandInView, language: Language, twin: str = "", index: str = _INDEX_FROM_PAGES
) -> str:
    """The page of a hand-in; the assistants' version if `twin`, the address of the student's page, is given."""
    return render(
        "hand_in.html.j2",
        language,
        _WORDS,
        view=view,
        record=view.record,
        report=view.record.report,
        titles={item.id: item.title for item in view.assignment.items},
        twin=twin,
        index=index,
        late=late_text(view.record),
        flags=flagged(view.record.report),
        pictures=view.notebook is not None,
        due=due_text(view.record, view.assignment),
    )


def _hand_in_view(
    record: Record,
    assignment: Assignment,
    language: Language,
    name: str,
    attempts: Sequence[Record],
    notebook: bytes | None = None,
) -> _HandInView:
    shown, cut = first_lines(record.cells)
    cells = {cell.name: number for number, cell in enumerate(shown, start=1)}
    lines = {cell.name: len(_lines(cell.source)) for cell in shown}

    def anchor(place: Place | None) -> str:
        known = place is not None and 0 < place.line <= lines.get(place.cell, 0)
        return f"c{cells[place.cell]}-{place.line}" if place and known else ""

    def where(place: Place | None) -> Text | None:
        return place_text(place.cell, place.line) if place and anchor(place) else None

    sources = {cell.name: _lines(cell.source) for cell in shown}
    loss = assignment.thresholds.get(MAX_LOSS)

    def view(item: ItemResult) -> _ItemView:
        return _ItemView(
            result=item,
            hint=assignment.hint(item),
            where=anchor(item.place),
            where_text=where(item.place),
            quoted=_around(sources, item.place) if anchor(item.place) else (),
            pictures=tuple(_picture(curve, loss, language) for curve in item.curves),
        )

    about = [*(each.place for each in record.report.items), *(c.place for c in record.comments)]
    marked = {place for place in about if place is not None}
    return _HandInView(
        record=record,
        assignment=assignment,
        name=name or record.report.student,
        attempts=attempts,
        items=[view(item) for item in sorted(record.report.items, key=_passed)],
        comments=[
            _CommentView(each, to_markup(each.words), anchor(each.place), where(each.place))
            for each in record.comments
        ],
        cells=[
            _CellView(
                place_text(cell.name),
                code_view(
                    cell.source,
                    f"c{number}",
                    {place.line for place in marked if place.cell == cell.name},
                ),
            )
            for number, cell in enumerate(shown, start=1)
        ],
        notebook=notebook_view(notebook, _about(record)) if notebook is not None else None,
        cut=cut,
    )


def _about(record: Record) -> dict[int, list[Text]]:
    """The titles of the rubric items whose message speaks of a cell of the notebook, by the cell's number."""
    found: dict[int, list[Text]] = {}
    for item in record.report.items:
        named = item.place and re.match(r"cell (\d+)", item.place.cell)
        if named:
            found.setdefault(int(named[1]), []).append(item.title)
    return found


def _passed(item: ItemResult) -> bool:
    return item.verdict is Verdict.PASSED


def _around(sources: Mapping[str, list[str]], place: Place | None) -> tuple[tuple[int, str], ...]:
    """The line and two neighbours on each side."""
    if place is None:
        return ()
    first = max(1, place.line - 2)
    return tuple(enumerate(sources[place.cell][first - 1 : place.line + 2], start=first))


def _confusion(curve: Curve) -> tuple[tuple[int, tuple[int, ...]], ...]:
    """The confusion matrix of predicted classes, or of probabilities at 0.5; empty if the values aren't classes."""
    true = curve.low or ()
    predicted = [math.floor(value + 0.5) for value in curve.values]
    classes = sorted({*map(round, true), *predicted})
    if any(value != round(value) for value in true) or not 2 <= len(classes) <= _MAX_CLASSES:
        return ()
    counts = Counter(zip(map(round, true), predicted, strict=False))
    return tuple((row, tuple(counts[row, column] for column in classes)) for row in classes)


def _picture(curve: Curve, loss: float | None, language: Language) -> _Picture:
    if curve.kind == "loss":
        words = tr(
            "With the default settings, the training loss goes from {first} to {last}.",
            first=f"{curve.values[0]:.4g}",
            last=f"{curve.values[-1]:.4g}",
        )
        return _Picture(
            curve.kind,
            loss_plot(curve, words.in_(language), loss),
            words,
            curve.low is not None,
            threshold=loss,
        )
    right = sum(
        abs(value - true) < 0.5 for value, true in zip(curve.values, curve.low or (), strict=False)
    )
    words = tr("{right} of {count} predictions are correct.", right=right, count=len(curve.values))
    confusion = _confusion(curve)
    svg = None if confusion else predictions_plot(curve, words.in_(language))
    return _Picture(curve.kind, svg, words, curve.low is not None, confusion=confusion)


def _lines(source: str) -> list[str]:
    return visible(source).split("\n")


# --- pages -----------------------------------------------------------------------------------------------------------

_WORDS = {
    **RECORDED,
    "adjustment": tr("Adjustment"),
    "assistants_only": tr("For teaching assistants only. Don't share this page with students."),
    "attempts_best": tr(
        "All hand-ins for this assignment. The best one counts and is shown on this page."
    ),
    "attempts_latest": tr(
        "All hand-ins for this assignment. The last one counts and is shown on this page."
    ),
    "class_page": tr("Class"),
    "code": tr("Your code"),
    "code_as_handed_in": tr("Code"),
    "comment": tr("Comment"),
    "comments": tr("Comments"),
    "counts": tr("counts"),
    "cpu_seconds": tr("CPU seconds"),
    "cut": CUT,
    "confusion": tr("Confusion matrix: rows are true classes, columns are predicted ones."),
    "detail": tr("Technical details"),
    "due": tr("Due"),
    "file": tr("File"),
    "from_items": tr("Rubric items, total"),
    "graded": tr("Graded"),
    "handed_in": tr("Handed in"),
    "handed_in_by": tr("Handed in for the team by"),
    "how": tr("Grading"),
    "hint": tr("Hint"),
    "isolation": tr("Isolation"),
    "legend_mine": tr("your training"),
    "legend_reference": tr("reference solution, trained with several seeds"),
    "legend_threshold": tr("loss to reach"),
    "predicted": tr("predicted"),
    "true_class": tr("true"),
    "legend_truth": tr("true value"),
    "legend_prediction": tr("prediction"),
    "loss_axes": tr("x axis: training progress (%), y axis: loss."),
    "notebook": tr("The notebook as handed in"),
    "notebook_cut": tr("The rest is too large to show."),
    "notes": tr("Notes"),
    "notes_cost_nothing": tr("Notes don't affect your score."),
    "origin": tr("Source file"),
    "flags": tr("For you to look at"),
    "flags_cost_nothing": tr(
        "This code does what honest work rarely needs. It costs no points, and students don't see this."
    ),
    "output": tr("Printed output"),
    "penalty": tr("late penalty"),
    "predictions_axes": tr("x axis: rows of the data, y axis: class or probability."),
    "rubric": tr("Rubric items"),
    "score": tr("Score"),
    "students_page": tr("Student's page"),
    "to_line": tr("Go to"),
    "total": tr("total"),
    "memory": tr("memory"),
    "waiting": tr("Some items haven't been graded yet, so this score may change."),
}
