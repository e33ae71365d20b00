"""The gateway's memory, descriptors and processor time, and everybody's logs, from outside."""

import asyncio
import os
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from tests.attack.scoring import Footprint

_EVERY = 0.1
_CLOSING = 2.0
"""Seconds that descriptors alone are waited for: nothing bounds them."""
_TICKS = os.sysconf("SC_CLK_TCK")
_TRACEBACK = "Traceback (most recent call last)"
_MOST_EVENTS = 5
_EVENT = re.compile(r"[\d:.]{12} \w+ +\w+ (.{1,60}?)(?= \w+=|$)")


def resident(pid: int | None) -> float:
    """Return a process's memory in MB, 0 when it has ended."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1e3
    return 0.0


def descriptors(pid: int | None) -> int:
    """Return how many files a process has open, 0 when it has ended."""
    with suppress(OSError):
        return len(os.listdir(f"/proc/{pid}/fd"))
    return 0


def processor_time(pid: int | None) -> float:
    """Return the seconds of a core that a process has used, 0 when it has ended."""
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS
    return 0.0


@asynccontextmanager
async def watched(gateway: int | None, redis: int, footprint: Footprint) -> AsyncIterator[None]:
    """Fill in what is seen before and during the context."""
    footprint.before = footprint.peak = resident(gateway)
    footprint.redis_before = footprint.redis_peak = resident(redis)
    footprint.descriptors_before = footprint.descriptors_peak = descriptors(gateway)
    cpu, began = processor_time(gateway), time.monotonic()

    async def look() -> None:
        while True:
            footprint.peak = max(footprint.peak, resident(gateway))
            footprint.redis_peak = max(footprint.redis_peak, resident(redis))
            footprint.descriptors_peak = max(footprint.descriptors_peak, descriptors(gateway))
            await asyncio.sleep(_EVERY)

    looking = asyncio.create_task(look())
    try:
        yield
    finally:
        looking.cancel()
        used = processor_time(gateway) - cpu
        footprint.cpu = max(0.0, used / (time.monotonic() - began))


async def settled(
    gateway: int | None, footprint: Footprint, *, memory_mb: float, patience: float
) -> None:
    """Wait until memory and descriptors are back, or for so long; fill in what they are then."""
    end = time.monotonic() + patience
    closing = time.monotonic() + _CLOSING
    while True:
        footprint.after = resident(gateway)
        footprint.descriptors_after = descriptors(gateway)
        back = footprint.after <= footprint.before + memory_mb
        closed = footprint.descriptors_after <= footprint.descriptors_before
        if (back and (closed or time.monotonic() > closing)) or time.monotonic() > end:
            return
        await asyncio.sleep(_EVERY)


class Logs:
    """What the logs of a directory grew by since this was made. `secrets` may not be in them."""

    def __init__(self, paths: Iterator[Path], secrets: Collection[str] = ()) -> None:
        self._began = {path: path.stat().st_size for path in paths}
        self._secrets = secrets

    def count(self, footprint: Footprint) -> None:
        """Fill in lines, bytes, tracebacks, secrets and events."""
        events: Counter[str] = Counter()
        for path, began in self._began.items():
            with path.open("rb") as log:
                log.seek(began)
                for raw in log:
                    line = raw.decode(errors="replace")
                    footprint.log_lines += 1
                    footprint.log_bytes += len(raw)
                    footprint.tracebacks += line.count(_TRACEBACK)
                    footprint.secrets += any(each in line for each in self._secrets)
                    events[event_of(line.rstrip())] += 1
        footprint.events = Counter(dict(events.most_common(_MOST_EVENTS)))


def event_of(line: str) -> str:
    """Return the event of a line of log in the console's format; a traceback's lines are one."""
    found = _EVENT.match(line)
    return found[1] if found else "(further lines)"
