"""Sending at the pace of speech: one task writes what is due in every call.

A timer and a task per call, as in the ordinary client, cost several times as much as the writing
itself.
"""

import asyncio
from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from itertools import count

from callscribe.client.latency import Sending

_TICK = 0.004
"""Shortest time between two rounds: messages due within it are written together."""
_IDLE = 0.02
_MOST_UNSENT = 64 << 10
"""Bytes that may wait in a socket's buffer; a server that reads leaves next to none."""
_HELD_TICK = 0.02
_MOST_HELD_S = 30.0

ENDED = "the server ended the call"
"""Why a call ended when its connection accepts no more messages, unless its close says more."""


class PacedCall:
    """The messages of one call: `messages` frames of the loop, from `first` on.

    `is_open` tells whether the connection over `pipe` still accepts messages. `over` is set once
    all were written, or no more will be.
    """

    def __init__(
        self,
        pipe: asyncio.WriteTransport,
        is_open: Callable[[], bool],
        *,
        first: int,
        messages: int,
    ) -> None:
        self.pipe = pipe
        self.is_open = is_open
        self.first = first
        self.messages = messages
        self.sent = 0
        self.begin = 0.0
        self.sending = Sending()
        self.held_since: float | None = None
        """Since when this call is behind because the server reads no audio."""
        self.over = asyncio.Event()
        self.fault: str | None = None
        """Why it was over before everything was sent."""

    def end(self, fault: str | None = None) -> None:
        """Send nothing more; this has no effect once everything was sent."""
        if not self.over.is_set():
            self.fault = fault
            self.over.set()


class Pacer:
    """Writes every call's messages when a microphone would have filled them.

    `clock` gives seconds. If a server stops reading one call, only that call waits, and then
    catches up; the delay is `worst_held`, and does not count as this side's own. `on_late` gets,
    each round, the delay of the latest message written.
    """

    def __init__(
        self,
        frames: Sequence[bytes],
        message_s: float,
        clock: Callable[[], float],
        on_late: Callable[[float, float], None],
    ) -> None:
        self.worst_held = 0.0
        self._frames = frames
        self._message_s = message_s
        self._clock = clock
        self._on_late = on_late
        self._due: list[tuple[float, int, PacedCall]] = []
        self._numbers = count()
        self._stopped = False

    def add(self, call: PacedCall) -> None:
        """Begin a call now: its first message is due when that much has been said."""
        if self._stopped:  # while it was being opened
            call.end()
            return
        call.begin = self._clock()
        heappush(self._due, (call.begin + self._message_s, next(self._numbers), call))

    def stop(self) -> None:
        """End the sending of every call, also of future ones."""
        self._stopped = True
        for _, _, call in self._due:
            call.end()
        self._due.clear()

    async def run(self) -> None:
        """Write what is due, until cancelled."""
        while True:
            pause = self.write_due()
            await asyncio.sleep(pause)

    def write_due(self) -> float:
        """Write what is due now; return after how long to look again."""
        now = self._clock()
        latest = 0.0
        while self._due and self._due[0][0] <= now:
            _, number, call = heappop(self._due)
            if call.over.is_set() or not call.is_open():
                call.end(ENDED)
                continue
            late = now - (call.begin + (call.sent + 1) * self._message_s)
            if call.pipe.get_write_buffer_size() > _MOST_UNSENT:
                self._hold(call, number, now, late)
                continue
            if call.held_since is None:
                latest = max(latest, late)
            elif late < self._message_s:
                call.held_since = None
            self._write(call, now)
            if call.sent < call.messages:
                heappush(self._due, (call.begin + (call.sent + 1) * self._message_s, number, call))
            else:
                call.over.set()
        if latest:
            self._on_late(now, latest)
        return max(_TICK, self._due[0][0] - self._clock()) if self._due else _IDLE

    def _hold(self, call: PacedCall, number: int, now: float, late: float) -> None:
        call.held_since = now if call.held_since is None else call.held_since
        self.worst_held = max(self.worst_held, late)
        if now - call.held_since > _MOST_HELD_S:
            call.end(f"the server took no audio for {_MOST_HELD_S:g} s")
        else:
            heappush(self._due, (now + _HELD_TICK, number, call))

    def _write(self, call: PacedCall, now: float) -> None:
        call.pipe.write(self._frames[(call.first + call.sent) % len(self._frames)])
        call.sent += 1
        call.sending.sent(call.sent * self._message_s, now)
