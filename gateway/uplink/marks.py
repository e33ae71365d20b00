"""When a call's audio had reached each place, for the time just gone. Pure; time is an argument.

Every frame takes this path, and every call has it twice. So a mark is two plain numbers, and older
ones are thinned out only now and then.
"""

from array import array
from bisect import bisect_left

_EVERY = 160
"""Samples between two marks at least: telephones send 20 ms, browsers as little as 10."""
_RECENT = 256
_COARSE_EVERY = 1_600
_COARSE = 320
"""Marks kept: 2.5 s or more with any message size, 5 s with 20 ms; to a tenth of a second 32 s."""


class Marks:
    """When the audio before each position was there, and the controls behind it.

    Nothing is known of positions up to `start`. Times are of any one clock.
    """

    __slots__ = ("_at", "_coarse", "_last", "_places", "_unknown")

    def __init__(self, start: int) -> None:
        self._last = self._unknown = 2 * start
        self._places = array("q")
        """Twice the position of each mark, and 1 more if it is of a control."""
        self._at = array("d")
        self._coarse = 0
        """How many of them are thinned out already."""

    def audio(self, position: int, now: float) -> None:
        """Note that the audio before a position is there."""
        place = 2 * position
        if place - self._last >= 2 * _EVERY:
            self._last = place
            self._places.append(place)
            self._at.append(now)
            if len(self._places) - self._coarse > 2 * _RECENT:
                self._thin()

    def control(self, position: int, now: float) -> None:
        """Note that a control at a position is there, and all audio before it."""
        place = 2 * position + 1
        if place > self._last:
            self._last = place
            self._places.append(place)
            self._at.append(now)

    def when(self, position: int, *, control: bool = False) -> float | None:
        """Return when the audio before a position, or a control at it, was there.

        None if that is not known: before `start`, not there yet, or too long ago.
        """
        place = 2 * position + control
        return self._first_from(place) if place > self._unknown else None

    def oldest_from(self, position: int) -> float | None:
        """Return the same, or the oldest known time if the audio was there before that."""
        return self._first_from(2 * position)

    def _first_from(self, place: int) -> float | None:
        index = bisect_left(self._places, place)
        return self._at[index] if index < len(self._at) else None

    def _thin(self) -> None:
        """Keep fewer of the older marks, and none that are too old."""
        places, at, coarse = self._places, self._at, self._coarse
        recent = len(places) - _RECENT
        kept: list[int] = []
        last = places[coarse - 1] if coarse else self._unknown
        for index in range(coarse, recent):
            if places[index] - last >= 2 * _COARSE_EVERY:
                kept.append(index)
                last = places[index]
        places[coarse:recent] = array("q", [places[index] for index in kept])
        at[coarse:recent] = array("d", [at[index] for index in kept])
        self._coarse = coarse + len(kept)
        if (old := self._coarse - _COARSE) > 0:
            self._unknown = places[old - 1]
            del places[:old], at[:old]
            self._coarse = _COARSE
