from typing import Any

from callscribe.client.delivery import Delivery
from callscribe.client.messages import (
    AudioAck,
    Dtmf,
    Error,
    Event,
    Final,
    Gap,
    Keyword,
    Lag,
    LineTrouble,
    Partial,
    Slot,
    SpeechEnded,
    SpeechStarted,
    Words,
)
from callscribe.client.speakers import (
    SpeakerRevision,
)
from callscribe.client.turns import TurnEagerEnd, TurnOverlap, TurnStarted


def span(utterance: int, channel: int = 0) -> dict[str, Any]:
    return {"channel": channel, "utterance": utterance, "start": 0.0, "end": 1.0}


def final(seq, utterance, channel=0):
    return Final(seq=seq, text="hello", **span(utterance, channel))


def slot(value: str, *, is_final: bool) -> Slot:
    said: dict[str, Any] = {"slot": 1, "expected": "digits", "value": value, "raw": "so"}
    return Slot(**{**said, **span(1), "valid": True, "complete": True, "is_final": is_final})


def test_finals_and_words_come_once():
    delivery = Delivery()
    words = Words(seq=2, **span(1))
    assert [delivery.is_new(event) for event in (final(1, 1), words, final(4, 2))] == [True] * 3
    assert delivery.seq == 4
    assert not any(delivery.is_new(event) for event in (final(1, 1), words, final(4, 2)))
    assert delivery.is_new(final(5, 1, channel=1))


def test_no_partial_comes_after_its_final():
    delivery = Delivery()
    first = Partial(text="hel", **span(1))
    assert delivery.is_new(first)
    assert delivery.is_new(first)
    delivery.is_new(final(1, 1))
    assert not delivery.is_new(first)
    assert delivery.is_new(Partial(text="next", **span(2)))
    assert delivery.is_new(Partial(text="other", **span(1, channel=1)))


def test_speech_events_and_the_like_come_once():
    delivery = Delivery()
    events: list[Event] = [
        SpeechStarted(utterance=1, start=0.0, at=0.5),
        SpeechEnded(**span(1), at=1.5, reason="silence"),
        SpeechStarted(utterance=1, channel=1, start=0.0, at=0.5),
        Gap(start=2.0, end=3.0),
        Gap(channel=1, start=2.0, end=3.0),
        SpeechStarted(utterance=3, start=4.0, at=5.5),
        Keyword(keyword="a", text="A", offset=0, **span(1)),
        Keyword(keyword="a", text="A", offset=9, **span(1)),
        Keyword(keyword="b", text="A", offset=9, **span(1)),
        slot("42", is_final=False),
        slot("43", is_final=False),
        slot("43", is_final=True),
        Dtmf(digit="5", at=1.0),
        Dtmf(digit="5", at=1.5),
        LineTrouble(problem="low_level", at=1.5, level=-75.0),
        SpeakerRevision(revision=1, utterances=()),
        SpeakerRevision(revision=2, utterances=()),
        SpeakerRevision(channel=1, revision=1, utterances=()),
    ]
    assert all(delivery.is_new(event) for event in events)
    assert not any(delivery.is_new(event) for event in events)


def test_the_failure_of_an_utterance_is_told_once_and_other_errors_always():
    delivery = Delivery()
    failed = Error(code="utterance_failed", message="utterance 3 ...")
    other = Error(code="option_fixed", message="words cannot change")
    assert [delivery.is_new(event) for event in (failed, other)] == [True, True]
    assert [delivery.is_new(event) for event in (failed, other)] == [False, True]


def test_what_is_only_news_is_always_let_through():
    delivery = Delivery()
    for event in (Lag(seconds=3.0), AudioAck(position=5)):
        assert delivery.is_new(event)
        assert delivery.is_new(event)


def test_of_a_long_call_no_keywords_of_earlier_utterances_are_kept():
    delivery = Delivery()
    for number in range(1, 10_001):
        for channel in (0, 1):
            spotted = Keyword(keyword="a", text="A", offset=0, **span(number, channel))
            assert [delivery.is_new(spotted) for _ in range(2)] == [True, False]
            assert delivery.is_new(final(2 * number + channel, number, channel))
            assert not delivery.is_new(spotted), "it follows its final once more"
    assert sum(map(len, delivery._keywords.values())) == 2


def test_what_a_resumed_call_tells_again_of_turns_is_dropped():
    delivery = Delivery()

    def is_new(turn: int, step: int, channel: int = 0) -> bool:
        told = {"turn": turn, "step": step, "at": 1.0, "text": "hello", **span(3, channel)}
        return delivery.is_new(
            TurnStarted(**told) if step == 1 else TurnEagerEnd(**told, evidence="closed")
        )

    assert [is_new(1, 1), is_new(1, 2), is_new(3, 1), is_new(3, 2)] == [True] * 4
    assert [is_new(3, 1), is_new(3, 2), is_new(1, 2)] == [False] * 3
    assert [is_new(3, 3), is_new(1, 1, channel=1)] == [True] * 2


def test_each_two_turns_that_overlap_are_told_once():
    delivery = Delivery()

    def is_new(turn: int, other_turn: int) -> bool:
        place: dict[str, Any] = {"start": 1.0, "end": 2.0, "at": 3.0}
        who: dict[str, Any] = {"turn": turn, "other_channel": 1, "other_turn": other_turn}
        return delivery.is_new(TurnOverlap(**who, **place, backchannel=False, interrupted=True))

    assert [is_new(4, 3), is_new(4, 5), is_new(6, 5)] == [True] * 3
    assert [is_new(4, 3), is_new(4, 5), is_new(6, 5)] == [False] * 3
