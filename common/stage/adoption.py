"""Taking office: fence the former owner, then read what it left.

The order is the proof. Each owner writes a marker with a higher epoch into every epoch stream of
the claim and only then reads state; from the marker on Redis refuses the former owner's writes,
so what is read cannot change any more.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar

from common.bus import wire
from common.bus.keys import Leg
from common.bus.link import Command, Link
from common.errors import reason_of
from common.stage.api import Claim, DeadLetter, Recovery, Slot, Stage
from common.stage.claims import Held
from common.stage.publisher import is_stale
from common.telemetry.logs import Log

S = TypeVar("S")

_log = Log(__name__)

_PAGE = 4
_MARKER_TTL = 300
"""Seconds; the stage's first checkpoint sets the session's own TTL."""


class Broken(NamedTuple):
    """A claim that cannot be worked on, and its letter."""

    slot: Slot[Any]
    letter: DeadLetter


def broken(slot: Slot[Any], error: Exception, raw: bytes | None = None) -> Broken:
    """Note why a claim cannot be worked on. `raw`: see `DeadLetter`.

    Raised, the error would end one worker after the other, as each takes the claim over.
    """
    _log.exception("claim.broken", error, claim=slot.claim.key)
    return Broken(slot, DeadLetter(reason_of(error), raw=raw))


async def adopt(
    link: Link, stage: Stage[S], held: Sequence[Held], owner: str
) -> tuple[list[Slot[S]], list[Broken]]:
    """Open slots for claims just taken; also return those that cannot be opened.

    Waits as long as Redis is away.
    """
    pending = list(held)
    slots: list[Slot[S]] = []
    hopeless: list[Broken] = []
    while pending:
        epochs = await _next_epochs(link, stage, pending)
        marked = await _mark(link, stage, pending, epochs, owner)
        won = [(h, e) for h, e, ok in zip(pending, epochs, marked, strict=True) if ok]
        # Refused: another adopter raised the epoch in between; try above it.
        pending = [h for h, ok in zip(pending, marked, strict=True) if not ok]
        await _open(link, stage, won, slots, hopeless)
    return slots, hopeless


def leg_of(held: Held) -> Leg:
    """Return the leg a claim belongs to; claim keys are ``<leg>`` or ``<leg>/<what>``."""
    return Leg.parse(held.key.partition("/")[0])


async def _next_epochs(link: Link, stage: Stage[S], held: Sequence[Held]) -> list[int]:
    streams = [_fences(stage, h) for h in held]
    replies = iter(await link.insist([_newest(key, 1) for keys in streams for key in keys]))
    epochs = []
    for keys in streams:
        tops = [next(replies) for _ in keys]
        epochs.append(1 + max((wire.id_halves(top[0][0])[0] for top in tops if top), default=0))
    return epochs


async def _mark(
    link: Link, stage: Stage[S], held: Sequence[Held], epochs: Sequence[int], owner: str
) -> list[bool]:
    commands: list[Command] = []
    for h, epoch in zip(held, epochs, strict=True):
        for key in _fences(stage, h):
            commands.append(("XADD", key, wire.entry_id(epoch, 1), wire.OWNER_FIELD, owner))
            commands.append(("EXPIRE", key, _MARKER_TTL, "NX"))
    replies = iter(await link.insist(commands))
    accepted = []
    for h in held:
        marks = [(next(replies), next(replies))[0] for _ in _fences(stage, h)]
        accepted.append(not any(map(is_stale, marks)))
    return accepted


async def _open(
    link: Link,
    stage: Stage[S],
    won: Sequence[tuple[Held, int]],
    slots: list[Slot[S]],
    hopeless: list[Broken],
) -> None:
    held = [h for h, _ in won]
    streams = [_fences(stage, h)[0] for h in held] + [leg_of(h).key(stage.output) for h in held]
    newest = await _last_unmarked(link, streams)
    states, outputs = newest[: len(held)], _outputs(stage, newest[len(held) :])
    for (h, epoch), entry, emitted in zip(won, states, outputs, strict=True):
        claim = Claim(h.key, leg_of(h), h.body or {}, h.entry, epoch)
        try:
            if h.body is None:
                raise ValueError("its body is of another release, or none")
            state = stage.open(
                claim, Recovery(wire.unpack(entry[1][1]) if entry else None, emitted)
            )
            cursors = {claim.leg.key(kind): after for kind, after in stage.inputs(state).items()}
        except Exception as error:
            hopeless.append(broken(Slot(claim, None, {}, emitted), error, h.raw))
        else:
            slots.append(Slot(claim, state, cursors, emitted))


def _outputs(stage: Stage[S], entries: Sequence[wire.RawEntry | None]) -> list[wire.Mark]:
    """Return for each claim where the last output of any owner stands, given its entry."""
    if stage.output == "speech":
        happenings = [wire.read_happening(entry) if entry else None for entry in entries]
        return [happening.at if happening else wire.NOTHING for happening in happenings]
    return [wire.Mark(*wire.id_halves(entry[0])) if entry else wire.NOTHING for entry in entries]


async def _last_unmarked(link: Link, streams: Sequence[bytes]) -> list[wire.RawEntry | None]:
    """Return of each stream the newest entry that is no owner's marker."""
    found: list[wire.RawEntry | None] = [None] * len(streams)
    ends = dict.fromkeys(range(len(streams)), b"+")
    while ends:
        pages = await link.insist([_newest(streams[i], _PAGE, end) for i, end in ends.items()])
        for i, page in zip(list(ends), pages, strict=True):
            found[i] = next((e for e in page if e[1][0] != wire.OWNER_FIELD), None)
            if found[i] is not None or len(page) < _PAGE:
                del ends[i]
            else:
                ends[i] = b"(" + page[-1][0]
    return found


def _fences(stage: Stage[S], held: Held) -> list[bytes]:
    return [leg_of(held).key(kind) for kind in stage.fences(held.key)]


def _newest(key: bytes, count: int, end: bytes = b"+") -> Command:
    return ("XREVRANGE", key, end, "-", "COUNT", count)
