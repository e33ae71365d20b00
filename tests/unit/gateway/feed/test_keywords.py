from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.options import SessionOptions
from common.pipeline.text import TimedWord
from gateway.feed.keywords import KeywordSpotter
from gateway.protocols.events import Ended, Final, Keyword, Partial

START, END = 16_000, 48_000


def partial(text: str, stable: int | None = None, channel: int = 0, utterance: int = 1) -> Partial:
    length = len(text) if stable is None else stable
    return Partial(channel, utterance, START, END, text, length, "English")


def final(text: str, channel: int = 0, utterance: int = 1, **fields: Any) -> Final:
    facts: dict[str, Any] = {"seq": 1, "at": END, "language": "English", "reason": "silence"}
    place: dict[str, Any] = {"channel": channel, "utterance": utterance, "start": START, "end": END}
    return Final(**place, **facts, text=text, **{"words": None, **fields})


def spotter(*keywords: str, distance: int = 0) -> KeywordSpotter:
    return KeywordSpotter(SessionOptions(keywords=keywords, keyword_distance=distance))


def told(spotter: KeywordSpotter, *events: Partial | Final) -> list[tuple[str, str, int]]:
    found = [each for event in events for each in spotter.spot(event)]
    return [(each.keyword, each.text, each.offset) for each in found]


@pytest.mark.parametrize(
    ("keyword", "text", "found"),
    [
        ("refund", "I want a refund.", ["refund"]),
        ("refund", "Refunds are refunded", []),
        ("REFUND", "refund, Refund", ["refund", "Refund"]),
        ("cafe muller", "the Café Müller, café-müller", ["Café Müller", "café-müller"]),
        ("Café", "a cafe", ["cafe"]),
        ("new york", "new, york. New new york", ["new, york", "new york"]),
        ("ha ha", "ha ha ha", ["ha ha"]),
        ("退款", "我要退款。", ["退款"]),
        ("!?", "what!?", []),
        ("a b c", "a b", []),
    ],
)
def test_whole_words_are_found_without_case_and_diacritics(keyword, text, found):
    events = spotter(keyword).spot(final(text))
    assert [event.text for event in events] == found
    for event in events:
        assert text[event.offset :].startswith(event.text)
        assert event.keyword == keyword


@pytest.mark.parametrize(
    ("distance", "text", "found"),
    [
        (0, "refnd", []),
        (1, "refnd", ["refnd"]),
        (1, "rafunds", []),
        (2, "rafunds", ["rafunds"]),
        (2, "bat", []),
        (2, "order cancle now", ["cancle now"]),
        (2, "cancel naw", []),
    ],
)
def test_longer_words_may_be_misspelt(distance, text, found):
    spot = spotter("refund", "cat", "cancel now", distance=distance)
    assert [event.text for event in spot.spot(final(text))] == found


def test_a_keyword_is_told_of_stable_text_once_and_not_again_by_its_final():
    spot = spotter("refund")
    text = "a refund and a refund"
    assert told(spot, partial(text, 7), partial(text, 8)) == [("refund", "refund", 2)]
    assert told(spot, partial(text, 9)) == []
    assert told(spot, final(text)) == [("refund", "refund", 15)]
    assert told(spot, final("refund", utterance=2)) == [("refund", "refund", 0)]


def test_a_stable_part_of_a_word_is_not_a_word():
    assert told(spotter("can"), partial("cancel it", 3)) == []
    assert told(spotter("refund"), partial("a refund", 4)) == []


def test_a_keyword_that_moves_a_little_in_the_final_is_the_same():
    spot = spotter("refund")
    said = told(spot, partial("a refund please", 8), final("well um a refund, please; my refund"))
    assert said == [("refund", "refund", 2), ("refund", "refund", 29)]


def test_a_keyword_far_from_the_one_that_was_told_is_another():
    spot = spotter("refund")
    assert told(spot, partial("refund of the money", 6)) == [("refund", "refund", 0)]
    text = "we found that you had your money back, a refund"
    assert told(spot, final(text)) == [("refund", "refund", 41)]


def test_channels_and_utterances_are_apart():
    spot = spotter("refund")
    events = [partial("refund", channel=channel, utterance=n) for n in (1, 2) for channel in (0, 1)]
    assert len(told(spot, *events)) == 4
    assert len(told(spot, *events)) == 0
    assert told(spot, final("refund", utterance=2), final("refund", channel=1, utterance=1)) == []


def test_words_give_the_times_and_the_utterance_does_where_there_are_none():
    timed = (
        TimedWord(" my", 16_000, 17_000, 1.0),
        TimedWord(" New", 18_000, 19_000, 1.0),
        TimedWord(" York.", 20_000, 21_000, 1.0),
        TimedWord(" So", 22_000, 23_000, 1.0),
    )
    text = "my New York. So"
    (event,) = spotter("new york").spot(final(text, words=timed))
    assert (event.start, event.end) == (18_000, 21_000)
    (event,) = spotter("new york").spot(final(text))
    assert (event.start, event.end) == (START, END)
    (event,) = spotter("new york").spot(
        final("my New York", words=(TimedWord("other", 1, 2, 1.0),))
    )
    assert (event.start, event.end) == (START, END)


def test_other_keywords_count_from_the_next_result_on():
    spot = spotter("refund")
    assert told(spot, partial("refund my order", 9)) == [("refund", "refund", 0)]
    spot.configure(SessionOptions(keywords=("Refund", "order")))
    assert told(spot, partial("refund my order now", 15)) == [("order", "order", 10)]
    spot.configure(SessionOptions())
    assert told(spot, final("refund my order"), final("order", utterance=2)) == []
    spot.configure(SessionOptions(keywords=("oder",), keyword_distance=1))
    assert told(spot, final("order", utterance=3)) == [("oder", "order", 0)]


def test_keywords_that_differ_in_case_alone_are_one():
    assert told(spotter("Refund", "refund"), final("refund")) == [("Refund", "refund", 0)]


def test_an_utterance_that_could_not_be_recognised_says_nothing():
    spot = spotter("refund")
    assert told(spot, partial("refund"), final("", failed=True)) == [("refund", "refund", 0)]


def test_other_events_say_nothing():
    assert spotter("refund").spot(Ended()) == ()


def test_nothing_is_kept_of_utterances_that_are_over():
    spot = spotter("refund")
    told(spot, *[partial("refund", utterance=n) for n in range(1, 50)])
    told(spot, final("refund", utterance=50))
    assert not spot._told


words = st.sampled_from(["refund", "Refund", "order", "ordre", "my", "cancel", "退款", "."])


@given(
    text=st.lists(words, max_size=30).map(" ".join),
    cuts=st.lists(st.integers(0, 300), max_size=8).map(sorted),
    distance=st.integers(0, 2),
)
def test_whatever_partials_there_were_each_occurrence_is_told_once(text, cuts, distance):
    keywords = ("refund", "my order", "退款")
    partials = [partial(text, min(cut, len(text))) for cut in cuts]
    whole = spotter(*keywords, distance=distance).spot(final(text))
    spot = spotter(*keywords, distance=distance)
    events: list[Partial | Final] = [*partials, final(text)]
    found: list[Keyword] = [each for event in events for each in spot.spot(event)]
    assert sorted(found, key=repr) == sorted(whole, key=repr)
