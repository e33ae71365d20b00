"""How old the newest audio of live calls is when a worker has handled it. Pure."""

from collections.abc import Iterable, Sequence

from common.audio import seconds
from common.bus.wire import Chunk
from common.stage.api import Entry


class Lag:
    """The greatest age since it was last asked for, in seconds; times are by Redis's clock.

    The age of a work item's newest audio counts from when it came, or from when this worker
    acquired the work item if that was later, until the effects of the step that read it are
    written. When it came is on the audio of live calls alone, see `Chunk`: a recording that is sent
    faster than it was spoken waits, which harms nobody. Where nothing comes, nothing ages.
    """

    def __init__(self) -> None:
        self._in_hand: float | None = None
        self._worst = 0.0

    def took(self, came: Iterable[float]) -> None:
        """Note that a step begins, and when the newest audio of its work items came."""
        self._in_hand = min(came, default=None)

    def handled(self, now: float | None) -> None:
        """Note that the effects of the step are written."""
        self._worst = self._until(now)
        self._in_hand = None

    def worst(self, now: float | None) -> float:
        """Return the greatest age since the last call; that of audio in hand counts too."""
        worst, self._worst = self._until(now), 0.0
        return worst

    def _until(self, now: float | None) -> float:
        if self._in_hand is None or now is None:
            return self._worst
        return max(self._worst, now - self._in_hand)


def newest(entries: Sequence[Entry], since: float) -> float | None:
    """Return when the newest audio of these came, at `since` at the earliest; None if unknown.

    What has no stamp of its own came as much later than what has as it is further on.
    """
    last: int | None = None
    for entry in reversed(entries):
        if isinstance(entry, Chunk):
            last = last or entry.end
            if entry.came:
                return max(since, entry.came + seconds(last - entry.end))
    return None
