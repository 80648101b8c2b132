"""Drop the outputs of a notebook while it is read, so that they cost no memory."""

import re
from collections.abc import Iterable, Iterator
from itertools import chain

_KEY = rb'"(?:outputs|attachments|widgets)"\s{0,50}'
# Python before 3.11.5 matches possessive quantifiers of groups wrongly: only single characters have them here.
_INSIDE = rb'[^"\\]*+(?:\\.[^"\\]*+)*'
_KEEP = re.compile(
    rb'(?s)(?:[^"]++|(?!' + _KEY + rb"(?:\Z|:\s{0,50}(?:\Z|[\[{]))" + rb')"' + _INSIDE + rb'")*'
)
_DROP = re.compile(rb'(?s)(?:[^"\[\]{}]++|"' + _INSIDE + rb'")*')
_STRING = re.compile(rb"(?s)" + _INSIDE)
_DROPPED = re.compile(_KEY + rb":\s{0,50}[\[{]")
_UNCLEAR = re.compile(_KEY + rb"(?::\s{0,50})?\Z")
_LONGEST_KEY = 128  # bytes with the bracket after it


def without_outputs(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the JSON of a notebook with empty outputs, attachments and widgets. Anything else passes as it is."""
    data = b""
    depth = 0  # of the brackets that are open in what is dropped
    in_string = False
    for chunk in chain(filter(None, chunks), [b""]):
        data += chunk
        at = 0
        while at < len(data):
            begin = at
            at = _end(_STRING if in_string else _DROP if depth else _KEEP, data, at)
            sign = data[at : at + 1]
            closes = in_string and sign == b'"'
            at += closes
            if not depth:
                yield data[begin:at]
            if closes:
                in_string = False
                continue
            if in_string or not sign:
                break  # it goes on in the next chunk
            if depth and sign in b"[{]}":
                depth += 1 if sign in b"[{" else -1
                at += 1
                if not depth:
                    yield sign
            elif not depth and (key := _DROPPED.match(data, at)):
                yield key[0]
                depth, at = 1, key.end()
            elif chunk and (len(data) - at < _LONGEST_KEY or _UNCLEAR.match(data, at)):
                break
            else:
                in_string, at = True, at + 1
                if not depth:
                    yield b'"'
        data = data[at:]


def _end(pattern: re.Pattern[bytes], data: bytes, at: int) -> int:
    found = pattern.match(data, at)
    assert found is not None  # it matches the empty string
    return found.end()
