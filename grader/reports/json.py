"""Export score reports as JSON, with texts in one language."""

from typing import Any

import msgspec

from grader.gradebook.statistics import item_statistics
from grader.model.record import ClassRecord, Record, Standing
from grader.model.score import SCHEMA_VERSION, ItemResult, ScoreReport
from grader.model.text import Language, all_visible


def to_json(report: ScoreReport, language: Language) -> str:
    """Return the report as indented JSON. Points of an ungraded item are null."""
    return indented(_report(report, language))


def class_to_json(record: ClassRecord, language: Language) -> str:
    """Return a whole class as indented JSON: all hand-ins, the items' statistics, and unmatched files.

    `score` is the report's score; `final_score` includes late policy and adjustments. Both are null while an item is
    ungraded.
    """
    standings = record.standings
    document = {
        "schema_version": SCHEMA_VERSION,
        "assignments": [
            {"name": a.name, "title": a.title.in_(language), "max_score": a.max_score}
            for a in record.assignments
        ],
        "students": record.students,
        "excused": [
            {"student": student, "assignment": name} for student, name in sorted(record.excused)
        ],
        "dropped": record.dropped,
        "hand_ins": [
            _hand_in(each, standings[each.report.student, each.report.assignment], language)
            for each in record.records
        ],
        "statistics": [
            msgspec.structs.asdict(each) | {"title": each.title.in_(language)}
            for each in item_statistics(record)
        ],
        "unmatched": [
            {
                "origin": each.origin,
                "student": each.student,
                "reason": each.reason.in_(language),
            }
            for each in record.unmatched
        ],
    }
    return indented(document)


def indented(document: object) -> str:
    """Return data as indented JSON that holds no control characters and no commands to a CI server, escaped or not."""
    plain = all_visible(msgspec.to_builtins(document))
    text = msgspec.json.format(msgspec.json.encode(plain), indent=2).decode()
    return text.replace("##", r"#\u0023")


def _hand_in(record: Record, standing: Standing, language: Language) -> dict[str, Any]:
    return _report(record.report, language) | {
        "final_score": record.final_score,
        "counts": record.counts,
        "standing": standing,
        "handed_in_by": record.handed_in_by or record.report.student,
        "origin": record.origin,
        "handed_in": record.handed_in,
        "graded_at": record.graded_at,
        "how": record.how,
        "late_days": record.late_days,
        "penalty": record.penalty,
        "adjustments": record.adjustments,
        "comments": record.comments,
    }


def _report(report: ScoreReport, language: Language) -> dict[str, Any]:
    return {
        "schema_version": report.schema_version,
        "assignment": report.assignment,
        "student": report.student,
        "submission": report.submission,
        "sha256": report.sha256,
        "score": None if report.ungraded else report.score,
        "max_score": report.max_score,
        "gradable": report.gradable,
        "isolation": report.isolation,
        "not_blocked": report.not_blocked,
        "items": [_item(item, language) for item in report.items],
        "notes": [note.in_(language) for note in report.notes],
        "flags": report.flags,
        "output": report.output,
    }


def _item(item: ItemResult, language: Language) -> dict[str, Any]:
    return {
        "id": item.id,
        "title": item.title.in_(language),
        "points": item.points,
        "max_points": item.max_points,
        "verdict": item.verdict,
        "message": item.message.in_(language),
        "detail": item.detail,
        "seconds": item.seconds,
        "memory_bytes": item.memory_bytes,
        "place": item.place,
        "curves": item.curves,
        "measures": item.measures,
    }
