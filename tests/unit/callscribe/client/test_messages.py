import dataclasses
import json
from contextlib import suppress
from typing import Any, get_args, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callscribe import client
from callscribe.client.messages import (
    AudioAck,
    Created,
    Error,
    Event,
    Final,
    Gap,
    Keyword,
    Lag,
    Partial,
    Slot,
    SpeechEnded,
    SpeechStarted,
    Word,
    Words,
    parse_event,
)
from callscribe.client.options import Changes, Options
from callscribe.client.speakers import (
    Respoken,
    SpeakerRevision,
    Stretch,
)
from callscribe.client.turns import TurnEagerEnd, TurnEnded, TurnOverlap, TurnResumed, TurnStarted
from common.errors import PeerMisbehaved, SettingsError
from common.options import OPTIONS, SessionOptions
from gateway.protocols.api import ClientError, Request
from gateway.protocols.commands import Open
from gateway.protocols.native import NativeCodec

SPAN: dict[str, Any] = {"channel": 1, "start": 0.5, "end": 2.0}
TURN: dict[str, Any] = {**SPAN, "turn": 2, "step": 3, "utterance": 2, "at": 2.5, "text": "hello"}
OVERLAP: dict[str, Any] = {
    **SPAN,
    "turn": 4,
    "other_channel": 0,
    "other_turn": 3,
    "at": 2.5,
    "backchannel": False,
    "interrupted": True,
}
SLOT: dict[str, Any] = {
    **SPAN,
    "utterance": 2,
    "slot": 1,
    "question": "age",
    "expected": "digits",
    "value": "42",
    "raw": "forty two",
    "valid": True,
    "complete": True,
    "is_final": False,
    "confidence": [0.5, 0.75],
    "alternatives": ["402"],
}
RESPOKEN: dict[str, Any] = {
    "utterance": 3,
    "speaker": 1,
    "speakers": [{"speaker": 1, "start": 0.5, "end": 2.0}],
}
EVENTS: dict[str, tuple[dict[str, Any], Event]] = {
    "partial": (
        {**SPAN, "utterance": 3, "text": "hello w", "stable": 5, "language": "English"},
        Partial(
            channel=1,
            utterance=3,
            start=0.5,
            end=2.0,
            text="hello w",
            stable=5,
            language="English",
        ),
    ),
    "final": (
        {
            **SPAN,
            "utterance": 3,
            "seq": 2,
            "text": "hello",
            "is_speech_final": True,
            "words": [{"word": "hello", "start": 0.5, "end": 0.9, "probability": 0.8, "new": 1}],
            "speaker": 1,
            "speakers": RESPOKEN["speakers"],
        },
        Final(
            channel=1,
            utterance=3,
            seq=2,
            start=0.5,
            end=2.0,
            text="hello",
            words=(Word(word="hello", start=0.5, end=0.9, probability=0.8),),
            speaker=1,
            speakers=(Stretch(1, 0.5, 2.0),),
        ),
    ),
    "words": (
        {
            **SPAN,
            "utterance": 3,
            "seq": 4,
            "words": [{"word": "hello", "start": 0.5, "end": 0.9, "probability": 0.8}],
        },
        Words(
            channel=1,
            utterance=3,
            seq=4,
            start=0.5,
            end=2.0,
            words=(Word(word="hello", start=0.5, end=0.9, probability=0.8),),
        ),
    ),
    "speaker_revision": (
        {"channel": 1, "revision": 2, "utterances": [RESPOKEN]},
        SpeakerRevision(
            channel=1, revision=2, utterances=(Respoken(3, 1, (Stretch(1, 0.5, 2.0),)),)
        ),
    ),
    "speech_started": (
        {"channel": 0, "utterance": 1, "start": 0.1, "at": 0.6, "timestamp": 12.0},
        SpeechStarted(utterance=1, start=0.1, at=0.6, timestamp=12.0),
    ),
    "speech_ended": (
        {**SPAN, "utterance": 1, "at": 2.8, "reason": "silence"},
        SpeechEnded(channel=1, utterance=1, start=0.5, end=2.0, at=2.8, reason="silence"),
    ),
    "gap": (SPAN, Gap(channel=1, start=0.5, end=2.0)),
    "keyword": (
        {**SPAN, "utterance": 3, "keyword": "refund", "text": "Refund", "offset": 7},
        Keyword(
            channel=1,
            utterance=3,
            start=0.5,
            end=2.0,
            keyword="refund",
            text="Refund",
            offset=7,
        ),
    ),
    "turn_started": (
        {**TURN, "voiced": 0.5, "backchannel": True},
        TurnStarted(**TURN, voiced=0.5, backchannel=True),
    ),
    "turn_eager_end": ({**TURN, "evidence": "open"}, TurnEagerEnd(**TURN, evidence="open")),
    "turn_resumed": (TURN, TurnResumed(**TURN)),
    "turn_ended": (
        {**TURN, "evidence": "open", "reason": "flush", "word_confidence": 0.8},
        TurnEnded(**TURN, evidence="open", reason="flush", word_confidence=0.8),
    ),
    "turn_overlap": (OVERLAP, TurnOverlap(**OVERLAP)),
    "slot": (SLOT, Slot(**{**SLOT, "confidence": (0.5, 0.75), "alternatives": ("402",)})),
    "error": ({"code": "no", "message": "No."}, Error(code="no", message="No.")),
    "lag": ({"channel": 1, "seconds": 3.5}, Lag(channel=1, seconds=3.5)),
    "audio_ack": ({"position": 8000}, AudioAck(position=8000)),
}


@pytest.mark.parametrize("kind", EVENTS)
def test_events_are_read_from_the_wire(kind):
    wire, event = EVENTS[kind]
    assert parse_event(json.dumps({"type": kind, **wire, "added_later": [1]})) == event
    assert event.kind == kind


def test_a_final_tells_whether_its_words_are_still_to_come():
    place = {**SPAN, "utterance": 3, "seq": 2, "text": "hello", "words": None}
    pending = parse_event(json.dumps({"type": "final", **place, "words_pending": True}))
    assert isinstance(pending, Final)
    assert (pending.words, pending.words_pending, pending.words_unavailable) == (None, True, None)
    without = parse_event(json.dumps({"type": "final", **place, "words_unavailable": "why"}))
    assert isinstance(without, Final)
    assert (without.words_pending, without.words_unavailable) == (False, "why")


@pytest.mark.parametrize("kind", EVENTS)
def test_a_message_that_lacks_a_field_is_the_servers_fault(kind):
    with pytest.raises(PeerMisbehaved, match=kind):
        parse_event(json.dumps({"type": kind}))


@pytest.mark.parametrize("message", ["{}", '{"type": "mood"}', '{"type": []}', '{"type": null}'])
def test_unknown_types_are_ignored(message):
    assert parse_event(message) is None


@pytest.mark.parametrize("message", ["", "no json", "[]", "3", b"\xff\xff"])
def test_junk_is_the_servers_fault(message):
    with pytest.raises(PeerMisbehaved):
        parse_event(message)


def test_what_answers_a_config_says_where_a_resumed_call_is():
    begun = {"type": "session_created", "session_id": "s", "resume_token": "s.x", "new": 1}
    assert Created.from_wire(begun) == Created(session_id="s", resume_token="s.x")
    place: dict[str, Any] = {"resumed": True, "position": 8_000, "seq": 3, "controls": 2}
    expected = Created(session_id="s", resume_token="s.x", **place)
    assert Created.from_wire({**begun, **place}) == expected
    assert not expected.ended
    assert Created.from_wire({**begun, **place, "ended": True}).ended
    with pytest.raises(PeerMisbehaved, match="session_created"):
        Created.from_wire({"type": "session_created"})


json_values = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
wire_names = st.sampled_from(["utterance", "start", "end", "text", "seq", "words", "channel", "x"])


@given(
    st.sampled_from([*EVENTS, "unknown"]),
    st.dictionaries(wire_names, json_values, max_size=8),
)
def test_whatever_the_server_sends_is_an_event_or_its_fault(kind, body):
    with suppress(PeerMisbehaved):
        parse_event(json.dumps({**body, "type": kind}))


@pytest.mark.parametrize(
    ("encoding", "channels", "size"), [("float32", 2, 8), ("pcm16", 1, 2), ("alaw", 2, 2)]
)
def test_a_frame_is_one_sample_of_every_channel(encoding, channels, size):
    assert Options(encoding=encoding, channels=channels).frame_bytes == size


@pytest.mark.parametrize("encoding", ["opus", None, ""])
def test_an_encoding_there_is_none_of_is_named_with_those_there_are(encoding):
    with pytest.raises(SettingsError) as error:
        Options(encoding=encoding)
    assert str(error.value) == f"encoding is {encoding!r}; there are float32, pcm16, mulaw, alaw"


def test_options_leave_out_what_is_left_to_the_server():
    assert Options().to_wire() == {
        "encoding": "pcm16",
        "sample_rate": 16_000,
        "channels": 1,
        "events": (),
    }
    assert Options(denoise=False, keywords=("a",)).to_wire()["denoise"] is False


def test_every_option_of_the_protocol_can_be_sent():
    codec = NativeCodec(SessionOptions(), Request())
    with pytest.raises(ClientError) as caught:
        codec.receive_text('{"type": "config", "zzzzzzzz": 1}')
    known = caught.value.message.partition("known are ")[2].split(", ")
    assert {field.name for field in dataclasses.fields(Options)} == set(known)
    everything = Options(
        language="en",
        languages=("en", "de"),
        context="billing",
        keywords=("EZB",),
        keyword_distance=1,
        vad_threshold=0.4,
        silence_threshold=0.5,
        endpointing="turn",
        min_turn_silence=0.3,
        max_turn_silence=2,
        eager_threshold=0.4,
        expect="",
        min_speech_duration=0.1,
        max_utterance=20,
        chunk_size_sec=2,
        unfixed_chunk_num=1,
        unfixed_token_num=2,
        denoise=True,
        post_filter=False,
        attenuation_limit=12,
        words=True,
        diarize=True,
        interim_results=False,
        numbers="digits",
        redact=("pci", "email"),
        redact_form="last4",
        record=True,
        channel_labels=("agent",),
        conversation_id="case 7",
        webhook="https://example.com/finals",
        events=("gap",),
    )
    assert everything.to_wire().keys() == set(known)
    (command,) = codec.receive_text(json.dumps({"type": "config", **everything.to_wire()}))
    assert isinstance(command, Open)
    assert command.options.unfixed_token_num == 2
    assert command.options.attenuation_limit == 12.0


@pytest.mark.parametrize("option", OPTIONS)
def test_an_option_has_the_type_that_the_table_gives(option):
    declared = get_type_hints(SessionOptions)[option]
    assert get_type_hints(Options)[option] == declared | None
    assert get_type_hints(Changes).get(option, declared) == declared


def test_what_may_change_is_what_the_table_lets_change():
    assert set(Changes.__annotations__) == {e.name for e in OPTIONS.values() if e.changeable}


@pytest.mark.parametrize("event", get_args(Event), ids=lambda event: event.kind)
def test_every_event_is_exported(event):
    assert getattr(client, event.__name__) is event
    assert event.__name__ in client.__all__
