"""Care for owned work items between steps: write checkpoints, trim inputs, renew keys."""

import random
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, Generic, TypeVar

from common.bus import commands, wire
from common.bus.offers import missing
from common.bus.wire import Control
from common.errors import OtherServer
from common.pipeline.streams import PARKED, TEXT
from common.redis.link import Command, Link
from common.redis.replies import pairs
from common.stage.api import Entry, Slot, Snapshot, Stage
from common.stage.assignments import Assignments
from common.stage.publisher import Publisher
from common.telemetry.logs import Log

S = TypeVar("S")

_log = Log(__name__)

SNAPSHOT_EVERY = 1.0
"""Seconds between checkpoints of a work item: the most audio a take-over replays."""
_REFRESH_EVERY = 20.0
_ATTEND_EVERY = 0.25
"""Seconds between checks of what is due: five round trips for many work items, not for each."""


class Upkeep(Generic[S]):
    """Looks after the work items of one worker. Only the worker's turns call it."""

    def __init__(
        self, link: Link, stage: Stage[S, Any], assignments: Assignments, publisher: Publisher[S]
    ) -> None:
        self._link = link
        self._stage = stage
        self._assignments = assignments
        self._publisher = publisher
        self._look_due = 0.0

    def begin(self, slot: Slot[S], now: float) -> None:
        """Schedule a new slot, staggered: legs adopted together are not saved together."""
        slot.snapshot_due = now + random.uniform(0.5, 1.0) * SNAPSHOT_EVERY

    def note(self, news: Iterable[tuple[Slot[S], Sequence[Entry]]]) -> None:
        """Take note of the controls that slots have just obeyed."""
        if self._stage.spec.checkpoints:
            for slot, entries in news:
                controls = (each.stream_id for each in entries if isinstance(each, Control))
                slot.obeyed += [wire.entry_id(*at) for at in controls]

    async def attend(self, slots: Iterable[Slot[S]], now: float) -> list[tuple[Slot[S], str]]:
        """Do what is due; return the slots that are no longer owned, each with the reason.

        Waits as long as Redis is away.
        """
        if now < self._look_due:
            return []
        self._look_due = now + _ATTEND_EVERY
        due = [slot for slot in slots if slot.snapshot_due <= now]
        if not due:
            return []
        for slot in due:
            # A full slot waits for a commit, so check each time.
            slot.snapshot_due = now + (_ATTEND_EVERY if slot.full else SNAPSHOT_EVERY)
        orphans = await self._renew([slot for slot in due if slot.refresh_due <= now], now)
        due = [slot for slot in due if slot not in orphans]
        await self._learn_commits(due)
        fenced = await self._save(due)
        gone = [(slot, "session gone") for slot in orphans]
        return gone + [(slot, "fenced") for slot in fenced]

    async def _renew(self, slots: Sequence[Slot[S]], now: float) -> set[Slot[S]]:
        """Renew the keys of live sessions; release and return the work items of ended ones."""
        if not slots:
            return set()
        alive = await self._link.insist(
            [commands.unbroken(slot.assignment.leg.meta) for slot in slots]
        )
        renewals: list[Command] = []
        orphans: set[Slot[S]] = set()
        for slot, exists in zip(slots, alive, strict=True):
            slot.refresh_due = now + _REFRESH_EVERY
            if not exists:
                orphans.add(slot)
                continue
            kinds = {*self._stage.spec.fences_of(slot.assignment.key), self._stage.spec.output}
            # The text of an ended call lives longer already.
            renewals += commands.lengthen(map(slot.assignment.leg.key, kinds))
        if orphans:
            await self._assignments.release(
                [(s.assignment.entry, s.assignment.key) for s in orphans]
            )
        await self._link.insist(renewals)
        return orphans

    async def _learn_commits(self, slots: Sequence[Slot[S]]) -> None:
        if not self._stage.learns_commits:
            return
        suspects = await self._missing(slots)
        tops = await self._link.insist(
            [commands.last(slot.assignment.leg.key(TEXT)) for slot in slots]
        )
        for slot, top in zip(slots, tops, strict=True):
            if top:
                self._stage.committed(slot.state, wire.id_halves(top[0][0])[0])
                slot.full = self._stage.full(slot.state)
        if suspects:
            await self._offer_again(suspects)

    async def _missing(self, slots: Sequence[Slot[S]]) -> list[tuple[Slot[S], int]]:
        """Return the awaited items whose work items are gone: those are done, or lost.

        Asked before the commits: an item is in the text, or parked, before its work item goes.
        """
        awaited = [
            (slot, number, (offer.stage, offer.key))
            for slot in slots
            for number, offer in self._stage.awaited(slot.state).items()
        ]
        gone = await missing(self._link, [work for _, _, work in awaited])
        return [each[:2] for each, is_gone in zip(awaited, gone, strict=True) if is_gone]

    async def _offer_again(self, suspects: Sequence[tuple[Slot[S], int]]) -> None:
        """Offer those again that are lost."""
        waiting = await self._link.insist(
            [commands.parked(slot.assignment.leg.key(PARKED)) for slot, _ in suspects]
        )
        for (slot, number), parked in zip(suspects, waiting, strict=True):
            offer = self._stage.awaited(slot.state).get(number)
            if offer is not None and b"%d" % number not in dict(pairs(parked)):
                _log.warning("work_item.lost", stage=offer.stage, work_item=offer.key)
                await self._publisher.publish([(slot, [offer])])

    async def _save(self, slots: Sequence[Slot[S]]) -> set[Slot[S]]:
        """Write checkpoints, then trim the inputs before them; return the fenced slots.

        Controls are removed singly: any number of them may be where the audio that is kept ends.
        """
        states: list[tuple[Slot[S], bytes, Snapshot]] = []
        trims: dict[Slot[S], list[Command]] = {}
        self._stage.collect([slot.state for slot in slots])
        for slot in slots:
            snapshot = self._stage.snapshot(slot.state)
            if snapshot is None:
                continue
            key = slot.assignment.leg.key(self._stage.spec.fences_of(slot.assignment.key)[0])
            states.append((slot, key, snapshot))
            floor = min([snapshot.floor, *snapshot.pins.values()])
            trims[slot] = [commands.trim(source, floor) for source in slot.cursors]
            if slot.obeyed:
                trims[slot] += [commands.drop(source, *slot.obeyed) for source in slot.cursors]
                slot.obeyed = []
        fenced = await self._publisher.save(states)
        superfluous = [c for slot, each in trims.items() if slot not in fenced for c in each]
        # Not on another server, which may lack these checkpoints.
        with suppress(OtherServer):
            await self._link.insist(superfluous, generation=self._publisher.generation)
        return fenced
