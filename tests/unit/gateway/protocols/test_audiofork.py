"""FreeSWITCH's audio fork."""

import json
from typing import Any

import pytest

from common.options import SessionOptions
from gateway.protocols.api import ClientError, Request
from gateway.protocols.audiofork import PROTOCOL, AudioForkCodec
from gateway.protocols.commands import About, Audio, AudioFormat, Digit, Mistake, Open
from gateway.protocols.events import Ended, Failed, GoingAway, Partial
from tests.unit.gateway.finals import a_final

EVENTS = frozenset({"gap", "dtmf"})


def codec(**query: str) -> AudioForkCodec:
    return AudioForkCodec(
        SessionOptions(), Request(query={name: [value] for name, value in query.items()})
    )


def opening(metadata: dict[str, Any], **query: str) -> Open:
    (only,) = codec(**query).receive_text(json.dumps(metadata))
    assert isinstance(only, Open)
    return only


def started(**metadata: Any) -> AudioForkCodec:
    one = codec()
    one.receive_text(json.dumps(metadata))
    return one


def told(one: AudioForkCodec, event: Any) -> list[Any]:
    return [json.loads(message) for message in one.render(event, 1.0)]


def test_metadata_opens_the_call_at_8_khz():
    assert opening({}) == Open(SessionOptions(), AudioFormat("pcm16", 8_000, 1), EVENTS, About())


def test_a_leg_has_a_role_and_belongs_to_a_conversation():
    metadata = {"conversation_id": "c", "role": "agent", "sample_rate": 16000, "encoding": "l16"}
    asked = opening(metadata | {"words": True, "call_id": "x", "anything": [1]})
    assert asked.audio == AudioFormat("pcm16", 16_000, 1)
    assert asked.about == About(labels=("agent",), conversation="c", name="x")
    assert asked.options == SessionOptions(words=True)


@pytest.mark.parametrize("metadata", [{"channels": 2}, {"mix_type": "stereo"}])
def test_stereo_has_two_channels(metadata):
    asked = opening(metadata | {"channel_labels": ["customer", "agent"]})
    assert asked.audio.channels == 2
    assert asked.about.labels == ("customer", "agent")


def test_jambonz_spells_some_fields_otherwise():
    asked = opening({"sampleRate": 16000, "mixType": "stereo", "callSid": "x", "callId": "y"})
    assert (asked.audio, asked.about.name) == (AudioFormat("pcm16", 16_000, 2), "x")


def test_parameters_of_the_url_mean_the_same_and_metadata_counts_more():
    asked = opening({"sample_rate": 8000}, sample_rate="16000", mix_type="stereo", token="x")
    assert asked.audio == AudioFormat("pcm16", 8_000, 2)


def test_metadata_may_be_left_out():
    one = codec(sample_rate="16000", role="agent")
    asked, audio = one.receive_binary(b"ab")
    assert isinstance(asked, Open)
    assert (asked.audio.sample_rate, asked.about.labels) == (16_000, ("agent",))
    assert audio == Audio(b"ab")
    assert one.receive_binary(b"cd") == (Audio(b"cd"),)
    assert one.verbatim


DEFAULT = Open(SessionOptions(), AudioFormat("pcm16", 8_000, 1), EVENTS, About())


@pytest.mark.parametrize("text", ["abc", "", "4711", '"4711"', "[1,2]", "null", "{", "[" * 60_000])
def test_metadata_are_any_text(text):
    assert codec().receive_text(text) == (DEFAULT,)


@pytest.mark.parametrize(
    ("message", "named"),
    [
        ('{"encoding": "opus"}', "encoding"),
        ('{"channels": 3}', "channels"),
        ('{"role": "agent", "channels": 2}', "role"),
        ('{"channel_labels": ["b", "c"]}', "channel_labels"),
        ('{"sample_rate": "fast"}', "sample_rate"),
        ('{"language": "see profile 7"}', "language"),
        ('{"context": {"crm": 7}}', "context"),
    ],
)
def test_a_field_that_is_only_called_like_an_option_ends_no_call(message, named):
    opened, mistake = codec().receive_text(message)
    assert opened == DEFAULT
    assert isinstance(mistake, Mistake)
    assert named in mistake.message
    assert "left out" in mistake.message


def test_the_other_fields_count():
    opened, _ = codec().receive_text('{"words": "?", "sample_rate": 16000, "role": "agent"}')
    assert isinstance(opened, Open)
    assert (opened.audio.sample_rate, opened.about.labels) == (16_000, ("agent",))


def test_metadata_behind_audio_are_told_once():
    one = codec()
    one.receive_binary(b"ab")
    assert one.receive_text('{"hello": 1}') == ()
    with pytest.raises(ClientError) as caught:
        one.receive_text('{"sampleRate": 16000}')
    assert (caught.value.code, caught.value.fatal) == ("late_metadata", False)
    assert one.receive_text('{"sampleRate": 16000}') == ()
    assert started().receive_text('{"sampleRate": 16000}') == ()


def test_a_digit_may_come_first():
    assert codec().receive_text('{"event": "dtmf", "digit": "5"}') == (DEFAULT, Digit(0, "5"))


def test_a_bad_url_closes_the_connection_too():
    with pytest.raises(ClientError, match="channels") as caught:
        codec(channels="3").receive_binary(b"ab")
    assert caught.value.fatal


@pytest.mark.parametrize("digit", [{"digit": "5"}, {"dtmf": "5", "duration": "1600"}])
def test_a_digit_is_signalled(digit):
    message = json.dumps({"event": "dtmf", **digit})
    assert started().receive_text(message) == (Digit(0, "5"),)


@pytest.mark.parametrize("message", ["goodbye", '{"event": "pause"}', "[1]"])
def test_other_texts_are_the_applications_own(message):
    assert started().receive_text(message) == ()


def test_a_final_is_a_transcription():
    one = started(mix_type="stereo", channel_labels=["customer", "agent"])
    final = a_final(channel=1, language="English")
    assert told(one, final) == [
        {
            "type": "transcription",
            "data": {
                "text": "hello",
                "is_final": True,
                "channel": 1,
                "label": "agent",
                "start": 0.0,
                "end": 0.5,
                "language": "English",
            },
        }
    ]


def test_without_labels_there_is_none():
    final = a_final()
    (message,) = told(started(), final)
    assert "label" not in message["data"]


@pytest.mark.parametrize(
    ("event", "code"),
    [
        (
            a_final(text="", reason="failed", failed=True),
            "utterance_failed",
        ),
        (Failed("x", "never mind", fatal=False), "x"),
        (GoingAway(60.0), "going_away"),
    ],
)
def test_what_went_wrong_is_an_error(event, code):
    (message,) = told(started(), event)
    assert (message["type"], message["data"]["code"]) == ("error", code)


@pytest.mark.parametrize("event", [Ended(), Partial(0, 1, 0, 8_000, "hel", 0, None)])
def test_nothing_else_is_told(event):
    assert told(started(), event) == []


def test_any_subprotocol_is_accepted():
    assert PROTOCOL.subprotocol(["audio.drachtio.org"]) == "audio.drachtio.org"
    assert PROTOCOL.subprotocol([]) is None
