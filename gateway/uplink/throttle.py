"""When a client's socket is not read: TCP then slows the client down, and nothing is dropped."""

import asyncio
import time
from collections.abc import Callable
from typing import Self

from common.audio import seconds
from common.rates import Bucket
from common.telemetry.logs import Log
from gateway.uplink.pacing import PauseReasons
from gateway.uplink.writer import MOST_WAITING

_OFTEN = ("pace", "controls", "redis", "store", "decode")
"""Reasons that pause a client many times a second; only the first time is logged."""
_CONTROLS_RATE, _CONTROLS_BURST = 5.0, 200.0
"""Flushes, digits and changed options of one call: each is work for Redis, VAD and recognisers. A
client that resumes repeats some."""

_log = Log(__name__)


class Throttle:
    """Pauses one connection for as long as there is a reason.

    `pause_client` stops reading from its socket, or resumes. `rate`: how many times faster than
    spoken audio is accepted. `burst`: seconds of audio that may come together before that.
    """

    def __init__(
        self, session: str, pause_client: Callable[[bool], None], *, rate: float, burst: float
    ) -> None:
        self.session = session
        """The session of the connection, for the log."""
        self.full = False
        """Whether it is paused because too much of it waits for Redis."""
        self.stored = False
        """Whether it is paused because too much of it is not recognised yet."""
        self.on_resumed: Callable[[], None] = lambda: None
        """Called when a reason is gone."""
        self._pause_client = pause_client
        self._pace = Bucket(rate, burst)
        self._controls = Bucket(_CONTROLS_RATE, _CONTROLS_BURST)
        self._reasons = PauseReasons()
        self._logged: set[str] = set()
        self._timers: dict[str, asyncio.TimerHandle] = {}

    @property
    def paused(self) -> bool:
        """Whether there is a reason."""
        return bool(self._reasons)

    def paused_beside(self, why: str) -> bool:
        """Return whether there is a reason beside this one."""
        return self._reasons.beside(why)

    @classmethod
    def idle(cls, session: str) -> Self:
        """Return one that pauses nothing, for a call without a connection."""
        return cls(session, lambda paused: None, rate=1.0, burst=0.0)

    def set_paused(self, why: str, paused: bool) -> None:
        """Stop reading for a reason, or go on once no reason is left."""
        if self._reasons.add(why) if paused else self._reasons.remove(why):
            self._pause_client(paused)
            self._tell(why, paused)
        if not paused:
            self.on_resumed()

    def pace(self, samples: int) -> None:
        """Count new audio of one leg; a client far ahead of real time has to wait."""
        self._wait("pace", self._pace.add(seconds(samples), time.monotonic()))

    def control(self) -> None:
        """Count a control; a client that sends more than any client needs has to wait."""
        self._wait("controls", self._controls.add(1.0, time.monotonic()))

    def store(self, waiting: int) -> None:
        """Take note of how many bytes of a leg wait for Redis."""
        if waiting > MOST_WAITING:
            self.full = True
        elif waiting <= MOST_WAITING // 2:
            self.full = False
        self.set_paused("redis", self.full)

    def keep(self, paused: bool) -> None:
        """Take note whether the call has too much in store; see `gateway.uplink.stored`."""
        self.stored = paused
        self.set_paused("store", paused)

    def forget(self) -> None:
        """Pause nothing any more: the connection has ended, and nobody ends what others began."""
        self._pause_client = lambda paused: None
        self.set_paused("memory", False)

    def close(self) -> None:
        """Cancel the end of every pause."""
        for timer in self._timers.values():
            timer.cancel()

    def _wait(self, why: str, pause: float) -> None:
        if pause:
            self.set_paused(why, True)
            if why in self._timers:
                self._timers[why].cancel()
            loop = asyncio.get_running_loop()
            self._timers[why] = loop.call_later(pause, self.set_paused, why, False)

    def _tell(self, why: str, paused: bool) -> None:
        if why in _OFTEN:
            if why in self._logged:
                return
            self._logged.add(why)
        _log.info(
            "session.held" if paused else "session.released", session=self.session, reason=why
        )
