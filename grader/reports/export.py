"""Export a class in the requested format."""

import msgspec

from grader.model.errors import UserError
from grader.model.record import ClassRecord, Record
from grader.model.text import Language, Text, printable, tr
from grader.reports import ExportFormat
from grader.reports.canvas import fill_canvas
from grader.reports.csv import to_csv
from grader.reports.fill import Filled, Scale
from grader.reports.github import to_github
from grader.reports.gradescope import to_gradescope
from grader.reports.json import class_to_json
from grader.reports.junit import to_junit
from grader.reports.moodle import fill_moodle


class Export(msgspec.Struct, frozen=True):
    """A class in another system's format."""

    data: bytes
    commands: str = ""
    """Further lines that the system reads from standard output."""
    notes: tuple[Text, ...] = ()
    """What you have to check or enter by hand."""
    remarks: tuple[Text, ...] = ()
    """What was kept or replaced on purpose."""


def export(
    record: ClassRecord,
    format_: ExportFormat,
    language: Language,
    template: str | None = None,
    column: str | None = None,
    scale: Scale = None,
) -> Export:
    """Return the class in a single-file format.

    `template` is the text of the file downloaded from Canvas or Moodle; `column` is the title of its column of scores;
    `scale` is the maximum that scores in it are scaled to.

    Raises:
        UserError: the format needs a template or a single hand-in, the template is invalid, or its maximum is another
            one than the scores'.
    """
    if scale is not None and format_ not in ("canvas", "moodle"):
        raise UserError(tr("--scale-to is for --format canvas and --format moodle"))
    match format_:
        case "csv":
            return Export(to_csv(record, language))
        case "json":
            return Export(f"{class_to_json(record, language)}\n".encode())
        case "junit":
            return Export(to_junit(record, language))
        case "gradescope":
            return Export(f"{to_gradescope(_the_one(record), language)}\n".encode())
        case "github":
            result = to_github(_the_one(record), language)
            return Export(result.output.encode(), result.commands)
        case "canvas":
            return _filled(fill_canvas(record, _given(template), column, scale))
        case "moodle":
            return _filled(fill_moodle(record, _given(template), column, scale))
        case "html":
            raise ValueError("HTML reports are many files: use `write_site`")


def _filled(filled: Filled) -> Export:
    return Export(filled.text.encode(), notes=filled.notes, remarks=filled.remarks)


def _given(template: str | None) -> str:
    if template is None:
        raise UserError(tr("pass the file that you downloaded from the platform with --template"))
    return template


def _the_one(record: ClassRecord) -> Record:
    hand_ins = list(record.counting.values())
    if not hand_ins and record.excused:
        who = ", ".join(sorted(student for student, _ in record.excused))
        raise UserError(tr("excused, so there is no result: {students}", students=printable(who)))
    if len(hand_ins) != 1:
        raise UserError(
            tr(
                "this format holds one hand-in, but there are {count}: choose one with "
                "--assignment and --student",
                count=len(hand_ins),
            )
        )
    return hand_ins[0]
