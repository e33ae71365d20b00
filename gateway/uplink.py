"""Client audio into Redis: all legs' new audio in one pipelined write per tick.

This is the path every frame takes, so it encodes RESP itself and writes one XADD per leg and tick
however many messages arrived. The id is the position the audio ends at, hence a write that is
repeated after a broken connection is refused by Redis and counts as done.
"""

import asyncio
from collections.abc import Callable

from common.audio import BYTES_PER_SAMPLE
from common.bus import keys, wire
from common.bus.keys import Leg
from common.bus.link import CommandError, Link, encode
from common.errors import Misuse
from common.telemetry.logs import Log

MOST_WAITING = 1 << 19
"""Bytes a leg may hold unwritten (16 s of audio) before its socket is no longer read."""
_LONGEST_ENTRY = 16_000
"""Bytes of audio in one entry (0.5 s): readers take so many entries, not bytes, in one step."""

_log = Log(__name__)


class LegUplink:
    """What one leg has sent and Redis does not have yet, in order."""

    def __init__(self, leg: Leg) -> None:
        self.leg = leg
        self.position = 0
        """Where the audio accepted so far ends, in 16 kHz samples."""
        self.waiting = 0
        """Bytes accepted and not yet written."""
        key = leg.key("audio")
        self._key = key
        self._prefix = b"*5\r\n$4\r\nXADD\r\n$%d\r\n%b\r\n" % (len(key), key)
        self._audio: list[bytes] = []
        self._sealed: list[bytes] = []
        self._sealed_entries = 0
        self._order = wire.AUDIO_ORDER
        self._fresh = True

    def audio(self, pcm: bytes) -> None:
        """Append PCM16LE at 16 kHz."""
        self._audio.append(pcm)
        self.position += len(pcm) // 2
        self.waiting += len(pcm)
        self._order = wire.AUDIO_ORDER

    def control(self, body: wire.Body) -> None:
        """Append a control that takes effect after the audio so far."""
        self._seal()
        self._order += 1
        packed = wire.pack(body)
        self.waiting += len(packed)
        self._append(self.position, self._order, wire.CONTROL_FIELD, packed)

    def take(self) -> tuple[bytes, int]:
        """Return everything waiting as RESP, and how many commands that is."""
        self._seal()
        if self._fresh and self._sealed:
            self._fresh = False
            self._sealed.append(encode([("EXPIRE", self._key, keys.SESSION_TTL)]))
            self._sealed_entries += 1
        data, count = b"".join(self._sealed), self._sealed_entries
        self._sealed, self._sealed_entries = [], 0
        return data, count

    def _seal(self) -> None:
        if not self._audio:
            return
        audio, self._audio = b"".join(self._audio), []
        start = self.position - len(audio) // BYTES_PER_SAMPLE
        for cut in range(0, len(audio), _LONGEST_ENTRY):
            piece = audio[cut : cut + _LONGEST_ENTRY]
            end = start + (cut + len(piece)) // BYTES_PER_SAMPLE
            self._append(end, wire.AUDIO_ORDER, wire.AUDIO_FIELD, piece)

    def _append(self, position: int, order: int, field: bytes, value: bytes) -> None:
        entry = wire.entry_id(position, order)
        head = b"$%d\r\n%b\r\n$1\r\n%b\r\n$%d\r\n" % (len(entry), entry, field, len(value))
        self._sealed += (self._prefix, head, value, b"\r\n")
        self._sealed_entries += 1


class Uplink:
    """The one writer of this gateway's audio streams."""

    def __init__(self, link: Link, *, period: float) -> None:
        self._link = link
        self._period = period
        self._dirty: dict[LegUplink, Callable[[], None]] = {}
        self._settled = asyncio.Event()
        self._settled.set()

    def touch(self, leg: LegUplink, relieved: Callable[[], None]) -> None:
        """Have this leg written at the next tick; `relieved` is called once Redis has it."""
        self._dirty[leg] = relieved
        self._settled.clear()

    async def run(self) -> None:
        """Write every `period` seconds what is waiting, for ever.

        While Redis is away the batch in hand is kept and repeated and everything newer waits in
        the legs, each up to `MOST_WAITING`; then their sockets are not read. Nothing is dropped.
        """
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            due = max(due + self._period, loop.time())
            await asyncio.sleep(due - loop.time())
            if self._dirty:
                await self._flush()

    async def settle(self, timeout: float) -> None:
        """Wait until everything touched so far is written, at most `timeout` seconds."""
        try:
            async with asyncio.timeout(timeout):
                await self._settled.wait()
        except TimeoutError:
            _log.warning("audio.unwritten", legs=len(self._dirty))

    async def _flush(self) -> None:
        dirty, self._dirty = self._dirty, {}
        parts: list[bytes] = []
        written: list[tuple[LegUplink, int]] = []
        count = 0
        for leg in dirty:
            data, entries = leg.take()
            parts.append(data)
            count += entries
            written.append((leg, leg.waiting))
        replies, _ = await self._link.insist_sending(b"".join(parts), count)
        for reply in replies:
            # "equal or smaller": an earlier attempt at this very batch had arrived.
            if isinstance(reply, CommandError) and "equal or smaller" not in str(reply):
                raise Misuse(f"Redis refuses audio: {reply}")
        for leg, size in written:
            leg.waiting -= size
            dirty[leg]()
        if not self._dirty:
            self._settled.set()
