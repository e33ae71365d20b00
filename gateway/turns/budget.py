"""How much of this process's time a connection may use. Pure: times are seconds of any clock.

A gateway is one thread: while it handles one client's messages, all others wait. So each connection
has a budget of time. Audio beyond it is read later, since a client may well send a minute of it in
one go after a reconnect. All connections that are over their budget share one slow lane: many rude
sockets take no more time than a few. Frames without audio are different: no honest client sends
hundreds of pings, empty frames or controls. A connection that does is closed.

Measured: a live call takes 0.1 to 0.6 % of the time, the latter with two channels at 48 kHz; a
second of audio takes up to 2 ms at 8 kHz, nearly all of it for resampling.
"""

from common.rates import Bucket

TURN = 0.001
"""Seconds that a connection may use before others have their turn."""
PIECE = 8192
"""Bytes of audio that are handled together, at most: half a second of it takes a millisecond."""

_RATE, _BURST = 0.01, 0.03
"""Share of the time, and seconds in one go: a minute of audio at 16 kHz, a quarter of one at 8."""
_LANE_RATE, _LANE_BURST = 0.08, 0.02
"""The slow lane of all connections."""
_MOST = 0.02
"""Seconds that one turn counts for at most: the process itself may have been stopped meanwhile."""

_LUMP = 0.0005
"""Seconds that are spent before they are counted: a frame takes a hundredth of a millisecond."""

_TRIFLE_BYTES = 2048
_TRIFLES_RATE, _TRIFLES_BURST = 40.0, 400.0
"""Pings, pongs, empty frames and text messages: a client that resumes repeats a minute of them."""
_TEXTS_RATE, _TEXTS_BURST = 400.0, 4000.0
"""The same where audio comes in text messages: two channels in pieces of 20 ms are 100 a second,
and 20 ms at 24 kHz count for two."""


def slow_lane() -> Bucket:
    """Return the budget that the connections of one process share beyond their own."""
    return Bucket(_LANE_RATE, _LANE_BURST)


class Budget:
    """The budget of one connection."""

    __slots__ = ("_lane", "_own", "_spent", "_trifles")

    def __init__(self, lane: Bucket) -> None:
        self._own = Bucket(_RATE, _BURST)
        self._trifles = Bucket(_TRIFLES_RATE, _TRIFLES_BURST)
        self._lane = lane
        self._spent = 0.0

    def spend(self, seconds: float, now: float) -> float:
        """Count the time of a turn; return for how many seconds to read nothing."""
        self._spent += min(seconds, _MOST)
        if self._spent < _LUMP:
            return 0.0
        spent, self._spent = self._spent, 0.0
        return self._lane.add(spent, now) if self._own.try_add(spent, now) else 0.0

    def expect_texts(self) -> None:
        """Allow for a client whose audio comes in text messages."""
        self._trifles = Bucket(_TEXTS_RATE, _TEXTS_BURST)

    def trifle(self, size: int, now: float) -> bool:
        """Count a frame without audio; return whether there are more than any client needs."""
        return self._trifles.add(1.0 + size / _TRIFLE_BYTES, now) > 0.0
