"""Turns that were heard at the same time on both legs of a call, and who interrupted whom. Pure.

Two turns overlap if both are heard for `LEAST` samples or longer, by where their utterances begin
and end, without the audio around them. The later one came into the other. It interrupted it if

- it is no backchannel,
- the other stopped first, within `YIELDS_WITHIN` of where it came in, and
- both were heard for `CONTESTED` or longer: less is how speakers change (Levinson and Torreira
  2015, "Timing in turn-taking": three of four such overlaps are shorter than 0.378 s).

Both turns have to be over. The finals of both legs are read in the order of their `seq`, so every
reader is told the same, at the same final.
"""

from collections import defaultdict, deque

from common.audio import samples
from common.pipeline.speech import LEAD, TAIL
from gateway.protocols.events import Overlap, Turn

LEAST = samples(0.12)
"""What is heard as an overlap: Heldner 2011, "Detection thresholds for gaps, overlaps, and
no-gap-no-overlaps"."""
CONTESTED = samples(0.4)
YIELDS_WITHIN = samples(2.0)
_KEPT = 64
"""Turns of a leg that may overlap one of the other, which is not over yet."""


class Overlaps:
    """The turns of one call that are over, in the order of their finals."""

    def __init__(self) -> None:
        self._over: defaultdict[int, deque[Turn]] = defaultdict(lambda: deque(maxlen=_KEPT))

    def over(self, turn: Turn) -> list[Overlap]:
        """Take the next turn that is over; return with which of other legs it overlaps."""
        if not turn.transcript:
            return []
        found = (
            _overlap(*sorted((turn, other), key=lambda each: (each.start, each.channel)))
            for channel, others in self._over.items()
            if channel != turn.channel
            for other in others
        )
        overlaps = [each for each in found if each is not None]
        self._over[turn.channel].append(turn)
        return overlaps


def _overlap(first: Turn, second: Turn) -> Overlap | None:
    start = second.start + LEAD
    stopped = first.end - TAIL
    end = min(stopped, second.end - TAIL)
    if end - start < LEAST:
        return None
    yielded = first.end < second.end and stopped - start <= YIELDS_WITHIN
    contested = end - start >= CONTESTED
    return Overlap(
        channel=second.channel,
        turn=second.turn,
        other_channel=first.channel,
        other_turn=first.turn,
        start=start,
        end=end,
        at=max(first.at, second.at),
        backchannel=second.backchannel,
        interrupted=yielded and contested and not second.backchannel,
    )
