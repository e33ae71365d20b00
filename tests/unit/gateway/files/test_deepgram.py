"""Deepgram's parameters and answers."""

import json
from typing import Any

import pytest

from common.options import SessionOptions
from gateway.files.deepgram import read, refuse
from gateway.files.refusal import FileRefused
from gateway.files.transcript import Asked, Raw, Transcript
from gateway.protocols.api import ClientError
from gateway.protocols.events import SpeakerRevision
from gateway.protocols.stretches import Stretch
from tests.unit.gateway.files.results import SECOND, final, transcript

STEREO = transcript(
    final("Good morning.", 1),
    final("Hello.", 2, channel=1),
    final("Bye.", 5, utterance=2),
    channels=2,
)


def asked(**given: str) -> Asked:
    return read({name: [value] for name, value in given.items()}, SessionOptions())


def body(whole: Transcript, **given: str) -> Any:
    answer = asked(**given).answer(whole)
    assert answer.content_type == "application/json"
    return json.loads(answer.body)


def test_each_channel_has_its_words():
    channels = body(STEREO, multichannel="true")["results"]["channels"]
    first, second = (channel["alternatives"][0] for channel in channels)
    assert first["transcript"] == "Good morning. Bye."
    assert [word["punctuated_word"] for word in first["words"]] == ["Good", "morning.", "Bye."]
    assert first["words"][1] == {
        "word": "morning",
        "start": 2.0,
        "end": 2.5,
        "confidence": 0.5,
        "punctuated_word": "morning.",
    }
    assert first["confidence"] == 0.5
    assert second["transcript"] == "Hello."
    assert channels[0]["detected_language"] == "en"


def test_texts_are_written_as_asked():
    whole = transcript(final("Good morning comma Bastard.", 1))
    asked = {"punctuate": "true", "dictation": "true", "profanity_filter": "true"}
    results = body(whole, utterances="true", **asked)["results"]
    best = results["channels"][0]["alternatives"][0]
    (utterance,) = results["utterances"]
    assert best["transcript"] == utterance["transcript"] == "Good morning, ****."
    assert [word["word"] for word in best["words"]] == ["good", "morning", "****"]
    bare = body(whole, punctuate="false")["results"]["channels"][0]["alternatives"][0]
    assert bare["transcript"] == "good morning comma bastard"


def test_speakers_are_those_of_the_last_revision_and_the_nearest_where_nobody_is_known():
    first = final("Good morning.", 1, speakers=(Stretch(SECOND, 3 * SECOND, 1),))
    second = final("Hello. Yes.", 4, utterance=2, speakers=(Stretch(4 * SECOND, 5 * SECOND, 0),))
    whole = transcript(first, final("Um.", 3, utterance=3), second)
    whole.hear(SpeakerRevision(0, 1, {1: (Stretch(SECOND, 3 * SECOND, 2),)}))
    results = body(whole, diarize="true", utterances="true")["results"]
    words = results["channels"][0]["alternatives"][0]["words"]
    assert [word["speaker"] for word in words] == [2, 2, 2, 0, 0]
    assert [each["speaker"] for each in results["utterances"]] == [2, 2, 0]
    assert [word["speaker"] for word in results["utterances"][1]["words"]] == [2]
    assert asked(diarize="true").options.diarize
    unknown = body(STEREO, utterances="true")["results"]
    assert "speaker" not in json.dumps(unknown)


def test_how_sure_a_detected_language_is():
    said = body(transcript(final("one", 1, language_confidence=0.87654)))
    assert said["results"]["channels"][0]["language_confidence"] == 0.8765


def test_a_language_without_a_name_is_told_by_its_code():
    said = body(transcript(final("Bore da.", 1, language="cy")))
    assert said["results"]["channels"][0]["detected_language"] == "cy"


def test_metadata_describe_the_request():
    said = body(STEREO)["metadata"]
    assert (said["request_id"], said["duration"], said["channels"]) == ("call", 10.0, 2)
    assert said["created"] == "2023-11-14T22:13:20.500Z"
    assert said["sha256"] == "ab" * 32
    assert "type" not in said
    assert "warnings" not in said


def test_utterances_come_where_they_are_asked_for():
    assert "utterances" not in body(STEREO)["results"]
    said = body(STEREO, utterances="true")["results"]["utterances"]
    assert [(each["channel"], each["start"], each["transcript"]) for each in said] == [
        (0, 1.0, "Good morning."),
        (1, 2.0, "Hello."),
        (0, 5.0, "Bye."),
    ]
    assert len({each["id"] for each in said}) == 3


def test_silence_has_an_empty_alternative():
    (channel,) = body(transcript())["results"]["channels"]
    assert channel == {"alternatives": [{"transcript": "", "confidence": 0.0, "words": []}]}


def test_speech_that_was_not_recognised_is_told():
    (warning,) = body(transcript(final("", 1, failed=True)))["metadata"]["warnings"]
    assert warning["type"] == "utterance_failed"


def test_what_is_wrong_with_the_file_is_told():
    whole = transcript(final("hello", 1))
    whole.finish(160_000, ["the file is damaged at 3.2 s"])
    assert body(whole)["metadata"]["warnings"] == [
        {
            "parameter": "audio",
            "type": "damaged_audio",
            "message": "the file is damaged at 3.2 s",
        }
    ]


def test_options_are_those_of_the_live_protocol():
    wanted = asked(language="de", keyterm="Dashwood", model="nova-3", smart_format="true")
    assert (wanted.options.language, wanted.options.keywords) == ("German", ("Dashwood",))
    assert wanted.options.words
    assert not wanted.apart
    assert asked(multichannel="true").apart


@pytest.mark.parametrize(
    ("given", "raw"),
    [
        ({}, None),
        ({"encoding": "flac", "sample_rate": "8000"}, None),
        ({"encoding": "linear16"}, None),
        ({"encoding": "mulaw", "sample_rate": "8000"}, Raw("mulaw", 8_000, 1)),
        (
            {"encoding": "linear16", "sample_rate": "16000", "channels": "2"},
            Raw("pcm16", 16_000, 2),
        ),
    ],
)
def test_samples_without_a_container_have_to_be_described(given, raw):
    assert asked(**given).raw == raw


@pytest.mark.parametrize(
    "given",
    [{"callback": "http://x"}, {"multichannel": "2"}, {"utterances": "x"}, {"language": "?"}],
)
def test_a_mistake_names_its_parameter(given):
    with pytest.raises((ClientError, FileRefused)) as mistake:
        asked(**given)
    assert next(iter(given)) in str(mistake.value)


def test_an_error_has_their_form():
    assert json.loads(refuse(415, "not_audio", "what is this?").body) == {
        "err_code": "UNSUPPORTED_MEDIA_TYPE",
        "err_msg": "what is this?",
        "request_id": "",
    }
