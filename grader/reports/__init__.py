"""Views of score reports, one file a format."""

from enum import StrEnum


class ExportFormat(StrEnum):
    """What another system reads."""

    CSV = "csv"
    JSON = "json"
    GRADESCOPE = "gradescope"
    CANVAS = "canvas"
    MOODLE = "moodle"
    JUNIT = "junit"
    GITHUB = "github"
