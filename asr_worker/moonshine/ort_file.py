"""The weights of a model in ONNX Runtime's format, without ONNX Runtime.

The file is a FlatBuffer (https://flatbuffers.dev/internals/) of the schema
onnxruntime/core/flatbuffers/schema/ort.fbs. Weights are stored as int8 with a scale and an offset,
and the graph makes float32 of them with Cast, Mul and Add in every run. Here that is done once.
Parameters have numbers for names; the operations that use them are named after the network.
"""

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from common.audio import FloatArray

_IDENTIFIER = b"ORTM"
# Fields of the schema's tables, by their number.
_SESSION_MODEL, _MODEL_GRAPH = 1, 7
_GRAPH_TENSORS, _GRAPH_NODES = 0, 2
_TENSOR_NAME, _TENSOR_SHAPE, _TENSOR_TYPE, _TENSOR_VALUES = 0, 2, 3, 4
_NODE_NAME, _NODE_KIND, _NODE_INPUTS, _NODE_OUTPUTS, _NODE_ATTRIBUTES = 0, 5, 8, 9, 10
_ATTRIBUTE_GRAPH = 7
_TYPES: Mapping[int, np.dtype[Any]] = {1: np.dtype("<f4"), 3: np.dtype("<i1")}
"""The types of weights; others are shapes and indices."""

_FOLDED: Mapping[str, Callable[..., Any]] = {
    "Cast": lambda value: value.astype(np.float32),
    "Mul": lambda left, right: left * right,
    "Add": lambda left, right: left + right,
}

_DAMAGE = (struct.error, LookupError, UnicodeDecodeError, TypeError, RecursionError)
"""What reading places that are none raises, beside ValueError."""


def operands(model: bytes) -> Mapping[str, Sequence[FloatArray]]:
    """Return each operation's constant weights as float32, in order, by the operation's name.

    Operations of branches count like the others. Raises ValueError for bytes that are no model.
    """
    if model[4:8] != _IDENTIFIER:
        raise ValueError("this is not ONNX Runtime's format")
    try:
        session = _Table(model, struct.unpack_from("<I", model)[0])
        graph = session.table(_SESSION_MODEL).table(_MODEL_GRAPH)
        found: dict[str, Sequence[FloatArray]] = {}
        with np.errstate(all="ignore"):
            _collect(graph, {}, found)
    except _DAMAGE as error:
        raise ValueError(f"the model is damaged: {error!r}") from error
    return found


def _collect(
    graph: "_Table", outer: Mapping[str, Any], found: dict[str, Sequence[FloatArray]]
) -> None:
    constants = {**outer, **dict(_tensors(graph))}
    for node in graph.tables(_GRAPH_NODES):
        inputs = node.texts(_NODE_INPUTS)
        fold = _FOLDED.get(node.text(_NODE_KIND))
        known = [constants[each] for each in inputs if each in constants]
        if fold is not None and len(known) == len(inputs):
            constants[node.texts(_NODE_OUTPUTS)[0]] = fold(*known)
        elif known:
            found[node.text(_NODE_NAME)] = known
        for attribute in node.tables(_NODE_ATTRIBUTES):
            if attribute.at(_ATTRIBUTE_GRAPH):
                _collect(attribute.table(_ATTRIBUTE_GRAPH), constants, found)


def _tensors(graph: "_Table") -> Iterator[tuple[str, Any]]:
    for tensor in graph.tables(_GRAPH_TENSORS):
        kind = _TYPES.get(tensor.int32(_TENSOR_TYPE))
        if kind is not None:
            values = np.frombuffer(tensor.vector(_TENSOR_VALUES, 1), kind)
            shape = np.frombuffer(tensor.vector(_TENSOR_SHAPE, 8), "<i8")
            yield tensor.text(_TENSOR_NAME), values.reshape(shape)


class _Table:
    """A table of a FlatBuffer: where each field lies is in its vtable."""

    __slots__ = ("_data", "_place", "_vtable", "_vtable_size")

    def __init__(self, data: bytes, place: int) -> None:
        self._data, self._place = data, place
        self._vtable = place - struct.unpack_from("<i", data, place)[0]
        (self._vtable_size,) = struct.unpack_from("<H", data, self._vtable)

    def at(self, field: int) -> int:
        """Return where a field lies; 0 if it is absent."""
        entry = 4 + 2 * field
        if entry >= self._vtable_size:
            return 0
        (offset,) = struct.unpack_from("<H", self._data, self._vtable + entry)
        return self._place + offset if offset else 0

    def int32(self, field: int) -> int:
        at = self.at(field)
        return int(struct.unpack_from("<i", self._data, at)[0]) if at else 0

    def table(self, field: int) -> "_Table":
        """Return the table in a field; KeyError if it is absent."""
        return _Table(self._data, self._target(field))

    def tables(self, field: int) -> Iterator["_Table"]:
        return (_Table(self._data, target) for target in self._targets(field))

    def text(self, field: int) -> str:
        return self._string(self._target(field)) if self.at(field) else ""

    def texts(self, field: int) -> list[str]:
        return [self._string(target) for target in self._targets(field)]

    def vector(self, field: int, size: int) -> memoryview:
        """Return the bytes of a vector whose entries have `size` bytes."""
        if not self.at(field):
            return memoryview(b"")
        start = self._target(field)
        (count,) = struct.unpack_from("<I", self._data, start)
        values = memoryview(self._data)[start + 4 : start + 4 + size * count]
        if len(values) < size * count:
            raise KeyError(f"a vector at {start} is cut off")
        return values

    def _target(self, field: int) -> int:
        at = self.at(field)
        if not at:
            raise KeyError(field)
        return _follow(self._data, at)

    def _targets(self, field: int) -> Iterator[int]:
        if self.at(field):
            start = self._target(field)
            (count,) = struct.unpack_from("<I", self._data, start)
            for number in range(count):
                yield _follow(self._data, start + 4 + 4 * number)

    def _string(self, place: int) -> str:
        (size,) = struct.unpack_from("<I", self._data, place)
        return self._data[place + 4 : place + 4 + size].decode()


def _follow(data: bytes, at: int) -> int:
    return at + int(struct.unpack_from("<I", data, at)[0])
