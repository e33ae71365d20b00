"""What spans say of a call: when, how much, by whom, and no word."""

from dataclasses import astuple, replace
from typing import Any

import pytest

from gateway.spans.description import Described, call_span, utterance_span
from tests.unit.gateway.spans.examples import RECORD, SENT, SPAN, traced


def call(*utterances: object, reason: str = "finished", now: float = 1010.0) -> Described:
    found = [traced() for _ in utterances] if utterances else []
    return call_span("s", RECORD, SPAN, found, reason=reason, position=160_000, now=now)


def utterance(**changed: Any) -> Described:
    described = utterance_span(SPAN, traced(**changed))
    assert described is not None
    return described


def test_a_call_lasts_from_its_opening_to_its_end():
    described = call()
    assert (described.span, described.begin, described.end) == (SPAN.span, 1000.0, 1010.0)


def test_a_call_says_how_much_was_said_and_how_it_ended():
    described = call(1, 2)
    assert described.attributes == {
        "callscribe.call.id": "s",
        "callscribe.call.legs": 2,
        "callscribe.call.end_reason": "finished",
        "callscribe.call.utterances": 2,
        "callscribe.call.failed_utterances": 0,
        "callscribe.call.audio_seconds": 10.0,
        "callscribe.call.speech_seconds": 2.0,
        "callscribe.call.denoised": False,
        "callscribe.language": "English",
    }
    assert not described.failed
    assert call(reason="session_lost").failed


def test_a_clock_that_was_set_back_gives_no_negative_time():
    assert call(now=999.0).end == 1000.0


def test_an_utterance_begins_with_its_speech_and_ends_when_it_was_sent():
    described = utterance()
    assert (described.begin, described.end) == (1002.0, 1004.0)


def test_its_events_are_the_stamps_of_its_trace_by_their_times():
    assert utterance().events == [
        ("spoken", 1003.0),
        ("decode_begun", 1003.25),
        ("received", 1003.5),
        ("decode_ended", 1003.5),
        ("stored", 1003.5625),
        ("heard", 1003.625),
        ("endpoint", 1003.75),
        ("committed", 1003.875),
        ("sent", 1004.0),
    ]


def test_an_utterance_says_where_and_by_whom():
    assert utterance().attributes == {
        "callscribe.call.id": "s",
        "callscribe.leg": 1,
        "callscribe.utterance.number": 3,
        "callscribe.utterance.seq": 5,
        "callscribe.utterance.end_reason": "silence",
        "callscribe.utterance.speech_seconds": 1.0,
        "callscribe.utterance.text_length": 12,
        "callscribe.utterance.words": 2,
        "callscribe.language": "English",
        "callscribe.gateway.process": "gw",
        "callscribe.vad.process": "vad-1",
        "callscribe.asr.process": "asr-1",
    }


def test_a_recording_was_not_spoken_before_its_call():
    described = utterance(sent=replace(SENT, spoken=1000.25))
    assert described.begin == SPAN.begun


def test_without_a_gateways_stamps_it_begins_with_the_first_step_that_is_known():
    described = utterance(sent=None)
    assert (described.begin, described.end) == (1003.25, 1003.875)
    assert "callscribe.gateway.process" not in described.attributes


def test_an_utterance_without_any_stamp_is_none():
    bare = traced(sent=None, endpoint=None, decoding=None, committed=None)
    assert utterance_span(SPAN, bare) is None


def test_what_could_not_be_recognised_has_failed():
    assert utterance(failed=True, trouble="secret", text="").failed
    assert not utterance().failed


@pytest.mark.parametrize("place", [{"channel": 0}, {"utterance": 4}])
def test_each_utterance_has_an_id_of_its_own_and_always_the_same(place):
    assert utterance().span == utterance(seq=9).span != utterance(**place).span
    other = utterance_span(replace(SPAN, trace="1" * 32), traced())
    assert other is not None
    assert other.span != utterance().span
    assert len(bytes.fromhex(other.span)) == 8


def test_no_word_is_in_any_span():
    spans = [call(1), utterance(), utterance(failed=True, trouble="secret")]
    assert "secret" not in str([astuple(span) for span in spans])
