"""Where in an utterance one voice speaks: between its pauses, and where it does not change. Pure.

A speaker often begins when another pauses, much shorter than the silence that ends an utterance.
So the pieces between pauses are encoded one by one, long ones in overlapping windows. Then
neighbours whose vectors are alike are joined, the most alike first.

Places are frames of 10 ms.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from common.audio import FloatArray

FRAME = 160
"""Samples."""
WINDOW = 160
"""Frames that the encoder was trained with: 1.6 s."""
_STEP = 80
_PAUSE = 15
"""Frames of quiet that separate two pieces."""
_QUIET = 0.05
"""Level, as a part of the loud frames', below which a frame is quiet: 26 dB."""
_SMOOTH = 5
_SHORTEST = 30
"""A shorter window tells nothing."""
_REST = 20
"""What is left of a piece behind its last window gets one of its own from this on."""
_SAME = 0.84
"""Cosine of neighbours that are one voice; most is told by `python -m bench speakers`."""
_SHORT = 60
"""Frames of a stretch whose vector is unsure."""
_SAME_IF_SHORT = 0.72


class Span(NamedTuple):
    """The frames [start, end)."""

    start: int
    end: int

    @property
    def length(self) -> int:
        """How many these are."""
        return self.end - self.start


class Window(NamedTuple):
    """`heard` is encoded, for `place` alone: neighbouring windows overlap, their places do not."""

    heard: Span
    place: Span

    @property
    def tells(self) -> bool:
        """Whether it is long enough to be encoded."""
        return self.heard.length >= _SHORTEST


@dataclass(slots=True)
class Stretch:
    """Where one voice speaks, and the sum of its vectors [256] by frames; None if unknown."""

    span: Span
    vector: FloatArray | None

    def joined(self, other: "Stretch") -> "Stretch":
        """Return this and the next one as one."""
        vector = self.vector if other.vector is None else other.vector
        if self.vector is not None and other.vector is not None:
            vector = self.vector + other.vector
        return Stretch(Span(self.span.start, other.span.end), vector)

    def same(self, other: "Stretch") -> float:
        """Return how much the next one is the same voice; from 0 on they are joined."""
        if self.vector is None or other.vector is None:
            return 2.0 / (1 + other.span.start - self.span.end)  # the nearest takes it
        product = float(self.vector @ other.vector)
        cosine = product / float(np.linalg.norm(self.vector) * np.linalg.norm(other.vector))
        short = min(self.span.length, other.span.length) < _SHORT
        return cosine - (_SAME_IF_SHORT if short else _SAME)


def windows(audio: FloatArray) -> list[Window]:
    """Return what to encode of an utterance's audio [n] at 16 kHz, in order."""
    return [window for piece in _pieces(audio) for window in _windows(piece)]


def stretches(told: Sequence[tuple[Window, FloatArray | None]]) -> list[Stretch]:
    """Return the stretches of one voice each, from the vectors of windows that tell something."""
    found = [
        Stretch(window.place, None if vector is None else window.place.length * vector)
        for window, vector in told
    ]
    while len(found) > 1:
        alike = [one.same(other) for one, other in pairwise(found)]
        first = int(np.argmax(alike))
        if alike[first] < 0:
            break
        found[first : first + 2] = [found[first].joined(found[first + 1])]
    return [each for each in found if each.vector is not None]


def _pieces(audio: FloatArray) -> Iterator[Span]:
    """Yield the runs of frames that are not quiet, but for short pauses."""
    count = len(audio) // FRAME
    if not count:
        return
    power = (audio[: count * FRAME].reshape(count, FRAME) ** 2).mean(1)
    level = np.convolve(np.sqrt(power), np.full(_SMOOTH, 1 / _SMOOTH), "same")[:count]
    loud = np.flatnonzero(level > _QUIET * np.percentile(level, 90))
    if not len(loud):
        return
    pauses = np.flatnonzero(np.diff(loud) > _PAUSE)
    starts, ends = [0, *(pauses + 1)], [*pauses, len(loud) - 1]
    for start, end in zip(starts, ends, strict=True):
        yield Span(int(loud[start]), int(loud[end]) + 1)


def _windows(piece: Span) -> Iterator[Window]:
    starts = list(range(piece.start, max(piece.start, piece.end - WINDOW) + 1, _STEP))
    if piece.end - (starts[-1] + WINDOW) > _REST:
        starts.append(piece.end - WINDOW)
    heard = [Span(start, min(start + WINDOW, piece.end)) for start in starts]
    edges = [(one.end + other.start) // 2 for one, other in pairwise(heard)]
    places = zip([piece.start, *edges], [*edges, piece.end], strict=True)
    for each, place in zip(heard, places, strict=True):
        yield Window(each, Span(*place))
