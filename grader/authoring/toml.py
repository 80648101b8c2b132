"""Write settings as TOML, which msgspec can only read without an extra package."""

import json
from datetime import datetime

import msgspec


def to_toml(value: object) -> str:
    """Return plain data, without None, as one TOML value; tables are written inline."""
    match value:
        case dict():
            return f"{{ {', '.join(f'{k} = {to_toml(v)}' for k, v in value.items())} }}"
        case list() | tuple():
            return f"[{', '.join(map(to_toml, value))}]"
        case datetime():
            return value.isoformat()
        case float() if value.is_integer() and abs(value) < 2**53:
            return str(int(value))
        case _:
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def lines(value: msgspec.Struct, *fields: str) -> str:
    """Return fields of a struct as lines of TOML, leaving out empty ones."""
    data = msgspec.to_builtins(value, enc_hook=str, builtin_types=(datetime,))
    told = {name: _plain(data[name]) for name in fields if data[name] not in (None, "", [], {})}
    return "".join(f"{name} = {to_toml(field)}\n" for name, field in told.items())


def _plain(value: object) -> object:
    """The value without None, which TOML can't express."""
    if isinstance(value, dict):
        return {_key(k): _plain(v) for k, v in value.items() if v is not None}
    return [_plain(v) for v in value] if isinstance(value, list) else value


def _key(name: str) -> str:
    return name if name.replace("-", "_").isidentifier() and name.isascii() else json.dumps(name)
