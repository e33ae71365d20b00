"""A leg's audio as RESP: the bytes are those of the same commands encoded in the common way."""

from hypothesis import given
from hypothesis import strategies as st

from common.bus import commands, keys, scripts, wire
from common.bus.audio_writer import AudioWriter
from common.bus.keys import Leg
from common.pipeline.control import Flush
from common.pipeline.record import pack
from common.redis.resp import encode

LEG = Leg("call", 1)
KEY = LEG.key("audio")
WRITER = AudioWriter(LEG, "owner")


@given(st.integers(1, 2**40), st.binary(max_size=40))
def test_audio_goes_into_a_stream_that_is_there(end, pcm):
    entry = (b"%d-%d" % (end, wire.AUDIO_ORDER), wire.AUDIO_FIELD, pcm)
    assert WRITER.audio(end, pcm) == encode([("XADD", KEY, "NOMKSTREAM", *entry)])


@given(st.integers(1, 2**40), st.binary(max_size=40))
def test_the_first_audio_makes_the_stream(end, pcm):
    at = b"%d-%d" % (end, wire.AUDIO_ORDER)
    begun = encode([commands.append(KEY, at, wire.AUDIO_FIELD, pcm)])
    assert WRITER.audio(end, pcm, begin=True) == begun


@given(st.integers(1, 2**40), st.binary(max_size=40), st.integers(1, 2**42))
def test_a_stamp_says_when_the_audio_came(end, pcm, milliseconds):
    entry = (b"%d-%d" % (end, wire.AUDIO_ORDER), wire.AUDIO_FIELD, pcm)
    stamp = (wire.CAME_FIELD, b"%d" % milliseconds)
    asked = encode([("XADD", KEY, "NOMKSTREAM", *entry, *stamp)])
    assert WRITER.stamped(end, pcm, (milliseconds + 0.5) / 1000) == asked


def test_a_control_is_the_script_by_its_source():
    arguments = ("owner", 320, 2, pack(Flush()), 1, 7, "1", b"options")
    variable = WRITER.control(320, 2, Flush(), ordinal=7, ends=True, options=b"options")
    assert WRITER.write_control(variable) == encode(
        [("EVAL", scripts.CONTROL.source, 2, KEY, LEG.meta, *arguments)]
    )


def test_of_a_control_only_what_varies_is_kept():
    variable = WRITER.control(320, 2, Flush(), ordinal=7, ends=False, options=b"")
    assert len(variable) < 100 < len(scripts.CONTROL.source)


def test_the_stream_lives_as_long_as_a_session():
    assert WRITER.renew() == encode([("EXPIRE", KEY, keys.SESSION_TTL)])
