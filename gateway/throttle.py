"""When a client's socket is not read: TCP then slows the client down, and nothing is dropped."""

import asyncio
import time

from common.telemetry.logs import Log
from gateway.pacing import Brake, Pacer
from gateway.settings import GatewaySettings
from gateway.shared import Client
from gateway.uplink import MOST_WAITING

_log = Log(__name__)


class Throttle:
    """Holds one connection back, for whatever reasons there are at a time."""

    def __init__(self, session: str, client: Client, settings: GatewaySettings) -> None:
        self.session = session
        """Whose connection it is, for the log."""
        self.full = False
        """Whether it is held because too much of it waits for Redis."""
        self._client = client
        self._pacer = Pacer(settings.max_audio_rate, settings.audio_burst_s)
        self._brake = Brake()
        self._pause: asyncio.TimerHandle | None = None

    def hold(self, why: str, held: bool) -> None:
        """Stop reading for a reason, or go on once no reason is left."""
        if self._brake.press(why) if held else self._brake.release(why):
            self._client.hold(held)
            _log.info(
                "session.held" if held else "session.released", session=self.session, reason=why
            )

    def pace(self, samples: int) -> None:
        """Take note of so much audio of one leg; who is far ahead of what he says has to wait."""
        pause = self._pacer.push(samples, time.monotonic())
        if pause:
            self.hold("pace", True)
            self.close()
            loop = asyncio.get_running_loop()
            self._pause = loop.call_later(pause, self.hold, "pace", False)

    def store(self, waiting: int) -> None:
        """Take note of how many bytes of a leg wait for Redis."""
        if waiting > MOST_WAITING:
            self.full = True
        elif waiting <= MOST_WAITING // 2:
            self.full = False
        self.hold("redis", self.full)

    def close(self) -> None:
        """Let no pause end any more."""
        if self._pause is not None:
            self._pause.cancel()
