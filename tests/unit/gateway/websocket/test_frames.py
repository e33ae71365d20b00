"""Frames are cut where the library would cut them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.protocol import Protocol, Side, State

from gateway.websocket.frames import binary_message, cut, lone_message

MOST = 70_000


def serialized(opcode: Opcode, payload: bytes, *, fin: bool = True) -> bytes:
    return Frame(opcode, payload, fin).serialize(mask=True)


AUDIO = serialized(Opcode.BINARY, b"audio")
payloads = st.one_of(st.binary(max_size=300), st.integers(120, 65_535).map(bytes))
frames = st.tuples(st.sampled_from([Opcode.BINARY, Opcode.TEXT, Opcode.PING]), payloads).map(
    lambda each: serialized(each[0], each[1][:125] if each[0] is Opcode.PING else each[1])
)


def by_library(data: bytes) -> list[tuple[Opcode, bytes]]:
    protocol = Protocol(Side.SERVER, state=State.OPEN, max_size=MOST)
    protocol.receive_data(data)
    return [(e.opcode, bytes(e.data)) for e in protocol.events_received() if isinstance(e, Frame)]


@given(st.lists(frames, max_size=4), st.integers(0, 20))
def test_whole_frames_are_those_of_the_library(written, missing):
    data = b"".join(written)
    data = data[: max(0, len(data) - missing)]
    found = cut(data, MOST, 100)
    assert not found.strange
    whole = by_library(data)
    assert len(found.frames) == len(whole)
    assert found.end == sum(map(len, written[: len(whole)]))
    binary = [
        message for each in found.frames if (message := binary_message(data, each)) is not None
    ]
    assert binary == [payload for opcode, payload in whole if opcode is Opcode.BINARY]


@pytest.mark.parametrize(
    "other",
    [
        serialized(Opcode.TEXT, b"text"),
        serialized(Opcode.BINARY, b"part", fin=False),
        bytes([0xC2]) + AUDIO[1:],
        serialized(Opcode.PING, b""),
        serialized(Opcode.CLOSE, b""),
    ],
    ids=["text", "fragment", "compressed", "ping", "close"],
)
def test_what_is_no_whole_binary_message_is_not_taken_for_one(other):
    found = cut(other, MOST, 100)
    assert [binary_message(other, each) for each in found.frames] == [None]


@pytest.mark.parametrize(
    "strange",
    [
        Frame(Opcode.BINARY, b"plain").serialize(mask=False),
        serialized(Opcode.BINARY, bytes(65_536)),
        serialized(Opcode.BINARY, bytes(201)),
    ],
    ids=["unmasked", "64-bit length", "too long"],
)
def test_what_a_client_should_not_send_is_the_librarys(strange):
    found = cut(AUDIO + strange + AUDIO, 200, 100)
    assert found == ([(0, 6, len(AUDIO))], len(AUDIO), 0, True)


@pytest.mark.parametrize("missing", [1, 8, 13, 18])
def test_what_is_not_whole_waits_for_its_rest(missing):
    part = serialized(Opcode.BINARY, bytes(13))[:-missing]
    found = cut(AUDIO + part, MOST, 100)
    assert (found.end, found.strange) == (len(AUDIO), False)
    assert 0 < found.missing <= missing


@given(st.sampled_from([3, 13, 200, 66_000]), st.integers(1, 30))
def test_with_what_is_missing_a_frame_is_whole_in_three_more_reads(size, have):
    whole = serialized(Opcode.BINARY, bytes(size))
    have = min(have, len(whole) - 1)
    for _ in range(4):
        found = cut(whole[:have], MOST, 100)
        have += found.missing
    assert len(found.frames) == 1


def test_no_more_frames_are_cut_than_are_asked_for():
    found = cut(AUDIO * 5, MOST, 3)
    assert (len(found.frames), found.end, found.missing) == (3, 3 * len(AUDIO), 0)


@pytest.mark.parametrize("have", [2, 9, 10, 13])
def test_a_frame_that_is_too_long_is_judged_once_its_head_is_there(have):
    head = serialized(Opcode.BINARY, bytes(70_000))[:14]
    assert cut(head[:have], 200, 100).strange is (have >= 10)
    assert cut(head[:have], 200, 100).missing == (14 - have if have >= 10 else 10 - have)


@given(frames, st.binary(max_size=3), st.integers(0, 3))
def test_a_lone_message_is_one_whole_binary_frame_and_nothing_else(frame, more, missing):
    data = (frame + more)[: len(frame) + len(more) - missing]
    message = lone_message(data, MOST)
    whole = by_library(data) if data == frame else []
    if message is not None:
        assert whole == [(Opcode.BINARY, message)]
    elif whole and whole[0][0] is Opcode.BINARY:
        assert len(whole[0][1]) < 2


def test_a_lone_message_is_no_longer_than_it_may_be():
    assert lone_message(serialized(Opcode.BINARY, bytes(100)), 100) == bytes(100)
    assert lone_message(serialized(Opcode.BINARY, bytes(101)), 100) is None
    assert lone_message(serialized(Opcode.BINARY, bytes(70_000)), 80_000) is None
    unmasked = Frame(Opcode.BINARY, bytes(100)).serialize(mask=False)
    assert lone_message(unmasked, 100) is None
