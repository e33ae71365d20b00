"""Acquiring a work item: fence the former owner, then read what it left.

Each owner writes a marker with a higher epoch into every epoch stream of the work item. After it
Redis refuses the former owner's writes. One script writes the markers and reads the state, so the
state cannot change any more.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeVar

from common.bus import commands, scripts, wire
from common.bus.keys import Leg
from common.errors import reason_of
from common.pipeline.stages import StageSpec
from common.pipeline.stream_ids import BEGINNING
from common.pipeline.streams import Stream
from common.redis.link import Link, ScriptCall
from common.redis.replies import pairs
from common.stage.api import (
    LATELY,
    Assignment,
    DeadLetter,
    Events,
    Recovery,
    Slot,
    Source,
    Stage,
)
from common.stage.assignments import Delivery
from common.telemetry.logs import Log

S = TypeVar("S")

_log = Log(__name__)

_LATELY = 8
"""Entries of a stream that are its newest ones; a reader takes as many at a time."""
_MARKER_TTL = 300
"""Seconds; the stage's first checkpoint sets the session's own TTL."""


class Broken(NamedTuple):
    """A work item that cannot be worked on, and its dead letter."""

    slot: Slot[Any]
    letter: DeadLetter


def broken(slot: Slot[Any], error: Exception) -> Broken:
    """Note why a work item cannot be worked on.

    If the error were raised, it would end one worker after the other, as each takes over the work
    item.
    """
    quoting = not slot.screen.hides
    _log.exception("work_item.broken", error, quoting=quoting, work_item=slot.assignment.key)
    return Broken(slot, DeadLetter(reason_of(error, quoting=quoting)))


async def adopt(
    link: Link,
    stage: Stage[S, Any],
    delivered: Sequence[Delivery],
    owner: str,
    reopened: Mapping[bytes, int],
    wake: Callable[[bytes], None],
) -> tuple[list[Slot[S]], list[Broken]]:
    """Open slots for work items just adopted; also return those that cannot be opened.

    `wake` asks for a step of the work item with the given entry. `reopened`: see `Assignment`, by
    entry. Waits as long as Redis is away.
    """
    slots: list[Slot[S]] = []
    hopeless: list[Broken] = []
    # Work item keys are ``<leg>`` or ``<leg>/<what>``.
    legs = [Leg.parse(each.key.partition("/")[0]) for each in delivered]
    calls = [
        _acquire(stage.spec, leg, each, owner) for leg, each in zip(legs, delivered, strict=True)
    ]
    found = await link.evaluate(calls)
    for each, leg, (epoch, state, output) in zip(delivered, legs, found, strict=True):
        work, emitted = None, wire.NOTHING
        try:
            work = stage.spec.work.unpack(each.raw)
            emitted = _last_output(stage.spec.output, output)
            again = reopened.get(each.entry, 0)
            assignment = Assignment(each.key, leg, work, each.entry, epoch, each.raw, owner, again)
            item = _last_item(stage.spec.output, output)
            recovery = Recovery(state[1][1] if state else None, emitted, item)
            opened = stage.open(assignment, recovery, partial(wake, each.entry))
            inputs = {_key(leg, source): (source, i) for source, i in stage.inputs(opened).items()}
        except Exception as error:
            unread = Assignment(each.key, leg, work, each.entry, epoch, each.raw)
            hopeless.append(broken(Slot(unread, None, {}, {}, emitted), error))
        else:
            streams = {key: source for key, (source, _) in inputs.items()}
            cursors = {key: after for key, (_, after) in inputs.items()}
            screen = stage.screen(opened)
            slots.append(Slot(assignment, opened, streams, cursors, emitted, screen))
    await _begin_lately(link, slots)
    return slots, hopeless


async def _begin_lately(link: Link, slots: Sequence[Slot[Any]]) -> None:
    """Set the cursors of streams whose newest entries are wanted, and no earlier ones."""
    wanted = [(s, key) for s in slots for key, after in s.cursors.items() if after == LATELY]
    if not wanted:
        return
    found = await link.insist([commands.newest(key, _LATELY + 1) for _, key in wanted])
    for (slot, key), entries in zip(wanted, found, strict=True):
        slot.cursors[key] = entries[-1][0] if len(entries) > _LATELY else BEGINNING


def _key(leg: Leg, source: Source) -> bytes:
    other, stream = source if isinstance(source, tuple) else (leg, source)
    return other.key(stream)


def _acquire(spec: StageSpec, leg: Leg, delivered: Delivery, owner: str) -> ScriptCall:
    kinds = (*spec.fences_of(delivered.key), spec.output)
    return (scripts.ACQUIRE, [leg.key(kind) for kind in kinds], (owner, _MARKER_TTL))


def _last_output(stream: Stream, entry: wire.RawEntry | tuple[()]) -> wire.StreamId:
    """Return the place of the last output of any owner, given its entry."""
    if not entry:
        return wire.NOTHING
    if stream.entries is not None:
        events: Events | None = wire.read_owned(entry, stream.entries)
        return events.at if events else wire.NOTHING
    return wire.StreamId(*wire.id_halves(entry[0]))


def _last_item(stream: Stream, entry: wire.RawEntry | tuple[()]) -> bytes | None:
    """Return the body of a text's last entry; None for other streams."""
    if not entry or stream.entries is not None:
        return None
    return dict(pairs(entry[1])).get(wire.BODY_FIELD)
