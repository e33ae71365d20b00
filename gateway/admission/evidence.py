"""What the recognisers did recently: how busy they were, and how many finals came late.

Pure: times are seconds of any monotonic clock, given as an argument.
"""

from collections import deque
from dataclasses import dataclass

WINDOW = 15.0
"""Seconds: enough for several utterances of every call, and no longer than calls may be refused for
an overload that is over."""
_ENOUGH = 4
"""Least number of late finals that counts: fewer are chance."""
_FINALS = 16
_LONGEST = 60.0
"""Greatest age of the newest `_FINALS` finals, which count even where utterances are long (s)."""


@dataclass(frozen=True, slots=True)
class Decodes:
    """What the recognisers did since the last look; `overdue` finals are late and not there yet.

    `occupied` of `offered` place-seconds were in use. `ends`: finals of live calls; `late`: how
    many of them were late.
    """

    occupied: float = 0.0
    offered: float = 0.0
    ends: int = 0
    late: int = 0
    overdue: int = 0


class Evidence:
    """What was measured in the last seconds."""

    def __init__(self) -> None:
        self._looks: deque[tuple[float, Decodes, int]] = deque()
        self._finals: deque[tuple[float, int, int]] = deque()
        """Time, number of finals, and how many of them were late."""
        self._overdue = 0

    def learn(self, decodes: Decodes, legs: int, now: float) -> None:
        """Ingest what was done since the last time, and how many legs there are now."""
        self._looks.append((now, decodes, legs))
        while now - self._looks[0][0] >= WINDOW:
            self._looks.popleft()
        self._overdue = decodes.overdue
        if decodes.ends or decodes.late:
            self._finals.append((now, decodes.ends, decodes.late))
        while self._finals and self._are_old(now):
            self._finals.popleft()

    def _are_old(self, now: float) -> bool:
        """Whether the oldest finals are too old to count."""
        first, ends, _ = self._finals[0]
        enough = sum(each for _, each, _ in self._finals) - ends >= _FINALS
        return now - first >= (WINDOW if enough else _LONGEST)

    @property
    def busy(self) -> float | None:
        """Share of the places that was in use; None if nothing was measured."""
        offered = sum(decodes.offered for _, decodes, _ in self._looks)
        occupied = sum(decodes.occupied for _, decodes, _ in self._looks)
        return occupied / offered if offered else None

    @property
    def late(self) -> float:
        """Share of the finals that came late or have not come yet; 0 while they are few."""
        late = self._overdue + sum(late for *_, late in self._finals)
        ends = self._overdue + sum(ends for _, ends, _ in self._finals)
        return late / max(ends, late) if late >= _ENOUGH else 0.0

    def newcomers(self, legs: int) -> int:
        """Return how many of `legs` are newer than the measurements, at most."""
        return legs - min((before for *_, before in self._looks), default=0)
