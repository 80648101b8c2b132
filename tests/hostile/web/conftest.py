"""The sites and browsers of `tests/web`."""

import importlib.util
from pathlib import Path

_PATH = Path(__file__).parents[2] / "web" / "conftest.py"
_spec = importlib.util.spec_from_file_location("web_fixtures", _PATH)
_found = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_found)
for _name in ("book", "shared", "settings", "served", "graded", "hand_in", "wait_for_report"):
    globals()[_name] = getattr(_found, _name)
