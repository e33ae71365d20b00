"""Carrying out effects: fenced writes first, then what follows from them, releases last."""

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Generic, NamedTuple, TypeVar, assert_never

from common.bus import commands, keys, scripts, wire
from common.bus.attachments import attach
from common.bus.clock import Clock
from common.bus.dead_letters import dead_letter
from common.bus.doorbells import CALL, notify
from common.bus.keys import Leg
from common.bus.offers import offer
from common.errors import Misuse, OtherServer
from common.pipeline.progress import Progress
from common.pipeline.record import names_of, pack
from common.pipeline.stream_ids import BEGINNING
from common.pipeline.streams import CHECKPOINT, CLEAN, PARKED, PARTIAL, TEXT
from common.pipeline.text import ANSWERS_KEPT
from common.redis.link import Argument, Command, CommandError, Link, Part, Reply, ScriptCall, encode
from common.redis.resp import is_known_id, transaction
from common.stage.api import (
    Attach,
    Audio,
    Commit,
    DeadLetter,
    Done,
    Effect,
    Emit,
    Fail,
    Offer,
    Relay,
    Show,
    Slot,
    Snapshot,
)
from common.stage.texts import screened

S = TypeVar("S")


class _Write(NamedTuple):
    """One fenced XADD: who writes, where, which id, and the whole command."""

    slot: Slot[Any]
    key: bytes
    command: Command
    by_epoch: bool = True


class _Plan(NamedTuple):
    """The writes of a step, and the state of the slot after them."""

    writes: list[_Write]
    calls: list[ScriptCall]
    """The scripts to run after the writes."""
    emitted: wire.StreamId
    serial: int


class Published(NamedTuple):
    """What became of the slots."""

    fenced: set[Slot[Any]]
    held_back: set[Slot[Any]]
    """Those that the open circuit breaker held back."""
    letters: list[tuple[Slot[Any], DeadLetter]]
    """The dead letters that were written, as they were."""


class Publisher(Generic[S]):
    """Writes the effects of one worker's work items."""

    def __init__(self, link: Link, stage: str, worker: str, clock: Clock) -> None:
        self._link = link
        self._stage = stage
        self._worker = worker
        self._clock = clock
        self.generation = link.generation
        """The server that the states are about. Nothing is written to another one, which may lack
        earlier writes. See `Link.generation`."""

    async def publish(self, work: Sequence[tuple[Slot[S], Sequence[Effect]]]) -> Published:
        """Carry out the effects, their texts as the slots' screens leave them.

        Waits as long as Redis is away: every write may be repeated. For a fenced slot, nothing that
        follows from its fenced writes is carried out; likewise nothing that follows from a dead
        letter that the circuit breaker refused. If another server answers, every slot counts as
        fenced.
        """
        shown = [(slot, [screened(e, slot.screen) for e in effects]) for slot, effects in work]
        try:
            return await self._publish(shown)
        except OtherServer:
            return Published({slot for slot, _ in work}, set(), [])

    async def _publish(self, work: Sequence[tuple[Slot[S], Sequence[Effect]]]) -> Published:
        now = self._clock.now()
        planned = [(slot, *self._planned(slot, effects, now)) for slot, effects in work]
        heard = [(slot, effect) for slot, effects in work for effect in effects]
        # On one server notifications of fenced writes go with them: one round trip less to wait.
        with_writes = [each for each in heard if self._link.in_order and _is_fenced(each[1])]
        writes = [write for _, each, _ in planned for write in each]
        fenced = await self._write(writes, _hints(with_writes))
        held_back = await self._write_dead_letters([e for e in work if e[0] not in fenced])
        stopped = fenced | held_back
        calls = [call for slot, _, each in planned if slot not in stopped for call in each]
        hints = _hints(
            (slot, effect)
            for slot, effect in heard
            if slot not in stopped and not (self._link.in_order and _is_fenced(effect))
        )
        given_up = [
            _gravestone(slot, self._stage)
            for slot, effect in heard
            if slot not in stopped and isinstance(effect, Fail)
        ]
        if calls or hints or given_up:
            then = [*given_up, *hints]
            await self._link.evaluate(calls, then=then, generation=self.generation)
        letters = [
            (slot, effect)
            for slot, effect in heard
            if slot not in stopped and isinstance(effect, DeadLetter)
        ]
        return Published(fenced, held_back, letters)

    @staticmethod
    def _planned(
        slot: Slot[S], effects: Sequence[Effect], now: float | None
    ) -> tuple[list[_Write], list[ScriptCall]]:
        plan = _plan(slot, effects, now)
        # Its ids are used from here on, even if the writes fail.
        slot.emitted, slot.serial = plan.emitted, plan.serial
        return plan.writes, plan.calls

    async def save(self, states: Sequence[tuple[Slot[S], bytes, Snapshot]]) -> set[Slot[S]]:
        """Write checkpoints, given as (slot, checkpoint key, snapshot); return fenced slots."""
        writes = []
        for slot, key, snapshot in states:
            head = pack(snapshot.progress)
            command = commands.replace(key, slot.next_id(), snapshot.state, head)
            writes.append(_Write(slot, key, command))
        try:
            return await self._write(writes)
        except OtherServer:
            return {slot for slot, _, _ in states}

    async def _write_dead_letters(
        self, work: Sequence[tuple[Slot[S], Sequence[Effect]]]
    ) -> set[Slot[S]]:
        """Write the dead letters among the effects; return the slots with a refused one."""
        letters = [
            (slot, effect)
            for slot, effects in work
            for effect in effects
            if isinstance(effect, DeadLetter)
        ]
        if not letters:
            return set()
        calls = [self._letter(*each) for each in letters]
        replies = await self._link.evaluate(calls, generation=self.generation)
        return {slot for (slot, _), written in zip(letters, replies, strict=True) if not written}

    def _letter(self, slot: Slot[S], letter: DeadLetter) -> ScriptCall:
        assignment = slot.assignment
        return dead_letter(
            self._stage,
            assignment.entry,
            assignment.key,
            assignment.raw,
            reason=letter.reason,
            worker=self._worker,
            attempts=assignment.epoch,
            audio=letter.audio,
        )

    async def _write(self, writes: Sequence[_Write], hints: Sequence[Command] = ()) -> set[Slot[S]]:
        """Write, with hints behind it; return the fenced slots."""
        if not writes and not hints:
            return set()
        groups: dict[bytes, list[_Write]] = {}
        for write in writes:
            groups.setdefault(write.key, []).append(write)
        parts = [_part(key, group) for key, group in groups.items()]
        if hints:
            parts.append((b"", encode(hints), len(hints)))
        replies, repeated = await self._link.insist_parts(parts, generation=self.generation)
        coming = iter(replies)
        refused: list[_Write] = []
        for group in groups.values():
            for write, answer in zip(group, _answers(coming, group), strict=True):
                if _is_stale(answer):
                    refused.append(write)
        if not refused:
            return set()
        tops = await self._link.insist([commands.last(write.key) for write in refused])
        return {
            write.slot
            for write, top in zip(refused, tops, strict=True)
            if not _is_mine(write, top, repeated)
        }


def _part(key: bytes, group: Sequence[_Write]) -> Part:
    """Return the commands of the writes to one stream.

    Several form a transaction. Otherwise the first might be refused for want of memory and the
    second not; the first could not be repeated then, since its id is smaller, and would count as
    written.
    """
    data, count = encode([write.command for write in group]), len(group)
    if count > 1:
        data, count = transaction([data]), count + 2
    # The owner's marker created the epoch streams, with their TTL; others begin with their audio.
    if not group[0].by_epoch:
        data, count = data + encode([commands.limit(key)]), count + 1
    return key, data, count


def _answers(replies: Iterator[Reply], group: Sequence[_Write]) -> Sequence[Reply]:
    """Consume the replies to one `_part`; return the reply to each write."""
    answers: Reply = [next(replies)]
    if len(group) > 1:
        refusals = [reply for _ in group if isinstance(reply := next(replies), CommandError)]
        answers = next(replies)
        if isinstance(answers, CommandError):
            raise Misuse(f"Redis refuses fenced writes: {[*refusals, answers][0]}")
    if not group[0].by_epoch:
        next(replies)
    each: Sequence[Reply] = answers
    return each


def _plan(slot: Slot[S], effects: Sequence[Effect], now: float | None) -> _Plan:
    """Return the fenced writes of a step and the scripts that follow from them.

    `now`: the time by Redis's clock, if it is known.
    """
    leg, epoch = slot.assignment.leg, slot.assignment.epoch
    emitted, serial = slot.emitted, slot.serial
    writes: list[_Write] = []
    calls: list[ScriptCall] = []
    before_event = BEGINNING
    for effect in effects:
        match effect:
            case Emit(stream, events) if events.at > emitted:
                emitted = events.at
                before_event = wire.entry_id(epoch, serial)
                serial += 1
                key, own = leg.key(stream), wire.entry_id(epoch, serial)
                command = commands.append_event(key, own, pack(events), stream.most)
                writes.append(_Write(slot, key, command))
            case Emit():
                # An earlier owner wrote it, under an unknown id.
                before_event = BEGINNING
            case Show(utterance, text):
                serial += 1
                key, own = leg.key(PARTIAL.of(utterance)), wire.entry_id(epoch, serial)
                writes.append(_Write(slot, key, commands.replace(key, own, pack(text))))
            case Audio(end, pcm):
                if (stream_id := wire.StreamId(end, wire.AUDIO_ORDER)) > emitted:
                    emitted = stream_id
                    stamp = wire.denoised(time.time(), slot.assignment.owner)
                    stamps = [wire.DENOISED_FIELD, stamp]
                    if slot.timed and now is not None:
                        stamps += [wire.CAME_FIELD, wire.came(now)]
                    writes.append(_clean(slot, emitted, wire.AUDIO_FIELD, pcm, *stamps))
            case Relay(control):
                if control.stream_id > emitted:
                    emitted = control.stream_id
                    body = pack(control.command)
                    writes.append(_clean(slot, emitted, wire.CONTROL_FIELD, body))
            case Offer(stage, name, item):
                late = {"after": before_event} if "after" in names_of(item) else {}
                calls.append(offer(stage, name, item, **late))
            case Commit(number, item):
                streams = (leg.key(TEXT), leg.key(PARKED), leg.meta, leg.key(PARTIAL.of(number)))
                arguments = (number, pack(item), keys.SESSION_TTL, ANSWERS_KEPT)
                calls.append((scripts.COMMIT, streams, arguments))
            case Attach(number, digest, words):
                calls.append(attach(leg, number, digest, words))
            case DeadLetter() | Fail() | Done():
                pass  # not a fenced write, nor a script that follows from one
            case _:
                assert_never(effect)
    return _Plan(writes, calls, emitted, serial)


def _clean(slot: Slot[S], at: wire.StreamId, *fields: bytes) -> _Write:
    key = slot.assignment.leg.key(CLEAN)
    return _Write(slot, key, commands.append(key, wire.entry_id(*at), *fields), by_epoch=False)


def _is_fenced(effect: Effect) -> bool:
    """Tell whether an effect is a fenced write that others are notified of."""
    return isinstance(effect, Emit | Show)


def _gravestone(slot: Slot[Any], stage: str) -> Command:
    """Return the command that writes a last checkpoint, without a state."""
    key = slot.assignment.leg.key(CHECKPOINT.of(stage))
    head = pack(Progress(wire.NOTHING, failed=True))
    return commands.replace(key, slot.next_id(), b"", head)


def _hints(effects: Iterable[tuple[Slot[Any], Effect]]) -> list[Command]:
    """Return the notifications of effects, one for each doorbell."""
    notifications: dict[bytes, list[Argument]] = {}
    for slot, effect in effects:
        _notify(notifications, slot.assignment.leg, effect)
    return [notify(key, fields) for key, fields in notifications.items()]


def _notify(notifications: dict[bytes, list[Argument]], leg: Leg, effect: Effect) -> None:
    """Add the notifications of this effect: fields are leg -> kind of stream to look into."""
    kind: Argument
    match effect:
        case Emit(stream, _, wake, gateway):
            for stage in wake:
                notifications.setdefault(keys.doorbell(stage, leg.doorbell), []).extend(
                    (str(leg), stream)
                )
            kind = stream
        case Show(utterance, _, gateway):
            kind = PARTIAL.of(utterance)
        case Commit(notify=gateway) | Attach(notify=gateway):
            kind = TEXT
        case Fail(gateway):
            kind = CALL
        case Audio() | Relay() | Offer() | DeadLetter() | Done():
            return
        case _:
            assert_never(effect)
    if gateway is not None:
        notifications.setdefault(keys.out(gateway), []).extend((str(leg), kind))


def _is_stale(reply: Reply) -> bool:
    """Tell whether XADD found its id too small, or its stream gone; other refusals are bugs."""
    if reply is None:
        return True
    if not isinstance(reply, CommandError):
        return False
    if not is_known_id(reply):
        raise Misuse(f"Redis refuses a fenced write: {reply}")
    return True


def _is_mine(write: _Write, top: Sequence[wire.RawEntry], repeated: bool) -> bool:
    """Tell a repeated write that had succeeded from one that a newer owner prevented."""
    if not write.by_epoch:
        return repeated
    return bool(top) and wire.id_halves(top[0][0])[0] == write.slot.assignment.epoch
