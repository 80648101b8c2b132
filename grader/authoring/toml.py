"""Write an assignment's settings as TOML, which msgspec can't do without a library."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec
import tomli_w
import tomlkit

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


def changed_toml(text: str, changes: Mapping[str, object]) -> str:
    """Return TOML with other values; comments and the order of lines stay.

    The keys of `changes` are paths such as `thresholds.max_loss` and `items.sigmoid.points`, where an element of a list
    of tables is named by its `id`. None removes a key.
    """
    document = tomlkit.parse(text)
    for path, value in changes.items():
        *tables, key = path.split(".")
        at: Any = document
        for name in tables:
            at = _table(at, name)
        if value is None:
            at.pop(key, None)
        else:
            at[key] = value
    return tomlkit.dumps(document)


def _table(at: Any, name: str) -> Any:
    if isinstance(at, list):
        return next(each for each in at if each["id"] == name)
    if name not in at:
        at[name] = tomlkit.table()
    return at[name]


def _set(value: dict[str, object]) -> dict[str, object]:
    """The value without None, which TOML can't express."""
    return {name: _inner(each) for name, each in value.items() if each is not None}


def _inner(value: object) -> object:
    if isinstance(value, dict):
        return _set(value)
    return [_inner(each) for each in value] if isinstance(value, list | tuple) else value
