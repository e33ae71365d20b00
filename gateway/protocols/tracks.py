"""Tracks that come in pieces of their own, put on one clock and interleaved.

Each piece may say where it begins. A track is as long as its pieces: only where a piece begins at
least `LEAST_GAP` after the one before, something is missing. What one track lacks is silence, what
all of them lack is skipped. Nothing is dropped: a piece that comes too late moves to where the
output ends.

A track that stops sends nothing, and others must not wait for it for ever. When it is
`MOST_BEHIND` behind, it counts as silent until its next piece. Lengths and positions are in frames,
and a frame has one byte per track.
"""

from collections import deque
from collections.abc import Sequence

from gateway.protocols.commands import Audio, Command, Skip

LEAST_GAP = 160
"""Frames; a packet of 20 ms at 8 kHz. Less is the jitter of a sender's clock."""
MOST_BEHIND = 1_600
"""Frames; 200 ms at 8 kHz."""


class _Track:
    """The pieces of one track that are not in the output yet."""

    def __init__(self) -> None:
        self.pieces: deque[tuple[int, bytes]] = deque()
        """Positions and contents, in order and without overlap."""
        self.end = 0
        """Where its last piece ends."""
        self.silent = False
        """Whether nobody waits for it."""

    def take(self, start: int, end: int) -> bytes | None:
        """Remove and return what lies from `start` to `end`; None if there is nothing.

        No piece begins before `start`, and none begins or ends between the two.
        """
        if not self.pieces or self.pieces[0][0] > start:
            return None
        _, data = self.pieces.popleft()
        if end - start < len(data):
            self.pieces.appendleft((end, data[end - start :]))
        return data[: end - start]


class Tracks:
    """The tracks of one call. `filler` is the byte for silence."""

    def __init__(self, count: int, filler: bytes) -> None:
        self._tracks = [_Track() for _ in range(count)]
        self._filler = filler
        self._origin: int | None = None
        self._out = 0
        """Where the output ends."""

    def push(self, index: int, data: bytes, at: int | None) -> Sequence[Command]:
        """Add a piece that begins at `at`, None: where the one before ended; return what is due.

        The first piece of all tracks begins at 0, wherever it says that it begins.
        """
        track = self._tracks[index]
        track.silent = False
        start = max(track.end, self._out)
        if at is not None:
            self._origin = at if self._origin is None else self._origin
            if at - self._origin >= start + LEAST_GAP:
                start = at - self._origin
        if data:
            track.pieces.append((start, data))
            track.end = start + len(data)
        return self._emit(self._due())

    def flush(self) -> Sequence[Command]:
        """Return all that is left."""
        return self._emit(max(track.end for track in self._tracks))

    def _due(self) -> int:
        """Return up to where nothing more is awaited."""
        newest = max(track.end for track in self._tracks)
        for track in self._tracks:
            track.silent = track.silent or newest - max(track.end, self._out) > MOST_BEHIND
        return min((track.end for track in self._tracks if not track.silent), default=newest)

    def _emit(self, until: int) -> Sequence[Command]:
        commands: list[Command] = []
        while self._out < until:
            start, end = self._out, until
            for piece_start, data in (t.pieces[0] for t in self._tracks if t.pieces):
                edge = piece_start if piece_start > start else piece_start + len(data)
                end = min(end, edge)
            parts = [track.take(start, end) for track in self._tracks]
            self._out = end
            if all(part is None for part in parts):
                commands.append(Skip(end - start))
            else:
                commands.append(Audio(self._interleaved(parts, end - start)))
        return commands

    def _interleaved(self, parts: Sequence[bytes | None], length: int) -> bytes:
        if len(parts) == 1:
            return parts[0] or b""
        out = bytearray(self._filler * (length * len(parts)))
        for index, part in enumerate(parts):
            if part is not None:
                out[index :: len(parts)] = part
        return bytes(out)
