"""Hand results back to students: what each one is told in a few lines, and files for learning platforms and folders."""

import csv
import hashlib
import hmac
import io
import tempfile
import zipfile
from collections.abc import Mapping
from html import escape
from pathlib import Path

import msgspec

from grader.gradebook.handed_back import Result
from grader.model.errors import writing
from grader.model.record import ClassRecord, Record
from grader.model.score import ItemResult, Verdict
from grader.model.text import Language, Text, cell, printable, tr
from grader.reports.canvas import fill_canvas_rubric
from grader.reports.fill import Filled
from grader.reports.html import file_names, write_pages
from grader.reports.moodle import fill_moodle_feedback, moodle_names
from grader.reports.words import late_text

FEEDBACK = "feedback.zip"
"""The archive that Moodle's “Upload multiple feedback files in a zip” takes."""


class HandedBack(msgspec.Struct, frozen=True):
    """What was written, and what you have to do about it."""

    paths: tuple[Path, ...]
    notes: tuple[Text, ...] = ()
    """Students about whom nothing was written, with the reason."""
    remarks: tuple[Text, ...] = ()


def to_hand_back(record: ClassRecord) -> ClassRecord:
    """Return the class without the hand-ins of excused students."""
    keys = record.counting.keys()
    kept = tuple(r for r in record.records if (r.report.student, r.report.assignment) in keys)
    return msgspec.structs.replace(record, records=kept, excused=frozenset())


def graded(record: ClassRecord) -> dict[tuple[str, str], Record]:
    """Return the hand-ins that count and are completely graded, by student id and assignment name."""
    return {key: each for key, each in record.counting.items() if not each.report.ungraded}


def still_ungraded(record: ClassRecord) -> tuple[Text, ...]:
    """Return a line about each hand-in that can't be handed back yet."""
    return tuple(
        tr(
            "{student}, {assignment}: ungraded, so nothing is handed back",
            student=student,
            assignment=name,
        )
        for (student, name), each in record.counting.items()
        if each.report.ungraded
    )


def what_is_told(record: Record, language: Language) -> list[str]:
    """Return what a student is told about a hand-in, line by line: the score, what was wrong, and comments."""
    report = record.report
    lines = [
        tr(
            "{score} of {points} points",
            score=_points(record.score),
            points=_points(report.max_score),
        )
    ]
    if late := late_text(record):
        lines.append(late)
    for each in record.adjustments:
        lines.append(
            tr("{points} points: {reason}", points=f"{each.points:+g}", reason=each.reason)
        )
    for item in report.items:
        if item.verdict is not Verdict.PASSED:
            lines.append(tr("{title}: {what}", title=item.title, what=_about(item)))
    titles = {item.id: item.title for item in report.items}
    for comment in record.comments:
        words = tr("comment: {words}", words=comment.words)
        title = titles.get(comment.item or "")
        lines.append(tr("{title}: {what}", title=title, what=words) if title else words)
    return [printable(line.in_(language), 4000) for line in lines]


def result(record: Record) -> Result:
    """Return what identifies this result: another score, message or comment makes it another one."""
    report = record.report
    told = (report.sha256, record.late_days, what_is_told(record, "en"))
    digest = hashlib.sha256(msgspec.json.encode(told)).hexdigest()
    return Result(report.student, report.assignment, digest)


def to_moodle(
    record: ClassRecord,
    template: Path,
    text: str,
    column: str | None,
    folder: Path,
    language: Language,
) -> HandedBack:
    """Write the zip of feedback files, and the grading worksheet with its feedback column filled in.

    `text` is that of the `template`, the worksheet downloaded from Moodle; the filled one has its name.

    Raises:
        UserError: this isn't a grading worksheet, or the files can't be written.
    """
    whole = to_hand_back(record)
    html = lambda each: "<br>".join(map(escape, what_is_told(each, language)))  # noqa: E731
    filled = fill_moodle_feedback(whole, text, html, column)
    (assignment,) = whole.assignments
    names = moodle_names(whole, text, f"{file_names([assignment.name])[assignment.name]}.html")
    zipped = folder / FEEDBACK
    with writing(folder), tempfile.TemporaryDirectory() as place:
        paths = {
            (student, assignment.name): Path(place, name)
            for student, name in names.items()
            if (student, assignment.name) in graded(whole)
        }
        write_pages(whole, paths, language)
        folder.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(paths.values()):
                archive.write(path, path.name)
        if filled is None:
            words = tr(
                "the worksheet has no column of feedback comments, so only the files were written; "
                "switch on “Feedback comments” in the assignment's settings, or give the title of the column"
            )
            return HandedBack((zipped,), (), (words,))
        return _with_sheet(filled, folder / template.name, zipped)


def to_canvas(
    record: ClassRecord, template: Path, text: str, folder: Path, language: Language
) -> HandedBack:
    """Write the rubric assessments exported from Canvas with points and comments filled in.

    `text` is that of the `template`; the filled file has its name.

    Raises:
        UserError: these aren't rubric assessments, or the file can't be written.
    """

    def comment(each: Record, item: ItemResult) -> str:
        told = [] if item.verdict is Verdict.PASSED else [item.message.in_(language)]
        told += [one.words for one in each.comments if one.item == item.id]
        return cell(" · ".join(told))

    filled = fill_canvas_rubric(to_hand_back(record), text, comment)
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        return _with_sheet(filled, folder / template.name)


def to_folder(
    record: ClassRecord,
    folder: Path,
    listed: Path,
    key: bytes,
    language: Language,
    notebooks: Mapping[str, bytes],
) -> HandedBack:
    """Write each student's pages into a folder that only who has its name can find, and list the names in a CSV.

    The names depend on the `key` alone, so they stay the same. Publish the `folder`; keep the file `listed` to staff.

    Raises:
        UserError: the files can't be written.
    """
    whole = to_hand_back(record)
    secret = {
        entry.id: hmac.digest(key, f"hand back to {entry.id}".encode(), "sha256").hex()[:32]
        for entry in whole.students
    }
    files = file_names(assignment.name for assignment in whole.assignments)
    paths = {
        (student, name): folder / secret[student] / f"{files[name]}.html"
        for student, name in graded(record)
    }
    file = io.StringIO()
    writer = csv.writer(file)
    heads = (tr("student"), tr("name"), tr("email"), tr("folder"))
    writer.writerow([head.in_(language) for head in heads])
    told = {student for student, _ in paths}
    for entry in whole.students:
        if entry.id in told:
            writer.writerow([cell(entry.id), cell(entry.name), cell(entry.email), secret[entry.id]])
    with writing(folder):
        write_pages(whole, paths, language, notebooks)
        (folder / "index.html").touch()  # so that no web server lists the folders
    with writing(listed):
        listed.write_bytes(file.getvalue().encode("utf-8-sig"))
    return HandedBack((folder, listed), still_ungraded(record))


def _with_sheet(filled: Filled, path: Path, *others: Path) -> HandedBack:
    path.write_bytes(filled.text.encode())
    return HandedBack((*others, path), filled.notes, filled.remarks)


def _about(item: ItemResult) -> Text:
    return tr(
        "{points} of {most}, {verdict}. {message}",
        points=_points(item.points or 0.0),
        most=_points(item.max_points),
        verdict=item.verdict.text,
        message=item.message,
    )


def _points(points: float) -> str:
    return f"{points:g}"
