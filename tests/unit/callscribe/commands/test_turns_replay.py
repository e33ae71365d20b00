"""What other settings would have done with stored pauses."""

from typing import Any

import pytest

from callscribe.commands.turns_replay import Pause, pauses, replay, settings, table
from common.options import SessionOptions
from common.pipeline.speech import LEAD, TAIL

LEAD_S, TAIL_S = LEAD / 16_000, TAIL / 16_000


def calls(*said: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the transcript and the trace of what was said."""
    spoken, traced = [], []
    for number, each in enumerate(said, start=1):
        place = {"session_id": "s", "channel": each.get("channel", 0), "utterance": number}
        facts = {key: each[key] for key in ("start", "end", "text")}
        words = {"words": each["words"]} if "words" in each else {}
        spoken.append({**place, **facts, "language": "English", **words})
        traced.append({**place, "reason": each.get("reason", "silence")})
    return {"utterances": spoken}, {"utterances": traced}


def said(start: float, end: float, text: str, **more: Any) -> dict[str, Any]:
    return {"start": start, "end": end, "text": text, **more}


def test_who_goes_on_soon_paused_and_who_does_not_was_over():
    found = pauses(*calls(said(0, 1.1, "I see the"), said(1.7, 3, "house."), said(9, 10, "Yes.")))
    assert [each.text for each in found] == ["I see the", "house.", "Yes."]
    assert found[0].lasted == pytest.approx(1.7 + LEAD_S - 1.1 + TAIL_S)
    assert [each.lasted for each in found[1:]] == [None, None]


def test_where_somebody_else_spoke_between_the_turn_was_over():
    between = said(1.2, 1.6, "Yes?", channel=1)
    found = pauses(*calls(said(0, 1.1, "I see."), between, said(1.9, 3, "Good.")))
    assert {each.text: each.lasted for each in found}["I see."] is None


def test_what_silence_did_not_end_tells_nothing():
    assert pauses(*calls(said(0, 1, "I see", reason="length"))) == []
    assert pauses(*calls(said(0, 1, "I see", reason="flush"))) == []


def test_words_with_times_show_the_pauses_within_an_utterance():
    words = [
        {"word": "I", "start": 0.0, "end": 0.2},
        {"word": "see", "start": 0.25, "end": 0.5},
        {"word": "it.", "start": 1.2, "end": 1.5},
    ]
    within, behind = pauses(*calls(said(0, 1.6, "I see it.", words=words)))
    assert within.text == "I see"
    assert within.lasted == pytest.approx(0.7)
    assert behind == Pause("I see it.", "English", None)


PAUSES = [
    Pause("I see the", "English", 0.7),
    Pause("I see it.", "English", 0.7),
    Pause("That is all.", "English", None),
]


def test_silence_alone_cuts_what_is_longer_and_makes_each_end_wait():
    short, long = (replay(PAUSES, SessionOptions(silence_threshold=s)) for s in (0.6, 0.8))
    assert (short.cuts, short.pauses, short.ends) == (2, 2, 1)
    assert (short.mean, short.p95) == (0.6, 0.6)
    assert (long.cuts, long.mean) == (0, 0.8)


def test_what_was_said_counts_where_it_does_in_a_call():
    turn = replay(PAUSES, SessionOptions(silence_threshold=0.8, endpointing="turn"))
    assert (turn.cuts, turn.mean) == (1, 0.4)


def test_nothing_is_known_of_no_calls():
    outcome = replay([], SessionOptions())
    assert (outcome.pauses, outcome.cuts, outcome.ends, outcome.mean) == (0, 0, 0, None)
    assert "–" in table([outcome])


def test_each_silence_is_tried_both_ways():
    given = SessionOptions(min_turn_silence=0.3)
    found = list(settings((0.5, 1.0), given))
    ways = [(each.endpointing, each.silence_threshold) for each in found]
    assert ways == [("silence", 0.5), ("silence", 1.0), ("turn", 0.5), ("turn", 1.0)]
    assert {each.min_turn_silence for each in found} == {0.3}


def test_a_line_says_what_a_setting_does():
    shown = table([replay(PAUSES, each) for each in settings((0.8,), SessionOptions())])
    assert " ".join(shown.splitlines()[-1].split()) == "turn 0.8 s 1 of 2 (50%) 0.40 / 0.40"
