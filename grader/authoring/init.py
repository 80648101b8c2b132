"""Create a course folder, with or without the lesson's three assignments."""

import shutil
from pathlib import Path

from grader.model.builtin import built_in_course
from grader.model.errors import UserError, writing
from grader.model.text import tr

_PARTS = ("assignments", "solutions")
_CACHES = shutil.ignore_patterns("__pycache__", ".*", "*.zip")


def init_course(folder: Path, *, empty: bool = False) -> None:
    """Create a course in `folder`: students' files in `assignments`, hidden files in `solutions`.

    Raises:
        UserError: the folder isn't empty or can't be written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(tr("{path} isn't an empty folder; choose another one", path=folder))
    with writing(folder):
        for name in _PARTS:
            if empty:
                (folder / name).mkdir(parents=True)
            else:
                shutil.copytree(built_in_course() / name, folder / name, ignore=_CACHES)
