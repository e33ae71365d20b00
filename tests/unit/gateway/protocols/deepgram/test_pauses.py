"""When an utterance has ended, on the clock of the audio."""

from gateway.protocols.deepgram.pauses import UNDECIDED, WORDLESS, Pauses

LEAST = 16_000


def test_a_pause_is_over_once_the_audio_has_gone_on_for_long_enough():
    pauses = Pauses(1, LEAST)
    pauses.started(0, 1, 0)
    pauses.ended(0, 1, 8_000)
    pauses.heard(8_000 + LEAST + UNDECIDED - 1)
    assert pauses.over() == []
    pauses.heard(8_000 + LEAST + UNDECIDED)
    assert pauses.over() == [(0, 8_000)]
    pauses.heard(90_000)
    assert pauses.over() == [], "told once"


def test_speech_that_comes_too_early_is_no_pause():
    pauses = Pauses(1, LEAST)
    pauses.started(0, 1, 0)
    pauses.ended(0, 1, 8_000)
    pauses.started(0, 2, 8_000 + LEAST - 1)
    pauses.heard(90_000)
    assert pauses.over() == []
    pauses.ended(0, 2, 50_000)
    assert pauses.over() == [(0, 50_000)]


def test_a_final_that_comes_after_the_next_speech_still_has_its_pause():
    pauses = Pauses(1, LEAST)
    pauses.started(0, 1, 0)
    pauses.started(0, 2, 40_000)
    pauses.heard(41_000)
    pauses.ended(0, 1, 24_000)
    assert pauses.over() == [(0, 24_000)]


def test_channels_have_pauses_of_their_own():
    pauses = Pauses(2, LEAST)
    pauses.started(0, 1, 0)
    pauses.started(1, 1, 0)
    pauses.ended(0, 1, 8_000)
    pauses.ended(1, 1, 16_000)
    pauses.started(1, 2, 20_000)
    pauses.heard(60_000)
    assert pauses.over() == [(0, 8_000)]


def test_nothing_has_ended_before_the_first_final():
    pauses = Pauses(1, LEAST)
    pauses.heard(160_000)
    assert pauses.over() == []


def test_speech_without_words_ends_no_pause():
    pauses = Pauses(1, LEAST)
    pauses.started(0, 1, 0)
    pauses.ended(0, 1, 8_000)
    pauses.started(0, 2, 8_100)
    pauses.heard(90_000)
    assert pauses.over() == [], "it may still have words"
    pauses.wordless(0, 2)
    assert pauses.over() == [(0, 8_000)]


def test_speech_that_shows_no_words_for_long_ends_no_pause_either():
    pauses = Pauses(1, LEAST, partials=True)
    pauses.started(0, 1, 0)
    pauses.ended(0, 1, 8_000)
    pauses.started(0, 2, 8_100)
    pauses.heard(8_000 + LEAST + WORDLESS - 1)
    assert pauses.over() == []
    pauses.heard(8_000 + LEAST + WORDLESS)
    assert pauses.over() == [(0, 8_000)]


def test_words_of_the_next_utterance_end_a_pause():
    pauses = Pauses(1, LEAST, partials=True)
    pauses.started(0, 1, 0)
    pauses.ended(0, 1, 8_000)
    pauses.started(0, 2, 8_100)
    assert pauses.partial(0, 2, 20_000, "go on") == []
    pauses.heard(160_000)
    assert pauses.over() == []


def test_the_same_words_for_long_enough_are_a_pause_within_an_utterance():
    pauses = Pauses(1, LEAST, partials=True)
    pauses.started(0, 1, 0)
    assert pauses.partial(0, 1, 10_000, "hello") == []
    assert pauses.partial(0, 1, 20_000, "hello world") == []
    assert pauses.partial(0, 1, 20_000 + LEAST - 1, "Hello, world.") == []
    assert pauses.partial(0, 1, 20_000 + LEAST, "Hello world") == [(0, 20_000)]
    assert pauses.partial(0, 1, 20_000 + 2 * LEAST, "Hello world") == []
    pauses.ended(0, 1, 18_000)
    pauses.heard(160_000)
    assert pauses.over() == [], "told before its final"


def test_a_final_that_comes_after_the_next_words_still_has_its_pause():
    for began, found in ((40_000, [(0, 24_000)]), (39_999, [])):
        pauses = Pauses(1, LEAST, partials=True)
        pauses.started(0, 1, 0)
        pauses.started(0, 2, began)
        pauses.heard(90_000)
        pauses.partial(0, 2, 60_000, "go on")
        pauses.ended(0, 1, 24_000)
        assert pauses.over() == found
        pauses.heard(160_000)
        assert pauses.over() == []
