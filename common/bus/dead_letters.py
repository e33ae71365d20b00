"""Dead letters: work items that no worker could carry out, kept for an operator to read and replay.

Each stage has a stream with its newest `MOST` dead letters, which have no words. Work items and the
audio of utterances are in a second stream, under the same ids, and only for a day: they are a
caller's voice, and what was said of the call.
"""

from dataclasses import dataclass
from typing import NamedTuple, Self

from common.bus import keys, scripts, wire
from common.redis.link import Link, ScriptCall
from common.redis.replies import pairs

MOST = 1000
MOST_AUDIO_BYTES = 2 << 20
"""Audio of a longer utterance (65 s) is not kept: a dead letter is not an archive."""
BURST, WINDOW = 5, 60.0
"""The circuit breaker: after `BURST` dead letters within `WINDOW` seconds no more are written."""
_MOST_WITH_CONTENTS = 64
_CONTENTS_TTL = 24 * 3600


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter: which work item was given up, and why.

    `id` begins with Redis's time in ms. `attempts`: owners it had, the last one included.
    """

    id: str
    key: str
    reason: str
    worker: str
    attempts: int

    @classmethod
    def read(cls, entry: wire.RawEntry) -> Self:
        """Read an entry of a stream of dead letters."""
        name, fields = entry
        values = dict(pairs(fields))
        return cls(
            name.decode(),
            values[wire.KEY_FIELD].decode(),
            values[wire.REASON_FIELD].decode(),
            values[wire.OWNER_FIELD].decode(),
            int(values[wire.ATTEMPTS_FIELD]),
        )


class Contents(NamedTuple):
    """What a dead letter is about: the packed work item as it was, and PCM16LE 16 kHz or b""."""

    body: bytes
    audio: bytes


def dead_letter(
    stage: str,
    entry: bytes,
    key: str,
    body: bytes,
    *,
    reason: str,
    worker: str,
    attempts: int,
    audio: bytes,
) -> ScriptCall:
    """Return the call that dead-letters a work item, given its entry, key and packed body.

    It writes once even if repeated. It answers 1, or 0 while the circuit breaker is open. `audio`
    is PCM16LE 16 kHz, empty for none; more than `MOST_AUDIO_BYTES` is left out.
    """
    kept = audio if len(audio) <= MOST_AUDIO_BYTES else b""
    limits = (MOST, BURST, round(WINDOW * 1000), _MOST_WITH_CONTENTS, _CONTENTS_TTL)
    streams = (keys.dead(stage), keys.dead_contents(stage))
    assignment = (entry, key, body, reason, worker, attempts, kept)
    return (scripts.DEAD_LETTER, streams, (*assignment, *limits))


async def breaker_open(link: Link, stage: str) -> bool:
    """Tell whether the stage has too many new dead letters to write more now.

    Waits as long as Redis is away.
    """
    window = (round(WINDOW * 1000), BURST)
    (lately,) = await link.evaluate([(scripts.LATELY, (keys.dead(stage),), window)])
    return bool(lately >= BURST)


async def letters(link: Link, stage: str) -> list[Letter]:
    """Return all dead letters of a stage, the oldest first. Raises BusUnavailable."""
    return [Letter.read(entry) for entry in await link.call("XRANGE", keys.dead(stage), "-", "+")]


async def contents_of(link: Link, stage: str, letter: Letter) -> Contents | None:
    """Return what a dead letter is about; None when that is not kept any more.

    Raises BusUnavailable.
    """
    found = await link.call("XRANGE", keys.dead_contents(stage), letter.id, letter.id)
    if not found:
        return None
    values = dict(pairs(found[0][1]))
    return Contents(values[wire.BODY_FIELD], values.get(wire.AUDIO_FIELD, b""))


async def discard(link: Link, stage: str, letter: Letter) -> None:
    """Remove a dead letter and its contents. Raises BusUnavailable."""
    await link.call("XDEL", keys.dead(stage), letter.id)
    await link.call("XDEL", keys.dead_contents(stage), letter.id)
