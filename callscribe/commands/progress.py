"""How far the files of `callscribe transcribe` are, on stderr.

A terminal shows a row for each running file, rewritten in place. A pipe gets a line when a file has
ended, and one now and then.
"""

import asyncio
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TextIO

from callscribe.commands.event_lines import printable
from callscribe.commands.render import in_place

_REWRITE_S = 0.5
_LINE_S = 10.0
# ECMA-48: up one line (CUU), clear what is below (ED); DEC private mode 7: lines do not wrap.
_UP, _CLEAR_BELOW = "\x1b[{}A", "\r\x1b[J"
_NO_WRAP, _WRAP = "\x1b[?7l", "\x1b[?7h"


@dataclass
class Track:
    """How far one file is; times in seconds of audio, `duration` 0 where it is not known."""

    name: str
    duration: float
    sent: float = 0.0
    begun: float = field(default_factory=time.monotonic)

    def row(self) -> str:
        """Return its row."""
        took = max(1e-3, time.monotonic() - self.begun)
        times = f"{self.sent / took:.1f} x real time"
        if not self.duration:
            return f"   ? %  {self.sent:.1f} s  {times}  {self.name}"
        part = 100 * min(1.0, self.sent / self.duration)
        return f"{part:4.0f} %  {self.sent:.1f} of {self.duration:.1f} s  {times}  {self.name}"


class Progress:
    """Shows how far `count` files are on `out`; None shows nothing."""

    def __init__(self, out: TextIO | None, env: Mapping[str, str], count: int) -> None:
        self._out = out
        self._rewritten = out is not None and in_place(out, env)
        self._count = count
        self._done = 0
        self._running: list[Track] = []
        self._drawn = 0

    @contextmanager
    def file(self, name: str, duration: float) -> Iterator[Track]:
        """Show one file while it is being transcribed."""
        track = Track(printable(name), duration)
        self._running.append(track)
        self._draw()
        try:
            yield track
        finally:
            self._running.remove(track)
            self._done += 1
            if self._count > 1:
                self.tell(f"[{self._done}/{self._count}]{track.row()}")

    def tell(self, line: str) -> None:
        """Write a line above the rows."""
        with self.hidden():
            self._write(f"{line}\n")

    @contextmanager
    def hidden(self) -> Iterator[None]:
        """Clear the rows, since something else is to be written, and show them again."""
        if self._drawn:
            self._write(_UP.format(self._drawn) + _CLEAR_BELOW + _WRAP)
            self._drawn = 0
        yield
        self._draw()

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Keep it up to date while files are transcribed."""
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            task.cancel()
            self._running.clear()
            with self.hidden():
                pass

    async def _run(self) -> None:
        with suppress(OSError):  # its reader is gone: the files are not done for it
            while True:
                await asyncio.sleep(_REWRITE_S if self._rewritten else _LINE_S)
                self._draw()
                if not self._rewritten:
                    self._write("".join(f"{track.row()}\n" for track in self._running))

    def _draw(self) -> None:
        if not self._rewritten:
            return
        up = _UP.format(self._drawn) if self._drawn else ""
        rows = "".join(f"{track.row()}\n" for track in self._running)
        if rows or self._drawn:
            self._write(_NO_WRAP + up + _CLEAR_BELOW + rows + _WRAP)
        self._drawn = len(self._running)

    def _write(self, text: str) -> None:
        if self._out is not None and text:
            self._out.write(text)
            self._out.flush()
