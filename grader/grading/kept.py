"""Tell whether checks have kept anything of a submission: what their files hold, in a form that can be compared."""

import enum
import functools
import hashlib
import os
import re
import sys
import types
from collections.abc import Mapping
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch

_FIXED = (
    *(type(None), bool, int, float, complex, str, bytes, enum.Enum, Path, re.Pattern),
    *(types.ModuleType, types.BuiltinFunctionType, np.ufunc, np.dtype, torch.dtype, torch.device),
    *(property, functools.cached_property, types.MemberDescriptorType),
    *(types.GetSetDescriptorType, pytest.Mark, pytest.MarkDecorator),
    type(pytest.fixture(lambda: None)),
)
"""Kinds of objects that don't change."""


def held(session: pytest.Session, folder: Path) -> object | None:
    """Return what checks could leave for those of the next submission; equal values mean that nothing has changed.

    That is what the modules below their folder hold, and a few settings of libraries. None if they hold something
    whose changes can't be seen. What is returned must be kept until it is compared.
    """
    if any(isinstance(item, pytest.Function) and item.cls for item in session.items):
        return None  # the instance of a class of checks is made once
    below = f"{folder}{os.sep}"
    modules = {
        name: module
        for name, module in sys.modules.items()
        if (getattr(module, "__file__", None) or "").startswith(below)
    }
    if not modules:  # loaded by another path
        return None
    try:
        return (
            [_names(vars(each), frozenset(modules)) for each in modules.values()],
            (torch.get_default_dtype(), torch.is_grad_enabled(), np.geterr(), dict(os.environ)),
        )
    except (_UnknownError, RecursionError):
        return None


class _UnknownError(Exception):
    """An object whose changes can't be seen."""


class _Same:
    """Equal only to itself; it keeps its object, whose place in memory no other can take meanwhile."""

    def __init__(self, value: object) -> None:
        self._value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self._value is other._value

    __hash__ = None  # type: ignore[assignment]


def _names(values: Mapping[str, object], own: frozenset[str]) -> object:
    return [
        (name, _state(value, own))
        for name, value in values.items()
        if not (name.startswith("__") and name.endswith("__"))
    ]


def _state(value: object, own: frozenset[str]) -> object:
    """What a change of the value would change. `own` are the modules whose functions and classes are looked into."""
    state = functools.partial(_state, own=own)
    if isinstance(value, _FIXED) or type(value).__name__ == "cython_function_or_method":
        return _Same(value)
    if isinstance(value, functools._lru_cache_wrapper):
        return _Same(value), value.cache_info()
    match value:
        case torch.Tensor() if not value.is_inference() and value.layout is torch.strided:
            raw = value.detach().contiguous().reshape(-1).view(torch.uint8).numpy()
            return (
                _Same(value),
                value.requires_grad,
                state(value.grad),
                hashlib.sha256(raw.tobytes()).digest(),
            )
        case np.ndarray() if not value.dtype.hasobject:
            return _Same(value), hashlib.sha256(value.tobytes()).digest()
        case list() | tuple() | set() | frozenset():
            return _Same(value), [state(each) for each in value]
        case dict():
            return _Same(value), [(state(key), state(each)) for key, each in value.items()]
        case msgspec.Struct() if value.__struct_config__.frozen:
            return _Same(value), [state(getattr(value, name)) for name in value.__struct_fields__]
        case types.FunctionType() if value.__module__ in own:
            cells = (cell.cell_contents for cell in value.__closure__ or ())
            parts = (vars(value), value.__defaults__, value.__kwdefaults__, *cells)
            return _Same(value), [state(each) for each in parts]
        case type() if value.__module__ in own:
            return _Same(value), _names(vars(value), own)
        case type() | types.FunctionType():
            return _Same(value)
        case _:
            raise _UnknownError
