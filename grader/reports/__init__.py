"""Views of score reports, one file a format."""

from typing import Literal

ExportFormat = Literal["html", "csv", "json", "gradescope", "canvas", "moodle", "junit", "github"]
"""What a class is written as."""
