"""What protocols that are made for turns share."""

from dataclasses import replace

import pytest

from common.options import SessionOptions
from common.pipeline.text import TimedWord
from gateway.endpointing.tail import SURE
from gateway.protocols.events import Final, Partial
from gateway.protocols.spoken_turns import Pace, SpokenTurns
from tests.unit.gateway.feed.test_turns import Entry, cut, final, likely, partial
from tests.unit.gateway.protocols.turn_histories import events_of

DEFAULTS = SessionOptions()


def test_words_have_their_places_or_a_share_of_the_turns():
    turns = SpokenTurns()
    events = events_of([partial(1, "I"), partial(1, "I see"), final(1, "I see it")])
    told = [said for event in events for said in turns.hear(event)]
    assert [each.kind for each in told] == ["started", "update", "update", "ended"]
    (guessed, *_), words = told[2].words, told[-1].words
    assert (guessed.text, guessed.confidence, guessed.stays) == ("I", 0.5, False)
    assert [each.text for each in words] == ["I", "see", "it"]
    assert words[0].start == 100
    assert words[-1].end == 20_000
    assert all(each.stays and not each.timed for each in words)


def test_a_final_with_words_tells_them():
    turns = SpokenTurns()
    *before, last = events_of([final(1, "I see")])
    assert isinstance(last, Final)
    timed = replace(last, words=(TimedWord(" I", 200, 300, 0.7), TimedWord(" see", 300, 400, 0.8)))
    told = [said for event in (*before, timed) for said in turns.hear(event)]
    assert [(word.text, word.start, word.timed) for word in told[-1].words] == [
        ("I", 200, True),
        ("see", 300, True),
    ]


def test_a_turn_goes_on_behind_a_cut_with_all_it_has_said():
    turns = SpokenTurns()
    entries: list[Entry] = [
        cut(1),
        partial(1, "I"),
        final(1, "I see", reason="length"),
        partial(2, "and"),
    ]
    told = [said for event in events_of(entries) for said in turns.hear(event)]
    assert [each.transcript for each in told] == ["I", "I", "I see and"]
    assert turns.said == told[-1]


def test_a_partial_of_the_next_utterance_is_not_told_of_this_turn():
    turns = SpokenTurns()
    for event in events_of([partial(1, "I")]):
        turns.hear(event)
    assert turns.hear(Partial(0, 2, 0, 1, "and", 0, None)) == []


def test_nothing_is_told_while_an_announced_end_stands():
    turns = SpokenTurns()
    for event in events_of([likely(1, "I see"), partial(1, "I see it")]):
        turns.hear(event)
    assert turns.said is None


@pytest.mark.parametrize(
    ("threshold", "silences"),
    [(0.7, [0.4, 0.8, 1.6]), (0.5, [0.23, 0.46, 0.92]), (0.9, [0.76, 1.53, 3.06])],
)
def test_a_higher_threshold_waits_longer(threshold, silences):
    paced = Pace(threshold, 0.7).paced(DEFAULTS, eager=None)
    found = [paced.min_turn_silence, paced.silence_threshold, paced.max_turn_silence]
    assert [round(each or 0, 2) for each in found] == silences
    assert paced.endpointing == "turn"
    assert paced.eager_threshold == 1.0


@pytest.mark.parametrize("threshold", [0.0, 0.1, 0.4, 0.7, 0.99, 1.0])
@pytest.mark.parametrize("usual", [0.4, 0.7])
def test_confidence_is_on_the_clients_scale(threshold, usual):
    pace = Pace(threshold, usual)
    paced = pace.paced(DEFAULTS, eager=threshold / 2)
    assert 0 <= paced.eager_threshold <= SURE
    told = [pace.told(each, DEFAULTS) for each in (0.0, paced.eager_threshold, SURE, 1.0)]
    assert told == sorted(told)
    assert told[0] == 0
    assert told[3] == 1
    if threshold < 1:
        assert told[2] == pytest.approx(max(0.01, threshold))
        assert told[1] == pytest.approx(threshold / 2)


def test_no_silence_ends_a_turn_of_a_client_that_never_is_sure():
    paced = Pace(1.0, 0.7).paced(DEFAULTS, eager=0.5)
    assert [*paced.turn_silence] == [60, 60]
    assert 0 < paced.eager_threshold < 0.05
