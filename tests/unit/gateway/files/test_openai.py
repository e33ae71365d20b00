"""OpenAI's fields and answers."""

import json
from typing import Any

import pytest

from common.options import SessionOptions
from gateway.files.openai import read, refuse
from gateway.files.refusal import FileRefused
from gateway.files.transcript import Asked
from gateway.protocols.api import ClientError
from gateway.protocols.stretches import Stretch
from tests.unit.gateway.files.results import SECOND, final, transcript

WHOLE = transcript(final("Good morning.", 1), final("Bye.", 5, utterance=2))
WORDS = "timestamp_granularities[]"


def asked(given: dict[str, str] | None = None) -> Asked:
    return read({name: each.split("+") for name, each in (given or {}).items()}, SessionOptions())


def body(**given: str) -> Any:
    answer = asked(given).answer(WHOLE)
    assert answer.content_type == "application/json"
    return json.loads(answer.body)


def test_json_is_the_default():
    expected = {"text": "Good morning. Bye.", "usage": {"type": "duration", "seconds": 10}}
    assert body() == expected
    assert body(response_format="json", model="whisper-1", temperature="0") == expected


def test_an_empty_field_asks_for_nothing():
    assert body(response_format="", stream="", prompt="", **{WORDS: ""}) == body()
    said = body(response_format="verbose_json", **{WORDS: ""})
    assert "words" not in said
    assert said["segments"]


def test_an_empty_language_is_one_to_detect():
    german = SessionOptions(language="German")
    assert read({}, german).options.language == "German"
    assert read({"language": [""]}, german).options.language is None


def test_text_is_a_line():
    answer = asked({"response_format": "text"}).answer(WHOLE)
    assert (answer.content_type, answer.body) == ("text/plain", b"Good morning. Bye.\n")


@pytest.mark.parametrize(("form", "kind"), [("srt", "application/x-subrip"), ("vtt", "text/vtt")])
def test_captions_ask_for_times_of_words(form, kind):
    wanted = asked({"response_format": form})
    assert wanted.options.words
    answer = wanted.answer(WHOLE)
    assert answer.content_type == kind
    assert b"Good morning." in answer.body


def test_verbose_json_has_segments():
    assert not asked({"response_format": "verbose_json"}).options.words
    said = body(response_format="verbose_json")
    assert (said["task"], said["language"], said["duration"]) == ("transcribe", "english", 10.0)
    assert "words" not in said
    first, second = said["segments"]
    assert (first["id"], first["start"], first["end"]) == (0, 1.0, 3.0)
    assert first["text"] == "Good morning."
    assert first["avg_logprob"] == -0.6931
    assert second["id"] == 1


def test_diarized_json_has_a_speaker_for_each_segment():
    first = final("Good morning.", 1, speakers=(Stretch(SECOND, 3 * SECOND, 27),))
    second = final("Bye.", 5, utterance=2, speakers=(Stretch(5 * SECOND, 6 * SECOND, 1),))
    whole = transcript(first, final("Um.", 4, utterance=3), second)
    wanted = asked({"response_format": "diarized_json", "chunking_strategy": "auto"})
    assert wanted.options.diarize
    said = json.loads(wanted.answer(whole).body)
    assert [each["speaker"] for each in said["segments"]] == ["AB", "B", "B"]
    assert said["segments"][0] == {
        "type": "transcript.text.segment",
        "id": "seg_0",
        "start": 1.0,
        "end": 3.0,
        "text": "Good morning.",
        "speaker": "AB",
    }
    assert (said["task"], said["duration"], said["text"]) == (
        "transcribe",
        10.0,
        "Good morning. Um. Bye.",
    )
    assert not asked().options.diarize
    nobody = json.loads(wanted.answer(WHOLE).body)["segments"]
    assert [each["speaker"] for each in nobody] == ["A", "A"]


def test_verbose_json_has_words_where_they_are_asked_for():
    given = {"response_format": "verbose_json", WORDS: "word"}
    assert asked(given).options.words
    said = body(**given)
    assert "segments" not in said
    assert said["words"][1] == {"word": "morning.", "start": 2.0, "end": 2.5}
    both = body(**given | {WORDS: "word+segment"})
    assert both["words"]
    assert both["segments"]


def test_speech_that_was_not_recognised_is_told():
    whole = transcript(final("", 1, failed=True))
    said = json.loads(asked({"response_format": "verbose_json"}).answer(whole).body)
    assert len(said["warnings"]) == 1
    assert said["language"] == "unknown"


def test_language_and_prompt_are_options():
    options = asked({"language": "de", "prompt": "about cars"}).options
    assert (options.language, options.context) == ("German", "about cars")
    assert not options.interim_results


def test_a_stream_has_each_text_and_then_all():
    wanted = asked({"stream": "true"})
    assert wanted.delta is not None
    delta = wanted.delta(" you")
    assert delta == b'data: {"type": "transcript.text.delta", "delta": " you"}\n\n'
    done = wanted.answer(WHOLE)
    assert done.content_type == "text/event-stream"
    said = json.loads(done.body.removeprefix(b"data: "))
    assert (said["type"], said["text"]) == ("transcript.text.done", "Good morning. Bye.")
    assert asked({"stream": "false"}).delta is None


@pytest.mark.parametrize(
    "given",
    [
        {"response_format": "xml"},
        {WORDS: "letter"},
        {"language": "klingon"},
        {"prompt": "x" * 20_000},
        {"stream": "perhaps"},
        {"stream": "true", "response_format": "srt"},
        {"stream": "true", "response_format": "diarized_json"},
    ],
)
def test_a_mistake_names_its_field(given):
    with pytest.raises((ClientError, FileRefused)) as mistake:
        asked(given)
    assert next(iter(given)) in str(mistake.value)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, "invalid_request_error"), (429, "rate_limit_error"), (503, "server_error")],
)
def test_an_error_has_their_form(status, kind):
    answer = refuse(status, "some_code", "some text")
    expected = {"message": "some text", "type": kind, "param": None, "code": "some_code"}
    assert json.loads(answer.body) == {"error": expected}
