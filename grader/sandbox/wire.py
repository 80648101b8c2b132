"""The codec between the trusted process and the student's: only plain values, arrays and handles.

A frame is two lengths (32 bits each, big-endian), a structure in MessagePack, and the raw bytes of all arrays.
What comes out of `decode_reply` is made of None, bool, int, float, str, bytes, list, dict, torch tensors, NumPy arrays
and `Ref`: no class of the sender's, whatever the bytes say. All arrays together are no larger than the frame, so that
it can't claim more memory than it brings.
"""

import math
import numbers
import struct
from collections.abc import Callable, Mapping, Sequence, ValuesView
from typing import Any

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
_TENSOR, _ARRAY, _REF = 1, 2, 3

_TORCH_DTYPES = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (
        torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.bfloat16,
        torch.float16, torch.float32, torch.float64, torch.complex64, torch.complex128,
    )
}  # fmt: skip
_NUMPY_DTYPES = {
    name: np.dtype(name)
    for name in (
        "bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64",
        "float16", "float32", "float64", "complex64", "complex128",
    )
}  # fmt: skip


class WireError(ValueError):
    """A value that can't be sent, or bytes that are no frame."""


class Ref(msgspec.Struct, frozen=True):
    """A name for an object that stays in the student's process, such as a model."""

    id: int
    kind: str
    """The name of the object's class, for messages."""


class Call(msgspec.Struct, frozen=True, tag=True):
    """Call a function of the submission, or one of the worker's own operations on its objects."""

    function: str
    args: list[Any]
    kwargs: dict[str, Any]
    own: bool = False
    """Whether `function` is an operation of the worker and not of the submission."""


class Load(msgspec.Struct, frozen=True, tag=True):
    """Run the submission's cells, each a name and its source."""

    cells: list[tuple[str, str]]
    notebook: bool
    cpu_seconds: float
    """After so long the cell that runs is ended, and what is defined by then counts."""


class Fork(msgspec.Struct, frozen=True, tag=True):
    """Fork the process as it is; the copy answers on the descriptor that comes along."""


Request = Load | Call | Fork


class Ready(msgspec.Struct, frozen=True, tag=True):
    """A process has begun to answer. It is the first frame that each one sends."""


class Returned(msgspec.Struct, frozen=True, tag=True):
    """What a call returned."""

    value: Any
    changed: list[str] = []
    """The arguments that are no longer what they were before the call."""


class Frame(msgspec.Struct, frozen=True):
    """A line of the submission that an exception came through."""

    cell: str
    line: int
    function: str


class Raised(msgspec.Struct, frozen=True, tag=True):
    """What a call raised, in words."""

    exception: str
    message: str
    kind: str
    """not_implemented, missing, memory, forbidden, unsendable or error."""
    frames: list[Frame] = []


class Loaded(msgspec.Struct, frozen=True, tag=True):
    """What running the cells raised, by cell."""

    errors: list[tuple[str, Raised]]


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


class _Array(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    dtype: str
    shape: tuple[int, ...]
    offset: int


class _Bulk:
    """Turns a value into what MessagePack can carry, with the arrays' bytes put aside."""

    def __init__(self, refer: Callable[[object], Ref] | None) -> None:
        self.refer = refer
        self.parts: list[bytes] = []
        self.size = 0

    def pack(self, value: object, depth: int = 0) -> object:
        if type(value) is int and value.bit_length() > 63:
            value = float(value)
        if value is None or type(value) in (bool, int, float, str, bytes):
            return value
        if depth > MAX_DEPTH:
            raise WireError("the value is nested too deeply")
        if isinstance(value, torch.Tensor):
            return self._tensor(value)
        if isinstance(value, np.generic | np.ndarray):
            return self._array(np.asarray(value), depth)
        if isinstance(value, Ref):
            return msgspec.msgpack.Ext(_REF, _encoder.encode(value))
        if isinstance(value, str | bytes | bytearray):
            return str(value) if isinstance(value, str) else bytes(value)
        if isinstance(value, Mapping):
            return {str(k): self.pack(v, depth + 1) for k, v in value.items()}
        if isinstance(value, Sequence | ValuesView) and not isinstance(value, torch.nn.Module):
            if len(value) > MAX_STRUCTURE:
                raise WireError("the value is too large")
            return [self.pack(v, depth + 1) for v in value]
        if isinstance(value, numbers.Real):
            return int(value) if isinstance(value, numbers.Integral) else float(value)
        if not isinstance(value, torch.nn.Module) and hasattr(value, "__array__"):
            return self._array(np.asarray(value), depth)
        if self.refer is None:
            raise WireError(f"a {type(value).__name__} can't be sent")
        return self.pack(self.refer(value))

    def _tensor(self, value: torch.Tensor) -> object:
        if value.layout is not torch.strided or value.is_meta or value.is_quantized:
            raise WireError(f"a tensor of layout {value.layout} on {value.device} can't be sent")
        if value.dtype not in _TORCH_DTYPES.values():
            raise WireError(f"a tensor of {value.dtype} can't be sent")
        self._check_size(value.numel() * value.element_size())
        plain = torch.Tensor.detach(value).resolve_conj().resolve_neg().cpu().contiguous()
        raw = plain.reshape(-1).view(torch.uint8).numpy().tobytes()
        return self._put(_TENSOR, str(plain.dtype).removeprefix("torch."), plain.shape, raw)

    def _array(self, value: np.ndarray[Any, Any], depth: int) -> object:
        if value.dtype == object or value.dtype.name not in _NUMPY_DTYPES:
            plain = value.astype(np.float64) if value.dtype.kind == "f" else value.tolist()
            return self.pack(plain, depth + 1)
        self._check_size(value.nbytes)
        value = value.astype(value.dtype.newbyteorder("="))
        return self._put(_ARRAY, value.dtype.name, value.shape, value.tobytes())

    def _check_size(self, nbytes: int) -> None:
        if self.size + nbytes > MAX_BULK - _ALIGN:
            raise WireError("the value is too large")

    def _put(self, code: int, dtype: str, shape: Sequence[int], raw: bytes) -> object:
        array = _Array(dtype, tuple(shape), self.size)
        padded = raw + b"\0" * (-len(raw) % _ALIGN)
        self.parts.append(padded)
        self.size += len(padded)
        return msgspec.msgpack.Ext(code, _encoder.encode(array))


def _values(message: Request | Reply) -> tuple[str, ...]:
    if isinstance(message, Call):
        return "args", "kwargs"
    return ("value",) if isinstance(message, Returned) else ()


def _decode(structure: bytes, bulk: bytearray, kind: Any, resolve: Callable[[Ref], object]) -> Any:
    left = len(bulk)

    def extension(code: int, data: memoryview) -> object:
        nonlocal left
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
    if isinstance(value, list):
        for each in value:
            if type(each) not in _PLAIN:
                _require_plain(each, depth + 1)
    elif type(value) not in _PLAIN:
        raise WireError(f"a {type(value).__name__} is no plain value")


def _span(array: _Array, itemsize: int, bulk: bytearray) -> int:
    """The number of elements, after checking that they lie within `bulk`."""
    if len(array.shape) > MAX_DEPTH or any(n < 0 for n in array.shape) or array.offset % _ALIGN:
        raise WireError("an array of an impossible shape")
    count = math.prod(array.shape)
    if not 0 <= array.offset <= len(bulk) or count * itemsize > len(bulk) - array.offset:
        raise WireError("an array outside of its frame")
    if any(n > MAX_BULK for n in array.shape):
        raise WireError("an array of an impossible shape")
    return count


def _tensor_of(array: _Array, bulk: bytearray) -> torch.Tensor:
    dtype = _TORCH_DTYPES.get(array.dtype)
    if dtype is None:
        raise WireError("an unknown dtype")
    count = _span(array, dtype.itemsize, bulk)
    if not count:
        return torch.empty(array.shape, dtype=dtype)
    raw = torch.uint8 if dtype is torch.bool else dtype  # a byte that is neither 0 nor 1 is no bool
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
