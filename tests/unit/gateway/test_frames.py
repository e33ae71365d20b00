"""Messages cut out at a glance are what the library would have made of the same bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.protocol import Protocol, Side, State

from gateway.frames import whole_messages

MOST = 70_000


def by_library(data: bytes) -> list[bytes]:
    protocol = Protocol(Side.SERVER, state=State.OPEN, max_size=MOST)
    protocol.receive_data(data)
    frames = [event for event in protocol.events_received() if isinstance(event, Frame)]
    return [bytes(frame.data) for frame in frames if frame.opcode is Opcode.BINARY and frame.fin]


def binary(payload: bytes) -> bytes:
    return Frame(Opcode.BINARY, payload).serialize(mask=True)


payloads = st.one_of(st.binary(max_size=300), st.integers(120, 66_000).map(bytes))


@given(st.lists(payloads, max_size=4), st.integers(0, 20))
def test_equals_the_library(sizes, cut):
    data = b"".join(map(binary, sizes))
    data = data[: len(data) - cut]
    messages, end = whole_messages(data, MOST)
    rest = by_library(data[end:])
    assert [*messages, *rest] == by_library(data)
    assert sum(map(len, messages)) < max(end, 1)


@pytest.mark.parametrize(
    "other",
    [
        Frame(Opcode.TEXT, b"text").serialize(mask=True),
        Frame(Opcode.BINARY, b"part", fin=False).serialize(mask=True),
        Frame(Opcode.BINARY, b"plain").serialize(mask=False),
        bytes([0xC2]) + binary(b"squeezed")[1:],
        Frame(Opcode.PING, b"").serialize(mask=True),
        Frame(Opcode.CLOSE, b"").serialize(mask=True),
        binary(bytes(65_536)),
    ],
    ids=["text", "fragment", "unmasked", "compressed", "ping", "close", "long"],
)
def test_all_else_is_left_to_the_library(other):
    first = binary(b"audio")
    assert whole_messages(first + other + first, MOST) == ([b"audio"], len(first))


@pytest.mark.parametrize("missing", [1, 8, 13])
def test_what_is_not_complete_waits_for_its_rest(missing):
    first = binary(b"audio")
    part = binary(bytes(13))[:-missing]
    assert whole_messages(first + part, MOST) == ([b"audio"], len(first))


def test_what_is_too_long_is_left_to_the_library():
    assert whole_messages(binary(bytes(200)), 199) == ([], 0)
    assert whole_messages(binary(bytes(200)), 200)[0] == [bytes(200)]
