"""How much audio a call may have in store: sent, and not yet recognised. Pure.

A recording that is sent faster than it was spoken waits in Redis as work. Without a bound one
client could queue hours of it at the recognisers that live callers need. A live caller is never
paused: live speech cannot be ahead of real time.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

AHEAD = 10.0
"""Seconds that a call may be ahead of its own clock before its store is checked: after a stall of
the network or a resumption, several seconds arrive in one go."""

_MARGIN = 15.0
"""Seconds beyond the longest utterance, for what VAD and the recogniser are working on. A call that
may store less than one utterance would wait for ever for its end."""
_OF_A_CALL = 60.0
_OF_A_CLIENT = 240.0
_AGAIN = 0.75
"""A paused call goes on at this share of its bound."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What one call has in store, in seconds, and its longest possible utterance."""

    client: str
    seconds: float
    longest: float
    paused: bool


def to_pause(calls: Sequence[Stored]) -> list[bool]:
    """Return which calls must be paused now.

    Each call has a bound, and the calls of one client share another. A call's share is at least
    what one utterance takes.
    """
    totals: defaultdict[str, float] = defaultdict(float)
    counts: defaultdict[str, int] = defaultdict(int)
    for call in calls:
        totals[call.client] += call.seconds
        counts[call.client] += 1
    paused = []
    for call in calls:
        needed = call.longest + _MARGIN
        bound = max(_OF_A_CALL, needed)
        if totals[call.client] > _OF_A_CLIENT:
            bound = max(_OF_A_CLIENT / counts[call.client], needed)
        paused.append(call.seconds > (bound * _AGAIN if call.paused else bound))
    return paused
