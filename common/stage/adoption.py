"""Taking office: fence the former owner, then read what it left.

Each owner writes a marker with a higher epoch into every epoch stream of the claim; from it on
Redis refuses the former owner's writes. One script writes it and reads the state, which therefore
cannot change any more.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar

from common.bus import scripts, wire
from common.bus.keys import Leg
from common.bus.link import Link, ScriptCall
from common.errors import reason_of
from common.stage.api import Claim, DeadLetter, Recovery, Slot, Stage
from common.stage.claims import Held
from common.telemetry.logs import Log

S = TypeVar("S")

_log = Log(__name__)

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
    slots: list[Slot[S]] = []
    hopeless: list[Broken] = []
    # Claim keys are ``<leg>`` or ``<leg>/<what>``.
    legs = [Leg.parse(h.key.partition("/")[0]) for h in held]
    calls = [_take_office(stage, leg, h, owner) for leg, h in zip(legs, held, strict=True)]
    found = await link.evaluate(calls)
    for h, leg, (epoch, state, output) in zip(held, legs, found, strict=True):
        claim, emitted = Claim(h.key, leg, h.body or {}, h.entry, epoch), wire.NOTHING
        try:
            emitted = _last_output(stage, output)
            if h.body is None:
                raise ValueError("its body is of another release, or none")
            recovery = Recovery(wire.unpack(state[1][1]) if state else None, emitted)
            opened = stage.open(claim, recovery)
            cursors = {leg.key(kind): after for kind, after in stage.inputs(opened).items()}
        except Exception as error:
            hopeless.append(broken(Slot(claim, None, {}, emitted), error, h.raw))
        else:
            slots.append(Slot(claim, opened, cursors, emitted))
    return slots, hopeless


def _take_office(stage: Stage[S], leg: Leg, held: Held, owner: str) -> ScriptCall:
    kinds = (*stage.fences(held.key), stage.output)
    return (scripts.TAKE_OFFICE, [leg.key(kind) for kind in kinds], (owner, _MARKER_TTL))


def _last_output(stage: Stage[S], output: wire.RawEntry | tuple[()]) -> wire.Mark:
    """Return where the last output of any owner stands, given its entry."""
    if not output:
        return wire.NOTHING
    if stage.output == "speech":
        happening = wire.read_happening(output)
        return happening.at if happening else wire.NOTHING
    return wire.Mark(*wire.id_halves(output[0]))
