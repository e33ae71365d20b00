"""The weights of an ONNX file, read without a runtime.

An ONNX model is a protocol buffer (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto,
https://protobuf.dev/programming-guides/encoding); of its messages only those on the way to the
tensors are read: the model's field 7 is the graph, the graph's field 5 a named tensor.
"""

from collections.abc import Iterator, Mapping

import numpy as np

from common.audio import FloatArray

_GRAPH, _TENSOR = 7, 5
_SHAPE, _TYPE, _NAME, _VALUES = 1, 2, 8, 9
_FLOAT32 = 1
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def tensors(model: bytes) -> Mapping[str, FloatArray]:
    """Return the float32 tensors that an ONNX model's graph is initialised with, by name.

    Raises ValueError for bytes that are no such model.
    """
    found = {}
    for graph in _messages(model, _GRAPH):
        for message in _messages(graph, _TENSOR):
            name, values = _tensor(message)
            if values is not None:
                found[name] = values
    return found


def fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield the fields of a protocol buffer message: number and value, in the order written.

    Varints come as ints, all else as bytes. Raises ValueError where the message is cut off or uses
    a deprecated wire type.
    """
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, wire = key >> 3, key & 7
        if wire == _VARINT:
            value, at = _varint(message, at)
            yield number, value
            continue
        if wire == _BYTES:
            size, at = _varint(message, at)
        elif wire in (_FIXED32, _FIXED64):
            size = 4 if wire == _FIXED32 else 8
        else:
            raise ValueError(f"wire type {wire} at byte {at}")
        if at + size > len(message):
            raise ValueError(f"a field of {size} bytes, of which {len(message) - at} are there")
        yield number, message[at : at + size]
        at += size


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """Return the little-endian base-128 number at a byte, and where it ends."""
    value = 0
    for end, byte in enumerate(message[at : at + 10], at + 1):
        value |= (byte & 0x7F) << 7 * (end - 1 - at)
        if byte < 0x80:
            return value, end
    raise ValueError(f"a number at byte {at} has no end")


def _messages(message: bytes, wanted: int) -> Iterator[bytes]:
    return (
        value for number, value in fields(message) if number == wanted and isinstance(value, bytes)
    )


def _tensor(message: bytes) -> tuple[str, FloatArray | None]:
    """Return a TensorProto's name, and its values if they are float32 and stored as raw bytes."""
    written = list(fields(message))
    found = dict(written)
    name, values = found.get(_NAME), found.get(_VALUES)
    text = name.decode() if isinstance(name, bytes) else ""
    if found.get(_TYPE) != _FLOAT32 or not isinstance(values, bytes):
        return text, None
    shape = [value for number, value in written if number == _SHAPE and isinstance(value, int)]
    return text, np.frombuffer(values, "<f4").astype(np.float32).reshape(shape)
