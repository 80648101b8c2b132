"""Makes code that asks for a GPU run on the CPU. Called once, before any fork.

A device is asked for where a tensor is made or moved: those functions are wrapped, and nothing else, so that the
operations of a training loop cost what they cost.
"""

import contextlib
import functools
import time
import types
from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.utils._device

_KINDS = ("cuda", "mps", "xpu", "hip", "xla", "npu", "hpu", "mtia")
_MAKERS = (
    "arange", "asarray", "as_tensor", "empty", "empty_like", "empty_strided", "eye", "full",
    "full_like", "linspace", "logspace", "normal", "ones", "ones_like", "rand", "rand_like",
    "randint", "randint_like", "randn", "randn_like", "randperm", "scalar_tensor",
    "sparse_coo_tensor", "tensor", "tril_indices", "triu_indices", "zeros", "zeros_like",
    "hann_window", "hamming_window",
)  # fmt: skip
_METHODS = ["to", "new_tensor", "new_empty", "new_full", "new_ones", "new_zeros"]

asked = False
"""Whether the submission has asked for a GPU since it was loaded."""


def _is_accelerator(value: object) -> bool:
    if isinstance(value, torch.device):
        return value.type in _KINDS
    return isinstance(value, str) and value.partition(":")[0] in _KINDS


def _note() -> None:
    global asked
    asked = True


def _on_processor(value: Any) -> Any:
    if _is_accelerator(value):
        _note()
        return torch.device("cpu")
    return value


def _mapped(
    args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Arguments without accelerator devices and without pinned memory."""
    if any(map(_is_accelerator, args)):
        args = tuple(map(_on_processor, args))
    device = kwargs.get("device")
    if device is not None and (_is_accelerator(device) or type(device) is int):
        _note()
        kwargs = kwargs | {"device": torch.device("cpu")}
    if kwargs.get("pin_memory"):
        _note()
        kwargs = kwargs | {"pin_memory": False}
    return args, kwargs


def _wrapped(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        args, kwargs = _mapped(args, kwargs)
        return function(*args, **kwargs)

    return call


def _to(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def to(self: Any, *args: Any, **kwargs: Any) -> Any:
        if args and type(args[0]) is int:  # the number of a GPU
            _note()
            args = (torch.device("cpu"), *args[1:])
        args, kwargs = _mapped(args, kwargs)
        return original(self, *args, **kwargs)

    return to


def _itself() -> Callable[..., Any]:
    def itself(value: Any, *_: object, **__: object) -> Any:
        _note()
        return value

    return itself


def _answer(value: object) -> Callable[..., Any]:
    """Create a separate function for each name, because PyTorch keeps tables by function."""

    def answer(*_: object, **__: object) -> Any:
        _note()
        return value

    return answer


class _Event:
    """A `torch.cuda.Event` that measures with the clock."""

    def __init__(self, *_: object, **__: object) -> None:
        self._time = 0.0

    def record(self, *_: object) -> None:
        _note()
        self._time = time.perf_counter()

    def synchronize(self) -> None: ...

    def elapsed_time(self, end: "_Event") -> float:
        return 1000 * (end._time - self._time)


def _context() -> Callable[..., contextlib.AbstractContextManager[None]]:
    @contextlib.contextmanager
    def context(*_: object, **__: object) -> Iterator[None]:
        _note()
        yield

    return context


def run_on_processor() -> None:
    """Wrap all functions that take a device."""
    for name in _MAKERS:
        setattr(torch, name, _wrapped(getattr(torch, name)))
        torch.jit._builtins._register_builtin(getattr(torch, name), f"aten::{name}")
    tensor: Any = torch.Tensor
    for name in _METHODS:
        setattr(tensor, name, (_to if name == "to" else _wrapped)(getattr(tensor, name)))
    module: Any = torch.nn.Module
    module.to = _to(module.to)
    for kind in ("cuda", "xpu"):
        setattr(tensor, kind, _itself())
        setattr(module, kind, _itself())
    tensor.pin_memory = _itself()
    tensor.type = _type(tensor.type)
    _replace_generator()
    torch.load = _load(torch.load)
    torch.set_default_device = _wrapped(torch.set_default_device)
    torch.set_default_tensor_type = _default_type(torch.set_default_tensor_type)
    context: Any = torch.utils._device.DeviceContext
    context.__init__ = _to(context.__init__)
    cuda: Any = torch.cuda
    for name in (
        "synchronize", "set_device", "empty_cache", "ipc_collect", "reset_peak_memory_stats",
        "init", "reset_max_memory_allocated",
    ):  # fmt: skip
        setattr(cuda, name, _answer(None))
    cuda.device, cuda.stream = _context(), _context()
    cuda.Event, cuda.Stream = _Event, _answer(None)
    cuda.get_device_properties = _answer(
        types.SimpleNamespace(name="CPU", total_memory=0, major=0, minor=0, multi_processor_count=0)
    )
    cuda.current_device = _answer(0)
    cuda.get_device_name = _answer("CPU")
    for name in [
        "memory_allocated",
        "max_memory_allocated",
        "memory_reserved",
        "max_memory_reserved",
    ]:
        setattr(cuda, name, _answer(0))
    for name in [
        "Float",
        "Double",
        "Half",
        "BFloat16",
        "Long",
        "Int",
        "Short",
        "Char",
        "Byte",
        "Bool",
    ]:
        setattr(cuda, f"{name}Tensor", getattr(torch, f"{name}Tensor"))
    mps: Any = torch.mps
    for name in ("synchronize", "empty_cache"):
        setattr(mps, name, _answer(None))
    _quiet_autocast()


def _type(original: Callable[..., Any]) -> Callable[..., Any]:
    def of(self: Any, dtype: Any = None, *args: Any, **kwargs: Any) -> Any:
        if isinstance(dtype, str) and dtype.startswith("torch.cuda."):
            _note()
            dtype = dtype.replace("torch.cuda.", "torch.")
        return original(self, *(() if dtype is None else (dtype,)), *args, **kwargs)

    return of


def _default_type(original: Callable[[Any], None]) -> Callable[[Any], None]:
    def set_type(kind: Any) -> None:
        if isinstance(kind, str) and kind.startswith("torch.cuda."):
            _note()
            kind = kind.replace("torch.cuda.", "torch.")
        original(kind)

    return set_type


def _load(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def load(f: Any, map_location: Any = "cpu", *args: Any, **kwargs: Any) -> Any:
        return original(f, _on_processor(map_location) or "cpu", *args, **kwargs)

    return load


def _replace_generator() -> None:
    """Make `torch.Generator("cuda")` a CPU generator, while the class still works with `isinstance`."""
    original: Any = torch.Generator

    class Meta(type(original)):  # type: ignore[misc]
        def __instancecheck__(cls, instance: object) -> bool:
            return isinstance(instance, original)

        def __call__(cls, *args: Any, **kwargs: Any) -> Any:
            args, kwargs = _mapped(args, kwargs)
            return original(*args, **kwargs)

    torch.Generator = Meta("Generator", (), {})  # type: ignore[misc]


def _quiet_autocast() -> None:
    """`torch.autocast` for an accelerator is off on the processor, as PyTorch does it for a missing GPU."""
    autocast: Any = torch.autocast
    original = autocast.__init__

    @functools.wraps(original)
    def init(self: Any, device_type: str, *args: Any, **kwargs: Any) -> None:
        if _is_accelerator(device_type):
            _note()
            device_type, args = "cpu", ()
            kwargs = {"enabled": False}
        original(self, device_type, *args, **kwargs)

    autocast.__init__ = init
