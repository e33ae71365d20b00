"""Which ranges of a leg were speech, and which may have a secret in them."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from common.audio import BYTES_PER_SAMPLE, samples
from gateway.protocols.events import Dtmf, Event, Final

_MARGIN = samples(0.3)
"""What is muted before and after a hidden word or a tone: neither is timed exactly."""
_FOR_EVER = 1 << 62


class Range(NamedTuple):
    """The positions [start, end)."""

    start: int
    end: int


class Utterance(NamedTuple):
    """An utterance of a leg that was said, with its number."""

    number: int
    range: Range


def utterances(events: Iterable[Event], channel: int) -> list[Utterance]:
    """Return the speech of a leg, in order: no noise that was taken for it."""
    finals = [each for each in events if isinstance(each, Final) and each.channel == channel]
    return [
        Utterance(final.utterance, Range(final.start, final.end))
        for final in finals
        if final.text or final.failed
    ]


def secret(events: Sequence[Event], channel: int, *, hides: bool, ended: bool) -> list[Range]:
    """Return what is to be muted of a leg: what its text hides.

    If the call `hides` secrets, that is also what could not be recognised, where a digit was
    signalled, whose tone may be heard, and, unless the leg has `ended`, what follows its last
    utterance: nobody knows what was said there.
    """
    ours = [each for each in events if isinstance(each, Final | Dtmf) and each.channel == channel]
    finals = [each for each in ours if isinstance(each, Final)]
    hides = hides or any(isinstance(each, Final) and each.hidden for each in events)
    found = [_around(each.start, each.end) for final in finals for each in final.hidden or ()]
    if hides:
        found += [Range(final.start, final.end) for final in finals if final.failed]
        found += [_around(each.at, each.at) for each in ours if isinstance(each, Dtmf)]
    if hides and not ended:
        found.append(Range(max((final.end for final in finals), default=0), _FOR_EVER))
    return found


def _around(start: int, end: int) -> Range:
    return Range(start - _MARGIN, end + _MARGIN)


def muted(pcm: bytes, start: int, ranges: Iterable[Range]) -> bytes:
    """Return PCM16LE from position `start` on with silence in these ranges."""
    end = start + len(pcm) // BYTES_PER_SAMPLE
    silent = bytearray(pcm)
    for each in ranges:
        first, last = max(each.start, start), min(each.end, end)
        if first < last:
            at = (first - start) * BYTES_PER_SAMPLE
            length = (last - first) * BYTES_PER_SAMPLE
            silent[at : at + length] = bytes(length)
    return bytes(silent)
