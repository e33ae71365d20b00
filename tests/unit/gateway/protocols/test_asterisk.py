"""Asterisk's WebSocket channel."""

import json
from typing import Any

import pytest

from common.options import SessionOptions
from gateway.protocols import telephony
from gateway.protocols.api import ClientError, Request
from gateway.protocols.asterisk import PROTOCOL, AsteriskCodec
from gateway.protocols.commands import About, Audio, AudioFormat, Digit, Finish, Mistake, Open
from gateway.protocols.events import Failed, GoingAway
from tests.unit.gateway.finals import a_final

PLAIN = (
    "MEDIA_START connection_id:media1 channel:WebSocket/media1/0x7f channel_id:1700000000.1 "
    "format:ulaw optimal_frame_size:160 ptime:20"
)
FIELDS = {
    "event": "MEDIA_START",
    "connection_id": "media1",
    "channel": "WebSocket/media1/0x7f",
    "channel_id": "1700000000.1",
    "format": "ulaw",
    "optimal_frame_size": 160,
    "ptime": 20,
    "channel_variables": {},
}


def codec(**query: str) -> AsteriskCodec:
    return AsteriskCodec(
        SessionOptions(), Request(query={name: [value] for name, value in query.items()})
    )


def as_json(**changes: Any) -> str:
    return json.dumps(FIELDS | changes)


def started(message: str = PLAIN) -> AsteriskCodec:
    one = codec()
    one.receive_text(message)
    return one


def opening(message: str, **query: str) -> Open:
    (only,) = codec(**query).receive_text(message)
    assert isinstance(only, Open)
    return only


@pytest.mark.parametrize("message", [PLAIN, as_json()])
def test_media_start_opens_the_call(message):
    assert opening(message) == Open(
        SessionOptions(),
        AudioFormat("mulaw", 8_000, 1),
        frozenset({"gap", "dtmf"}),
        About(name="1700000000.1"),
    )


@pytest.mark.parametrize(
    ("name", "audio"),
    [
        ("alaw", AudioFormat("alaw", 8_000, 1)),
        ("slin", AudioFormat("pcm16", 8_000, 1)),
        ("slin16", AudioFormat("pcm16", 16_000, 1)),
        ("slin44", AudioFormat("pcm16", 44_100, 1)),
        ("slin192", AudioFormat("pcm16", 192_000, 1)),
    ],
)
def test_a_format_is_named_as_asterisk_names_it(name, audio):
    assert opening(f"MEDIA_START channel_id:1 format:{name}").audio == audio


def test_older_releases_name_the_channel_only():
    assert opening("MEDIA_START connection_id:a channel:b format:ulaw").about.name == "b"
    assert opening("MEDIA_START connection_id:a format:ulaw").about.name == "a"


def test_options_are_parameters_of_the_url():
    asked = opening(PLAIN, words="true", conversation_id="c", channel_labels="agent", other="x")
    assert asked.options == SessionOptions(words=True)
    assert (asked.about.labels, asked.about.conversation) == (("agent",), "c")


def test_options_are_channel_variables_with_a_prefix():
    variables = {
        "__CALLSCRIBE_LANGUAGE": "en",
        "CALLSCRIBE_KEYWORDS": "Ada,Grace",
        "CONTEXT": "from-internal",
    }
    asked = opening(as_json(channel_variables=variables), language="de", words="1")
    assert asked.options == SessionOptions(
        language="English", keywords=("Ada", "Grace"), words=True
    )


@pytest.mark.parametrize(
    ("message", "named"),
    [
        (as_json(format="opus"), "format"),
        ("MEDIA_START channel_id:1", "format"),
        (as_json(channel_variables={"CALLSCRIBE_WORDS": "?"}), "words"),
        (as_json(channel_variables=[]), "channel_variables"),
        ("{", "JSON"),
    ],
)
def test_a_call_that_cannot_open_is_hung_up_with_a_reason(message, named):
    one = codec()
    with pytest.raises(ClientError, match=named) as caught:
        one.receive_text(message)
    assert caught.value.fatal
    (told,) = one.render(caught.value.event, 1.0)
    assert "HANGUP" in told
    assert named in one.closing(1008, caught.value.code)[1]


def test_binary_messages_are_audio_as_they_stand():
    one = started()
    assert one.verbatim
    assert one.receive_binary(b"ab") == (Audio(b"ab"),)


@pytest.mark.parametrize("opening", [PLAIN, as_json()])
def test_what_comes_before_media_start_waits_for_it(opening):
    one = codec()
    assert not one.verbatim
    assert one.receive_binary(b"ab") == ()
    for text in ("MEDIA_XOFF", "DTMF_END digit:5", "DTMF_END digit:55", ""):
        assert one.receive_text(text) == ()
    assert one.receive_binary(b"cd") == ()
    assert one.receive_text("HANGUP") == ()
    opened, *rest = one.receive_text(opening)
    assert isinstance(opened, Open)
    mistake = Mistake("invalid_digit", "a DTMF digit is one of 0123456789ABCD*#")
    assert rest == [Audio(b"ab"), Digit(0, "5"), mistake, Audio(b"cd"), Finish()]
    assert not one.verbatim


def test_only_so_much_waits():
    one = codec()
    packets = telephony.MOST_EARLY // (160 + 256)
    for _ in range(packets):
        assert one.receive_binary(bytes(160)) == ()
    for _ in range(2):
        with pytest.raises(ClientError, match="too much came before MEDIA_START") as caught:
            one.receive_binary(bytes(160))
        assert not caught.value.fatal
    assert len(one.receive_text(PLAIN)) == 1 + packets


@pytest.mark.parametrize("message", [PLAIN, "DTMF_END digit:5", "HANGUP", as_json(), "HANGUP\n"])
def test_a_control_may_come_in_bytes(message):
    assert codec().is_control(message.encode())


@pytest.mark.parametrize("audio", [bytes(160), b"HANGUPS", b"MEDIA_START\x80", b""])
def test_audio_is_no_control(audio):
    assert not codec().is_control(audio)


@pytest.mark.parametrize(
    "message",
    ["DTMF_END digit:5 channel_id:1", '{"event":"DTMF_END","channel_id":"1","digit":"5"}'],
)
def test_a_digit_is_signalled(message):
    assert started().receive_text(message) == (Digit(0, "5"),)


@pytest.mark.parametrize("message", ["HANGUP", '{"event": "HANGUP"}'])
def test_a_hangup_ends_the_call(message):
    one = started()
    assert one.receive_text(message) == (Finish(),)
    assert not one.verbatim
    assert one.receive_binary(b"ab") == ()
    assert one.receive_text(message) == ()


@pytest.mark.parametrize(
    "message",
    ["MEDIA_XOFF", "STATUS queue_length:43 xon_level:800", '{"event": "QUEUE_DRAINED"}', "NEW"],
)
def test_other_events_are_not_used(message):
    assert started().receive_text(message) == ()


def test_media_start_comes_once():
    with pytest.raises(ClientError) as caught:
        started().receive_text(PLAIN)
    assert (caught.value.code, caught.value.fatal) == ("started", False)


@pytest.mark.parametrize(
    ("message", "told"), [(PLAIN, "HANGUP"), (as_json(), '{"command": "HANGUP"}')]
)
def test_asterisk_is_told_to_hang_up_in_its_own_form_and_nothing_else(message, told):
    one = started(message)
    assert one.render(Failed("x", "no room", fatal=True), 1.0) == (told,)
    assert one.render(GoingAway(60.0), 1.0) == (told,)
    assert one.render(Failed("x", "never mind", fatal=False), 1.0) == ()
    final = a_final()
    assert one.render(final, 1.0) == ()


def test_the_subprotocol_is_media():
    assert PROTOCOL.subprotocol(["other", "media"]) == "media"
    assert PROTOCOL.subprotocol(["other"]) is None
