"""What Redis has lost although it holds the call: work items, and flushes before they were heard.

Both are offered again. Streams were deleted by hand, or by Redis to make room. A leg whose work
item is gone is done, given up, or lost; its clean audio, its text and the dead letters tell which.
"""

import asyncio
import time
from collections.abc import Iterable, Sequence
from enum import Enum, auto

from common.bus import commands, keys, wire
from common.bus.dead_letters import Letter
from common.bus.keys import Leg
from common.bus.offers import missing
from common.pipeline import control, text
from common.pipeline.stages import ASR, DENOISE, VAD
from common.pipeline.streams import AUDIO, CHECKPOINT, CLEAN, PARKED, SOURCES, TEXT
from common.redis.link import CommandError, Link
from common.redis.replies import pairs
from common.telemetry.logs import Log
from gateway.calls.call import Call
from gateway.calls.store import SessionStore, Work, works
from gateway.uplink.intake import Flushed

_LOOK_EVERY = 2.0
_UNHEARD_S = 5.0
"""Seconds within which the end of a call, or a flush, is heard, unless it is gone."""
_HEARD = CHECKPOINT.of(VAD.name)
_CHECKPOINTS = 4
"""Entries in which the newest checkpoint is looked for: new owners' markers are among them."""

_log = Log(__name__)


class LostWork:
    """Looks after the work items of one gateway's calls."""

    def __init__(self, link: Link, store: SessionStore, calls: Iterable[Call]) -> None:
        self._link = link
        self._store = store
        self._calls = calls

    async def run(self) -> None:
        """Look every other second, for ever. Waits while Redis is away."""
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            await self.look()

    async def look(self) -> None:
        """Offer again what is lost; end calls that nobody can hear to their end."""
        found = [
            (call, work)
            for call in self._calls
            if call.running
            for work in works(call.id, call.intake.record)
        ]
        gone = await missing(self._link, [(work.stage, str(work.leg)) for _, work in found])
        for (call, work), is_gone in zip(found, gone, strict=True):
            if is_gone and await self._is_lost(work) and call.running:
                _log.warning("work_item.lost", stage=work.stage, work_item=str(work.leg))
                await self._store.offer(call.id, call.intake.record, work)
        for call in [each for each in self._calls if _waits_for_a_flush(each)]:
            await self._follow_flushes(call)
        for call in self._calls:
            if _waits_for_its_end(call) and not await self._audible(call) and call.running:
                call.lose("session_lost", "Redis lost the audio of this call")

    async def _follow_flushes(self, call: Call) -> None:
        """Forget flushes that VAD has heard; flush once more for each that is gone before."""
        flushes = list(call.intake.flushes)
        fates = [await self._fates(leg.leg, flushes) for leg in call.intake.legs]
        for flush, *of_legs in zip(flushes, *fates, strict=True):
            if not call.running or flush not in call.intake.flushes:
                continue
            if all(fate is _Fate.HEARD for fate in of_legs):
                call.intake.flushes.remove(flush)
            elif _Fate.GONE in of_legs and time.monotonic() - flush.since > _UNHEARD_S:
                call.intake.repeat(flush)

    async def _fates(self, leg: Leg, flushes: Sequence[Flushed]) -> "list[_Fate]":
        """Tell what became of flushes on one leg."""
        entries = [wire.entry_id(*flush.at) for flush in flushes]
        # In this order: a flush goes from one to the next, and then the checkpoint covers it.
        *found, checkpoints = await self._link.insist(
            [
                *(commands.entry_at(leg.key(kind), at) for kind in SOURCES for at in entries),
                commands.newest(leg.key(_HEARD), _CHECKPOINTS),
            ]
        )
        # A new owner's marker lies behind the checkpoint that it goes on from.
        known = [each for each in map(wire.read_progress, checkpoints) if each is not None]
        heard = known[0].heard if known else wire.NOTHING
        markers = bool(checkpoints) and not known
        waits = [markers or any(found[at :: len(flushes)]) for at in range(len(flushes))]
        return [
            _Fate.HEARD if flush.at <= heard else _Fate.WAITS if waiting else _Fate.GONE
            for flush, waiting in zip(flushes, waits, strict=True)
        ]

    async def _is_lost(self, work: Work) -> bool:
        done = self._denoised if work.stage == DENOISE.name else self._heard
        if await done(work.leg):
            return False
        (letters,) = await self._link.insist([commands.everything(keys.dead(work.stage))])
        return str(work.leg) not in {Letter.read(each).key for each in letters}

    async def _denoised(self, leg: Leg) -> bool:
        (newest,) = await self._link.insist([commands.last(leg.key(CLEAN))])
        if not newest:
            return False
        entry = wire.read_source(newest[0])
        return isinstance(entry, wire.Control) and isinstance(entry.command, control.End)

    async def _heard(self, leg: Leg) -> bool:
        """Tell whether VAD is done with a leg, and nothing that it offered is lost."""
        waiting = await self._waiting(leg)
        if not waiting:
            return waiting is not None
        utterances = sorted(waiting)
        gone = await missing(self._link, [(ASR.name, f"{leg}/{number}") for number in utterances])
        lost = {number for number, is_gone in zip(utterances, gone, strict=True) if is_gone}
        # An utterance's final is in the text, or parked, before its work item goes.
        return not lost or not lost & (await self._waiting(leg) or set())

    async def _waiting(self, leg: Leg) -> set[int] | None:
        """Return which utterances lack their final; None while VAD has not decided on all."""
        newest, parked = await self._link.insist(
            [commands.last(leg.key(TEXT)), commands.parked(leg.key(PARKED))]
        )
        there, last = 0, None
        if newest:
            there = wire.id_halves(newest[0][0])[0]
            last = _item(dict(pairs(newest[0][1])).get(wire.BODY_FIELD))
        if isinstance(last, text.End):
            return set()
        items = {int(n): body for n, body in pairs(parked) if n.isdigit()}
        ends = [number for number, body in items.items() if isinstance(_item(body), text.End)]
        return set(range(there + 1, ends[0])) - items.keys() if ends else None

    async def _audible(self, call: Call) -> bool:
        """Tell whether the audio of a call that this gateway owns is there."""
        streams = [leg.leg.key(AUDIO) for leg in call.intake.legs]
        facts = await self._link.insist([commands.facts(stream) for stream in streams])
        if not any(isinstance(each, CommandError) for each in facts):
            return True
        heard = [await self._heard(leg.leg) for leg in call.intake.legs]
        (owner,) = await self._store.owners([call.id])
        return all(heard) or owner != call.owner


def _item(body: bytes | None) -> text.Item | None:
    return None if body is None else text.ITEM.unpack(body)


class _Fate(Enum):
    """What became of a flush on one leg."""

    HEARD = auto()
    WAITS = auto()
    GONE = auto()


def _waits_for_a_flush(call: Call) -> bool:
    """Whether VAD may not have heard a flush that Redis had."""
    written = not any(leg.waiting for leg in call.intake.legs)
    return call.running and written and bool(call.intake.flushes) and call.finishing_since is None


def _waits_for_its_end(call: Call) -> bool:
    since = call.finishing_since
    written = not any(leg.waiting for leg in call.intake.legs)
    return call.running and written and since is not None and time.monotonic() - since > _UNHEARD_S
