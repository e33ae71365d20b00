"""The plain upload."""

import json

from common.options import SessionOptions
from gateway.files.upload import read, refuse
from tests.unit.gateway.files.results import final, transcript


def test_the_answer_is_small():
    asked = read({"language": ["en"], "whatever": ["x"]}, SessionOptions())
    assert asked.options.language == "English"
    assert asked.options.words
    assert json.loads(asked.answer(transcript(final("Good day.", 1))).body) == {
        "text": "Good day.",
        "words": [
            {"word": "Good", "start": 1.0, "end": 1.5},
            {"word": "day.", "start": 2.0, "end": 2.5},
        ],
        "language": "English",
        "duration": 10.0,
    }


def test_the_language_is_detected_by_default():
    asked = read({}, SessionOptions())
    assert asked.options.language is None
    said = json.loads(asked.answer(transcript(final("", 1, failed=True))).body)
    assert said["language"] is None
    assert len(said["warnings"]) == 1


def test_an_error_has_the_form_of_the_live_protocol():
    assert json.loads(refuse(415, "not_audio", "what is this?").body) == {
        "type": "error",
        "code": "not_audio",
        "message": "what is this?",
    }
