"""What callers say: a loop of speech, and the part of it that each call plays.

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
are answered like any others."""
LEAST_CALL_S = 5.0
MOST_OVERTIME_S = 10.0
"""Seconds that a call may go on in order to end in a pause."""

_APART_S = 1.5
"""Passages closer than this are joined: a pause must separate what is scored separately."""
_SLACK_S = 0.75
"""Tolerance between an endpointer's and the reference's beginnings and ends of speech."""


@dataclass(frozen=True, slots=True)
class Passage:
    """Speech between two pauses; `text` is None without a reference."""

    start: float
    end: float
    text: str | None


def joined(passages: Sequence[Passage]) -> list[Passage]:
    """Return ordered passages; those without a pause between them are joined."""
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
    """Speech that repeats: `messages` of `message_s` each.

    `passages` are by channel, in order; one may go on past the loop's end, into its beginning.
    """

    message_s: float
    messages: int
    passages: Sequence[Sequence[Passage]]

    def heard(self, channel: int, start: float, length: float) -> Iterator[Passage]:
        """Yield the parts of passages in a call from `start` on, in the call's times."""
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
    """Return the length of a call: `LEAST_CALL_S` plus an exponentially distributed time.

    Telephone traffic is calculated with this distribution (A. K. Erlang, 1917).
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
    """What is said in one channel of a call: whole passages, and spans that are not scored.

    The latter are passages that the call's beginning or end cuts, and those without a text.
    """

    whole: Sequence[Passage]
    unjudged: Sequence[Passage]

    def judges(self, start: float, end: float) -> bool:
        """Tell whether to compare a final of this span with the reference."""
        middle = (start + end) / 2
        spans = ((p.start - _SLACK_S, p.end + _SLACK_S) for p in self.unjudged)
        return not any(begin <= middle <= finish for begin, finish in spans)


def script(loop: Loop, channel: int, first: int, messages: int) -> Script:
    """Return what a call of `messages` messages says in one channel."""
    length = messages * loop.message_s
    whole: list[Passage] = []
    unjudged: list[Passage] = []
    for passage in loop.heard(channel, first * loop.message_s, length):
        complete = passage.start >= 0 and passage.end <= length and passage.text is not None
        (whole if complete else unjudged).append(passage)
    return Script(whole, unjudged)
