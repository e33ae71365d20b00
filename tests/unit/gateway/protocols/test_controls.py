"""Controls in binary messages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.protocols.controls import is_object


@pytest.mark.parametrize(
    "data", [b'{"type":"KeepAlive"}', b' \n{"eof" : 1}\r\n', b"{}", '{"a": "é"}'.encode()]
)
def test_a_json_object_is_a_control(data):
    assert is_object(data)


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"{}x", b"[1]", b'"eof"', b"eof", b"{\xff}", b"{" * 100_000 + b"}", b"  "],
)
def test_anything_else_is_audio(data):
    assert not is_object(data)


@given(st.binary())
def test_samples_are_audio(data):
    assert not is_object(data) or data.strip()[:1] == b"{"
