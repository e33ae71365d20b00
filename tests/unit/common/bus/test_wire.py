"""Entries and bodies: round trips, order, and the cursors that skip exactly what they should."""

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.bus import wire
from common.bus.wire import Chunk, Control, Happening, Mark

POSITIONS = st.integers(0, 2**62)
BODIES = st.dictionaries(
    st.text(max_size=8).filter(lambda key: key != "v"),
    st.none() | st.integers(-(2**31), 2**31) | st.text(max_size=8) | st.binary(max_size=8),
    max_size=4,
)


@given(POSITIONS, POSITIONS)
def test_ids_read_back(major, minor):
    assert wire.id_halves(wire.entry_id(major, minor)) == (major, minor)
    assert wire.entry_id(major, minor) == b"%d-%d" % (major, minor)


@given(BODIES)
def test_bodies_read_back_with_their_version(body):
    assert wire.unpack(wire.pack(body)) == {**body, "v": wire.WIRE_VERSION}


@pytest.mark.parametrize(
    "data",
    [
        msgpack.packb({"t": "flush"}),
        msgpack.packb({"t": "flush", "v": wire.WIRE_VERSION + 1}),
        msgpack.packb([1, 2]),
        msgpack.packb(None),
        b"",
        b"\xc1",
        b"\x81",
        wire.pack({"t": "flush"}) + b"\x00",
    ],
)
def test_what_is_no_body_of_this_version_is_a_value_error(data):
    with pytest.raises(ValueError):  # noqa: PT011 - the messages are msgpack's
        wire.unpack(data)


@given(POSITIONS.filter(bool), st.binary(max_size=64).map(lambda raw: raw[: len(raw) // 2 * 2]))
def test_audio_reads_back_by_position(end, pcm):
    raw = (wire.entry_id(end, wire.AUDIO_ORDER), [wire.AUDIO_FIELD, pcm])
    chunk = wire.read_source(raw)
    assert chunk == Chunk(end, pcm)
    assert chunk.start == end - len(pcm) // 2
    assert chunk.mark == Mark(end, wire.AUDIO_ORDER)


@given(POSITIONS, st.integers(2, 99), BODIES)
def test_controls_read_back_with_their_order(position, order, body):
    raw = (wire.entry_id(position, order), [wire.CONTROL_FIELD, wire.pack(body)])
    control = wire.read_source(raw)
    assert isinstance(control, Control)
    assert control.mark == Mark(position, order)
    assert control.body == {**body, "v": wire.WIRE_VERSION}


def test_events_read_back_and_an_owners_marker_is_none():
    body = wire.pack({"at": Mark(512, 0), "events": ({"t": "started"}, {"t": "paused"})})
    happening = wire.read_happening((b"3-2", [wire.BODY_FIELD, body]))
    assert happening == Happening(b"3-2", Mark(512, 0), ({"t": "started"}, {"t": "paused"}))
    assert isinstance(happening.at, Mark)
    assert wire.read_happening((b"3-1", [wire.OWNER_FIELD, b"worker"])) is None


def test_audio_comes_before_the_controls_at_its_end_and_after_all_before():
    in_order: list[Chunk | Control] = [Control(0, 2, {}), Chunk(160, b"")]
    in_order += [Control(160, 2, {}), Control(160, 3, {}), Chunk(161, b"")]
    marks = [entry.mark for entry in in_order]
    assert marks == sorted(marks)
    assert marks[0] > wire.NOTHING


@given(POSITIONS, st.integers(0, 2**64 - 1))
def test_a_cursor_before_a_position_skips_all_that_ends_there(position, order):
    cursor = wire.id_halves(wire.before_position(position))
    assert (position, order) <= cursor < (position + 1, wire.AUDIO_ORDER)
