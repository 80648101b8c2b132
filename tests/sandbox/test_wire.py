"""The codec: values survive a round trip, and any incoming bytes give only plain values."""

import collections
import datetime
import decimal
import enum
import fractions
import functools
import math
import struct

import hypothesis.extra.numpy as hnp
import msgspec
import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.msgpack import Ext

from grader.sandbox import wire
from grader.sandbox.wire import (
    Call,
    Fork,
    Frame,
    Load,
    Loaded,
    Raised,
    Ready,
    Ref,
    Returned,
    WireError,
)

TORCH_DTYPES = (
    torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.bfloat16,
    torch.float16, torch.float32, torch.float64, torch.complex64, torch.complex128, torch.uint16,
    torch.uint32, torch.uint64, torch.float8_e4m3fn, torch.float8_e5m2,
)  # fmt: skip
NUMPY_DTYPES = (
    "bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64",
    "float16", "float32", "float64", "complex64", "complex128",
)  # fmt: skip
PLAIN = (type(None), bool, int, float, str, bytes, list, tuple, dict, torch.Tensor, np.ndarray, Ref)
FUZZ = settings(suppress_health_check=[HealthCheck.too_slow])


def parts(frame: bytes) -> tuple[bytes, bytearray]:
    structure, bulk = wire.lengths(frame[: wire.HEADER.size])
    assert wire.HEADER.size + structure + bulk == len(frame)
    rest = frame[wire.HEADER.size :]
    return rest[:structure], bytearray(rest[structure:])


def there_and_back(value, refer=None):
    reply = wire.decode_reply(*parts(wire.encode(Returned(value), refer)))
    assert type(reply) is Returned
    return reply.value


def same(a, b) -> bool:
    """Whether two values are of the same type and bit for bit the same, NaN included."""
    if type(a) is not type(b):
        return False
    if isinstance(a, torch.Tensor):
        a, b = (t.detach().resolve_conj().resolve_neg() for t in (a, b))
        return (a.dtype, a.shape) == (b.dtype, b.shape) and raw(a) == raw(b)
    if isinstance(a, np.ndarray):
        return (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, float):
        return struct.pack("d", a) == struct.pack("d", b)
    return a == b


def raw(tensor: torch.Tensor) -> bytes:
    return (
        torch.empty(tensor.shape, dtype=tensor.dtype)
        .copy_(tensor)
        .reshape(-1)
        .view(torch.uint8)
        .numpy()
        .tobytes()
    )


def nested(value, depth: int):
    for _ in range(depth):
        value = [value]
    return value


def assert_plain(value):
    assert type(value) in PLAIN
    if isinstance(value, list | tuple):
        for each in value:
            assert_plain(each)


# --- what is sent comes back

shapes = st.lists(st.integers(0, 4), max_size=4).map(tuple)
integers = st.integers(-(2**63) + 1, 2**63 - 1)
scalars = st.none() | st.booleans() | integers | st.floats() | st.text() | st.binary()


@st.composite
def tensors(draw) -> torch.Tensor:
    dtype, shape = draw(st.sampled_from(TORCH_DTYPES)), draw(shapes)
    values = draw(st.lists(st.integers(0, 1 if dtype is torch.bool else 100), max_size=6)) or [1]
    count = math.prod(shape)
    flat = torch.tensor(values).repeat(count // len(values) + 1)[:count]
    return flat.to(dtype).reshape(shape)


arrays = hnp.arrays(st.sampled_from(NUMPY_DTYPES).map(np.dtype), shapes)
values = st.recursive(
    scalars | tensors() | arrays,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.text(), inner, max_size=4)
    ),
    max_leaves=12,
)


@FUZZ
@given(values)
def test_a_value_comes_back_as_it_was_sent(value):
    assert same(value, there_and_back(value))


@FUZZ
@given(st.text(), st.lists(values, max_size=3), st.dictionaries(st.text(), values, max_size=3))
def test_a_call_arrives_with_its_arguments(function, args, kwargs):
    frame = wire.encode(Call(function, args, kwargs))

    request = wire.decode_request(*parts(frame), lambda ref: ref)

    assert isinstance(request, Call)
    assert (function, False) == (request.function, request.own)
    assert same(args, request.args)
    assert same(kwargs, request.kwargs)


@pytest.mark.parametrize(
    "message",
    [
        Ready(),
        Raised("ValueError", "no\N{SNOWMAN}", "error", [Frame("cell 1", 3, "f")]),
        Loaded([("cell 2", Raised("SyntaxError", "bad", "error"))]),
        Returned(None, ["0", "x"]),
    ],
)
def test_a_reply_comes_back_whole(message):
    assert message == wire.decode_reply(*parts(wire.encode(message)))


@pytest.mark.parametrize("message", [Load([("cell 1", "x = 1")], True, 2.5), Fork()])
def test_a_request_arrives_whole(message):
    assert message == wire.decode_request(*parts(wire.encode(message)), lambda ref: ref)


@pytest.mark.parametrize("dtype", TORCH_DTYPES, ids=str)
@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (1,), (5, 3), (2, 1, 2, 1, 2)], ids=str)
def test_a_tensor_of_every_dtype_and_shape_comes_back(dtype, shape):
    tensor = (torch.arange(math.prod(shape)) % 2).to(dtype).reshape(shape)

    assert same(tensor, there_and_back(tensor))


@pytest.mark.parametrize("dtype", NUMPY_DTYPES)
@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (1,), (5, 3)], ids=str)
def test_an_array_of_every_dtype_and_shape_comes_back(dtype, shape):
    array = (np.arange(math.prod(shape)) % 2).astype(dtype).reshape(shape)

    assert same(array, there_and_back(array))


def test_the_order_of_strides_is_not_sent():
    base = torch.arange(24.0).reshape(2, 3, 4)

    for view in (base.permute(2, 0, 1), base[:, ::2, 1:], base[0, 0, 0].expand(3, 2), base[1:, 1]):
        assert same(view, there_and_back(view))
    for array in (
        base.numpy().T,
        base.numpy()[::-1, :, ::2],
        np.broadcast_to(np.arange(3), (4, 3)),
    ):
        assert same(array, there_and_back(array))


@pytest.mark.parametrize("lazy", [torch.Tensor.conj, lambda z: z.conj().imag], ids=["conj", "neg"])
def test_a_lazily_conjugated_or_negated_tensor_arrives_computed(lazy):
    tensor = lazy(torch.tensor([1 + 2j, 3 - 4j]))
    assert tensor.is_conj() or tensor.is_neg()

    value = there_and_back(tensor)

    assert tensor.tolist() == value.tolist()


def test_a_graph_is_not_sent():
    leaf = torch.ones(3, requires_grad=True)

    for tensor in (leaf, leaf * 2, (leaf * 2).sum()):
        value = there_and_back(tensor)
        assert (value.requires_grad, value.grad_fn) == (False, None)
        assert same(tensor, value)


class Noisy(torch.Tensor):
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return super().__torch_function__(func, types, args, kwargs or {})


@pytest.mark.parametrize(
    "tensor", [torch.nn.Parameter(torch.ones(2, 2)), torch.ones(2, 2).as_subclass(Noisy)]
)
def test_a_subclass_of_tensor_arrives_as_a_tensor(tensor):
    value = there_and_back(tensor)

    assert torch.Tensor is type(value)
    assert value.tolist() == [[1.0, 1.0], [1.0, 1.0]]


class Counted(torch.Tensor):
    """A subclass whose every operation is its own code, among them those that the codec uses."""

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        raise AssertionError(f"the codec called {func}")


@pytest.mark.parametrize(
    "make",
    [
        lambda: torch.tensor([[3.0, 1.0, 2.0]]).sort(descending=True).indices[:, 0],
        lambda: torch.ones(1, 3).T,
        lambda: torch.ones(2, 2).as_subclass(Counted),
        lambda: torch.arange(6.0).as_strided((2, 2), (1, 3)),
        lambda: torch.quantize_per_tensor(torch.tensor([0.5, -1.0]), 0.5, 0, torch.qint8),
        lambda: torch.eye(3).to_sparse(),
        lambda: torch.eye(3).to_sparse_csr(),
        lambda: torch.eye(2).to_mkldnn(),
        lambda: torch.zeros(0, 3)[:, ::2],
        lambda: torch.tensor(5.0).expand(3),
    ],
    ids=[
        "sorted", "transposed", "subclass", "strides", "quantized", "sparse", "csr", "mkldnn", "empty", "expanded",
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore")
def test_a_tensor_of_whatever_layout_arrives_with_its_values(make):
    tensor = make()
    with torch._C.DisableTorchFunction():
        plain = tensor.dequantize() if tensor.is_quantized else torch.Tensor.detach(tensor)
        dense = plain if plain.layout is torch.strided else plain.to_dense()

    value = there_and_back(tensor)

    assert value.tolist() == dense.tolist()


@pytest.mark.slow
def test_a_nested_tensor_arrives_as_its_parts():
    tensor = torch.nested.as_nested_tensor([torch.ones(2), torch.ones(3)], layout=torch.jagged)

    assert [part.tolist() for part in there_and_back(tensor)] == [[1.0] * 2, [1.0] * 3]


@pytest.mark.parametrize(
    "tensor",
    [
        torch.empty(3, device="meta"),
        torch.empty(2, dtype=torch.bits8),
        torch.ones([1] * 17),
        torch.sparse_coo_tensor(size=(2**20, 2**20), check_invariants=False),
    ],
    ids=["meta", "bits", "dimensions", "large sparse"],
)
def test_a_tensor_without_numbers_that_can_be_sent_is_refused_by_its_sender(tensor):
    with pytest.raises(WireError):
        wire.encode(Returned(tensor))


@pytest.mark.parametrize("device", ["meta", "cpu"])
def test_a_default_device_of_the_sender_does_not_matter(device):
    tensor = torch.ones(2)
    torch.set_default_device(device)
    try:
        frame = wire.encode(Returned(tensor))
    finally:
        torch.set_default_device(None)

    assert wire.decode_reply(*parts(frame)).value.tolist() == [1.0, 1.0]


views = st.builds(
    lambda shape, dtype, steps, dims: (
        torch.arange(math.prod(shape), dtype=torch.float32)
        .reshape(shape)
        .to(dtype)
        .permute(
            dims[: len(shape)]
            if sorted(dims[: len(shape)]) == [*range(len(shape))]
            else [*range(len(shape))]
        )[tuple(slice(None, None, step) for step in steps[: len(shape)])]
    ),
    hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4),
    st.sampled_from(TORCH_DTYPES),
    st.lists(st.integers(1, 3), min_size=4, max_size=4),
    st.permutations(range(4)),
)


@FUZZ
@given(views, st.booleans(), st.booleans())
def test_any_view_of_a_tensor_arrives_with_its_values(tensor, parameter, lazily):
    if lazily and tensor.is_complex():
        tensor = tensor.conj().imag
    if parameter and tensor.is_floating_point():
        tensor = torch.nn.Parameter(tensor)

    assert same(tensor.detach().resolve_neg().clone(), there_and_back(tensor))


@FUZZ
@given(
    hnp.arrays(
        st.one_of(
            hnp.scalar_dtypes(), hnp.byte_string_dtypes(), hnp.unicode_string_dtypes(),
            hnp.datetime64_dtypes(), hnp.array_dtypes(),
        ),
        hnp.array_shapes(min_dims=0, min_side=0, max_side=3),
        elements=None,
    ),
    st.data(),
)  # fmt: skip
def test_any_array_is_sent_as_plain_values_or_refused(array, data):
    view = array[
        tuple(slice(None, None, data.draw(st.sampled_from([1, -1, 2]))) for _ in array.shape)
    ]
    masked = (
        np.ma.masked_array(view, mask=data.draw(st.booleans()))
        if array.dtype.names is None
        else view
    )
    for each in (view, masked, pd.Series(list(view.reshape(-1)[:3]), dtype=object)):
        try:
            value = there_and_back(each, lambda other: Ref(0, type(other).__name__))
        except WireError:
            continue
        assert_plain(value)


def test_a_masked_entry_is_no_number():
    masked = np.ma.masked_array([1, 2, 3], mask=[False, True, False])

    assert np.isnan(there_and_back(masked)).tolist() == [False, True, False]
    assert there_and_back(np.ma.masked_array([1, 2])).tolist() == [1, 2]


@pytest.mark.parametrize("number", [np.float32(0.1), np.int64(-3), np.bool_(True), np.uint8(255)])
def test_a_numpy_scalar_arrives_as_an_array_without_dimensions(number):
    assert same(np.asarray(number), there_and_back(number))


def test_an_array_in_the_other_byte_order_keeps_its_values():
    array = np.array([1.0, -2.5, 1e300]).astype(">f8")

    assert there_and_back(array).tolist() == [1.0, -2.5, 1e300]


@pytest.mark.parametrize("number", [np.longdouble("0.5"), np.array([0.5, 2], np.longdouble)])
def test_a_long_double_is_sent_or_refused(number):
    try:
        value = there_and_back(number)
    except WireError:
        return
    assert np.asarray(number).tolist() == np.asarray(value).tolist()


class Color(enum.IntEnum):
    RED = 3


class Name(str):
    __slots__ = ()


@pytest.mark.parametrize(
    "expected, value",
    [
        ((1, (2, 3)), (1, (2, 3))),
        ([(), (torch.ones(2),)], [(), (torch.ones(2),)]),
        (np.array([97, 98], np.uint8), memoryview(b"ab")),
        (0.25, decimal.Decimal("0.25")),
        ([0, 1, 2], range(3)),
        ([1, 2], collections.deque([1, 2])),
        ([1, 2], {"a": 1, "b": 2}.values()),
        ((1, "a"), collections.namedtuple("Pair", "x y")(1, "a")),
        ({"a": 1, "2": (3,)}, collections.OrderedDict({"a": 1, np.int64(2): (3,)})),
        (3, Color.RED),
        ("x", Name("x")),
        (b"ab", bytearray(b"ab")),
        (0.5, fractions.Fraction(1, 2)),
        (["a", "b"], np.array(["a", "b"])),
        ([1, None, "x"], np.array([1, None, "x"], dtype=object)),
        (float(2**63), 2**63),
    ],
    ids=lambda value: type(value).__name__,
)
def test_subclasses_of_plain_types_arrive_as_plain_values(expected, value):
    assert same(expected, there_and_back(value))


@pytest.mark.parametrize("values", [[1.0, 2.0], [[1, 2], [3, 4]]])
def test_a_pandas_object_arrives_with_its_values(values):
    table = pd.Series(values) if values[0] == 1.0 else pd.DataFrame(values, columns=["a", "b"])

    assert np.asarray(there_and_back(table)).tolist() == values


def test_other_objects_arrive_as_handles():
    model, kept = torch.nn.Linear(1, 1), []

    def refer(value):
        kept.append(value)
        return Ref(len(kept) - 1, type(value).__name__)

    value = there_and_back({"models": [model, model], "complex": 1j}, refer)

    assert {"models": [Ref(0, "Linear"), Ref(1, "Linear")], "complex": Ref(2, "complex")} == value
    assert [model, model, 1j] == kept


def test_a_handle_in_a_request_becomes_its_object():
    frame = wire.encode(Call("train", [Ref(7, "Net"), 1], {"model": [Ref(8, "Net")]}))

    request = wire.decode_request(*parts(frame), lambda ref: f"object {ref.id}")

    assert Call("train", ["object 7", 1], {"model": ["object 8"]}) == request


@pytest.mark.parametrize(
    "value",
    [
        object(),
        1j,
        {1j},
        datetime.datetime(2025, 1, 1),
        torch.nn.Linear(1, 1),
        print,
        iter([1]),
        {}.keys(),
        functools.partial(print),
        torch.nn.ModuleList(),
        torch.float32,
        torch.device("cpu"),
    ],
)
def test_without_handles_other_objects_are_refused(value):
    with pytest.raises(WireError):
        wire.encode(Returned(value))


def test_an_array_that_arrived_can_be_written_to():
    tensor, array = there_and_back([torch.zeros(2), np.zeros(2)])
    tensor += 1
    array += 2

    assert (tensor.tolist(), array.tolist()) == ([1.0, 1.0], [2.0, 2.0])


# --- limits


@pytest.mark.parametrize(
    "value",
    [
        nested([], wire.MAX_DEPTH),
        nested(1, wire.MAX_DEPTH + 1),
        nested({"a": "b"}, wire.MAX_DEPTH),
        nested(torch.ones(2), wire.MAX_DEPTH),
    ],
)
def test_lists_may_be_nested_up_to_the_limit(value):
    assert same(value, there_and_back(value))


@pytest.mark.parametrize("value", [nested([], wire.MAX_DEPTH + 1), nested({"a": {}}, 16)])
def test_deeper_lists_are_refused(value):
    with pytest.raises(WireError):
        wire.encode(Returned(value))


def test_values_that_contain_themselves_are_refused():
    endless_list: list = []
    endless_list.append(endless_list)
    endless_dict: dict = {}
    endless_dict["again"] = endless_dict
    endless_array = np.array([None], dtype=object)
    endless_array[0] = endless_array

    for value in (endless_list, endless_dict, endless_array):
        with pytest.raises(WireError):
            wire.encode(Returned(value))


@pytest.mark.parametrize("value", [10**400, "\ud800", {"\ud800": 1}], ids=["int", "str", "key"])
def test_a_value_that_cannot_be_encoded_is_refused(value):
    with pytest.raises(WireError):
        wire.encode(Returned(value))


@pytest.mark.parametrize(
    "value",
    [
        "x" * (wire.MAX_STRUCTURE + 1),
        b"x" * (wire.MAX_STRUCTURE + 1),
        range(10**12),
        torch.zeros(()).expand(wire.MAX_BULK),
        np.broadcast_to(np.zeros(()), wire.MAX_BULK),
        [torch.zeros(wire.MAX_BULK // 8, dtype=torch.uint8)] * 8,
    ],
    ids=["str", "bytes", "range", "expanded", "broadcast", "sum"],
)
def test_a_large_value_is_refused(value):
    with pytest.raises(WireError):
        wire.encode(Returned(value))


def test_a_history_of_200_000_losses_fits():
    history = [1 / n for n in range(1, 200_001)]

    assert history == there_and_back(history)


@pytest.mark.parametrize(
    "structure, bulk", [(wire.MAX_STRUCTURE + 1, 0), (0, wire.MAX_BULK + 1), (2**32 - 1, 2**32 - 1)]
)
def test_a_frame_that_announces_too_much_is_refused(structure, bulk):
    with pytest.raises(WireError):
        wire.lengths(wire.HEADER.pack(structure, bulk))


def test_a_frame_within_the_limits_is_announced():
    header = wire.HEADER.pack(wire.MAX_STRUCTURE, wire.MAX_BULK)

    assert wire.lengths(header) == (wire.MAX_STRUCTURE, wire.MAX_BULK)


# --- an adversary's bytes


def returned(value: object) -> bytes:
    return msgspec.msgpack.encode({"type": "Returned", "value": value})


def array_of(dtype: object, shape: object, offset: object, code: int = 1) -> bytes:
    return returned(Ext(code, msgspec.msgpack.encode([dtype, shape, offset])))


def kinds(value: object) -> set[type]:
    """The types of all that a reply brings, keys included."""
    found = {type(value)}
    inside = value if isinstance(value, list) else []
    if isinstance(value, dict):
        inside = [*value, *value.values()]
    return found.union(*(kinds(each) for each in inside))


def decoded_or_refused(structure: bytes, bulk: bytes = b"") -> None:
    """Decode; anything but a `WireError` or a reply of plain values fails the test."""
    try:
        reply = wire.decode_reply(structure, bytearray(bulk))
    except WireError:
        return
    assert type(reply) in (Ready, Returned, Raised, Loaded)
    if isinstance(reply, Returned):
        assert set() == kinds(reply.value) - set(PLAIN)
        assert {str} >= {type(name) for name in reply.changed}


def test_arrays_that_share_their_bytes_are_refused():
    one = Ext(1, msgspec.msgpack.encode(["float32", [4], 0]))
    assert wire.decode_reply(returned([one]), bytearray(16))

    with pytest.raises(WireError, match="share"):
        wire.decode_reply(returned([one, one]), bytearray(16))


@FUZZ
@given(st.binary(max_size=200), st.binary(max_size=64))
def test_arbitrary_bytes_are_decoded_or_refused(structure, bulk):
    decoded_or_refused(structure, bulk)


@FUZZ
@given(st.binary(max_size=200), st.binary(max_size=64))
def test_arbitrary_values_are_decoded_or_refused(value, bulk):
    decoded_or_refused(b"\x82\xa4type\xa8Returned\xa5value" + value, bulk)


@FUZZ
@given(
    st.recursive(
        scalars | st.builds(Ext, st.integers(-128, 127), st.binary(max_size=24)),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(scalars | st.tuples(scalars, scalars), inner, max_size=4)
        ),
    ),
    st.binary(max_size=64),
)
def test_arbitrary_extensions_are_decoded_or_refused(value, bulk):
    decoded_or_refused(returned(value), bulk)


@settings(FUZZ, max_examples=300)
@given(
    st.sampled_from((1, 2)),
    st.sampled_from((*NUMPY_DTYPES, "bfloat16", "object", "O", "U8", "qint8", "", "float")),
    st.lists(st.integers(-2, 2**64 - 1) | st.integers(0, 4), max_size=20),
    st.integers(-16, 2**64 - 1) | st.sampled_from((0, 8, 16, 32)),
    st.binary(max_size=64),
)
def test_an_array_of_any_description_is_decoded_or_refused(code, dtype, shape, offset, bulk):
    decoded_or_refused(array_of(dtype, shape, offset, code), bulk)


@FUZZ
@given(st.data())
def test_a_frame_with_changed_bytes_is_decoded_or_refused(data):
    structure, bulk = parts(
        wire.encode(Returned([torch.arange(4), {"a": np.ones(3)}, Ref(1, "x")]))
    )
    changed = bytearray(structure)
    for _ in range(data.draw(st.integers(1, 4))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    length = data.draw(st.integers(0, len(bulk)))

    decoded_or_refused(bytes(changed), bulk[:length])


@FUZZ
@given(st.binary(min_size=8, max_size=8))
def test_an_arbitrary_header_is_within_the_limits_or_refused(header):
    try:
        structure, bulk = wire.lengths(header)
    except WireError:
        return
    assert structure <= wire.MAX_STRUCTURE
    assert bulk <= wire.MAX_BULK


@pytest.mark.parametrize(
    "structure",
    [
        array_of("float32", [1_000_000], 0),
        array_of("float32", [4], 16),
        array_of("float32", [1], 2),
        array_of("float32", [1], -16),
        array_of("float32", [2**33, 2**33], 0),
        array_of("float32", [-1, -4], 0),
        array_of("float32", [0, 2**40], 0),
        array_of("float32", [1] * 17, 0),
        array_of("object", [2], 0),
        array_of("object", [2], 0, code=2),
        array_of("qint8", [2], 0),
        array_of("float32", ["4"], 0),
        array_of("float32", [4], 0, code=9),
        array_of(None, [4], 0),
        returned(Ext(1, b"")),
        returned(Ext(3, b"\xc1")),
        msgspec.msgpack.encode({"type": "Call", "function": "f", "args": [], "kwargs": {}}),
        msgspec.msgpack.encode({"type": "Fork"}),
        msgspec.msgpack.encode({"value": 1}),
        msgspec.msgpack.encode(1),
        b"",
        b"\xc1",
        returned(1)[:-1],
        returned(1) + b"\0",
    ],
)
def test_a_malformed_frame_is_refused(structure):
    with pytest.raises(WireError):
        wire.decode_reply(structure, bytearray(16))


@pytest.mark.parametrize("depth", [wire.MAX_DEPTH + 2, 500, 900, 100_000])
@pytest.mark.parametrize("opening", [b"\x91", b"\x81\xa0"], ids=["lists", "dicts"])
def test_a_reply_that_is_nested_too_deeply_is_refused(depth, opening):
    structure = b"\x82\xa4type\xa8Returned\xa5value" + opening * depth + b"\xc0"

    with pytest.raises(WireError):
        wire.decode_reply(structure, bytearray())


@pytest.mark.parametrize("seconds", [0, 2**32 - 1])
def test_a_timestamp_is_refused(seconds):
    with pytest.raises(WireError):
        wire.decode_reply(returned(Ext(-1, struct.pack(">I", seconds))), bytearray())


def test_the_bytes_of_an_array_stay_within_its_frame():
    structure, bulk = parts(wire.encode(Returned([torch.zeros(4), np.zeros(4)])))

    for length in range(0, len(bulk), 8):
        with pytest.raises(WireError):
            wire.decode_reply(structure, bulk[:length])


@pytest.mark.parametrize("code", [1, 2], ids=["tensor", "array"])
def test_a_truth_value_is_0_or_1_whatever_its_byte_was(code):
    try:
        reply = wire.decode_reply(
            array_of("bool", [2], 0, code), bytearray(b"\x02\xff" + bytes(14))
        )
    except WireError:
        return
    assert isinstance(reply, Returned)
    assert np.asarray(reply.value).tobytes() == b"\1\1"
