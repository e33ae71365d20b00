"""Reading weights from a file in ONNX Runtime's format, written here by the FlatBuffers library."""

from contextlib import suppress
from typing import Any

import flatbuffers
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr_worker.moonshine.ort_file import operands

FLOAT, INT8, INT64 = 1, 3, 7


class Writer:
    def __init__(self) -> None:
        self.builder = flatbuffers.Builder(0)

    def text(self, value: str) -> int:
        return int(self.builder.CreateString(value))

    def offsets(self, values: list[int]) -> int:
        self.builder.StartVector(4, len(values), 4)
        for value in reversed(values):
            self.builder.PrependUOffsetTRelative(value)
        return int(self.builder.EndVector())

    def texts(self, *values: str) -> int:
        return self.offsets([self.text(value) for value in values])

    def table(self, fields: dict[int, int], **numbers: int) -> int:
        self.builder.StartObject(max(fields, default=0) + 8)
        for field, offset in fields.items():
            self.builder.PrependUOffsetTRelativeSlot(field, offset, 0)
        for name, number in numbers.items():
            self.builder.PrependInt32Slot(int(name.removeprefix("field")), number, 0)
        return int(self.builder.EndObject())

    def tensor(self, name: str, values: Any, kind: int) -> int:
        array = np.asarray(values)
        raw = self.builder.CreateByteVector(array.tobytes())
        shape = self.builder.CreateNumpyVector(np.array(array.shape, np.int64))
        return self.table({0: self.text(name), 2: shape, 4: raw}, field3=kind)

    def node(
        self, name: str, kind: str, inputs: list[str], output: str, *, branch: int | None = None
    ) -> int:
        fields = {
            0: self.text(name),
            5: self.text(kind),
            8: self.texts(*inputs),
            9: self.texts(output),
        }
        if branch is not None:
            fields[10] = self.offsets([self.table({0: self.text("else_branch"), 7: branch})])
        return self.table(fields)

    def graph(self, tensors: list[int], nodes: list[int]) -> int:
        return self.table({0: self.offsets(tensors), 2: self.offsets(nodes)})

    def model(self, graph: int) -> bytes:
        self.builder.Finish(self.table({1: self.table({7: graph})}), file_identifier=b"ORTM")
        return bytes(self.builder.Output())


def quantised() -> bytes:
    """A product with weights of int8 in the graph, and one with the same weights in a branch."""
    writer = Writer()
    tensors = [
        writer.tensor("w_quantized", np.array([[1, -2], [3, 127]], np.int8), INT8),
        writer.tensor("w_scale", np.array([0.5], np.float32), FLOAT),
        writer.tensor("w_zero_point", np.array([0.25], np.float32), FLOAT),
        writer.tensor("axes", np.array([1], np.int64), INT64),
        writer.tensor("bias", np.array([7.0, 8.0], np.float32), FLOAT),
    ]
    inside = writer.graph([], [writer.node("/inner/MatMul", "MatMul", ["x", "w"], "z")])
    nodes = [
        writer.node("w_cast", "Cast", ["w_quantized"], "w_1"),
        writer.node("w_mul", "Mul", ["w_1", "w_scale"], "w_2"),
        writer.node("w_add", "Add", ["w_2", "w_zero_point"], "w"),
        writer.node("/fc/MatMul", "MatMul", ["x", "w"], "y"),
        writer.node("/fc/Add", "Add", ["bias", "y"], "out"),
        writer.node("/Unsqueeze", "Unsqueeze", ["x", "axes"], "u"),
        writer.node("if", "If", ["use_cache"], "logits", branch=inside),
    ]
    return writer.model(writer.graph(tensors, nodes))


MODEL = quantised()


def test_weights_are_dequantised_and_named_after_the_operation_that_uses_them():
    found = operands(MODEL)
    (weights,) = found["/fc/MatMul"]
    assert weights.dtype == np.float32
    assert weights.tolist() == [[0.75, -0.75], [1.75, 63.75]]
    assert [each.tolist() for each in found["/fc/Add"]] == [[7.0, 8.0]]


def test_operations_of_a_branch_use_what_was_dequantised_outside():
    (weights,) = operands(MODEL)["/inner/MatMul"]
    assert weights.tolist() == [[0.75, -0.75], [1.75, 63.75]]


def test_what_makes_weights_and_what_needs_none_is_left_out():
    assert set(operands(MODEL)) == {"/fc/MatMul", "/fc/Add", "/inner/MatMul"}


@pytest.mark.parametrize(
    "data", [b"", b"\x08\x00\x00\x00ONNX", b"\x08\x00\x00\x00ORTM", MODEL[:99]]
)
def test_other_bytes_are_refused(data):
    with pytest.raises(ValueError, match=r"not ONNX Runtime's format|is damaged"):
        operands(data)


@given(st.integers(8, len(MODEL) - 1), st.integers(0, 255))
def test_a_damaged_file_is_refused_or_read(at, byte):
    with suppress(ValueError):
        operands(MODEL[:at] + bytes([byte]) + MODEL[at + 1 :])
