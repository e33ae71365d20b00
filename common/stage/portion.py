"""How much a step takes at once."""

from common.bus.reading import MOST_ENTRIES


class Portion:
    """How many entries of each stream the next step takes: as few as keep it short.

    A worker whose step outlasts its lease loses its claims, and what the step did is void. The next
    owner finds more audio waiting still: after an outage two denoisers passed the same legs to and
    fro for ever. So portions begin small, and grow while steps take less than half of `longest`
    seconds; one that takes longer makes the next as much smaller.
    """

    def __init__(self, longest: float) -> None:
        self._longest = longest
        self.entries = 1

    def note(self, took: float) -> None:
        """Learn how long a step of this size took, in seconds."""
        if took > self._longest:
            self.entries = max(1, int(self.entries * self._longest / took))
        elif took < self._longest / 2:
            self.entries = min(MOST_ENTRIES, 2 * self.entries)
