"""AssemblyAI's protocol: what its clients send and get."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from common.options import SessionOptions
from gateway.protocols.api import ClientError, Request
from gateway.protocols.assemblyai.codec import PROTOCOL, AssemblyAICodec
from gateway.protocols.commands import Audio, Command, Configure, Finish, Flush, Open
from gateway.protocols.events import (
    Created,
    Ended,
    Event,
    Failed,
    Final,
    GoingAway,
    SpeechStarted,
)
from tests.turn_invariants import assemblyai_breaches
from tests.unit.gateway.feed.test_turns import final, likely, partial
from tests.unit.gateway.protocols.turn_histories import AUDIO, Step, events_of, histories

DEFAULTS = SessionOptions()


def connect(**query: str) -> AssemblyAICodec:
    asked = {"sample_rate": ["16000"], **{name: [value] for name, value in query.items()}}
    return AssemblyAICodec(DEFAULTS, Request(path="/v3/ws", query=asked))


def opened(**query: str) -> Open:
    (command,) = connect(**query).connected()
    assert isinstance(command, Open)
    return command


def told(codec: AssemblyAICodec, *events: Event, now: float = 1.5) -> list[dict[str, Any]]:
    return [json.loads(each) for event in events for each in codec.render(event, now)]


def update(codec: AssemblyAICodec, **body: object) -> Sequence[Command]:
    return codec.receive_text(json.dumps({"type": "UpdateConfiguration", **body}))


def test_a_request_says_when_turns_end():
    assert opened().options.turn_silence == (0.4, 1.6)
    given = opened(min_turn_silence="300", max_turn_silence="600").options
    assert given.turn_silence == (0.3, 0.6)
    assert given.silence_threshold == 0.6
    assert opened(max_turn_silence="100").options.turn_silence == (0.2, 0.2)
    old = opened(min_end_of_turn_silence_when_confident="500").options
    assert old.turn_silence == (0.5, 1.6)
    assert opened(end_of_turn_confidence_threshold="0").options.turn_silence[0] == 0.2
    assert opened(end_of_turn_confidence_threshold="1").options.turn_silence == (60, 60)


@pytest.mark.parametrize(
    ("query", "languages"),
    [
        ({}, ("Spanish", "English")),
        ({"language_detection": ["true"]}, ("Spanish", "English")),
        ({"language_codes": ['["fr", "de"]']}, ("French", "German")),
        ({"language_codes": ['["de"]']}, ()),
    ],
)
def test_without_names_a_language_is_detected_among_those_of_the_deployment(query, languages):
    among = SessionOptions(languages=("Spanish", "English"))
    asked = Request(path="/v3/ws", query={"sample_rate": ["16000"], **query})
    (command,) = AssemblyAICodec(among, asked).connected()
    assert isinstance(command, Open)
    assert command.options.languages == languages


def test_a_request_says_what_is_spoken():
    options = opened(
        keyterms_prompt='["Dashwood"]',
        prompt="42",
        language_codes='["es"]',
        vad_threshold="0.6",
        speech_model="universal-3-5-pro",
        format_turns="True",
    ).options
    assert (options.keywords, options.context) == (("Dashwood",), "42")
    assert (options.language, options.vad_threshold) == ("Spanish", 0.6)
    several = opened(language_codes='["es", "en"]').options
    assert (several.language, several.languages) == (None, ("Spanish", "English"))
    assert opened(language_detection="True").options.language is None
    hidden = opened(language_code="en", redact_pii="true", redact_pii_policies='["phone_number"]')
    assert hidden.options.redact == ("phone",)
    assert len(opened(language_code="en", redact_pii="true").options.redact) == 7
    assert opened(encoding="pcm_mulaw", sample_rate="8000").audio.encoding == "mulaw"
    assert opened(encoding="ogg_opus", sample_rate="").coding == "ogg"


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ({"sample_rate": ""}, "sample_rate is missing"),
        ({"sample_rate": "fast"}, "sample_rate"),
        ({"encoding": "wav"}, "encoding"),
        ({"max_turn_silence": "-1"}, "max_turn_silence"),
        ({"min_turn_silence": "900", "max_turn_silence": "100"}, "at most max_turn_silence"),
        ({"keyterms_prompt": "Dashwood"}, "keyterms_prompt"),
        ({"language_codes": '["tlh"]'}, "language_codes"),
        ({"redact_pii": "true"}, "redact"),
        ({"redact_pii_policies": '["mood"]'}, "redact_pii_policies"),
        ({"end_of_turn_confidence_threshold": "7"}, "end_of_turn_confidence_threshold"),
    ],
)
def test_a_request_of_no_use_is_refused(query, text):
    with pytest.raises(ClientError, match=text):
        connect(**query)
    assert json.loads(PROTOCOL.denial(401, "missing_key").body)["error_code"] == 4001


def test_a_turn_is_told():
    codec = connect()
    begin, *rest = told(codec, Created("id", "t"), now=100.4)
    assert (begin["type"], begin["id"], begin["expires_at"]) == ("Begin", "id", 10_900)
    assert rest == []
    events: list[Event] = [SpeechStarted(0, 1, 1_600, 8_000)]
    events += events_of([partial(1, "I"), likely(1, "I see"), final(1, "I see."), final(2, "No")])
    messages = told(codec, *events)
    assert [each["type"] for each in messages] == [
        "SpeechStarted",
        *["Turn"] * 5,
        "SpeechStarted",
        *["Turn"] * 2,
    ]
    assert messages[0]["timestamp"] == 100
    turns = [each for each in messages if each["type"] == "Turn"]
    told_so = [(each["transcript"], each["end_of_turn"], each["turn_order"]) for each in turns]
    assert told_so == [
        ("I", False, 0),
        ("I", False, 0),
        ("I see", False, 0),
        ("I see", False, 0),
        ("I see.", True, 0),
        ("No", False, 1),
        ("No", True, 1),
    ]
    assert turns[4]["end_of_turn_confidence"] == 0.4
    assert turns[4]["words"][0] == {
        "start": 6,
        "end": 214,
        "confidence": 1.0,
        "text": "I",
        "word_is_final": True,
    }


def test_a_detected_language_is_told():
    *before, last = events_of([final(1, "Yes")])
    assert isinstance(last, Final)
    turn = told(connect(), *before, replace(last, language_confidence=0.9))[-1]
    assert (turn["language_code"], turn["language_confidence"]) == ("en", 0.9)
    assert (
        "language_code" not in told(connect(language_code="en"), *events_of([final(1, "Yes")]))[-1]
    )


def test_parameters_change_in_a_call():
    codec = connect()
    (changed,) = update(codec, max_turn_silence=700, keyterms_prompt=["a"], format_turns=True)
    assert isinstance(changed, Configure)
    assert (changed.options.turn_silence, changed.options.keywords) == ((0.4, 0.7), ("a",))
    (changed,) = update(codec, min_turn_silence=200, prompt=None)
    assert isinstance(changed, Configure)
    assert changed.options.turn_silence == (0.2, 0.7)


def test_a_client_ends_a_turn_and_the_call():
    codec = connect()
    told(codec, Created("id", "t"), now=10.0)
    assert codec.receive_binary(bytes(2 * 24_000)) == (Audio(bytes(2 * 24_000)),)
    assert codec.receive_text('{"type": "ForceEndpoint"}') == (Flush(),)
    assert codec.receive_text('{"type": "KeepAlive"}') == ()
    assert codec.receive_text('{"type": "Terminate"}') == (Finish(),)
    assert codec.receive_text('{"type": "Terminate"}') == ()
    assert codec.receive_binary(bytes(2)) == ()
    assert told(codec, Ended(), now=14.2) == [
        {"type": "Termination", "audio_duration_seconds": 2, "session_duration_seconds": 4}
    ]
    assert codec.closing(1000, "finished") == (1000, "finished")


@pytest.mark.parametrize(
    "message", ["hello", "[]", "{}", '{"type": "UpdateConfiguration", "max_turn_silence": "x"}']
)
def test_what_cannot_be_read_ends_the_call(message):
    codec = connect()
    with pytest.raises(ClientError) as caught:
        codec.receive_text(message)
    assert caught.value.close_code == 3006
    (error,) = told(codec, caught.value.event)
    assert (error["type"], error["error_code"]) == ("Error", 3006)
    assert codec.closing(3006, "invalid_message") == (3006, "invalid_message")


def test_failures_have_the_services_codes():
    codec = connect()
    (warning,) = told(codec, Failed("denoise_unavailable", "none", fatal=False))
    assert (warning["type"], warning["warning_code"]) == ("Warning", 3005)
    (error,) = told(codec, GoingAway(60.0))
    assert (error["type"], error["error_code"]) == ("Error", 1013)
    assert codec.closing(1013, "at_capacity") == (3009, "at_capacity")
    failed = told(codec, *events_of([final(1, "", failed=True)]))
    assert [each["type"] for each in failed] == ["SpeechStarted", "Turn", "Warning", "Turn"]


@given(histories())
def test_the_messages_of_turns_follow_the_protocol(steps: list[Step]):
    codec = connect()
    messages = told(codec, Created("id", "t"))
    for step in steps:
        if step is None:
            codec.receive_binary(bytes(2 * AUDIO))
        else:
            messages += told(codec, step)
    assert assemblyai_breaches(messages) == []
