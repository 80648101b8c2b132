"""A coverage-guided fuzzer of the codec: whatever the bytes are, a frame is plain values or a `WireError`.

python tests/fuzz/fuzz_wire.py -max_total_time=60
"""

import sys

import atheris

with atheris.instrument_imports(include=["grader.sandbox.wire"]):
    from grader.sandbox import wire

import torch

SEEDS = [
    wire.Returned(
        [1, 2.5, "가", None, True, {"a": torch.ones(2, 3)}, torch.zeros(3, dtype=torch.bool)]
    ),
    wire.Returned(wire.Ref(1, "Sequential"), ["train: x"]),
    wire.Raised("ValueError", "no", "error", [wire.Frame("cell 1", 3, "train")]),
    wire.Loaded([("cell 2", wire.Raised("SyntaxError", "bad", "error"))]),
    wire.Ready(),
]


def one_frame(data: bytes) -> None:
    split = int.from_bytes(data[:2], "big")
    structure, bulk = data[2 : 2 + split], bytearray(data[2 + split :])
    try:
        reply = wire.decode_reply(structure, bulk)
    except wire.WireError:
        return
    again = wire.encode(reply)
    size, rest = wire.lengths(again[: wire.HEADER.size])
    assert size <= wire.MAX_STRUCTURE
    assert rest <= len(bulk) + 16 * len(structure)
    body = again[wire.HEADER.size :]
    assert type(wire.decode_reply(body[:size], bytearray(body[size:]))) is type(reply)


def mutate(data: bytes, max_size: int, seed: int) -> bytes:
    """Begin with frames that are whole; then change bytes."""
    if len(data) < 4:
        frame = wire.encode(SEEDS[seed % len(SEEDS)])
        size, _ = wire.lengths(frame[: wire.HEADER.size])
        data = size.to_bytes(2, "big") + frame[wire.HEADER.size :]
    return bytes(atheris.Mutate(data, max_size))


if __name__ == "__main__":
    atheris.Setup([*sys.argv, "-max_len=4096"], one_frame, custom_mutator=mutate)
    atheris.Fuzz()
