"""Views of score reports, one file a format."""

from enum import StrEnum


class ExportFormat(StrEnum):
    """What a class is written as."""

    HTML = "html"
    CSV = "csv"
    JSON = "json"
    GRADESCOPE = "gradescope"
    CANVAS = "canvas"
    MOODLE = "moodle"
    JUNIT = "junit"
    GITHUB = "github"
