"""Twilio Media Streams."""

import json
from base64 import b64encode
from typing import Any

import pytest

from common.options import SessionOptions
from gateway.protocols.api import ClientError, Request
from gateway.protocols.commands import (
    About,
    Audio,
    AudioFormat,
    Command,
    Digit,
    Finish,
    Mistake,
    Open,
    Skip,
)
from gateway.protocols.events import Failed
from gateway.protocols.twilio import MOST_TEXT, TwilioCodec
from tests.unit.gateway.finals import a_final

DEFAULTS = SessionOptions()
MEDIA_FORMAT = {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}
LOUD = b"\x80" * 160


def codec() -> TwilioCodec:
    return TwilioCodec(DEFAULTS, Request())


def say(one: TwilioCodec, event: str, **body: Any) -> list[Command]:
    return [*one.receive_text(json.dumps({"event": event, "streamSid": "MZ1", **body}))]


def start(one: TwilioCodec, *tracks: str, **parameters: str) -> list[Command]:
    facts = {"callSid": "CA1", "streamSid": "MZ1", "tracks": tracks or ["inbound"]}
    more = {"mediaFormat": MEDIA_FORMAT, "customParameters": parameters}
    return say(one, "start", sequenceNumber="1", start={**facts, **more})


def started(*tracks: str) -> TwilioCodec:
    one = codec()
    start(one, *tracks)
    return one


def media(one: TwilioCodec, data: bytes, ms: int, track: str = "inbound") -> list[Command]:
    facts = {"track": track, "chunk": "1", "timestamp": str(ms)}
    return say(one, "media", media={**facts, "payload": b64encode(data).decode()})


def opening(commands: list[Command]) -> Open:
    (only,) = commands
    assert isinstance(only, Open)
    return only


def test_connected_says_nothing():
    assert say(codec(), "connected", protocol="Call", version="1.0.0") == []


def test_start_opens_a_call_of_one_leg_that_is_named_as_twilio_names_it():
    asked = opening(start(codec()))
    assert asked == Open(
        DEFAULTS,
        AudioFormat("mulaw", 8_000, 1),
        frozenset({"gap", "dtmf"}),
        About(labels=("customer",), name="CA1"),
    )


@pytest.mark.parametrize(
    ("tracks", "labels"),
    [
        (("outbound",), ("agent",)),
        (("inbound", "outbound"), ("customer", "agent")),
        (("outbound", "inbound"), ("customer", "agent")),
    ],
)
def test_each_track_is_a_channel_the_inbound_one_first(tracks, labels):
    asked = opening(start(codec(), *tracks))
    assert (asked.audio.channels, asked.about.labels) == (len(labels), labels)


def test_custom_parameters_are_options_or_the_customers_own():
    parameters = {
        "language": "en",
        "words": "true",
        "vad_threshold": "0.4",
        "keywords": "Ada, Grace",
        "conversation_id": "c",
        "channel_labels": "caller",
        "crm": "7",
        "context": "",
    }
    asked = opening(start(codec(), **parameters))
    assert asked.options == SessionOptions(
        language="English", words=True, vad_threshold=0.4, keywords=("Ada", "Grace")
    )
    assert asked.about == About(labels=("caller",), conversation="c", name="CA1")


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"customParameters": 1}, "customParameters"),
        ({"mediaFormat": {"encoding": "audio/opus"}}, "encoding"),
        ({"mediaFormat": {"sampleRate": 16000}}, "sampleRate"),
        ({"tracks": ["middle"]}, "tracks"),
        ({"callSid": "x" * 200}, "callSid"),
    ],
)
def test_a_start_that_cannot_be_read_closes_and_says_why(body, named):
    one = codec()
    with pytest.raises(ClientError, match=named) as caught:
        say(one, "start", start=body)
    assert caught.value.close_code == 1008
    assert one.render(caught.value.event, 1.0) == ()
    code, reason = one.closing(1008, caught.value.code)
    assert (code, named in reason) == (1008, True)


def test_the_reason_stays_as_it_is_where_nothing_was_wrong():
    assert codec().closing(1000, "finished") == (1000, "finished")


def test_media_is_audio():
    one = started()
    assert media(one, LOUD, 0) == [Audio(LOUD)]
    assert media(one, LOUD, 20) == [Audio(LOUD)]


def test_base64_may_lack_its_padding():
    one = started()
    (audio,) = say(one, "media", media={"payload": b64encode(b"abcd").decode().rstrip("=")})
    assert audio == Audio(b"abcd")


def test_lost_packets_are_skipped():
    one = started()
    media(one, LOUD, 0)
    assert media(one, LOUD, 80) == [Skip(3 * 160), Audio(LOUD)]


def test_two_tracks_are_interleaved():
    one = started("inbound", "outbound")
    assert media(one, b"ab", 0) == []
    assert media(one, b"xy", 0, "outbound") == [Audio(b"axby")]


def test_a_track_that_lacks_audio_is_silent():
    one = started("inbound", "outbound")
    assert media(one, b"ab", 0) == []
    assert say(one, "stop") == [Audio(b"a\xffb\xff"), Finish()]


def test_media_without_a_track_or_a_time_is_inbound_and_follows():
    body = {"payload": b64encode(b"ab").decode()}
    assert say(started(), "media", media=body) == [Audio(b"ab")]


@pytest.mark.parametrize(
    ("media", "code"),
    [
        ({"payload": "%%%"}, "invalid_audio"),
        ({"payload": 5}, "invalid_audio"),
        ({"payload": "\ud800"}, "invalid_audio"),
        ({"payload": "", "timestamp": "soon"}, "invalid_option"),
        ({"payload": "", "timestamp": "-1"}, "invalid_option"),
        ({"payload": "", "timestamp": str(10**12)}, "invalid_option"),
        ({"payload": "", "track": "outbound"}, "unknown_track"),
        ("audio", "invalid_option"),
    ],
)
def test_bad_media_is_not_used_and_the_call_goes_on(media, code):
    one = started()
    with pytest.raises(ClientError) as caught:
        say(one, "media", media=media)
    assert (caught.value.code, caught.value.fatal) == (code, False)


@pytest.mark.parametrize(
    ("track", "digits"),
    [("inbound_track", [Digit(0, "5")]), ("outbound_track", [Digit(1, "5")]), ("third", [])],
)
def test_a_digit_belongs_to_its_track(track, digits):
    one = started("inbound", "outbound")
    assert say(one, "dtmf", dtmf={"track": track, "digit": "5"}) == digits


def test_marks_say_nothing():
    assert say(started(), "mark", mark={"name": "x"}) == []


def test_nothing_is_used_after_stop():
    one = started()
    assert say(one, "stop", stop={"callSid": "CA1"}) == [Finish()]
    with pytest.raises(ClientError) as caught:
        media(one, LOUD, 0)
    assert (caught.value.code, caught.value.fatal) == ("stopped", False)


def test_what_comes_before_start_waits_for_it():
    one = codec()
    assert media(one, LOUD, 0) == []
    assert say(one, "media") == []
    assert say(one, "dtmf", dtmf={"digit": "5"}) == []
    opened, audio, mistake, digit = start(one)
    assert isinstance(opened, Open)
    assert (audio, digit) == (Audio(LOUD), Digit(0, "5"))
    assert isinstance(mistake, Mistake)


@pytest.mark.parametrize(
    ("name", "value"),
    [("words", "perhaps"), ("channel_labels", "a,b"), ("language", "see profile 7")],
)
def test_a_parameter_that_is_only_called_like_an_option_ends_no_call(name, value):
    opened, mistake = start(codec(), **{name: value})
    assert isinstance(opened, Open)
    assert opened.options == DEFAULTS
    assert isinstance(mistake, Mistake)
    assert name in mistake.message


def test_start_comes_once():
    with pytest.raises(ClientError) as caught:
        start(started())
    assert (caught.value.code, caught.value.fatal) == ("started", False)


def test_audio_is_no_binary_message():
    with pytest.raises(ClientError) as caught:
        started().receive_binary(LOUD)
    assert caught.value.close_code == 1003


def test_a_message_has_a_bound():
    with pytest.raises(ClientError) as caught:
        started().receive_text(" " * (MOST_TEXT + 1))
    assert caught.value.close_code == 1009


def test_a_stream_is_one_way():
    one = started()
    final = a_final()
    assert one.render(final, 1.0) == ()
    assert one.render(Failed("x", "never mind", fatal=False), 1.0) == ()
    assert one.closing(1000, "finished") == (1000, "finished")
