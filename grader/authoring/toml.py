"""Write an assignment's settings as TOML, which msgspec can't do without a library."""

from collections.abc import Iterable
from datetime import datetime

import msgspec
import tomli_w

from grader.model.assignment import Assignment


def settings_toml(
    assignment: Assignment, fields: Iterable[str], item_fields: Iterable[str] | None = None
) -> str:
    """Return fields of an assignment's settings as TOML, without empty ones.

    Its rubric items are written with `item_fields`, or whole if `fields` names them.
    """
    data = msgspec.to_builtins(assignment, enc_hook=str, builtin_types=(datetime,))
    chosen = {name: data[name] for name in fields}
    if item_fields is not None:
        names = list(item_fields)
        chosen["items"] = [{name: item[name] for name in names} for item in data["items"]]
    return tomli_w.dumps({k: v for k, v in _set(chosen).items() if v not in ("", [], {})})


def _set(value: dict[str, object]) -> dict[str, object]:
    """The value without None, which TOML can't express."""
    return {name: _inner(each) for name, each in value.items() if each is not None}


def _inner(value: object) -> object:
    if isinstance(value, dict):
        return _set(value)
    return [_inner(each) for each in value] if isinstance(value, list | tuple) else value
