"""The weights of an ONNX file, without an ONNX library.

An ONNX model is a protocol buffer (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto,
https://protobuf.dev/programming-guides/encoding). In some files tensors have the names of the
network's own parameters. In others the exporter numbered them; there the name of the operation that
uses them, and the order of its inputs, stay the same.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from common.audio import FloatArray

_GRAPH = 7
_NODE, _INITIALISER = 1, 5
_INPUT, _OUTPUT, _NODE_NAME, _KIND, _ATTRIBUTE = 1, 2, 3, 4, 5
_ATTRIBUTE_TENSOR = 5
_SHAPE, _TYPE, _TENSOR_NAME, _VALUES = 1, 2, 8, 9
_FLOAT32 = 1
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def tensors(model: bytes) -> Mapping[str, FloatArray]:
    """Return the float32 tensors that a model's graph is initialised with, by name.

    Raises ValueError for bytes that are no ONNX model.
    """
    found: dict[str, FloatArray] = {}
    for graph in _parts(memoryview(model), _GRAPH):
        for tensor in _parts(graph, _INITIALISER):
            _remember(found, _text(tensor, _TENSOR_NAME), tensor)
    return found


def operands(model: bytes) -> Mapping[str, Sequence[FloatArray]]:
    """Return each operation's constant float32 inputs, in order, by the operation's name.

    Raises ValueError for bytes that are no ONNX model.
    """
    operations: list[tuple[str, list[str]]] = []
    constants = {**tensors(model)}
    for graph in _parts(memoryview(model), _GRAPH):
        for node in _parts(graph, _NODE):
            operations.append((_text(node, _NODE_NAME), _texts(node, _INPUT)))
            for attribute in _parts(node, _ATTRIBUTE) if _text(node, _KIND) == "Constant" else ():
                for tensor in _parts(attribute, _ATTRIBUTE_TENSOR):
                    _remember(constants, _text(node, _OUTPUT), tensor)
    return {
        name: [constants[each] for each in inputs if each in constants]
        for name, inputs in operations
    }


def _remember(constants: dict[str, FloatArray], name: str, tensor: memoryview) -> None:
    """Keep a TensorProto's values if they are float32 and stored as raw bytes."""
    numbers = [(number, value) for number, value in _fields(tensor) if isinstance(value, int)]
    values = next(_parts(tensor, _VALUES), None)
    if values is not None and (_TYPE, _FLOAT32) in numbers:
        shape = [value for number, value in numbers if number == _SHAPE]
        constants[name] = np.frombuffer(values, "<f4").astype(np.float32).reshape(shape)


def _parts(message: memoryview, wanted: int) -> Iterator[memoryview]:
    for number, value in _fields(message):
        if number == wanted and not isinstance(value, int):
            yield value


def _texts(message: memoryview, wanted: int) -> list[str]:
    return [bytes(part).decode() for part in _parts(message, wanted)]


def _text(message: memoryview, wanted: int) -> str:
    return next(iter(_texts(message, wanted)), "")


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yield number and value of a message's fields as written: varints as ints, else bytes."""
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
            raise ValueError(f"a field of {size} bytes is cut off after {len(message) - at}")
        yield number, message[at : at + size]
        at += size


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """Return the little-endian base-128 number at a byte, and where it ends."""
    value = 0
    for end, byte in enumerate(message[at : at + 10], at + 1):
        value |= (byte & 0x7F) << 7 * (end - 1 - at)
        if byte < 0x80:
            return value, end
    raise ValueError(f"a number at byte {at} has no end")
