"""Care for owned work items between steps: write checkpoints, trim inputs, renew keys.

What Redis is asked and told goes on beside the turns. The turn calls `attend` at a moment at which
everything that the states have decided is written, so that a checkpoint is never ahead of that.
"""

import asyncio
import random
from collections.abc import Collection, Coroutine, Iterable, Sequence
from contextlib import suppress
from typing import Any, Generic, NamedTuple, TypeVar

from common.bus import commands, wire
from common.bus.offers import missing
from common.bus.wire import Control
from common.errors import OtherServer
from common.pipeline.streams import PARKED, TEXT
from common.redis.link import Command, Link
from common.redis.replies import pairs
from common.stage.api import Entry, Offer, Slot, Snapshot, Stage
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


class _Awaited(NamedTuple, Generic[S]):
    """An offer of a slot whose item is not in the leg's text yet, and its number."""

    slot: Slot[S]
    number: int
    offer: Offer


class _Found(NamedTuple, Generic[S]):
    """What Redis said: which slots are no longer owned and why, and what is in the others' text."""

    gone: Sequence[tuple[Slot[S], str]]
    commits: Sequence[tuple[Slot[S], int]] = ()
    due: Sequence[Slot[S]] = ()
    """The slots to be saved next."""
    lost: Sequence[_Awaited[S]] = ()
    """What is neither a work item nor parked: lost, unless it is in the text."""


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
        self._asking: asyncio.Task[_Found[S]] | None = None

    def begin(self, slot: Slot[S], now: float) -> None:
        """Schedule a new slot, staggered: legs adopted together are not saved together."""
        slot.snapshot_due = now + random.uniform(0.5, 1.0) * SNAPSHOT_EVERY

    def note(self, news: Iterable[tuple[Slot[S], Sequence[Entry]]]) -> None:
        """Take note of the controls that slots have just obeyed."""
        if self._stage.spec.checkpoints:
            for slot, entries in news:
                controls = (each.stream_id for each in entries if isinstance(each, Control))
                slot.obeyed += [wire.entry_id(*at) for at in controls]

    def attend(self, slots: Collection[Slot[S]], now: float) -> Sequence[tuple[Slot[S], str]]:
        """Begin what is due; return the slots that are no longer owned, each with the reason."""
        found = _Found[S](())
        if self._asking is not None:
            if not self._asking.done():
                return ()
            found, self._asking = self._asking.result(), None
        mine = set(slots) - {slot for slot, _ in found.gone}
        for slot, number in found.commits:
            if slot in mine:
                self._stage.committed(slot.state, number)
                slot.full = self._stage.full(slot.state)
        lost = [
            (slot, [offer])
            for slot, number, offer in found.lost
            if slot in mine and number in self._stage.awaited(slot.state)
        ]
        for _, (offer,) in lost:
            _log.warning("work_item.lost", stage=offer.stage, work_item=offer.key)
        if ready := [slot for slot in found.due if slot in mine]:
            self._ask(self._save(*self._snapshots(ready), lost))
        elif now >= self._look_due:
            self._look_due = now + _ATTEND_EVERY
            if due := [slot for slot in mine if slot.snapshot_due <= now]:
                awaited = [
                    _Awaited(slot, number, offer)
                    for slot in due
                    if self._stage.learns_commits
                    for number, offer in self._stage.awaited(slot.state).items()
                ]
                self._ask(self._prepare(due, awaited, now))
        return found.gone

    async def settle(self) -> None:
        """Wait until nothing is under way, and forget what came of it."""
        if self._asking is not None:
            asking, self._asking = self._asking, None
            await asking

    def stop(self) -> None:
        """Abandon what is under way."""
        if self._asking is not None:
            self._asking.cancel()

    def _ask(self, asking: Coroutine[Any, Any, _Found[S]]) -> None:
        self._asking = asyncio.create_task(asking, name="upkeep")

    async def _prepare(
        self, due: Sequence[Slot[S]], awaited: Sequence[_Awaited[S]], now: float
    ) -> _Found[S]:
        """Find out which sessions live, and what of them is in their text."""
        for slot in due:
            # A full slot waits for a commit, so check each time.
            slot.snapshot_due = now + (_ATTEND_EVERY if slot.full else SNAPSHOT_EVERY)
        orphans = await self._renew([slot for slot in due if slot.refresh_due <= now], now)
        due = [slot for slot in due if slot not in orphans]
        gone = [(slot, "session gone") for slot in orphans]
        suspects = await self._missing([each for each in awaited if each.slot not in orphans])
        commits = await self._commits(due)
        return _Found(gone, commits, due, await self._not_parked(suspects))

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

    async def _commits(self, slots: Sequence[Slot[S]]) -> list[tuple[Slot[S], int]]:
        if not self._stage.learns_commits:
            return []
        tops = await self._link.insist(
            [commands.last(slot.assignment.leg.key(TEXT)) for slot in slots]
        )
        return [
            (slot, wire.id_halves(top[0][0])[0])
            for slot, top in zip(slots, tops, strict=True)
            if top
        ]

    async def _missing(self, awaited: Sequence[_Awaited[S]]) -> list[_Awaited[S]]:
        """Return the awaited items whose work items are gone: those are done, or lost.

        Asked before the commits: an item is in the text, or parked, before its work item goes.
        """
        gone = await missing(self._link, [(offer.stage, offer.key) for _, _, offer in awaited])
        return [each for each, is_gone in zip(awaited, gone, strict=True) if is_gone]

    async def _not_parked(self, suspects: Sequence[_Awaited[S]]) -> list[_Awaited[S]]:
        waiting = await self._link.insist(
            [commands.parked(slot.assignment.leg.key(PARKED)) for slot, _, _ in suspects]
        )
        return [
            each
            for each, parked in zip(suspects, waiting, strict=True)
            if b"%d" % each.number not in dict(pairs(parked))
        ]

    def _snapshots(
        self, slots: Sequence[Slot[S]]
    ) -> tuple[list[tuple[Slot[S], bytes, Snapshot]], dict[Slot[S], list[Command]]]:
        """Return the checkpoints of slots, and what to trim once they are written.

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
            needed = snapshot.first_needed
            trims[slot] = [commands.trim(source, needed) for source in slot.cursors]
            if slot.obeyed:
                trims[slot] += [commands.drop(source, *slot.obeyed) for source in slot.cursors]
                slot.obeyed = []
        return states, trims

    async def _save(
        self,
        states: Sequence[tuple[Slot[S], bytes, Snapshot]],
        trims: dict[Slot[S], list[Command]],
        lost: Sequence[tuple[Slot[S], Sequence[Offer]]],
    ) -> _Found[S]:
        """Offer again what is lost, write checkpoints, then trim the inputs before them."""
        if lost:
            await self._publisher.publish(lost)
        fenced = await self._publisher.save(states)
        superfluous = [c for slot, each in trims.items() if slot not in fenced for c in each]
        # Not on another server, which may lack these checkpoints.
        with suppress(OtherServer):
            await self._link.insist(superfluous, generation=self._publisher.generation)
        return _Found([(slot, "fenced") for slot in fenced])
