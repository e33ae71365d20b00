"""Client audio into Redis: all legs' new audio in one pipelined write per tick."""

import asyncio
import time
from contextlib import suppress
from enum import Enum, auto

from common.bus import commands, wire
from common.bus.clock import Clock
from common.errors import Misuse, OtherServer
from common.redis.link import CommandError, Link
from common.redis.resp import is_known_id
from common.telemetry.logs import Log
from common.ticks import stretch
from gateway.uplink.leg import LegUplink

MOST_WAITING = 1 << 19
"""Bytes a leg may hold unwritten (16 s of audio) before its socket is no longer read."""
_SUPERSEDED = -1
_LOOK_EVERY = 0.25
"""Seconds between checks whether Redis came back with older data, if there is nothing to write."""

_log = Log(__name__)


class Uplink:
    """The one writer of this gateway's audio streams."""

    def __init__(self, link: Link, *, period: float) -> None:
        self.clock = Clock()
        """Redis's clock, by which audio says when it came."""
        self._link = link
        self._period = period
        self._legs: set[LegUplink] = set()
        self._dirty: dict[LegUplink, None] = {}
        self._settled = asyncio.Event()
        self._settled.set()
        self._touched = asyncio.Event()
        self._generation = link.generation

    def add(self, leg: LegUplink) -> None:
        """Watch this leg: audio of it that Redis loses is written again."""
        self._legs.add(leg)

    def remove(self, leg: LegUplink) -> None:
        """Forget a leg once what it holds is written."""
        self._legs.discard(leg)

    def touch(self, leg: LegUplink) -> None:
        """Write this leg at the next tick."""
        if not self._dirty:
            self._settled.clear()
            self._touched.set()
        self._dirty[leg] = None

    async def run(self) -> None:
        """Write what is waiting, at most once in `period` seconds, for ever; see `stretch`.

        While Redis is away the batch in hand is kept and repeated and everything newer waits in
        the legs, each up to `MOST_WAITING`; then their sockets are not read. Nothing is dropped.
        """
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            await self._something()
            await asyncio.sleep(due - loop.time())
            due = max(due + self._period * stretch(len(self._legs)), loop.time())
            if self._link.generation != self._generation:
                self._generation = self._link.generation
                await self._restore()
            if self._dirty:
                with suppress(OtherServer):  # first comes what that server lacks
                    await self._flush()

    async def keep_time(self) -> None:
        """Keep `clock` right for ever."""
        await self.clock.keep(self._link)

    async def _something(self) -> None:
        """Return when there is something to write, or after `_LOOK_EVERY`."""
        if not self._dirty:
            self._touched.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_EVERY):
                    await self._touched.wait()

    async def settle(self, timeout: float) -> None:
        """Wait until everything touched so far is written, at most `timeout` seconds."""
        try:
            async with asyncio.timeout(timeout):
                await self._settled.wait()
        except TimeoutError:
            _log.warning("audio.unwritten", legs=len(self._dirty))

    async def _restore(self) -> None:
        """Write again the audio that a Redis with older data has lost."""
        legs = list(self._legs)
        replies = await self._link.insist([commands.facts(leg.key) for leg in legs])
        repeated = 0
        for leg, reply in zip(legs, replies, strict=True):
            if leg in self._legs:
                repeated += leg.rewind(wire.last_id(reply))
                self.touch(leg)
        _log.warning("audio.restored", legs=len(legs), samples=repeated)

    async def _flush(self) -> None:
        dirty, self._dirty = self._dirty, {}
        taken = [(leg, part) for leg in dirty if (part := leg.dequeue()) is not None]
        parts = [part for _, part in taken]
        try:
            replies, _ = await self._link.insist_parts(parts, generation=self._generation)
        except BaseException:
            for leg, _ in taken:
                leg.put_back()
                self._dirty[leg] = None
            raise
        read, now = 0, time.monotonic()
        gone: list[LegUplink] = []
        for leg, (_, _, count) in taken:
            # Nearly always one id, of one write: it needs no check.
            plain = count == 1 and type(replies[read]) is bytes
            fate = _Fate.WRITTEN if plain else _fate(replies[read : read + count])
            read += count
            if fate is _Fate.GONE:
                gone.append(leg)
            elif leg.settle(fate is _Fate.WRITTEN, now):
                self._dirty[leg] = None
        if gone:
            await self._make_again(gone, now)
        if not self._dirty:
            self._settled.set()

    async def _make_again(self, gone: list[LegUplink], now: float) -> None:
        """Write streams again that were deleted, if this gateway still owns their calls."""
        owners = await self._link.insist([commands.owner(leg.leg.meta) for leg in gone])
        for leg, owner in zip(gone, owners, strict=True):
            if owner != leg.owner.encode():
                leg.settle(False, now)
                continue
            leg.put_back()
            _log.error("audio.deleted", leg=str(leg.leg), restored=leg.rewind(wire.NOTHING))
            leg.on_deleted()
            self._dirty[leg] = None


class _Fate(Enum):
    """What became of a leg's batch."""

    WRITTEN = auto()
    SUPERSEDED = auto()
    """The session has another owner."""
    GONE = auto()
    """Redis has no such stream any more."""


def _fate(replies: list[object]) -> _Fate:
    """Tell what became of a batch; raises Misuse for a permanent error."""
    fates = {_Fate.WRITTEN}
    for reply in replies:
        if isinstance(reply, list):
            fates.add(_fate(reply))
        elif isinstance(reply, CommandError):
            # A known id: an earlier attempt at this very batch had arrived.
            if not is_known_id(reply):
                raise Misuse(f"Redis refuses audio: {reply}")
        elif reply is None:
            fates.add(_Fate.GONE)
        elif reply == _SUPERSEDED:
            fates.add(_Fate.SUPERSEDED)
    return next(each for each in (_Fate.SUPERSEDED, _Fate.GONE, _Fate.WRITTEN) if each in fates)
