"""How much input a step gets."""

from common.bus.reading import MOST_ENTRIES

LARGEST = 64
"""Entries of a stream in one step at most: 0.5 MB, 16 s of audio."""


class Portion:
    """How many entries of each stream the next step gets: few enough to keep it short.

    A worker whose step outlasts its lease loses its work items and the work of the step. The next
    owner then has even more audio waiting: after an outage two denoisers passed the same legs back
    and forth for ever. So portions begin small, and grow while steps take less than half of
    `longest` seconds. Beyond `MOST_ENTRIES` they grow only while more is waiting: what waits after
    an outage is in larger entries than those that the size was tried with. A step that takes longer
    makes the next portion smaller by the same factor.
    """

    def __init__(self, longest: float) -> None:
        self._longest = longest
        self.entries = 1

    def note(self, took: float, *, more: bool) -> None:
        """Learn how long a step of this size took, in seconds, and whether more was waiting."""
        if took > self._longest:
            self.entries = max(1, int(self.entries * self._longest / took))
        elif took < self._longest / 2:
            self.entries = min(LARGEST if more else MOST_ENTRIES, 2 * self.entries)
