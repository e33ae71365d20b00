"""When each step towards a final was done: the stamps of one utterance, and the time between them.

A stamp is seconds since 1970 by the clock of the process that did the step; `committed` is by that
of Redis. Between several machines they mean something only if the clocks are synchronised. A stamp
that nobody could give is None.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, TypeAlias

from common.pipeline.record import Message, sparse


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """The VAD worker `worker` read the audio that decided an end (`heard`), and `decided` it.

    With denoising, `denoiser` had written that audio at `denoised`.
    """

    heard: float
    decided: float
    worker: str
    denoised: float | None = sparse(None)
    denoiser: str = sparse("")


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoding:
    """The decode that gave a final its text: from when to when it had a place, and at which worker.

    A tentative decode may end before the endpoint.
    """

    begun: float
    ended: float
    worker: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SentFinal:
    """What a gateway knows of a final.

    It had received the last speech of the utterance at `spoken`, and what decided its end at
    `received`; Redis had the latter at `stored`. The client's socket got the final at `sent`, or
    the call if there was no client. `words`: when the end of each of its words was received.
    """

    t: ClassVar[str] = "final"
    channel: int
    utterance: int
    gateway: str
    spoken: float | None
    received: float | None
    stored: float | None
    sent: float
    words: tuple[float | None, ...] | None = sparse(None)


@dataclass(frozen=True, slots=True, kw_only=True)
class SentWords:
    """When the end of each word was received, for words that came after their final."""

    t: ClassVar[str] = "words"
    channel: int
    utterance: int
    words: tuple[float | None, ...]


TraceEntry: TypeAlias = SentFinal | SentWords

TRACE_ENTRY: Message[TraceEntry] = Message(SentFinal, SentWords)

PARTS: Mapping[str, str] = {
    "spoken": "speech",
    "received": "silence",
    "stored": "store",
    "denoised": "denoise",
    "heard": "hear",
    "endpoint": "decide",
    "decode_begun": "queue",
    "decode_ended": "decode",
    "committed": "commit",
    "sent": "send",
}
"""The stamps in the order of the pipeline, and the part of the time that ends with each."""


class Span(NamedTuple):
    """One part of the time: in tenths of a millisecond after zero."""

    part: str
    begin: int
    end: int


def spans(stamps: Mapping[str, float | None], *, since: float | None = None) -> list[Span]:
    """Return the parts between the stamps that are known; zero is `since`, or the first stamp.

    Each begins where the one before ends, so their lengths add up to the time between the first
    stamp and the last. Where a stamp is missing, the next part includes the time of its own. A
    stamp before the one before it, as of a tentative decode or of a clock that is late, gives a
    part of no length.
    """
    known = [(part, at) for name, part in PARTS.items() if (at := stamps.get(name)) is not None]
    if not known:
        return []
    if since is None:
        (_, since), *known = known
    most = max(0, round((known[-1][1] - since) * 1e4)) if known else 0
    found: list[Span] = []
    edge = 0
    for part, at in known:
        begin, edge = edge, min(most, max(edge, round((at - since) * 1e4)))
        found.append(Span(part, begin, edge))
    return found
