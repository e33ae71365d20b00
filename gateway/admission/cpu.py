"""The share of time in which this process's event loop works, or waits for a processor."""

import time
from pathlib import Path

_SCHEDSTAT = Path("/proc/self/schedstat")
"""Linux: nanoseconds that the main thread ran, and that it was ready to run."""


class CpuShare:
    """Measures the thread that uses it, which must be the main thread.

    Audio that a gateway has no time to read stays in its sockets, where no other figure shows it:
    the sign is a loop that is never idle. Time in which the process is stopped does not count.
    """

    def __init__(self) -> None:
        self._busy, self._at = _busy(), time.monotonic()

    def share(self) -> float:
        """Return the share of the time since the last call, or the beginning, 0 to about 1."""
        busy, now = _busy(), time.monotonic()
        passed = now - self._at
        share = (busy - self._busy) / passed if passed > 0.0 else 0.0
        self._busy, self._at = busy, now
        return share


def _busy() -> float:
    """Return the seconds so far; only on Linux do they include waiting."""
    try:
        ran, waited, _ = _SCHEDSTAT.read_text().split()
    except (OSError, ValueError):
        return time.thread_time()
    return (int(ran) + int(waited)) / 1e9
