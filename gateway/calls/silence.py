"""Open calls that bring no audio: what they count for, and which one gives its place away.

They cost recognisers nothing, so they are no load to other clients. They may all begin to speak,
so for its own client each counts as a call that speaks. Where places are short, the client that has
the most of them loses the oldest one to a client that has fewer.
"""

import math
from collections.abc import Iterable

from gateway.calls.call import Call
from gateway.standby import Standby

_QUIET_AFTER = 5.0
"""Seconds after which workers of VAD count a leg no more."""
_GIVEN_AFTER = 60.0
"""Seconds after which a call may lose its place: a shorter silence is a hold, or a mute."""


def quiet_legs(calls: Iterable[Call], client: str) -> int:
    """Return how many legs of a client's calls say nothing, by VAD's measure."""
    quiet = (call for call in calls if call.caller == client and call.silence >= _QUIET_AFTER)
    return sum(len(call.intake.legs) for call in quiet)


def give_place(calls: Iterable[Call], client: str) -> bool:
    """End a silent call of a client that has more than `client`; tell whether there was one."""
    silent: Standby[Call] = Standby(grace=math.inf)
    for call in sorted(calls, key=lambda each: each.silence, reverse=True):
        if call.silence >= _GIVEN_AFTER:
            silent.add(call.caller, call)
    first = silent.first_to_go(client)
    if first is not None:
        first.give_place()
    return first is not None
