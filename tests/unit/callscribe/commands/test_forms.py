import json
from dataclasses import replace

import pytest

from callscribe.client.messages import (
    Error,
    Final,
    Gap,
    Word,
    Words,
)
from callscribe.client.speakers import (
    Respoken,
    SpeakerRevision,
    Stretch,
)
from callscribe.commands.forms import Transcript

YES = Final(channel=1, seq=2, utterance=1, start=0.5, end=1.0, text="yes", language="English")
HELLO = Final(channel=0, seq=1, utterance=1, start=1.5, end=2.5, text="hello there")
TIMES = (
    Word(word="hello", start=1.5, end=2.0, probability=0.9),
    Word(word="there", start=2.0, end=2.5, probability=0.8),
)
EMPTY = Final(channel=0, seq=3, utterance=2, start=3.0, end=3.0, text="")


def transcript(*events, names=("agent", "caller")):
    heard = Transcript(names, {"file": "a.wav"})
    for event in events:
        heard.hear(event)
    return heard


def test_json_has_every_utterance_by_its_start_with_words_that_came_later():
    late = Words(channel=0, utterance=1, seq=4, start=1.5, end=2.5, words=TIMES)
    body = json.loads(transcript(HELLO, YES, EMPTY, late).written("json", ended=True))
    assert (body["file"], body["complete"], body["text"]) == ("a.wav", True, "yes hello there")
    yes, hello = body["utterances"]
    assert yes == {
        "channel": 1,
        "utterance": 1,
        "start": 0.5,
        "end": 1.0,
        "text": "yes",
        "language": "English",
    }
    assert [word["word"] for word in hello["words"]] == ["hello", "there"]


@pytest.mark.parametrize(
    "trouble", [Gap(channel=0, start=1.0, end=2.0), Error(code="utterance_failed", message="no")]
)
def test_json_says_when_something_is_missing(trouble):
    body = json.loads(transcript(HELLO, trouble).written("json", ended=True))
    assert body["complete"] is False
    assert json.loads(transcript(HELLO).written("json", ended=False))["complete"] is False


def test_captions_name_who_speaks_where_several_do():
    assert transcript(HELLO, YES).written("srt", ended=True) == (
        "1\n00:00:00,500 --> 00:00:01,000\ncaller: yes\n\n"
        "2\n00:00:01,500 --> 00:00:02,500\nagent: hello there\n\n"
    )
    alone = transcript(HELLO, names=("speaker",)).written("vtt", ended=True)
    assert alone == "WEBVTT\n\n00:00:01.500 --> 00:00:02.500\nhello there\n\n"
    labelled = Final(channel=0, seq=1, utterance=1, start=0, end=1, text="hi", label="nurse")
    assert "<v nurse>hi" in transcript(labelled, names=("nurse",)).written("vtt", ended=True)


def test_words_without_their_final_are_left_out():
    late = Words(channel=0, utterance=7, seq=4, start=1.5, end=2.5, words=TIMES)
    assert json.loads(transcript(late).written("json", ended=True))["utterances"] == []


def test_each_utterance_and_word_has_its_speaker_as_corrected_at_last():
    told = (Stretch(0, 1.5, 2.0), Stretch(1, 2.0, 2.5))
    spoken = tuple(replace(word, speaker=0) for word in TIMES)
    said = replace(HELLO, speaker=0, speakers=told, words=spoken)
    revision = SpeakerRevision(channel=0, revision=1, utterances=(Respoken(1, 1, told),))
    heard = transcript(said, revision, names=("call",))
    (utterance,) = json.loads(heard.written("json", ended=True))["utterances"]
    assert utterance["speaker"] == 1
    assert [each["speaker"] for each in utterance["words"]] == [0, 1]
    assert "speaker 1: hello there" in heard.written("srt", ended=True)
