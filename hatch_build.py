"""Compiles the Korean messages when the package is built or installed from its source."""

from io import BytesIO
from pathlib import Path
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CatalogueHook(BuildHookInterface):  # type: ignore[type-arg]
    """Writes `grader.mo` beside each `grader.po`."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile before files are gathered, also for an editable install."""
        for path in Path(self.root, "grader", "locale").rglob("*.po"):
            compiled, target = BytesIO(), path.with_suffix(".mo")
            with path.open("rb") as source:
                write_mo(compiled, read_po(source))
            if not target.exists() or target.read_bytes() != compiled.getvalue():
                target.write_bytes(compiled.getvalue())
