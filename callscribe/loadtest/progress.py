"""How a load is going: two lines rewritten on a terminal, a line now and then in a file."""

import asyncio
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self, TextIO

from callscribe.client.latency import percentile
from callscribe.loadtest.tally import Tally

_RECENT_S = 10.0
_REWRITE_S = 0.5
_LINE_S = 10.0

# ECMA-48: up one line (CUU), clear what is below (ED); DEC private mode 7: lines do not wrap.
_BACK = "\r\x1b[1A\x1b[J"
_NO_WRAP, _WRAP = "\x1b[?7l", "\x1b[?7h"


def state(tally: Tally, now: float) -> tuple[str, str]:
    """Return how many calls there are, and their figures of the last 10 s."""
    begin = max(0.0, now - _RECENT_S)
    span = max(1.0, now - begin)
    waits = tally.latencies["endpoint_to_final"].since(begin)
    wait = f"{1000 * percentile(waits, 95):.0f} ms" if waits else "-"
    late = max(tally.lateness.since(begin), default=0.0)
    calls = (
        f"{now:5.0f} s  {tally.up} up, {tally.accepted} opened, {tally.finished} finished,"
        f" {tally.refused} refused, {tally.all_failed} failed, {tally.lost_utterances} lost"
    )
    pace = (
        f"{len(tally.partials.since(begin)) / span:.1f} partials/s,"
        f" {len(tally.finals.since(begin)) / span:.1f} finals/s,"
        f" endpoint to final p95 {wait}, own lateness {1000 * late:.0f} ms"
    )
    return calls, pace


class Progress:
    """Shows the state; a context manager that leaves the terminal in order."""

    def __init__(
        self, out: TextIO, env: Mapping[str, str], tally: Tally, clock: Callable[[], float]
    ) -> None:
        self._out = out
        self._in_place = out.isatty() and env.get("TERM", "dumb") != "dumb"
        self._tally = tally
        self._clock = clock
        self._shown = False

    async def run(self) -> None:
        """Show the state again and again, until cancelled."""
        while True:
            await asyncio.sleep(_REWRITE_S if self._in_place else _LINE_S)
            self.show()

    def show(self) -> None:
        """Show the state now."""
        calls, pace = state(self._tally, self._clock())
        if not self._in_place:
            text = f"{calls}; {pace}\n"
        else:
            text = f"{_BACK if self._shown else _NO_WRAP}{calls}\n         {pace}"
        self._out.write(text)
        self._out.flush()
        self._shown = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._in_place and self._shown:
            self._out.write(f"{_WRAP}\n")
            self._out.flush()
