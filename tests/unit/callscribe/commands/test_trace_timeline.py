"""A final's way and a word's, from the stamps that a gateway tells."""

import pytest

from callscribe.commands.trace_timeline import of_utterance, of_word
from common.errors import CallscribeError
from tests.unit.callscribe.commands.traces import LATE, STAMPS, utterance


def test_the_delay_is_what_followed_the_audio_that_decided_the_end():
    way = of_utterance(utterance(1, stamps=LATE))
    assert (way.total, way.delay) == (10_234, 2_234)
    assert way.length("silence") == 8_000
    assert way.length("denoise") is None
    assert way.early is None


def test_a_tentative_decode_is_no_part_of_the_sums():
    way = of_utterance(utterance(1))
    assert (way.total, way.delay) == (8_237, 237)
    assert way.early == (3_000, 5_500)
    assert way.length("decode") == 0


def test_a_decode_across_the_endpoint_counts_from_there():
    across = STAMPS | {"decode_ended": STAMPS["endpoint"] + 0.004}  # type: ignore[operator]
    way = of_utterance(utterance(1, stamps=across))
    assert way.early is None
    assert way.length("decode") == 40


def test_a_words_way_begins_when_its_end_was_received():
    one, two = utterance(1, words=2), utterance(2, words=3, label="agent")
    way = of_word([one, two], 4)
    assert way.title == "word 4, agent, utterance 2"
    assert (way.start, way.end) == (2.0, 2.9)
    assert way.length("speech") == 10_000
    assert way.total == 18_237
    assert way.as_json()["word"] == {**two["words"][1], "number": 4}
    assert "words" not in way.as_json()


def test_the_way_of_a_word_that_came_too_early_begins_later():
    one = utterance(1, words=1)
    one["words"][0]["received"] = None
    way = of_word([one], 1)
    assert way.length("speech") is None
    assert way.zero == "the last speech was received"


@pytest.mark.parametrize(
    ("utterances", "number", "said"),
    [
        ([utterance(1)], 1, "no word times"),
        ([], 1, "no word times"),
        ([utterance(1, words=2)], 3, "the call has 2 words, not 3"),
        ([utterance(1, words=2), utterance(2)], 3, "utterance 2 of channel 0"),
    ],
)
def test_a_word_that_is_not_there_is_said_to_be_missing(utterances, number, said):
    with pytest.raises(CallscribeError, match=said):
        of_word(utterances, number)


def test_an_answer_to_a_flush_has_no_words_and_is_passed_over():
    empty = utterance(1, text_length=0)
    assert of_word([empty, utterance(2, words=1)], 1).title == "word 1, channel 0, utterance 2"


def test_a_final_of_which_nothing_is_known_has_no_parts():
    way = of_utterance(utterance(1, stamps=dict.fromkeys(STAMPS)))
    assert (way.parts, way.total, way.delay, way.early) == ([], 0, 0, None)
