"""When an utterance has ended, on the clock of the audio."""

from gateway.protocols.deepgram.pauses import UNDECIDED, Pauses

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
