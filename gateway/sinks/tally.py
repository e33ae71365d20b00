"""What comes of a sink's attempts: for metrics as they end, and for Redis now and then."""

from collections import Counter
from collections.abc import Callable

from common.bus.sinks import COUNTED

DELIVERED, FAILED, DROPPED = COUNTED


class Tally:
    """Of one sink in one gateway. `counted` gets every outcome."""

    def __init__(self, counted: Callable[[str], None]) -> None:
        self._counted = counted
        self._since: Counter[str] = Counter()
        self._new = False
        self.reason = ""
        """Why an attempt last failed; empty if none has."""

    def delivered(self) -> None:
        """Count an attempt that succeeded."""
        self._count(DELIVERED, DELIVERED)

    def failed(self, reason: str, outcome: str = FAILED) -> None:
        """Count one that did not."""
        self.reason, self._new = reason, True
        self._count(FAILED, outcome)

    def dropped(self) -> None:
        """Count a call that a sink will never have all of."""
        self._count(DROPPED, DROPPED)

    def taken(self) -> tuple[Counter[str], str]:
        """Return the counts since the last time, and why an attempt failed since; else empty."""
        counted, reason = self._since, self.reason if self._new else ""
        self._since, self._new = Counter(), False
        return counted, reason

    def _count(self, kind: str, outcome: str) -> None:
        self._since[kind] += 1
        self._counted(outcome)
