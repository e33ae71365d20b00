"""Carrying out effects: fenced writes first, then what follows from them, releases last."""

from collections.abc import Iterator, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from common.bus import keys, scripts, wire
from common.bus.attachments import attach
from common.bus.dead_letters import divert
from common.bus.doorbells import ring
from common.bus.keys import Leg
from common.bus.link import Argument, Command, CommandError, Link, Part, Reply, ScriptCall, encode
from common.bus.offers import register
from common.errors import Misuse, OtherServer
from common.stage.api import (
    Attach,
    Audio,
    Commit,
    DeadLetter,
    Effect,
    Emit,
    Offer,
    Partial,
    Relay,
    Slot,
)

S = TypeVar("S")

_SPEECH_MOST = 4096
"""Entries kept in a stream: what is cut off a doorbell is a hint, found again by the sweep."""
_BEGINNING = b"0-0"


class _Write(NamedTuple):
    """One fenced XADD: who writes, where, which id, and the whole command."""

    slot: Slot[Any]
    key: bytes
    command: Command
    by_epoch: bool = True


class Published(NamedTuple):
    """Which slots turned out to be fenced, and which the open circuit breaker held back."""

    fenced: set[Slot[Any]]
    held_back: set[Slot[Any]]


class Publisher(Generic[S]):
    """Writes the effects of one worker's claims."""

    def __init__(self, link: Link, stage: str, worker: str) -> None:
        self._link = link
        self._stage = stage
        self._worker = worker
        self.generation = link.generation
        """Which server the states are about that effects come of; nothing is written to another:
        it may lack what goes before. See `Link.generation`."""

    async def publish(self, work: Sequence[tuple[Slot[S], Sequence[Effect]]]) -> Published:
        """Carry out the effects.

        Waits as long as Redis is away: every write may be repeated. Nothing that follows from a
        fenced write is carried out for a fenced slot, nor what follows from a dead letter that the
        circuit breaker refused. Every slot counts as fenced once another server answers.
        """
        try:
            return await self._publish(work)
        except OtherServer:
            return Published({slot for slot, _ in work}, set())

    async def _publish(self, work: Sequence[tuple[Slot[S], Sequence[Effect]]]) -> Published:
        planned = [(slot, effects, *_plan(slot, effects)) for slot, effects in work]
        fenced = await self._write([write for _, _, writes, _ in planned for write in writes])
        held_back = await self._divert([each for each in work if each[0] not in fenced])
        calls: list[ScriptCall] = []
        rings: dict[bytes, list[Argument]] = {}
        for slot, effects, _, following in planned:
            if slot in fenced or slot in held_back:
                continue
            calls += following
            for effect in effects:
                _ring(rings, slot.claim.leg, effect)
        bells = [ring(key, fields) for key, fields in rings.items()]
        if calls or bells:
            await self._link.evaluate(calls, then=bells, generation=self.generation)
        return Published(fenced, held_back)

    async def save(self, states: Sequence[tuple[Slot[S], bytes, bytes]]) -> set[Slot[S]]:
        """Write checkpoints, given as (slot, checkpoint key, packed state); return fenced slots."""
        writes = []
        for slot, key, state in states:
            entry = (slot.next_id(), wire.BODY_FIELD, state)
            command = ("XADD", key, "NOMKSTREAM", "MAXLEN", 1, *entry)
            writes.append(_Write(slot, key, command))
        try:
            return await self._write(writes)
        except OtherServer:
            return {slot for slot, _, _ in states}

    async def _divert(self, work: Sequence[tuple[Slot[S], Sequence[Effect]]]) -> set[Slot[S]]:
        """Write the dead letters among the effects; return the slots whose letter was refused."""
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
        claim = slot.claim
        return divert(
            self._stage,
            claim.entry,
            claim.key,
            wire.pack(claim.body) if letter.raw is None else letter.raw,
            reason=letter.reason,
            worker=self._worker,
            terms=claim.epoch,
            audio=letter.audio,
        )

    async def _write(self, writes: Sequence[_Write]) -> set[Slot[S]]:
        if not writes:
            return set()
        groups: dict[bytes, list[_Write]] = {}
        for write in writes:
            groups.setdefault(write.key, []).append(write)
        parts = [_part(key, group) for key, group in groups.items()]
        replies, repeated = await self._link.insist_parts(parts, generation=self.generation)
        coming = iter(replies)
        refused: list[_Write] = []
        for group in groups.values():
            for write, answer in zip(group, _answers(coming, group), strict=True):
                if _is_stale(answer):
                    refused.append(write)
        if not refused:
            return set()
        tops = await self._link.insist(
            [("XREVRANGE", write.key, "+", "-", "COUNT", 1) for write in refused]
        )
        return {
            write.slot
            for write, top in zip(refused, tops, strict=True)
            if not _is_mine(write, top, repeated)
        }


def _part(key: bytes, group: Sequence[_Write]) -> Part:
    """Return the commands of the writes to one stream.

    Several are a transaction: was the first refused for want of memory and the second not, the
    first could not be repeated, since its id is the smaller one, and would pass for written.
    """
    if len(group) == 1 and group[0].by_epoch:
        return key, encode([group[0].command]), 1
    commands: list[Command] = [write.command for write in group]
    if len(commands) > 1:
        commands = [("MULTI",), *commands, ("EXEC",)]
    # The owner's marker made an epoch stream, with its TTL; positions begin with their audio.
    if not group[0].by_epoch:
        commands.append(("EXPIRE", key, keys.SESSION_TTL, "NX"))
    return key, encode(commands), len(commands)


def _answers(replies: Iterator[Reply], group: Sequence[_Write]) -> Sequence[Reply]:
    """Take the replies to one `_part`; return that to each write."""
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


def _plan(slot: Slot[S], effects: Sequence[Effect]) -> tuple[list[_Write], list[ScriptCall]]:
    """Return the fenced writes of a step and the scripts that follow from them."""
    leg = slot.claim.leg
    writes: list[_Write] = []
    calls: list[ScriptCall] = []
    before_event = _BEGINNING
    for effect in effects:
        match effect:
            case Emit(at, events) if at > slot.emitted:
                slot.emitted = at
                before_event = slot.last_id
                key = leg.key("speech")
                entry: Command = (
                    slot.next_id(),
                    wire.BODY_FIELD,
                    wire.pack({"at": at, "events": events}),
                )
                bound = ("NOMKSTREAM", "MAXLEN", "~", _SPEECH_MOST)
                writes.append(_Write(slot, key, ("XADD", key, *bound, *entry)))
            case Emit():
                # An earlier owner wrote it, under an id that is not known here.
                before_event = _BEGINNING
            case Partial(utterance, body_):
                key = leg.key(f"part:{utterance}")
                entry = (slot.next_id(), wire.BODY_FIELD, wire.pack(body_))
                writes.append(_Write(slot, key, ("XADD", key, "NOMKSTREAM", "MAXLEN", 1, *entry)))
            case Audio(end, pcm) if (mark := wire.Mark(end, wire.AUDIO_ORDER)) > slot.emitted:
                slot.emitted = mark
                writes.append(_clean(slot, (wire.entry_id(*mark), wire.AUDIO_FIELD, pcm)))
            case Relay(control) if control.mark > slot.emitted:
                slot.emitted = control.mark
                body = wire.pack(control.body)
                writes.append(
                    _clean(slot, (wire.entry_id(*control.mark), wire.CONTROL_FIELD, body))
                )
            case Offer(stage, key_, body_):
                calls.append(register(stage, key_, body_ | {"after": before_event}))
            case Commit(number, body_, _):
                text = (leg.key("text"), leg.key("held"), leg.meta, leg.key(f"part:{number}"))
                calls.append((scripts.COMMIT, text, (number, wire.pack(body_), keys.SESSION_TTL)))
            case Attach(number, digest, body_):
                calls.append(attach(leg, number, digest, body_))
            case _:
                pass
    return writes, calls


def _clean(slot: Slot[S], entry: Command) -> _Write:
    key = slot.claim.leg.key("clean")
    return _Write(slot, key, ("XADD", key, *entry), by_epoch=False)


def _ring(rings: dict[bytes, list[Argument]], leg: Leg, effect: Effect) -> None:
    """Add what this effect should wake: fields are leg -> kind of stream to look into."""
    match effect:
        case Emit(_, _, wake, notify):
            for stage in wake:
                rings.setdefault(keys.ring(stage, leg.ring), []).extend((str(leg), "speech"))
            kind, gateway = "speech", notify
        case Partial(utterance, _, notify):
            kind, gateway = f"part:{utterance}", notify
        case Commit(notify=notify) | Attach(notify=notify):
            kind, gateway = "text", notify
        case _:
            return
    if gateway is not None:
        rings.setdefault(keys.out(gateway), []).extend((str(leg), kind))


def _is_stale(reply: Reply) -> bool:
    """Tell whether an XADD found its id not new, or its stream gone; any other refusal is a bug."""
    if reply is None:
        return True
    if not isinstance(reply, CommandError):
        return False
    if "equal or smaller" not in str(reply):
        raise Misuse(f"Redis refuses a fenced write: {reply}")
    return True


def _is_mine(write: _Write, top: Sequence[wire.RawEntry], repeated: bool) -> bool:
    """Tell a repeated write that had succeeded from one that a newer owner forestalled."""
    if not write.by_epoch:
        return repeated
    return bool(top) and wire.id_halves(top[0][0])[0] == write.slot.claim.epoch
