"""Whether silence ended an utterance too soon."""

import random
from collections.abc import Sequence
from typing import Any

from common.audio import SAMPLE_RATE
from gateway.downlink.judgements import Judgement, Judgements
from gateway.protocols.events import Final


def final(start: float, end: float, channel: int = 0, **body: Any) -> Final:
    """Return a final with times in seconds."""
    place = (round(start * SAMPLE_RATE), round(end * SAMPLE_RATE))
    said: dict[str, Any] = {"text": "so", "reason": "silence", "utterance": 1, "seq": 1}
    said |= {"at": place[1], "language": None, "words": None, **body}
    return Final(channel=channel, start=place[0], end=place[1], **said)


def judgements(finals: Sequence[Final]) -> list[Judgement]:
    call = Judgements()
    found = [*(each for said in finals for each in call.note(said)), *call.close()]
    assert all(each.final in finals for each in found)
    return [each.judgement for each in found]


def test_who_goes_on_soon_was_cut():
    assert judgements([final(0, 1), final(2, 3), final(8, 9)]) == ["cut", "over", "over"]


def test_who_goes_on_after_another_has_spoken_was_not():
    between = final(1.2, 1.6, channel=1)
    assert judgements([final(0, 1), between, final(2, 3)]) == ["over", "over", "over"]
    # Channels are in no order.
    assert judgements([final(0, 1), final(2, 3), between]) == ["over", "over", "over"]


def test_what_silence_did_not_end_and_what_has_no_words_is_not_judged():
    assert judgements([final(0, 1, reason="flush"), final(2, 3)]) == ["over"]
    assert judgements([final(0, 1), final(1.5, 2, text=""), final(9, 10)]) == ["over", "over"]


def test_the_share_of_cuts_is_that_of_conversations_whose_truth_is_known():
    """Two people in turns: pauses within a turn are cut, or not if they are short."""
    for seed in range(10):
        dice = random.Random(seed)
        finals: list[Final] = []
        truth, at, speaker = 0, 0.0, 0
        for _ in range(400):
            pieces = dice.randint(1, 3)
            for piece in range(pieces):
                length = dice.uniform(0.5, 4)
                # An utterance begins 0.3 s before its first sound, but not within another.
                lead = min(0.3, at)
                finals.append(final(at - lead, at + length, speaker))
                truth += piece < pieces - 1
                at += length + (dice.uniform(0.8, 1.2) if piece < pieces - 1 else 0.0)
            at += dice.uniform(0.1, 0.8)
            speaker = 1 - speaker
        found = judgements(finals)
        assert len(found) == len(finals)
        assert abs(found.count("cut") - truth) / len(finals) < 0.02
