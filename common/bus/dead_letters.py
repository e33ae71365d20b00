"""Dead letters: claims that no worker could carry out, kept for an operator to read and replay.

A stage's letters are a stream of their own, the newest `MOST`. The audio of an utterance lies
beside them, under the same ids, for a day: it is a caller's voice.
"""

from dataclasses import dataclass
from typing import Self

from common.bus import keys, scripts, wire
from common.redis.link import Link, ScriptCall

MOST = 1000
MOST_AUDIO_BYTES = 2 << 20
"""Audio of a longer utterance (65 s) is not kept: a letter is no archive."""
BURST, WINDOW = 5, 60.0
"""Letters of a stage in so many seconds from which on no more are written: the circuit breaker."""
_MOST_WITH_AUDIO = 64
_AUDIO_TTL = 24 * 3600


@dataclass(frozen=True, slots=True)
class Letter:
    """A claim as it was, and why it was given up.

    `id` begins with Redis's time in ms. `terms`: owners it had, the one that gave up included.
    """

    id: str
    key: str
    body: bytes
    reason: str
    worker: str
    terms: int

    @classmethod
    def read(cls, entry: wire.RawEntry) -> Self:
        """Read an entry of a stream of dead letters."""
        name, fields = entry
        values = dict(zip(fields[::2], fields[1::2], strict=True))
        return cls(
            name.decode(),
            values[wire.KEY_FIELD].decode(),
            values[wire.BODY_FIELD],
            values[wire.REASON_FIELD].decode(),
            values[wire.OWNER_FIELD].decode(),
            int(values[wire.TERMS_FIELD]),
        )


def divert(
    stage: str,
    entry: bytes,
    key: str,
    body: bytes,
    *,
    reason: str,
    worker: str,
    terms: int,
    audio: bytes,
) -> ScriptCall:
    """Return the call that writes the letter of a claim, given its entry, key and packed body.

    Once however often it runs; it answers 1, or 0 while the circuit breaker is open. `audio` is
    PCM16LE 16 kHz, empty for none; more than `MOST_AUDIO_BYTES` is left out.
    """
    kept = audio if len(audio) <= MOST_AUDIO_BYTES else b""
    limits = (MOST, BURST, round(WINDOW * 1000), _MOST_WITH_AUDIO, _AUDIO_TTL)
    streams = (keys.dead(stage), keys.dead_audio(stage))
    return (scripts.DIVERT, streams, (entry, key, body, reason, worker, terms, kept, *limits))


async def breaker_open(link: Link, stage: str) -> bool:
    """Tell whether the stage's newest letters are so many that no more are written now.

    Waits as long as Redis is away.
    """
    window = (round(WINDOW * 1000), BURST)
    (lately,) = await link.evaluate([(scripts.LATELY, (keys.dead(stage),), window)])
    return bool(lately >= BURST)


async def letters(link: Link, stage: str) -> list[Letter]:
    """Return all letters of a stage, the oldest first. Raises BusUnavailable."""
    return [Letter.read(entry) for entry in await link.call("XRANGE", keys.dead(stage), "-", "+")]


async def audio_of(link: Link, stage: str, letter: Letter) -> bytes:
    """Return the audio kept with a letter, PCM16LE 16 kHz; empty when there is none (any more).

    Raises BusUnavailable.
    """
    found = await link.call("XRANGE", keys.dead_audio(stage), letter.id, letter.id)
    audio: bytes = found[0][1][1] if found else b""
    return audio


async def discard(link: Link, stage: str, letter: Letter) -> None:
    """Remove a letter and its audio. Raises BusUnavailable."""
    await link.call("XDEL", keys.dead(stage), letter.id)
    await link.call("XDEL", keys.dead_audio(stage), letter.id)
