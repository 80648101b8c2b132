"""The codec between the trusted process and the student's: only plain values, arrays and handles.

A frame is two lengths (32 bits each, big-endian), a structure in MessagePack, and the raw bytes of all arrays.
What comes out of `decode_reply` is made of None, bool, int, float, str, bytes, list, tuple, dict, torch tensors, NumPy
arrays and `Ref`: no class of the sender's, whatever the bytes say. All arrays together are no larger than the frame, so
that it can't claim more memory than it brings.
"""

import decimal
import math
import numbers
import struct
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence, ValuesView
from typing import Any, Literal

import msgspec
import numpy as np
import torch

MAX_STRUCTURE = 4 * 2**20
"""Bytes of structure in a frame: a history of 200,000 epochs fits."""
MAX_BULK = 64 * 2**20
"""Bytes of arrays in a frame."""
MAX_DEPTH = 16
"""Lists in lists: a tensor of more dimensions has no use here."""
HEADER = struct.Struct(">II")

_ALIGN = 16
_TENSOR, _ARRAY, _REF, _TUPLE = 1, 2, 3, 4

_TORCH_DTYPES = {
    name: getattr(torch, name)
    for name in (
        "bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "bfloat16", "float16",
        "float32", "float64", "complex64", "complex128", "float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2",
        "float8_e5m2fnuz", "float8_e8m0fnu",
    )
    if hasattr(torch, name)  # the youngest came with PyTorch 2.7
}  # fmt: skip
_NUMPY_DTYPES = {
    name: np.dtype(name)
    for name in (
        "bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64",
        "float16", "float32", "float64", "complex64", "complex128",
    )
}  # fmt: skip


_ORDINARY = {_TORCH_DTYPES[name]: name for name in ("float32", "float64", "int64", "bool")}
_SENT_AS_IS = {type(None), bool, float, str, bytes}


class WireError(ValueError):
    """A value can't be sent, or bytes aren't a frame."""


class Ref(msgspec.Struct, frozen=True):
    """A handle for an object that stays in the student's process, such as a model."""

    id: int
    kind: str
    """The name of the object's class, for messages."""
    module: bool = False
    """Whether it is an `nn.Module`."""


class Call(msgspec.Struct, frozen=True, tag=True):
    """Call a function of the submission, or one of the worker's own operations on its objects."""

    function: str
    args: list[Any]
    kwargs: dict[str, Any]
    own: bool = False
    """Whether `function` is an operation of the worker and not of the submission."""


class Load(msgspec.Struct, frozen=True, tag=True):
    """Run the submission's cells, given by name and source."""

    cells: list[tuple[str, str]]
    notebook: bool
    cpu_seconds: float
    """After so long the cell that runs is ended, and what is defined by then counts."""


class Fork(msgspec.Struct, frozen=True, tag=True):
    """Fork the process in its current state; the copy answers on the descriptor sent with the request."""


Request = Load | Call | Fork


class Ready(msgspec.Struct, frozen=True, tag=True):
    """The first frame of each process: it is ready to answer."""


class Returned(msgspec.Struct, frozen=True, tag=True):
    """What a call returned."""

    value: Any
    changed: list[str] = []
    """The arguments that are no longer what they were before the call."""
    accelerator: bool = False
    """Whether the submission asked for a GPU."""


class Frame(msgspec.Struct, frozen=True):
    """A line of the submission in an exception's traceback."""

    cell: str
    line: int
    function: str


Kind = Literal[
    "not_implemented", "missing", "memory", "forbidden", "timeout", "unsendable", "unfit", "internal", "error"
]  # fmt: skip
"""What became of a call that returned nothing.

`unsendable`: the student's value has no numbers that could be sent. `unfit`: the grader's own loop can't train the
student's model. `internal`: our own code raised, which is never a verdict about the student.
"""


class Raised(msgspec.Struct, frozen=True, tag=True):
    """A description of the exception that a call raised."""

    exception: str
    message: str
    kind: Kind
    frames: list[Frame] = []
    name: str = ""
    """The name that isn't defined, if it is that."""


Reason = Literal["package", "import", "colab", "depends"]
"""Why a statement is passed over: a package isn't installed, an import failed otherwise, it works in Colab only, or it
uses a name that such a statement would have bound."""


class Skipped(msgspec.Struct, frozen=True):
    """A statement that raised while the submission was loaded; the rest of its cell was still run."""

    statement: str
    """Its first line."""
    raised: Raised
    reason: Reason
    about: str
    """The package or the name that is missing, if it is one."""
    names: list[str]
    """What the statement would have bound; `*` stands for everything in a module."""


class Loaded(msgspec.Struct, frozen=True, tag=True):
    """The exceptions that running the cells raised, by cell."""

    errors: list[tuple[str, Raised]]
    skipped: list[Skipped] = []
    accelerator: bool = False
    """Whether the submission asked for a GPU."""


Reply = Ready | Returned | Raised | Loaded


def encode(message: Request | Reply, refer: Callable[[object], Ref] | None = None) -> bytes:
    """Encode a message as a frame. What is no plain value becomes what `refer` makes of it.

    Raises:
        WireError: a value is too large, too deep, or can't be sent.
    """
    bulk = _Bulk(refer)
    try:
        plain = msgspec.structs.replace(
            message, **{name: bulk.pack(getattr(message, name)) for name in _values(message)}
        )
        structure = _encoder.encode(plain)
    except (OverflowError, UnicodeEncodeError, RecursionError) as error:
        raise WireError(f"the value can't be sent: {error}") from error
    if len(structure) > MAX_STRUCTURE:
        raise WireError("the value is too large")
    return HEADER.pack(len(structure), bulk.size) + structure + b"".join(bulk.parts)


def lengths(header: bytes | bytearray) -> tuple[int, int]:
    """Return the lengths of structure and arrays that a frame's header announces.

    Raises:
        WireError: they are over the limits.
    """
    structure, bulk = HEADER.unpack(header)
    if structure > MAX_STRUCTURE or bulk > MAX_BULK:
        raise WireError("the frame is too large")
    return structure, bulk


def parts(frame: bytes) -> tuple[bytes, bytearray]:
    """Return the structure and the arrays of a whole frame.

    Raises:
        WireError: it is shorter or longer than its header says.
    """
    structure, bulk = lengths(frame[: HEADER.size])
    rest = frame[HEADER.size :]
    if len(rest) != structure + bulk:
        raise WireError("the frame has another length than it says")
    return rest[:structure], bytearray(rest[structure:])


def decode_request(structure: bytes, bulk: bytearray, resolve: Callable[[Ref], object]) -> Request:
    """Decode a frame's two parts in the student's process, `Ref`s becoming what they name."""
    request: Request = _decode(structure, bulk, Request, resolve)
    return request


def decode_reply(structure: bytes, bulk: bytearray) -> Reply:
    """Decode a frame's two parts in the trusted process.

    Raises:
        WireError: the bytes are no reply.
    """
    reply: Reply = _decode(structure, bulk, Reply, lambda ref: ref)
    if isinstance(reply, Returned):
        _require_plain(reply.value)
    return reply


def is_honest(value: object) -> bool:
    """Whether an object is of the class that it says: `isinstance` believes its `__class__`."""
    return value.__class__ is type(value)


class _Array(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    dtype: str
    shape: tuple[int, ...]
    offset: int


class _Bulk:
    """Turns a value into one that MessagePack can encode, and collects the arrays' bytes separately."""

    def __init__(self, refer: Callable[[object], Ref] | None) -> None:
        self.refer = refer
        self.parts: list[bytes] = []
        self.size = 0

    def pack(self, value: Any, depth: int = 0) -> object:
        kind = type(value)
        if kind in _SENT_AS_IS:
            return value
        if kind is int:
            return float(value) if value.bit_length() > 63 else value
        if depth > MAX_DEPTH:
            raise WireError("the value is nested too deeply")
        if kind is list:
            return self._list(value, depth)
        if not is_honest(value):
            return self._reference(value)
        if isinstance(value, torch.Tensor):
            return self._tensor(value)
        if isinstance(value, np.generic | np.ndarray | memoryview):
            return self._array(value, depth)
        if isinstance(value, Ref):
            return msgspec.msgpack.Ext(_REF, _encoder.encode(value))
        if isinstance(value, str | bytes | bytearray):
            return str(value) if isinstance(value, str) else bytes(value)
        if isinstance(value, Mapping):
            return {str(k): self.pack(v, depth + 1) for k, v in value.items()}
        if isinstance(value, Sequence | ValuesView) and not isinstance(value, torch.nn.Module):
            packed = self._list(value, depth)
            if isinstance(value, tuple):
                return msgspec.msgpack.Ext(_TUPLE, _encoder.encode(packed))
            return packed
        if isinstance(value, numbers.Real | decimal.Decimal):
            plain = int(value) if isinstance(value, numbers.Integral) else float(value)
            return self.pack(plain, depth + 1)
        if not isinstance(value, torch.nn.Module) and hasattr(type(value), "__array__"):
            return self._array(value, depth)
        return self._reference(value)

    def _list(self, values: Collection[object], depth: int) -> list[object]:
        if len(values) > MAX_STRUCTURE:
            raise WireError("the value is too large")
        return [v if type(v) in _SENT_AS_IS else self.pack(v, depth + 1) for v in values]

    def _reference(self, value: object) -> object:
        if self.refer is None:
            raise WireError(f"a {type(value).__name__} can't be sent")
        return self.pack(self.refer(value))

    def _tensor(self, value: torch.Tensor) -> object:
        if type(value) is torch.Tensor and _is_ordinary(value):
            self._check_size(value.numel() * value.element_size())
            raw = value.numpy().tobytes()
            return self._put(_TENSOR, _ORDINARY[value.dtype], value.shape, raw)
        with torch._C.DisableTorchFunction(), torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            plain = torch.Tensor.detach(value)
            if plain.is_meta:
                raise WireError("a tensor on the device `meta` has no values")
            if plain.is_nested:
                return self.pack(list(plain.unbind()))
            if plain.is_quantized:
                plain = plain.dequantize()
            if plain.dtype not in _TORCH_DTYPES.values():
                raise WireError(f"a tensor of {plain.dtype} can't be sent")
            self._check_size(plain.numel() * plain.element_size())
            if plain.layout is not torch.strided:
                plain = plain.to_dense()
            # A fresh tensor has no odd strides, no lazy conjugation, and is on the processor.
            fresh = torch.empty(plain.shape, dtype=plain.dtype, device="cpu").copy_(plain)
            raw = fresh.reshape(-1).view(torch.uint8).numpy().tobytes()
        return self._put(_TENSOR, str(fresh.dtype).removeprefix("torch."), fresh.shape, raw)

    def _array(self, given: object, depth: int) -> object:
        if np.ma.is_masked(given) and given.dtype.kind in "biuf":  # type: ignore[attr-defined]
            given = np.ma.filled(given.astype(np.float64), np.nan)  # type: ignore[attr-defined]
        try:
            value = np.asarray(given)
        except (TypeError, ValueError) as error:
            if error.__traceback__ is None or error.__traceback__.tb_next is not None:
                raise  # by its own `__array__`; otherwise that gives no array
            raise WireError(f"the value can't be sent: {error}") from error
        if value.dtype.kind in "fc" and value.dtype.name not in _NUMPY_DTYPES:  # longer than others
            value = value.astype(np.float64 if value.dtype.kind == "f" else np.complex128)
        if value.dtype == object or value.dtype.name not in _NUMPY_DTYPES:
            return self.pack(value.tolist(), depth + 1)
        self._check_size(value.nbytes)
        value = value.astype(value.dtype.newbyteorder("="))
        return self._put(_ARRAY, value.dtype.name, value.shape, value.tobytes())

    def _check_size(self, nbytes: int) -> None:
        if self.size + nbytes > MAX_BULK - _ALIGN:
            raise WireError("the value is too large")

    def _put(self, code: int, dtype: str, shape: Sequence[int], raw: bytes) -> object:
        if _impossible(shape):
            raise WireError(f"an array of shape {tuple(shape)} can't be sent")
        array = _Array(dtype, tuple(shape), self.size)
        padded = raw + b"\0" * (-len(raw) % _ALIGN)
        self.parts.append(padded)
        self.size += len(padded)
        return msgspec.msgpack.Ext(code, _encoder.encode(array))


def _is_ordinary(tensor: torch.Tensor) -> bool:
    """Whether a tensor is numbers in their order in memory, so that nothing has to be prepared."""
    return (
        tensor.dtype in _ORDINARY
        and tensor.layout is torch.strided
        and tensor.is_cpu
        and not tensor.requires_grad
        and not tensor.is_nested
        and not torch._C._is_torch_function_mode_enabled()
        and tensor.is_contiguous()
        and not tensor.is_neg()
    )


def _values(message: Request | Reply) -> tuple[str, ...]:
    if isinstance(message, Call):
        return "args", "kwargs"
    return ("value",) if isinstance(message, Returned) else ()


def _decode(structure: bytes, bulk: bytearray, kind: Any, resolve: Callable[[Ref], object]) -> Any:
    left, depth = len(bulk), 0

    def extension(code: int, data: memoryview) -> object:
        nonlocal left, depth
        if code == _TUPLE:
            if depth > MAX_DEPTH:
                raise WireError("the value is nested too deeply")
            depth += 1
            values = msgspec.msgpack.decode(data, type=list[Any], ext_hook=extension)
            depth -= 1
            return tuple(values)
        if code == _REF:
            return resolve(msgspec.msgpack.decode(data, type=Ref))
        if code in (_TENSOR, _ARRAY):
            array = msgspec.msgpack.decode(data, type=_Array)
            value = (_tensor_of if code == _TENSOR else _array_of)(array, bulk)
            left -= value.nbytes
            if left < 0:
                raise WireError("arrays that share their bytes")
            return value
        raise WireError("an unknown extension")

    try:
        return msgspec.msgpack.decode(structure, type=kind, ext_hook=extension)
    except (msgspec.MsgspecError, RuntimeError, ValueError) as error:
        raise WireError(f"the frame is malformed: {error}") from error


_PLAIN = {type(None), bool, int, float, str, bytes, Ref, torch.Tensor, np.ndarray}


def _require_plain(value: object, depth: int = 0) -> None:
    if depth > MAX_DEPTH:
        raise WireError("the value is nested too deeply")
    if isinstance(value, dict):
        if any(type(key) is not str for key in value):
            raise WireError("a key that is no text")
        value = list(value.values())
    if isinstance(value, list | tuple):
        if _PLAIN.issuperset(map(type, value)):
            return
        for each in value:
            if type(each) not in _PLAIN:
                _require_plain(each, depth + 1)
    elif type(value) not in _PLAIN:
        raise WireError(f"a {type(value).__name__} is no plain value")


def _span(array: _Array, itemsize: int, bulk: bytearray) -> int:
    """The number of elements, checked to lie within `bulk`."""
    if _impossible(array.shape) or array.offset % _ALIGN:
        raise WireError("an array of an impossible shape")
    count = math.prod(array.shape)
    if not 0 <= array.offset <= len(bulk) or count * itemsize > len(bulk) - array.offset:
        raise WireError("an array outside of its frame")
    return count


def _impossible(shape: Sequence[int]) -> bool:
    return len(shape) > MAX_DEPTH or min(shape, default=0) < 0 or max(shape, default=0) > MAX_BULK


def _tensor_of(array: _Array, bulk: bytearray) -> torch.Tensor:
    dtype = _TORCH_DTYPES.get(array.dtype)
    if dtype is None:
        raise WireError("an unknown dtype")
    count = _span(array, dtype.itemsize, bulk)
    if not count:
        return torch.empty(array.shape, dtype=dtype)
    raw = torch.uint8 if dtype is torch.bool else dtype  # a byte other than 0 and 1 isn't a bool
    flat = torch.frombuffer(bulk, dtype=raw, count=count, offset=array.offset)
    return (flat != 0 if dtype is torch.bool else flat).reshape(array.shape)


def _array_of(array: _Array, bulk: bytearray) -> np.ndarray[Any, Any]:
    dtype = _NUMPY_DTYPES.get(array.dtype)
    if dtype is None:
        raise WireError("an unknown dtype")
    count = _span(array, dtype.itemsize, bulk)
    if not count:
        return np.empty(array.shape, dtype=dtype)
    raw = np.dtype(np.uint8) if dtype == np.bool_ else dtype
    flat = np.frombuffer(bulk, dtype=raw, count=count, offset=array.offset)
    return (flat != 0 if dtype == np.bool_ else flat).reshape(array.shape)


_encoder = msgspec.msgpack.Encoder()
