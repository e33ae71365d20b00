"""Reading the tensors of an ONNX model, from messages written here."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vad_worker.weights import fields, tensors


def varint(value: int) -> bytes:
    head = b""
    while value > 0x7F:
        head += bytes([value & 0x7F | 0x80])
        value >>= 7
    return head + bytes([value])


def field(number: int, value: int | bytes) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def tensor(name: str, values: np.ndarray, kind: int = 1) -> bytes:
    shape = b"".join(field(1, size) for size in values.shape)
    return shape + field(2, kind) + field(8, name.encode()) + field(9, values.tobytes())


def model(*messages: bytes) -> bytes:
    graph = field(2, b"the graph's name") + b"".join(field(5, each) for each in messages)
    return field(1, 8) + field(2, b"the producer") + field(7, graph)


def test_tensors_come_by_name_in_their_shapes():
    weight = np.arange(600, dtype="<f4").reshape(3, 200)
    scalar = np.array(7, "<f4")
    found = tensors(model(tensor("a.weight", weight), tensor("b", scalar)))
    assert list(found) == ["a.weight", "b"]
    np.testing.assert_array_equal(found["a.weight"], weight)
    np.testing.assert_array_equal(found["b"], scalar)
    assert {values.dtype for values in found.values()} == {np.dtype(np.float32)}


def test_tensors_of_other_types_are_left_out():
    assert tensors(model(tensor("axes", np.array([1, 2], "<i8"), kind=7))) == {}


@given(st.lists(st.tuples(st.integers(1, 2**20), st.integers(0, 2**63) | st.binary())))
def test_fields_come_as_they_were_written(written):
    message = b"".join(field(number, value) for number, value in written)
    assert list(fields(message)) == written


def test_fixed_sizes_are_stepped_over():
    message = b"\x0d" + bytes(4) + b"\x11" + bytes(8) + field(3, 5)
    assert list(fields(message)) == [(1, bytes(4)), (2, bytes(8)), (3, 5)]


@pytest.mark.parametrize("message", [b"\x12\x05abc", b"\x80", b"\x0b", b"\x08" + b"\xff" * 11])
def test_what_is_no_message_is_refused(message):
    with pytest.raises(ValueError, match="byte"):
        list(fields(message))


def test_values_that_do_not_fill_their_shape_are_refused():
    short = field(1, 3) + field(2, 1) + field(8, b"a") + field(9, bytes(8))
    with pytest.raises(ValueError, match="reshape"):
        tensors(model(short))
