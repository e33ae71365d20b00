"""Reading weights from ONNX files: by name or by the operation that uses them."""

import struct
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common import onnx


def varint(value):
    parts = []
    while value >= 0x80:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])


def number(field, value):
    return varint(field << 3) + varint(value)


def text(field, value):
    data = value.encode() if isinstance(value, str) else value
    return varint(field << 3 | 2) + varint(len(data)) + data


def tensor(values, name="", kind=1):
    shape = b"".join(number(1, size) for size in values.shape)
    return shape + number(2, kind) + text(8, name) + text(9, values.tobytes())


def node(kind, name, inputs, outputs, attribute=b""):
    parts = [text(1, each) for each in inputs] + [text(2, each) for each in outputs]
    return b"".join(parts) + text(3, name) + text(4, kind) + attribute


def constant(output, values):
    return node("Constant", f"make {output}", [], [output], text(5, text(5, tensor(values))))


def model(nodes, initialisers=()):
    graph = b"".join(text(1, each) for each in nodes)
    return number(1, 7) + text(7, graph + b"".join(text(5, each) for each in initialisers))


FIRST = np.arange(6, dtype="<f4").reshape(2, 3)
SECOND = np.array(50.0, "<f4")


def test_constants_come_by_operation_in_the_order_of_its_inputs():
    data = model(
        [
            constant("b", SECOND),
            node("Conv", "/conv", ["x", "b", "a"], ["y"]),
            node("Relu", "/relu", ["y"], ["z"]),
        ],
        [tensor(FIRST, "a")],
    )
    found = onnx.operands(data)
    second, first = found["/conv"]
    np.testing.assert_array_equal(first, FIRST)
    assert second.shape == ()
    assert second == 50
    assert found["/relu"] == []


def test_tensors_come_by_name_in_their_shapes():
    found = onnx.tensors(model([], [tensor(FIRST, "a.weight"), tensor(SECOND, "b")]))
    assert list(found) == ["a.weight", "b"]
    np.testing.assert_array_equal(found["a.weight"], FIRST)
    assert found["b"] == 50
    assert {values.dtype for values in found.values()} == {np.dtype(np.float32)}


def test_tensors_of_other_types_are_left_out():
    assert onnx.tensors(model([], [tensor(np.array([1, 2], "<i8"), "axes", kind=7)])) == {}


def test_values_that_do_not_fill_their_shape_are_refused():
    with pytest.raises(ValueError, match="reshape"):
        onnx.tensors(model([], [number(1, 3) + tensor(np.zeros(2, "<f4"), "a")]))


def test_only_float32_counts():
    data = model(
        [node("Pad", "/pad", ["x", "p"], ["y"])], [tensor(np.zeros(2, "<i8"), "p", kind=7)]
    )
    assert onnx.operands(data)["/pad"] == []


def test_a_tensor_in_an_attribute_of_another_operation_is_no_constant():
    fill = node("ConstantOfShape", "/fill", [], ["h"], text(5, text(5, tensor(FIRST))))
    data = model([fill, node("GRU", "/gru", ["x", "h"], ["y"])])
    assert onnx.operands(data)["/gru"] == []


def test_fields_of_fixed_size_are_passed_over():
    extra = varint(3 << 3 | 5) + struct.pack("<f", 1) + varint(4 << 3 | 1) + struct.pack("<d", 1)
    data = extra + model([node("Conv", "/conv", ["a"], ["y"])], [tensor(FIRST, "a")])
    assert len(onnx.operands(data)["/conv"]) == 1


@pytest.mark.parametrize(
    "data",
    [b"\x3a\x05abc", b"\xff" * 11, b"\x0b", b"not a model", text(7, text(5, tensor(FIRST)[:-1]))],
    ids=["cut off", "endless number", "deprecated group", "text", "tensor cut off"],
)
def test_what_is_no_model_is_refused(data):
    with pytest.raises(ValueError, match=r"\d"):
        onnx.operands(data)


@given(st.binary(max_size=60))
def test_any_bytes_give_weights_or_a_value_error(data):
    with suppress(ValueError):
        onnx.operands(data)
