"""Messages as Deepgram's clients read them."""

import pytest

from common.pipeline.text import TimedWord
from gateway.protocols.deepgram import messages

WORDS = (TimedWord(" Hello,", 1_600, 8_000, 0.5), TimedWord(" it's", 8_000, 16_000, 0.9))


def test_a_word_is_bare_and_punctuated():
    best = messages.alternative("Hello, it's", WORDS, 1.0)
    assert best == {
        "transcript": "Hello, it's",
        "confidence": 0.7,
        "words": [
            {
                "word": "hello",
                "start": 0.1,
                "end": 0.5,
                "confidence": 0.5,
                "punctuated_word": "Hello,",
            },
            {
                "word": "it's",
                "start": 0.5,
                "end": 1.0,
                "confidence": 0.9,
                "punctuated_word": "it's",
            },
        ],
    }


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        ("\u2014", "\u2014"),
        ("well-known.", "well-known"),
        ("'Ja!'", "ja"),
        ("20%", "20%"),
        ("$9.50,", "$9.50"),
        ("-5.", "-5"),
        ("[CREDIT_CARD:9855].", "[CREDIT_CARD:9855]"),
    ],
)
def test_a_word_is_never_empty(text, bare):
    (word,) = messages.alternative(text, [TimedWord(text, 0, 1, 1.0)], 1.0)["words"]
    assert (word["word"], word["punctuated_word"]) == (bare, text)


def test_without_words_the_confidence_is_what_is_certain():
    assert messages.alternative("hel", (), 1 / 3)["confidence"] == 0.3333


def test_a_language_is_told_by_its_code():
    assert messages.alternative("ja", (), 1.0, "German")["languages"] == ["de"]
    assert "languages" not in messages.alternative("ja", (), 1.0)


def test_metadata_tells_of_the_whole_request():
    body = messages.metadata("r", created=0.5, sha256="ab", duration=24_000, channels=2)
    uuid = messages.MODEL_UUID
    assert body == {
        "type": "Metadata",
        "transaction_key": "deprecated",
        "request_id": "r",
        "sha256": "ab",
        "created": "1970-01-01T00:00:00.500Z",
        "duration": 1.5,
        "channels": 2,
        "models": [uuid],
        "model_info": {uuid: dict(messages.MODEL_INFO)},
    }
