"""What becomes of a call's events."""

from typing import Any

import pytest

from common.pipeline.text import TimedWord
from gateway.files.transcript import continuation
from gateway.protocols.events import Ended, Partial, Words
from tests.unit.gateway.files.results import SECOND, final, transcript


def test_finals_are_in_the_order_of_their_starts():
    whole = transcript(final("later", 5, channel=1), final("first", 1), channels=2)
    assert whole.text() == "first later"
    assert whole.text(0) == "first"
    assert whole.text(1) == "later"


def test_what_has_no_text_is_left_out():
    whole = transcript(final("", 1), final("word", 2, utterance=2))
    assert [each.text for each in whole.finals] == ["word"]
    assert whole.hear(Partial(0, 3, 0, 1, "par", 0, None)) is None
    assert whole.hear(Ended()) is None
    assert whole.text() == "word"


def test_late_words_join_their_final():
    pending = final("one", 1, words=None, words_pending=True)
    whole = transcript(pending, final("two", 3, utterance=2))
    words = (TimedWord("one", SECOND, 2 * SECOND, 1.0),)
    whole.hear(Words(0, 1, 3, SECOND, 2 * SECOND, words))
    assert whole.finals[0].words == words
    assert not whole.finals[0].words_pending
    assert whole.finals[1].words != words


def test_speech_that_was_not_recognised_is_told():
    whole = transcript(final("", 1, failed=True, end=2 * SECOND), final("two", 3, utterance=2))
    assert whole.text() == "two"
    (warning,) = whole.warnings
    assert "from 1.00 s to 2.00 s" in warning


def test_the_language_is_that_of_most_of_the_speech():
    short, long = final("eins", 1, language="German"), final("one two three", 3, utterance=2)
    assert transcript(short, long).spoken_language == "English"
    assert transcript(language="German").spoken_language == "German"
    assert transcript().spoken_language is None


def test_how_sure_the_language_is_counts_by_time():
    finals = [
        final("eins", 1, language="German", language_confidence=0.2),
        final("one two three", 3, utterance=2, language_confidence=0.9),
        final("four", 7, utterance=3, language_confidence=0.5),
        final("five", 9, utterance=4),
    ]
    assert transcript(*finals).language_confidence == pytest.approx((3 * 0.9 + 0.5) / 4)
    assert transcript(finals[3]).language_confidence is None
    assert transcript().language_confidence is None


def test_some_languages_have_no_spaces():
    first, second = (final("你好", n, language="Chinese", utterance=n) for n in (1, 2))
    assert transcript(first, second).text() == "你好你好"
    assert continuation("a", final("b", 1)) == " b"
    assert continuation("", final("b", 1)) == "b"


def test_a_file_of_which_nothing_was_recognised_says_why():
    failed: dict[str, Any] = {"failed": True, "words": None}
    lost = [final("", at, utterance=1 + at, trouble="no German", **failed) for at in (0, 3)]
    why = "nothing of it could be recognised: "
    assert transcript(*lost).failure == f"{why}no German"
    other = final("", 6, utterance=8, trouble="no engine", **failed)
    assert transcript(*lost, other).failure == f"{why}no German; no engine"
    assert transcript(final("", 0, **failed)).failure == f"{why}no reason is known"
    assert transcript(*lost, final("hello", 6, utterance=8)).failure == ""
    assert transcript().failure == ""
