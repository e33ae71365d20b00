"""A call whose connection broke: it waits for its client, but not for ever and not at all costs."""

import asyncio
from collections.abc import Callable

from gateway.calls.standby import Standby


class Absence:
    """The wait of one call for its client; `over` ends the call, and is called once.

    `others` are all calls of this gateway that wait, so that those go first whose client has most.
    """

    def __init__(self, others: "Standby[Absence]", caller: str, over: Callable[[], None]) -> None:
        self._others = others
        self._caller = caller
        self._over = over
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, patience: float, most: int) -> bool:
        """Wait for so many seconds; tell whether that is new.

        Beyond `most` calls of its client that wait, the oldest of these is over.
        """
        if self._timer is not None:
            return False
        self._timer = asyncio.get_running_loop().call_later(patience, self.cut_short)
        oldest = self._others.add(self._caller, self, most)
        if oldest is not None:
            oldest.cut_short()
        return True

    def cut_short(self) -> None:
        """End the call."""
        self.close()
        self._over()

    def close(self) -> None:
        """Wait no more: the client is back, or the call is over."""
        self._others.discard(self._caller, self)
        if self._timer is not None:
            self._timer.cancel()
