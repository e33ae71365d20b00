"""Carrying out effects: fenced writes first, then what follows from them, releases last."""

from collections.abc import Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from common.bus import keys, scripts, wire
from common.bus.attachments import attach
from common.bus.keys import Leg
from common.bus.link import Argument, Command, CommandError, Link, Reply, ScriptCall
from common.bus.offers import register
from common.errors import Misuse
from common.stage.api import Attach, Audio, Commit, Effect, Emit, Offer, Partial, Relay, Slot

S = TypeVar("S")

_SPEECH_MOST = 4096
_DOORBELL_MOST = 4096
"""Entries kept in a stream: what is cut off a doorbell is a hint, found again by the sweep."""
_BEGINNING = b"0-0"


class _Write(NamedTuple):
    """One fenced XADD: who writes, where, which id, and the whole command."""

    slot: Slot[Any]
    key: bytes
    command: Command
    by_epoch: bool = True


class Publisher(Generic[S]):
    """Writes the effects of one worker's claims."""

    def __init__(self, link: Link) -> None:
        self._link = link

    async def publish(self, work: Sequence[tuple[Slot[S], Sequence[Effect]]]) -> set[Slot[S]]:
        """Carry out the effects; return the slots that turned out to be fenced.

        Waits as long as Redis is away: every write may be repeated. Nothing that follows from a
        fenced write is carried out for a fenced slot.
        """
        planned = [(slot, effects, *_plan(slot, effects)) for slot, effects in work]
        fenced = await self._write([write for _, _, writes, _ in planned for write in writes])
        calls: list[ScriptCall] = []
        rings: dict[bytes, list[Argument]] = {}
        for slot, effects, _, following in planned:
            if slot in fenced:
                continue
            calls += following
            for effect in effects:
                _ring(rings, slot.claim.leg, effect)
        doorbells = [_doorbell(key, fields) for key, fields in rings.items()]
        if calls or doorbells:
            await self._link.evaluate(calls, then=doorbells)
        return fenced

    async def save(self, states: Sequence[tuple[Slot[S], bytes, bytes]]) -> set[Slot[S]]:
        """Write checkpoints, given as (slot, checkpoint key, packed state); return fenced slots."""
        writes = []
        for slot, key, state in states:
            entry = (slot.next_id(), wire.BODY_FIELD, state)
            command = ("XADD", key, "NOMKSTREAM", "MAXLEN", 1, *entry)
            writes.append(_Write(slot, key, command))
        return await self._write(writes)

    async def _write(self, writes: Sequence[_Write]) -> set[Slot[S]]:
        if not writes:
            return set()
        commands: list[Command] = [write.command for write in writes]
        # The owner's marker made an epoch stream, with its TTL; positions begin with their audio.
        made_here = {write.key for write in writes if not write.by_epoch}
        commands += [("EXPIRE", key, keys.SESSION_TTL, "NX") for key in made_here]
        replies, repeated = await self._link.insist_noting(commands)
        refused = [w for w, reply in zip(writes, replies, strict=False) if is_stale(reply)]
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


def _doorbell(key: bytes, fields: Sequence[Argument]) -> Command:
    # A gateway that is gone has let its doorbell expire; nobody else may bring it back.
    only_existing = () if keys.is_permanent(key) else ("NOMKSTREAM",)
    return ("XADD", key, *only_existing, "MAXLEN", "~", _DOORBELL_MOST, "*", *fields)


def is_stale(reply: Reply) -> bool:
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
