"""Views of score reports, one module per format."""

from typing import Literal

ExportFormat = Literal["html", "csv", "json", "gradescope", "canvas", "moodle", "junit", "github"]
"""The formats that a class can be exported to."""
