"""A score report as JSON for programs, its texts in one language."""

from typing import Any

import msgspec

from grader.score import ItemResult, ScoreReport
from grader.text import Language


def to_json(report: ScoreReport, language: Language) -> str:
    """Return the report as indented JSON. Points of an ungraded item are null."""
    document = {
        "schema_version": report.schema_version,
        "assignment": report.assignment,
        "student": report.student,
        "submission": report.submission,
        "sha256": report.sha256,
        "score": report.score,
        "max_score": report.max_score,
        "gradable": report.gradable,
        "isolation": report.isolation,
        "items": [_item(item, language) for item in report.items],
        "notes": [note.in_(language) for note in report.notes],
        "output": report.output,
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()


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
    }
