"""What comes with the package: the lesson's course, and the versions that it was tested with."""

from pathlib import Path

_PACKAGE = Path(__file__).parents[1]
_CHECKOUT = _PACKAGE.parent


def built_in_course() -> Path:
    """Return the folder that holds the lesson's `assignments` and `solutions`."""
    inside = _PACKAGE / "course"
    return inside if inside.is_dir() else _CHECKOUT


def constraints() -> Path:
    """Return the file of the versions that the package was tested with, in pip's format."""
    inside = _PACKAGE / "constraints.txt"
    return inside if inside.is_file() else _CHECKOUT / "constraints.txt"
