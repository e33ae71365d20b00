"""Entries: round trips, order, and the cursors that skip exactly what they should."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.bus import wire
from common.bus.wire import Chunk, Control, StreamId
from common.options import SessionOptions
from common.pipeline.control import Configure, End, Flush
from common.pipeline.progress import Progress
from common.pipeline.record import pack
from common.pipeline.speech import SPEECH_ENTRY, Resumed, SpeechEntry
from common.redis.resp import CommandError

POSITIONS = st.integers(0, 2**62)
COMMANDS = st.sampled_from([Flush(), End(), Configure(SessionOptions(context="c"))])


@given(POSITIONS, POSITIONS)
def test_ids_read_back(major, minor):
    assert wire.id_halves(wire.entry_id(major, minor)) == (major, minor)
    assert wire.entry_id(major, minor) == b"%d-%d" % (major, minor)


@given(POSITIONS.filter(bool), st.binary(max_size=64).map(lambda raw: raw[: len(raw) // 2 * 2]))
def test_audio_reads_back_by_position(end, pcm):
    raw = (wire.entry_id(end, wire.AUDIO_ORDER), [wire.AUDIO_FIELD, pcm])
    chunk = wire.read_source(raw)
    assert chunk == Chunk(end, pcm)
    assert chunk.start == end - len(pcm) // 2
    assert chunk.stream_id == StreamId(end, wire.AUDIO_ORDER)


@given(st.floats(0, 4e9), st.text("-abc7", max_size=30))
def test_denoised_audio_says_when_and_by_whom(at, worker):
    stamp = wire.denoised(at, worker)
    raw = (b"320-1", [wire.AUDIO_FIELD, b"ab", wire.DENOISED_FIELD, stamp])
    assert wire.read_source(raw) == Chunk(320, b"ab", stamp)
    read_at, read_worker = wire.read_denoised(stamp)
    assert read_at == pytest.approx(at, abs=1e-6)
    assert read_worker == worker


def test_audio_says_when_it_came_denoised_or_not():
    came = [wire.CAME_FIELD, wire.came(1_700_000_000.25)]
    raw = (b"320-1", [wire.AUDIO_FIELD, b"ab", *came])
    assert wire.read_source(raw) == Chunk(320, b"ab", came=1_700_000_000.25)
    denoised = [wire.DENOISED_FIELD, b"1.0 w"]
    raw = (b"320-1", [wire.AUDIO_FIELD, b"ab", *denoised, *came])
    assert wire.read_source(raw) == Chunk(320, b"ab", b"1.0 w", 1_700_000_000.25)


@given(POSITIONS, st.integers(2, 99), COMMANDS)
def test_controls_read_back_with_their_order(position, order, command):
    raw = (wire.entry_id(position, order), [wire.CONTROL_FIELD, pack(command)])
    control = wire.read_source(raw)
    assert isinstance(control, Control)
    assert control.stream_id == StreamId(position, order)
    assert control.command == command


def test_events_read_back_and_an_owners_marker_is_none():
    entry = SpeechEntry(StreamId(512, 0), (Resumed(1, 512),))
    assert wire.read_owned((b"3-2", [wire.BODY_FIELD, pack(entry)]), SPEECH_ENTRY) == entry
    assert wire.read_owned((b"3-1", [wire.OWNER_FIELD, b"worker"]), SPEECH_ENTRY) is None


def test_the_head_of_a_checkpoint_is_read_without_its_state():
    progress = Progress(StreamId(512, 1))
    fields = [wire.BODY_FIELD, b"the stage's own", wire.HEAD_FIELD, pack(progress)]
    assert wire.read_progress((b"3-2", fields)) == progress
    assert wire.read_progress((b"3-1", [wire.OWNER_FIELD, b"worker"])) is None
    assert wire.read_progress((b"3-2", [wire.BODY_FIELD, b"", wire.HEAD_FIELD, b"\xc1"])) is None


def test_audio_comes_before_the_controls_at_its_end_and_after_all_before():
    in_order: list[Chunk | Control] = [Control(0, 2, Flush()), Chunk(160, b"")]
    in_order += [Control(160, 2, Flush()), Control(160, 3, End()), Chunk(161, b"")]
    stream_ids = [entry.stream_id for entry in in_order]
    assert stream_ids == sorted(stream_ids)
    assert stream_ids[0] > wire.NOTHING


@given(POSITIONS, st.integers(0, 2**64 - 1))
def test_a_cursor_before_a_position_skips_all_that_ends_there(position, order):
    cursor = wire.id_halves(wire.before_position(position))
    assert (position, order) <= cursor < (position + 1, wire.AUDIO_ORDER)


def test_where_a_stream_ends_is_known_also_when_it_is_empty():
    facts = [b"length", 0, b"last-generated-id", b"160-2"]
    assert wire.last_id(facts) == wire.StreamId(160, 2)
    assert wire.last_id(CommandError("ERR no such key")) == wire.NOTHING
