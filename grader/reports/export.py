"""Export a class in the requested format."""

import msgspec

from grader.model.errors import UserError
from grader.model.record import ClassRecord, Record
from grader.model.text import Language, Text, tr
from grader.reports import ExportFormat
from grader.reports.canvas import fill_canvas
from grader.reports.csv import to_csv
from grader.reports.fill import Filled
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


def export(
    record: ClassRecord,
    format_: ExportFormat,
    language: Language,
    template: str | None = None,
    column: str | None = None,
) -> Export:
    """Return the class in a single-file format.

    `template` is the text of the file downloaded from Canvas or Moodle; `column` is the title of its column of scores.

    Raises:
        UserError: the format needs a template or a single hand-in, or the template is invalid.
    """
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
            return _filled(fill_canvas(record, _given(template), column))
        case "moodle":
            return _filled(fill_moodle(record, _given(template), column))
        case "html":
            raise ValueError("HTML reports are many files: use `write_site`")


def _filled(filled: Filled) -> Export:
    return Export(filled.text.encode(), notes=filled.notes)


def _given(template: str | None) -> str:
    if template is None:
        raise UserError(tr("pass the file that you downloaded from the platform with --template"))
    return template


def _the_one(record: ClassRecord) -> Record:
    hand_ins = list(record.counting.values())
    if len(hand_ins) != 1:
        raise UserError(
            tr(
                "this format holds one hand-in, but there are {count}: choose one with "
                "--assignment and --student",
                count=len(hand_ins),
            )
        )
    return hand_ins[0]
