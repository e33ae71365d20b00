"""Who says what: the loop of speech that every caller plays a part of, and which part.

Times are seconds; those of a loop begin with the loop, those of a call with the call's audio.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, floor

LEAD_S = 0.5
"""Silence before a call's first words."""
PAUSE_S = 1.2
"""Silence that ends a call: longer than the endpointer's default (0.8 s), so that the last words
are answered as any others are."""
LEAST_CALL_S = 5.0
MOST_OVERTIME_S = 10.0
"""How long a call may go on for the sake of ending in a pause."""

_APART_S = 1.5
"""Passages that are closer than this are one: a pause must part what is scored apart."""
_SLACK_S = 0.75
"""How far an endpointer's idea of where speech begins and ends may be from the reference's."""


@dataclass(frozen=True, slots=True)
class Passage:
    """Speech between two pauses; `text` None where nobody wrote down what is said."""

    start: float
    end: float
    text: str | None


def joined(passages: Sequence[Passage]) -> list[Passage]:
    """Return passages, which are in order, with those made one that no pause lies between."""
    result: list[Passage] = []
    for passage in passages:
        if result and passage.start - result[-1].end < _APART_S:
            last = result.pop()
            known = last.text is not None and passage.text is not None
            text = f"{last.text} {passage.text}" if known else None
            passage = Passage(last.start, max(last.end, passage.end), text)
        result.append(passage)
    return result


@dataclass(frozen=True)
class Loop:
    """Speech that begins again when it is over: `messages` of `message_s` each.

    `passages` are by channel, in order; one may go on past the loop's end, into its beginning.
    """

    message_s: float
    messages: int
    passages: Sequence[Sequence[Passage]]

    def heard(self, channel: int, start: float, length: float) -> Iterator[Passage]:
        """Yield, in a call's times, what a call from `start` on hears of any passage."""
        duration = self.messages * self.message_s
        for turn in range(floor(start / duration) - 1, floor((start + length) / duration) + 1):
            offset = turn * duration - start
            for passage in self.passages[channel]:
                begin, end = passage.start + offset, passage.end + offset
                if end > 0 and begin < length:
                    yield Passage(begin, end, passage.text)


@dataclass(frozen=True, slots=True)
class PlannedCall:
    """The loop's messages that a call sends: the first one's number, and how many."""

    first: int
    messages: int


def draw_length(mean: float, random_: random.Random) -> float:
    """Return how long a call is to last: `LEAST_CALL_S`, and what is exponentially distributed.

    The distribution that telephone traffic is calculated with (A. K. Erlang, 1917).
    """
    return LEAST_CALL_S + random_.expovariate(1 / (mean - LEAST_CALL_S))


def plan_call(loop: Loop, length: float, random_: random.Random) -> PlannedCall:
    """Plan a call of `length` seconds that begins before a passage drawn by lot.

    It ends in the next pause of all channels, unless none comes within `MOST_OVERTIME_S`.
    """
    begin = random_.choice(loop.passages[0]).start - LEAD_S
    first = floor(begin / loop.message_s) % loop.messages
    length = _to_a_pause(loop, first * loop.message_s, length)
    return PlannedCall(first, max(1, ceil(length / loop.message_s - 1e-9)))


def _to_a_pause(loop: Loop, start: float, length: float) -> float:
    latest = length + MOST_OVERTIME_S
    speech = [p for c in range(len(loop.passages)) for p in loop.heard(c, start, latest)]
    ends = sorted(p.end + PAUSE_S for p in speech if length < p.end + PAUSE_S <= latest)
    for end in (length, *ends):
        # A microsecond: sums of the same numbers in another order are not the same.
        if not any(p.start < end and p.end > end - PAUSE_S + 1e-6 for p in speech):
            return end
    return length


@dataclass(frozen=True)
class Script:
    """What is said in one channel of a call: passages heard whole, and spans not to be judged.

    Those are the passages that the call's beginning or end cuts off, and those without a text.
    """

    whole: Sequence[Passage]
    unjudged: Sequence[Passage]

    def judges(self, start: float, end: float) -> bool:
        """Tell whether a final of this span is to be compared with the reference."""
        middle = (start + end) / 2
        spans = ((p.start - _SLACK_S, p.end + _SLACK_S) for p in self.unjudged)
        return not any(begin <= middle <= finish for begin, finish in spans)


def script(loop: Loop, channel: int, first: int, messages: int) -> Script:
    """Return what a call of so many messages says in one channel."""
    length = messages * loop.message_s
    whole: list[Passage] = []
    unjudged: list[Passage] = []
    for passage in loop.heard(channel, first * loop.message_s, length):
        complete = passage.start >= 0 and passage.end <= length and passage.text is not None
        (whole if complete else unjudged).append(passage)
    return Script(whole, unjudged)
