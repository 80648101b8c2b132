"""Create a new assignment: a small working one, for its author to change step by step."""

import re
import secrets
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from grader.model.errors import UserError, writing
from grader.model.text import tr


def new_assignment(name: str, solutions: Path) -> Path:
    """Create the folder of a new assignment below `solutions` and return it.

    Raises:
        UserError: the name isn't a lower-case identifier, or the folder already exists or can't be written.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise UserError(
            tr(
                "{name} isn't a valid name: use lower-case letters, digits and _, as in wine_2",
                name=name,
            )
        )
    folder = solutions / name
    if folder.exists():
        raise UserError(tr("{path} already exists; choose another name", path=folder))
    seed = str(10_000 + secrets.randbelow(90_000))
    with writing(folder):
        _copy(files("grader.authoring") / "skeleton", folder, {"NAME": name, "SEED": seed})
    return folder


def _copy(source: Traversable, target: Path, words: dict[str, str]) -> None:
    if source.is_dir():
        target.mkdir(parents=True)
        for each in source.iterdir():
            if each.name != "__pycache__":
                _copy(each, target / _filled(each.name, words), words)
    else:
        target.write_text(_filled(source.read_text(encoding="utf-8"), words), encoding="utf-8")


def _filled(text: str, words: dict[str, str]) -> str:
    for word, value in words.items():
        text = text.replace(word, value)
    return text
