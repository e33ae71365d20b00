"""Deepgram's protocol for conversations: what its clients send and get."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given

from common.options import SessionOptions
from gateway.protocols.api import ClientError, Request
from gateway.protocols.commands import Audio, Command, Configure, Finish, Flush, Open, Say
from gateway.protocols.events import Created, Event, Failed, GoingAway
from gateway.protocols.flux.codec import PROTOCOL, FluxCodec
from tests.turn_invariants import flux_breaches
from tests.unit.gateway.feed.test_turns import RESUMED, Entry, final, likely, partial
from tests.unit.gateway.protocols.turn_histories import AUDIO, Step, events_of, histories

DEFAULTS = SessionOptions()
PCM = {"encoding": "linear16", "sample_rate": "16000"}


def request(**query: str | list[str]) -> Request:
    asked = {"model": "flux-general-en", **PCM, **query}
    listed = {name: [value] if isinstance(value, str) else value for name, value in asked.items()}
    return Request(path="/v2/listen", query=listed)


def connect(**query: str | list[str]) -> FluxCodec:
    return FluxCodec(DEFAULTS, request(**query))


def opened(**query: str | list[str]) -> Open:
    (command,) = connect(**query).connected()
    assert isinstance(command, Open)
    return command


def read(messages: Sequence[str | bytes]) -> list[dict[str, Any]]:
    return [json.loads(message) for message in messages]


def told(codec: FluxCodec, *events: Event) -> list[dict[str, Any]]:
    return [message for event in events for message in read(codec.render(event, 1.5))]


def answers(commands: Sequence[Command]) -> list[dict[str, Any]]:
    said = [each for each in commands if isinstance(each, Say)]
    return [message for each in said for message in read(each.messages)]


def configure(codec: FluxCodec, **body: object) -> Sequence[Command]:
    return codec.receive_text(json.dumps({"type": "Configure", **body}))


def test_a_request_says_when_turns_end():
    options = opened().options
    assert (options.endpointing, options.turn_silence) == ("turn", (0.4, 1.6))
    assert (options.language, options.words, options.interim_results) == ("English", True, True)
    assert options.eager_threshold == 1.0
    eager = opened(eager_eot_threshold="0.4", eot_threshold="0.8", eot_timeout_ms="1000").options
    assert [*eager.turn_silence] == [pytest.approx(0.535, abs=0.001), 1.0]
    assert 0 < eager.eager_threshold < 0.4
    assert opened(eot_threshold="1.0").options.turn_silence == (60.0, 60.0)


def test_a_request_says_what_is_spoken():
    options = opened(keyterm=["Dashwood", ""], numerals="true", redact="numbers").options
    assert options.keywords == ("Dashwood",)
    assert (options.numbers, options.redact) == ("digits", ("numbers",))
    assert opened(model="flux-general-multi", numerals="true").options.language is None
    hinted = opened(model="flux-general-multi", language_hint="es")
    assert hinted.options.language == "Spanish"
    several = opened(model="flux-general-multi", language_hint=["es", "en"]).options
    assert (several.language, several.languages) == (None, ("Spanish", "English"))
    assert opened(encoding="opus").coding == "opus"
    assert opened(channels="2").audio.channels == 1


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ({"model": "nova-3"}, "model"),
        ({"eot_threshold": "0.2"}, "eot_threshold"),
        ({"eot_threshold": "high"}, "eot_threshold"),
        ({"eager_eot_threshold": "0.8"}, "at most eot_threshold"),
        ({"eot_timeout_ms": "100"}, "eot_timeout_ms"),
        ({"eot_timeout_ms": "1.5"}, "eot_timeout_ms"),
        ({"encoding": "pcm"}, "encoding"),
        ({"sample_rate": ""}, "sample_rate"),
        ({"model": "flux-general-multi", "redact": "numbers"}, "redact"),
        ({"language_hint": "tlh", "model": "flux-general-multi"}, "language"),
    ],
)
def test_a_request_of_no_use_is_refused(query, text):
    with pytest.raises(ClientError, match=text):
        connect(**query)
    assert PROTOCOL.denial(400, "why").content_type == "application/json"


def test_a_turn_is_told():
    codec = connect(eager_eot_threshold="0.4")
    again = likely(1, "I see it", 24_000)
    events: list[Entry] = [partial(1, "I"), likely(1, "I see"), RESUMED, again]
    entries = [*events, final(1, "I see it", end=24_000), final(2, "Yes", reason="flush")]
    connected, *turns = told(codec, Created("id", "t"), *events_of(entries))
    assert connected == {"type": "Connected", "request_id": "id", "sequence_id": 0}
    assert [(each["event"], each["turn_index"]) for each in turns] == [
        ("StartOfTurn", 0),
        ("Update", 0),
        ("EagerEndOfTurn", 0),
        ("TurnResumed", 0),
        ("EagerEndOfTurn", 0),
        ("EndOfTurn", 0),
        ("StartOfTurn", 1),
        ("EndOfTurn", 1),
    ]
    end = turns[5]
    assert end["end_of_turn_confidence"] == 0.7
    assert end["trigger"] == "model"
    assert [word["word"] for word in end["words"]] == ["I", "see", "it"]
    assert (end["audio_window_start"], end["audio_window_end"]) == (0.006, 1.5)
    assert turns[-1]["trigger"] == "manual"
    assert turns[-1]["end_of_turn_confidence"] == 1.0


def test_an_open_turn_is_told_of_with_the_audio():
    codec = connect()
    told(codec, Created("id", "t"), *events_of([partial(1, "I")]))
    pieces = [codec.receive_binary(bytes(2 * AUDIO)) for _ in range(5)]
    assert all(isinstance(commands[0], Audio) for commands in pieces)
    (update,) = answers([command for commands in pieces for command in commands])
    assert (update["event"], update["transcript"]) == ("Update", "I")
    assert update["audio_window_end"] == 0.3


def test_a_turn_that_waits_as_long_as_it_may_ends_by_timeout():
    codec = connect(eot_timeout_ms="500")
    events = events_of([final(1, "so", at=20_000 + 8_000)])
    assert told(codec, Created("id", "t"), *events)[-1]["trigger"] == "timeout"


def test_thresholds_and_terms_change_in_a_call():
    codec = connect()
    told(codec, Created("id", "t"))
    thresholds = {"eot_threshold": 0.9, "eager_eot_threshold": 0.5, "eot_timeout_ms": None}
    commands = configure(codec, thresholds=thresholds, keyterms=["Dashwood"])
    changed = commands[0]
    assert isinstance(changed, Configure)
    assert changed.options.keywords == ("Dashwood",)
    assert changed.options.turn_silence[0] == pytest.approx(0.765, abs=0.001)
    assert answers(commands) == [
        {
            "type": "ConfigureSuccess",
            "request_id": "id",
            "sequence_id": 1,
            "thresholds": {
                "eot_threshold": 0.9,
                "eager_eot_threshold": 0.5,
                "eot_timeout_ms": 5000,
            },
            "keyterms": ["Dashwood"],
        }
    ]
    again = answers(configure(codec, thresholds={"eot_timeout_ms": 1000}))[0]
    assert again["thresholds"]["eot_threshold"] == 0.9


def test_a_change_before_the_call_is_open_is_answered_behind_its_first_message():
    codec = connect()
    early = [*configure(codec, keyterms=["Dashwood"]), *configure(codec, keyterms="Dashwood")]
    assert [type(command) for command in early] == [Configure]
    messages = told(codec, Created("id", "t"))
    assert [each["type"] for each in messages] == [
        "Connected",
        "ConfigureSuccess",
        "ConfigureFailure",
    ]
    assert [each["sequence_id"] for each in messages] == [0, 1, 2]
    assert {each["request_id"] for each in messages} == {"id"}


@pytest.mark.parametrize(
    "body",
    [
        {"thresholds": {"eot_threshold": 2}},
        {"thresholds": {"eot": 0.7}},
        {"thresholds": 7},
        {"thresholds": {"eager_eot_threshold": 0.9}},
        {"keyterms": "Dashwood"},
        {"language_hints": ["es"]},
    ],
)
def test_a_change_of_no_use_is_refused_and_changes_nothing(body):
    codec = connect()
    told(codec, Created("id", "t"))
    commands = configure(codec, keyterms=["a"]) and configure(codec, **body)
    assert [type(command) for command in commands] == [Say]
    (answer,) = answers(commands)
    assert answer["type"] == "ConfigureFailure"
    assert "nothing of this update took effect" in answer["description"]
    assert answers(configure(codec))[0]["keyterms"] == ["a"]


def test_hints_change_the_language_of_the_multilingual_model():
    codec = connect(model="flux-general-multi")
    told(codec, Created("id", "t"))
    commands = configure(codec, language_hints=["es"])
    assert isinstance(commands[0], Configure)
    assert commands[0].options.language == "Spanish"
    assert answers(commands)[0]["language_hints"] == ["es"]
    turn = told(codec, *events_of([final(1, "Yes")]))[-1]
    assert (turn["languages"], turn["languages_hinted"]) == (["en"], ["es"])


def test_a_client_ends_a_turn_and_the_call():
    codec = connect()
    assert codec.receive_text('{"type": "ForceEndTurn"}') == (Flush(),)
    assert codec.receive_text('{"type": "CloseStream"}') == (Finish(),)
    assert codec.receive_text('{"type": "CloseStream"}') == ()
    assert codec.receive_binary(bytes(2)) == ()


@pytest.mark.parametrize("message", ["hello", "[]", "{}", '{"type": "KeepAlive"}'])
def test_what_cannot_be_read_ends_the_call(message):
    with pytest.raises(ClientError) as caught:
        connect().receive_text(message)
    assert caught.value.fatal
    (error,) = told(connect(), caught.value.event)
    assert (error["type"], error["code"]) == ("Error", "UNPARSABLE_CLIENT_MESSAGE")


def test_a_failure_that_ends_no_call_is_a_warning():
    codec = connect()
    (warning,) = told(codec, Failed("denoise_unavailable", "none", fatal=False))
    assert (warning["type"], warning["code"]) == ("Warning", "DENOISE_UNAVAILABLE")
    (error,) = told(codec, GoingAway(60.0))
    assert error["type"] == "Error"
    failed = told(codec, *events_of([final(1, "", failed=True)]))
    assert [each.get("event", each["type"]) for each in failed] == [
        "StartOfTurn",
        "Warning",
        "EndOfTurn",
    ]


@given(histories())
def test_the_state_of_a_turn_follows_the_protocol(steps: list[Step]):
    codec = connect(eager_eot_threshold="0.4")
    messages = told(codec, Created("id", "t"))
    for step in steps:
        if step is None:
            messages += answers(codec.receive_binary(bytes(2 * AUDIO)))
        else:
            messages += told(codec, step)
    assert flux_breaches(messages) == []
