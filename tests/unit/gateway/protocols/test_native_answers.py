"""The native protocol to the client: golden messages, and which client gets which."""

from dataclasses import replace
from typing import Any

import pytest

from common.pipeline.text import TimedWord
from gateway.protocols.api import Request
from gateway.protocols.events import (
    Answer,
    AudioAck,
    Created,
    Ended,
    Failed,
    Final,
    Gap,
    GoingAway,
    Lag,
    Overlap,
    Partial,
    SpeakerRevision,
    SpeechEnded,
    SpeechStarted,
    Turn,
    TurnKind,
    Words,
)
from gateway.protocols.native import NativeCodec
from gateway.protocols.stretches import Stretch
from tests.unit.gateway.protocols.test_native import DEFAULTS, NOW, opened, rendered


def test_created():
    assert rendered(opened(), Created("s1", "t1")) == [
        {"type": "session_created", "session_id": "s1", "resume_token": "t1"}
    ]


def test_a_gateway_that_ends_tells_how_long_the_call_waits():
    (message,) = rendered(opened(), GoingAway(60.0))
    assert (message["type"], message["code"]) == ("error", "going_away")
    assert message["resume_within"] == 60.0


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (AudioAck(32_000), {"type": "audio_ack", "position": 32_000}),
        (Lag(1, 2.34567), {"type": "lag", "channel": 1, "seconds": 2.346}),
    ],
)
def test_how_far_the_system_is_is_told_to_who_asked(event, message):
    assert rendered(opened(), event) == []
    assert rendered(opened(events=[message["type"]]), event) == [message]


def test_a_refusal_tells_when_to_try_again():
    (message,) = rendered(opened(), Failed("at_capacity", "full", fatal=True, retry_after=5))
    assert message["retry_after"] == 5


PARTIAL = Partial(0, 3, 16_000, 40_000, "Hello wörld", 5, "English")


def test_partial():
    codec = opened()
    assert rendered(codec, PARTIAL) == [
        {
            "type": "partial",
            "language": "English",
            "text": "Hello wörld",
            "timestamp": 1234567890.123,
            "utterance": 3,
            "channel": 0,
            "start": 1.0,
            "end": 2.5,
            "stable": 5,
        }
    ]
    assert "wörld" in codec.render(PARTIAL, NOW)[0]


def test_empty_partials_are_not_sent():
    assert rendered(opened(), Partial(0, 1, 0, 1, "", 0, None)) == []


def final(text="Hi there", reason="silence", words=None, failed=False) -> Final:
    return Final(
        channel=1,
        utterance=3,
        seq=2,
        start=16_001,
        end=24_000,
        at=36_800,
        text=text,
        language="English",
        words=words,
        reason=reason,
        failed=failed,
    )


WORDS = (TimedWord("Hi", 16_001, 18_000, 0.98765), TimedWord("there", 18_000, 24_000, 1.0))


def test_how_sure_a_detected_language_is():
    (told,) = rendered(opened(), replace(final(), language_confidence=0.98765))
    assert told["language_confidence"] == 0.9877


def test_final():
    assert rendered(opened(), final()) == [
        {
            "type": "final",
            "language": "English",
            "text": "Hi there",
            "timestamp": 1234567890.123,
            "utterance": 3,
            "channel": 1,
            "start": 1.0,
            "end": 1.5,
            "is_speech_final": True,
            "seq": 2,
            "stable": 8,
        }
    ]


@pytest.mark.parametrize("now", [True, False])
def test_words_as_the_utterance_was_recognised_whatever_the_call_wants_now(now):
    (message,) = rendered(opened(words=now), final(words=WORDS))
    assert message["words"] == [
        {"word": "Hi", "start": 1.0, "end": 1.125, "probability": 0.9877},
        {"word": "there", "start": 1.125, "end": 1.5, "probability": 1.0},
    ]
    for without in (final(), final("", reason="flush")):
        (message,) = rendered(opened(words=now), without)
        assert not any(name.startswith("words") for name in message)


def test_a_final_without_its_words_tells_whether_they_come():
    (message,) = rendered(opened(words=True), replace(final(), words_pending=True))
    assert (message["words"], message["words_pending"]) == (None, True)
    assert "words_unavailable" not in message
    (message,) = rendered(opened(words=True), replace(final(), unavailable="why"))
    assert (message["words"], message["words_unavailable"]) == (None, "why")
    assert "words_pending" not in message


def test_words_that_come_later():
    place = {"utterance": 3, "channel": 1, "start": 1.0, "end": 1.5, "seq": 7}
    stamped = {"type": "words", "timestamp": 1234567890.123} | place
    assert rendered(opened(words=True), Words(1, 3, 7, 16_001, 24_000, WORDS[:1])) == [
        stamped | {"words": [{"word": "Hi", "start": 1.0, "end": 1.125, "probability": 0.9877}]}
    ]
    assert rendered(opened(words=True), Words(1, 3, 7, 16_001, 24_000, None, "why")) == [
        stamped | {"words": None, "words_unavailable": "why"}
    ]


@pytest.mark.parametrize(
    ("reason", "count"), [("silence", 0), ("length", 0), ("gap", 0), ("flush", 1), ("finish", 1)]
)
def test_an_empty_final_answers_only_who_asked(reason, count):
    assert len(rendered(opened(), final(text="", reason=reason))) == count


def test_a_failed_utterance_is_not_silence():
    (error,) = rendered(opened(), final(text="", failed=True))
    assert error["code"] == "utterance_failed"
    assert "utterance 3 of channel 1 (1 s to 1.5 s)" in error["message"]
    error, answer = rendered(opened(), final(text="", reason="finish", failed=True))
    assert (error["type"], answer["type"]) == ("error", "final")


TURN = {
    "utterance": 2,
    "end": 1.0,
    "turn": 1,
    "step": 4,
    "at": 2.0,
    "text": "I see",
    "language": "English",
    "confidence": 0.457,
    "backchannel": False,
    "timestamp": 1234567890.123,
}


def turn(kind: TurnKind, **more: Any) -> Turn:
    return Turn(
        kind=kind,
        channel=0,
        turn=1,
        step=4,
        utterance=2,
        start=1_600,
        end=16_000,
        at=32_000,
        transcript="I see",
        language="English",
        confidence=0.45678,
        **more,
    )


SPEECH = [
    (
        SpeechStarted(0, 1, 1_600, 8_192),
        {"type": "speech_started", "utterance": 1, "at": 0.512, "timestamp": 1234567890.123},
    ),
    (
        SpeechEnded(0, 1, 1_600, 16_000, 32_000, "silence"),
        {
            "type": "speech_ended",
            "utterance": 1,
            "end": 1.0,
            "at": 2.0,
            "reason": "silence",
            "timestamp": 1234567890.123,
        },
    ),
    (Gap(0, 1_600, 16_000), {"type": "gap", "end": 1.0}),
    (
        Answer(
            channel=0,
            utterance=2,
            first=1,
            start=1_600,
            end=16_000,
            kind="digits",
            question="age",
            value="42",
            raw="forty two",
            valid=True,
            complete=True,
            final=False,
            sure=(0.5, 0.75),
            alternatives=("402",),
        ),
        {
            "type": "slot",
            "utterance": 2,
            "end": 1.0,
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
            "timestamp": 1234567890.123,
        },
    ),
    (turn("started"), {"type": "turn_started", **TURN}),
    (turn("eager_end", evidence="open"), {"type": "turn_eager_end", **TURN, "evidence": "open"}),
    (turn("resumed"), {"type": "turn_resumed", **TURN}),
    (
        turn("ended", evidence="open", reason="silence"),
        {"type": "turn_ended", **TURN, "evidence": "open", "reason": "silence"},
    ),
    (
        turn("started", voiced=8_000, backchannel=True, word_confidence=0.81236),
        {
            "type": "turn_started",
            **TURN,
            "voiced": 0.5,
            "backchannel": True,
            "word_confidence": 0.8124,
        },
    ),
    (
        Overlap(
            channel=0,
            turn=4,
            other_channel=1,
            other_turn=3,
            start=1_600,
            end=16_000,
            at=32_000,
            backchannel=False,
            interrupted=True,
        ),
        {
            "type": "turn_overlap",
            "timestamp": 1234567890.123,
            "turn": 4,
            "other_channel": 1,
            "other_turn": 3,
            "end": 1.0,
            "at": 2.0,
            "backchannel": False,
            "interrupted": True,
        },
    ),
]


@pytest.mark.parametrize(("event", "message"), SPEECH)
def test_opt_in_messages(event, message):
    assert rendered(opened(), event) == []
    assert rendered(opened(events=[message["type"]]), event) == [
        {"channel": 0, "start": 0.1, **message}
    ]


def test_an_error_is_told_even_before_the_config():
    codec = NativeCodec(DEFAULTS, Request())
    assert rendered(codec, Failed("at_capacity", "no room", fatal=True)) == [
        {"type": "error", "code": "at_capacity", "message": "no room"}
    ]


def test_the_end_has_no_message():
    assert rendered(opened(), Ended()) == []


def test_who_speaks_is_told_of_finals_of_words_and_of_what_is_corrected():
    speakers = (Stretch(0, 16_000, 1), Stretch(16_000, 24_000, 0))
    words = (TimedWord("a", 0, 8_000, 1.0), TimedWord("b", 17_000, 24_000, 1.0))
    said: dict[str, Any] = {"at": 1, "text": "a b", "language": None, "reason": "silence"}
    place: dict[str, Any] = {"channel": 0, "utterance": 1, "start": 0, "end": 24_000}
    final = Final(**place, **said, seq=1, words=words, speakers=speakers)
    (told,) = rendered(opened(), final)
    assert told["speaker"] == 1
    assert told["speakers"] == [
        {"speaker": 1, "start": 0, "end": 1},
        {"speaker": 0, "start": 1, "end": 1.5},
    ]
    assert [word["speaker"] for word in told["words"]] == [1, 0]
    revision = SpeakerRevision(channel=0, number=2, changed={1: speakers})
    (corrected,) = rendered(opened(), revision)
    assert (corrected["type"], corrected["revision"]) == ("speaker_revision", 2)
    assert corrected["utterances"] == [{"utterance": 1, "speaker": 1, "speakers": told["speakers"]}]
