"""How a call whose connection broke waits for its client, within limits of time and number."""

import asyncio
from collections.abc import Callable

from gateway.standby import Standby


class Absence:
    """The wait of one call for its client; `over` ends the call, and is called once.

    `others` are all waiting calls of this gateway: the client that has most loses its oldest first.
    """

    def __init__(self, others: "Standby[Absence]", caller: str, over: Callable[[], None]) -> None:
        self._others = others
        self._caller = caller
        self._over = over
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, patience: float, most: int) -> bool:
        """Wait for `patience` seconds; tell whether it was not waiting before.

        If more than `most` calls of its client wait, the oldest of them ends.
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
        """Stop waiting: the client is back, or the call is over."""
        self._others.discard(self._caller, self)
        if self._timer is not None:
            self._timer.cancel()
