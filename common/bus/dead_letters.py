"""Dead letters: work items that no worker could carry out, kept for an operator to read and replay.

Each stage has a stream with its newest `MOST` dead letters. The audio of their utterances is in a
second stream, under the same ids, and only for a day, because it is a caller's voice.
"""

from dataclasses import dataclass
from typing import Self

from common.bus import keys, scripts, wire
from common.redis.link import Link, ScriptCall
from common.redis.replies import pairs

MOST = 1000
MOST_AUDIO_BYTES = 2 << 20
"""Audio of a longer utterance (65 s) is not kept: a dead letter is not an archive."""
BURST, WINDOW = 5, 60.0
"""The circuit breaker: after `BURST` dead letters within `WINDOW` seconds no more are written."""
_MOST_WITH_AUDIO = 64
_AUDIO_TTL = 24 * 3600


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter: a work item as it was, and why it was given up.

    `id` begins with Redis's time in ms. `attempts`: owners it had, the last one included.
    """

    id: str
    key: str
    body: bytes
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
            values[wire.BODY_FIELD],
            values[wire.REASON_FIELD].decode(),
            values[wire.OWNER_FIELD].decode(),
            int(values[wire.ATTEMPTS_FIELD]),
        )


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
    limits = (MOST, BURST, round(WINDOW * 1000), _MOST_WITH_AUDIO, _AUDIO_TTL)
    streams = (keys.dead(stage), keys.dead_audio(stage))
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


async def audio_of(link: Link, stage: str, letter: Letter) -> bytes:
    """Return the audio of a dead letter, PCM16LE 16 kHz; empty when it has none (any more).

    Raises BusUnavailable.
    """
    found = await link.call("XRANGE", keys.dead_audio(stage), letter.id, letter.id)
    audio: bytes = found[0][1][1] if found else b""
    return audio


async def discard(link: Link, stage: str, letter: Letter) -> None:
    """Remove a dead letter and its audio. Raises BusUnavailable."""
    await link.call("XDEL", keys.dead(stage), letter.id)
    await link.call("XDEL", keys.dead_audio(stage), letter.id)
