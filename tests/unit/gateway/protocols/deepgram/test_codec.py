"""What a client's messages ask for, and what it is told."""

import hashlib
import json
from dataclasses import replace
from typing import Any

import pytest

from common.options import SessionOptions
from common.pipeline.text import TimedWord
from gateway.protocols.api import ClientError, Request
from gateway.protocols.commands import (
    Audio,
    AudioFormat,
    Command,
    Configure,
    Finish,
    Flush,
    Open,
    Say,
)
from gateway.protocols.deepgram.codec import DeepgramCodec, denial, subprotocol
from gateway.protocols.deepgram.pauses import UNDECIDED
from gateway.protocols.events import (
    Created,
    Ended,
    Event,
    Failed,
    GoingAway,
    Heard,
    Lag,
    Partial,
    SpeakerRevision,
    SpeechStarted,
    Words,
)
from gateway.protocols.stretches import Stretch
from tests.unit.gateway.finals import a_final

DEFAULTS = SessionOptions()
WORD = TimedWord("Hello.", 1_600, 8_000, 0.5)
FINAL = a_final(end=16_000, at=20_000, text="Hello.", language="English", words=(WORD,))
SECOND = bytes(32_000)


def codec(**query: str) -> DeepgramCodec:
    given = {"encoding": "linear16", "sample_rate": "16000", "language": "en", **query}
    one = DeepgramCodec(DEFAULTS, Request(query={name: [v] for name, v in given.items()}))
    one.connected()
    return one


def told(one: DeepgramCodec, *events: Event) -> list[dict[str, Any]]:
    return [json.loads(str(m)) for event in events for m in one.render(event, 12.5)]


def said(command: Command) -> list[dict[str, Any]]:
    assert isinstance(command, Say)
    return [json.loads(message) for message in command.messages]


def ask(one: DeepgramCodec, kind: str, **more: object) -> list[Command]:
    return [*one.receive_text(json.dumps({"type": kind, **more}))]


def test_the_url_opens_the_call():
    one = DeepgramCodec(DEFAULTS, Request(query={"encoding": ["mulaw"], "sample_rate": ["8000"]}))
    options = replace(DEFAULTS, words=True, interim_results=False)
    assert one.connected() == (Open(options, AudioFormat("mulaw", 8_000, 1), frozenset()),)


@pytest.mark.parametrize("query", [{"vad_events": "true"}, {"utterance_end_ms": "1000"}])
def test_starts_of_speech_are_asked_for_where_they_are_needed(query):
    one = DeepgramCodec(
        DEFAULTS,
        Request(
            query={"encoding": ["alaw"], "sample_rate": ["8000"]}
            | {name: [value] for name, value in query.items()}
        ),
    )
    (opening,) = one.connected()
    assert isinstance(opening, Open)
    assert opening.events == {"speech_started"}


def test_a_request_of_no_use_has_no_codec():
    with pytest.raises(ClientError, match="encoding must be one of"):
        DeepgramCodec(DEFAULTS, Request(query={"encoding": ["pcm"]}))


def test_compressed_audio_tells_where_it_ends_once_it_is_decoded():
    one = DeepgramCodec(DEFAULTS, Request(query={"utterance_end_ms": ["1000"]}))
    (opening,) = one.connected()
    assert isinstance(opening, Open)
    assert (opening.coding, opening.audio) == ("any", AudioFormat("pcm16", 16_000, 1))
    told(one, Created("s", ""), FINAL)
    assert one.receive_binary(bytes(10**6)) == (Audio(bytes(10**6)),)
    assert told(one, Heard(8_000 + 16_000)) == []
    (end,) = told(one, Heard(8_000 + 16_000 + UNDECIDED))
    assert (end["type"], end["last_word_end"]) == ("UtteranceEnd", 0.5)
    assert told(one, Ended())[0]["duration"] == 1.8


def test_interim_results_and_finals_are_written_as_asked():
    one = codec(interim_results="true", punctuate="false", profanity_filter="true")
    word = TimedWord("Shit,", 1_600, 8_000, 0.5)
    partial = Partial(0, 1, 0, 16_000, "Shit, Hello.", 0, "English")
    final = replace(FINAL, text="Shit, Hello.", words=(word, WORD))
    interim, last = (each["channel"]["alternatives"][0] for each in told(one, partial, final))
    assert interim["transcript"] == last["transcript"] == "**** hello"
    assert [each["punctuated_word"] for each in last["words"]] == ["****", "hello"]


def test_the_language_that_was_heard_decides_what_is_a_dictated_mark():
    final = replace(FINAL, text="Ja comma", words=None)
    asked = {"language": "multi", "dictation": "true", "punctuate": "true"}
    for language, text in (("German", "Ja comma"), ("English", "Ja,")):
        (result,) = told(codec(**asked), replace(final, language=language))
        assert result["channel"]["alternatives"][0]["transcript"] == text


def test_client_messages():
    one = codec()
    assert one.receive_binary(b"ab") == (Audio(b"ab"),)
    assert ask(one, "KeepAlive") == []
    assert ask(one, "Finalize", channel=0) == [Flush()]
    assert ask(one, "CloseStream") == [Finish()]
    assert ask(one, "CloseStream") == []
    assert ask(one, "Finalize") == []
    assert one.receive_binary(b"ab") == ()


def test_a_long_message_may_come_in_pieces():
    assert codec().divisible


def test_an_empty_message_ends_the_stream():
    assert codec().receive_binary(b"") == (Finish(),)


@pytest.mark.parametrize("message", ["{", "[]", "{}", '{"type": "finalize"}', '{"type": 1}'])
def test_a_message_that_cannot_be_read_is_a_schema_error(message):
    one = codec()
    with pytest.raises(ClientError) as caught:
        one.receive_text(message)
    assert not caught.value.fatal
    (error,) = told(one, caught.value.event)
    assert (error["type"], error["variant"]) == ("Error", "SchemaError")
    assert error["description"] == error["message"] == caught.value.message


def test_terms_can_be_replaced():
    one = codec(keyterm="old")
    told(one, Created("id", "token"))
    configure, answer = ask(one, "Configure", keyterms=["new"], features={"numerals": True})
    assert isinstance(configure, Configure)
    assert configure.options.keywords == ("new",)
    success = {"type": "ConfigureSuccess", "request_id": "id"}
    assert said(answer) == [{**success, "keyterms": ["new"]}]
    (answer,) = ask(one, "Configure")
    assert said(answer) == [success]
    with pytest.raises(ClientError, match=r"keyterms must be a list .*nothing of this update took"):
        ask(one, "Configure", keyterms="new")


def test_an_answer_that_names_the_request_waits_for_its_name():
    one = codec()
    (configure,) = ask(one, "Configure", keyterms=["new"])
    assert isinstance(configure, Configure)
    (answer,) = told(one, Created("id", "token"))
    assert (answer["type"], answer["request_id"]) == ("ConfigureSuccess", "id")
    assert told(one, Created("id", "token")) == []


def test_a_final_is_a_result():
    one = codec()
    told(one, Created("id", "token"))
    (result,) = told(one, FINAL)
    assert {name: result[name] for name in ("type", "channel_index", "start", "duration")} == {
        "type": "Results",
        "channel_index": [0, 1],
        "start": 0.0,
        "duration": 1.0,
    }
    assert (result["is_final"], result["speech_final"], result["from_finalize"]) == (
        True,
        True,
        False,
    )
    (best,) = result["channel"]["alternatives"]
    assert (best["transcript"], best["confidence"]) == ("Hello.", 0.5)
    assert [word["word"] for word in best["words"]] == ["hello"]
    assert result["metadata"]["request_id"] == "id"


def test_each_word_of_a_final_has_its_speaker_and_no_revision_is_told():
    one = codec(diarize="true")
    words = (WORD, TimedWord("Hi.", 9_000, 15_000, 0.5))
    speakers = (Stretch(1_600, 8_000, 0), Stretch(9_000, 15_000, 1))
    (result,) = told(one, replace(FINAL, text="Hello. Hi.", words=words, speakers=speakers))
    (best,) = result["channel"]["alternatives"]
    assert [word["speaker"] for word in best["words"]] == [0, 1]
    assert told(one, SpeakerRevision(0, 1, {1: (Stretch(1_600, 15_000, 0),)})) == []


def test_words_of_nobody_that_is_known_have_no_speaker():
    (result,) = told(codec(diarize="true"), FINAL)
    assert "speaker" not in result["channel"]["alternatives"][0]["words"][0]


def test_an_utterance_that_is_cut_for_its_length_goes_on():
    (result,) = told(codec(), replace(FINAL, reason="length"))
    assert (result["is_final"], result["speech_final"]) == (True, False)


@pytest.mark.parametrize("text", ["Hello.", ""])
def test_finalize_is_always_answered(text):
    (result,) = told(codec(), replace(FINAL, text=text, words=None, reason="flush"))
    assert (result["is_final"], result["from_finalize"]) == (True, True)
    (best,) = result["channel"]["alternatives"]
    assert (best["transcript"], best["words"]) == (text, [])
    assert best["confidence"] == (1.0 if text else 0.0)


def test_finalize_is_answered_by_an_utterance_that_nobody_could_read():
    """What ended it is not known, so it answers the `Finalize` that waits, on its channel."""
    one = codec(multichannel="true", channels="2")
    lost = replace(FINAL, text="", words=None, reason="failed", failed=True)
    assert not told(one, lost)[-1]["from_finalize"], "none waits"
    ask(one, "Finalize")
    answers = [told(one, replace(lost, channel=channel))[-1] for channel in (0, 0, 1)]
    assert [answer["from_finalize"] for answer in answers] == [True, False, True]


def test_a_finalize_that_is_answered_waits_no_more():
    one = codec()
    ask(one, "Finalize")
    assert told(one, replace(FINAL, reason="flush"))[-1]["from_finalize"]
    lost = replace(FINAL, text="", words=None, reason="failed", failed=True)
    assert not told(one, lost)[-1]["from_finalize"]


def test_interim_results_are_sent():
    partial = Partial(1, 1, 0, 8_000, "hello", 2, "English")
    (result,) = told(codec(channels="2", interim_results="true"), partial)
    assert (result["is_final"], result["speech_final"]) == (False, False)
    assert (result["channel_index"], result["duration"]) == ([1, 2], 0.5)
    assert result["channel"]["alternatives"][0]["confidence"] == 0.4
    assert told(codec(interim_results="true"), replace(partial, channel=0, text="")) == []


def test_results_of_a_channel_never_overlap_its_finals():
    one = codec(channels="2", interim_results="true")
    told(one, FINAL)
    (result,) = told(one, Partial(0, 2, 12_000, 24_000, "a", 0, None))
    assert (result["start"], result["duration"]) == (1.0, 0.5)
    (result,) = told(one, replace(FINAL, start=12_000, end=14_000))
    assert (result["start"], result["duration"]) == (1.0, 0.0)
    (result,) = told(one, replace(FINAL, channel=1))
    assert result["start"] == 0.0


def test_a_language_is_told_only_where_it_is_detected():
    assert "languages" not in told(codec(), FINAL)[0]["channel"]["alternatives"][0]
    (result,) = told(codec(language="multi"), FINAL)
    assert result["channel"]["alternatives"][0]["languages"] == ["en"]


def test_a_language_without_a_name_is_told_by_its_code():
    one = codec(language="multi", interim_results="true")
    partial = Partial(0, 1, 0, 16_000, "bore da", 0, "cy")
    for event in (partial, replace(FINAL, language="cy")):
        (result,) = told(one, event)
        assert result["channel"]["alternatives"][0]["languages"] == ["cy"]


def test_speech_starts_are_told_if_asked_for():
    started = SpeechStarted(1, 1, 8_000, 9_000)
    assert told(codec(channels="2"), started) == []
    assert told(codec(channels="2", vad_events="true"), started) == [
        {"type": "SpeechStarted", "channel": [1, 2], "timestamp": 0.5}
    ]


def test_the_end_of_an_utterance_is_told_when_the_audio_has_gone_on():
    one = codec(utterance_end_ms="1000")
    assert told(one, SpeechStarted(0, 1, 0, 512)) == []
    one.receive_binary(SECOND)
    assert [each["type"] for each in told(one, FINAL)] == ["Results"]
    assert len(one.receive_binary(bytes(2 * (8_000 + UNDECIDED - 1)))) == 1
    audio, end = one.receive_binary(bytes(2))
    assert audio == Audio(bytes(2))
    assert said(end) == [{"type": "UtteranceEnd", "channel": [0, 1], "last_word_end": 0.5}]


def test_the_end_of_an_utterance_follows_a_late_final():
    one = codec(utterance_end_ms="1000")
    for _ in range(3):
        one.receive_binary(SECOND)
    assert [each["type"] for each in told(one, FINAL)] == ["Results", "UtteranceEnd"]
    assert [each["type"] for each in told(one, replace(FINAL, text=""))] == ["Results"]


def test_the_end_of_an_utterance_comes_before_the_next_start():
    one = codec(utterance_end_ms="1000", vad_events="true")
    one.receive_binary(SECOND)
    told(one, SpeechStarted(0, 1, 0, 512), FINAL)
    kinds = [each["type"] for each in told(one, SpeechStarted(0, 2, 40_000, 42_000))]
    assert kinds == ["UtteranceEnd", "SpeechStarted"]


@pytest.mark.parametrize(("endpointing", "ends_later"), [("false", False), ("5000", True)])
def test_the_end_of_an_utterance_does_not_wait_for_that_of_speech(endpointing, ends_later):
    one = codec(utterance_end_ms="1000", endpointing=endpointing)
    (opening,) = one.connected()
    assert isinstance(opening, Open)
    assert opening.options.silence_threshold == 1.0
    told(one, SpeechStarted(0, 1, 0, 512))
    for _ in range(2):
        one.receive_binary(SECOND)
    result, end = told(one, FINAL)
    assert (result["is_final"], result["speech_final"]) == (True, False)
    assert end["type"] == "UtteranceEnd"
    commands = [command for _ in range(8) for command in one.receive_binary(SECOND)]
    later = [m for command in commands if isinstance(command, Say) for m in said(command)]
    assert [(m["type"], m["speech_final"]) for m in later] == ends_later * [("Results", True)]
    assert [each["channel"]["alternatives"][0]["transcript"] for each in later] == ends_later * [""]


def test_the_end_of_an_utterance_follows_a_cut_behind_which_nothing_is_said():
    one = codec(utterance_end_ms="1000", interim_results="true")
    told(one, SpeechStarted(0, 1, 0, 512))
    (result,) = told(one, replace(FINAL, reason="length"))
    assert not result["speech_final"]
    assert told(one, SpeechStarted(0, 2, FINAL.end, FINAL.end)) == []
    for _ in range(3):
        one.receive_binary(SECOND)
    empty = replace(FINAL, utterance=2, text="", words=())
    assert [each["type"] for each in told(one, empty)] == ["Results", "UtteranceEnd"]


def test_the_end_of_an_utterance_follows_words_that_stand_still():
    one = codec(utterance_end_ms="1000", interim_results="true")
    partial = Partial(0, 1, 0, 8_000, "hello", 5, None)
    assert [each["type"] for each in told(one, partial)] == ["Results"]
    kinds = [each["type"] for each in told(one, replace(partial, end=24_000))]
    assert kinds == ["UtteranceEnd", "Results"]


def test_the_last_message_tells_of_the_whole_request():
    one = codec(encoding="mulaw", sample_rate="8000", channels="2")
    told(one, Created("id", "token"))
    audio = bytes(range(250)) * 64
    one.receive_binary(audio)
    (metadata,) = told(one, Ended())
    assert metadata["request_id"] == "id"
    assert metadata["sha256"] == hashlib.sha256(audio).hexdigest()
    assert (metadata["duration"], metadata["channels"]) == (1.0, 2)
    assert metadata["created"] == "1970-01-01T00:00:12.500Z"


def test_errors_have_their_form():
    failed = Failed("at_capacity", "no room", fatal=True, retry_after=5)
    (error,) = told(codec(), failed)
    assert (error["type"], error["variant"]) == ("Error", "at_capacity")
    (error,) = told(codec(), Failed("idle", "silent", fatal=True))
    assert error["variant"] == "NET-0001"
    (error, result) = told(codec(), replace(FINAL, text="", failed=True, trouble="why"))
    assert (error["description"], result["type"]) == ("why", "Results")
    (error,) = told(codec(), GoingAway(60.0))
    assert error["variant"] == "going_away"


def test_the_rest_is_not_told():
    assert told(codec(), Lag(0, 2.5), Words(0, 1, 2, 0, 8_000, (WORD,))) == []


def test_closings():
    assert codec().closing(1000, "finished") == (1000, "")
    code, reason = codec().closing(1008, "idle")
    assert code == 1011
    assert reason.startswith("NET-0001")
    assert codec().closing(1013, "at_capacity") == (1013, "at_capacity")


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (["token", "key"], "token"),
        (["bearer", "key"], "bearer"),
        (["token"], None),
        (["chat", "token"], None),
        ([], None),
    ],
)
def test_the_name_before_a_key_is_chosen(offered, chosen):
    assert subprotocol(offered) == chosen


def test_a_refused_handshake_has_its_form():
    answer = denial(429, "key_sessions")
    assert answer.content_type == "application/json"
    assert json.loads(answer.body) == {
        "err_code": "TOO_MANY_REQUESTS",
        "err_msg": "key_sessions",
        "request_id": "",
    }
