"""How long a call stood still after a fault: from what was sent when, and what was heard when.

Times are of one monotonic clock, in seconds; positions are seconds of the call's audio.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

ENDED = math.inf
"""Position that the end of a call covers."""


@dataclass(slots=True)
class Progress:
    """One call's course; times never decrease."""

    sent_at: list[float] = field(default_factory=list)
    sent_to: list[float] = field(default_factory=list)
    told: list[tuple[float, float]] = field(default_factory=list)
    """When a transcript was told of the audio up to where."""
    finals: list[tuple[float, float]] = field(default_factory=list)
    """When a final was told, and where it ends."""
    stored: list[tuple[float, float]] = field(default_factory=list)
    """When the audio up to where was known to be stored."""

    def sent(self, when: float, position: float) -> None:
        """Note that the client spoke up to a position."""
        self.sent_at.append(when)
        self.sent_to.append(position)

    def tell(self, when: float, position: float) -> None:
        """Note a transcript of the audio up to a position."""
        self.told.append((when, position))

    def finish(self, when: float, position: float) -> None:
        """Note a final, which ends at a position."""
        self.finals.append((when, position))
        self.tell(when, position)

    def store(self, when: float, position: float) -> None:
        """Note that the server has stored the audio up to a position."""
        self.stored.append((when, position))

    @property
    def waits(self) -> list[float]:
        """The seconds from when an utterance had been spoken to its final."""
        spoken = (bisect_left(self.sent_to, position) for _, position in self.finals)
        pairs = zip(self.finals, spoken, strict=True)
        return [when - self.sent_at[at] for (when, _), at in pairs if at < len(self.sent_at)]

    def answered_after(self, moment: float) -> float | None:
        """Return the seconds until audio sent after `moment` had a transcript; None: never."""
        return self._after(moment, self.told)

    def stored_after(self, moment: float) -> float | None:
        """Return the seconds until audio sent after `moment` was stored; None: never."""
        return self._after(moment, sorted([*self.stored, *self.told]))

    def _after(self, moment: float, events: Sequence[tuple[float, float]]) -> float | None:
        before = bisect_right(self.sent_at, moment)
        if before == 0:
            return None
        spoken = self.sent_to[before - 1]
        for when, position in events:
            if when > moment and position > spoken:
                return when - moment
        return None

    @property
    def over(self) -> bool:
        """Whether the call came to its end."""
        return bool(self.told) and self.told[-1][1] == ENDED

    def runs(self, moment: float) -> bool:
        """Tell whether the call had begun and was not over at `moment`."""
        if not self.sent_at or self.sent_at[0] > moment:
            return False
        return not (self.over and self.told[-1][0] <= moment)


def last(durations: Iterable[float | None]) -> float | None:
    """Return the longest that is known; None without any."""
    return max((each for each in durations if each is not None), default=None)


@dataclass(frozen=True, slots=True)
class Spread:
    """Some durations, in seconds."""

    count: int
    p50: float
    p95: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Describe at least one value; percentiles are values that occurred (nearest rank)."""
        ordered = sorted(values)

        def rank(part: float) -> float:
            return ordered[max(0, math.ceil(part * len(ordered)) - 1)]

        return cls(len(ordered), rank(0.5), rank(0.95), ordered[-1])
