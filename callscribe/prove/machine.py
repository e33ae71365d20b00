"""What this machine is, and how busy it is."""

import asyncio
import os
import platform
from pathlib import Path
from typing import Any

_LOOKED_S = 2.0


def described() -> dict[str, Any]:
    """Return what this machine is; `memory_mb` is None where the system does not say."""
    return {
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "cores_of_all": os.cpu_count(),
        "memory_mb": _memory_mb(),
        "system": platform.platform(),
    }


def processor() -> str:
    """Return which processor this machine has."""
    found = _field("/proc/cpuinfo", "model name")
    return found or platform.processor() or platform.machine()


async def busy() -> float | None:
    """Return the share of all cores that is in use for two seconds, None if it cannot be read."""
    before = _spent()
    await asyncio.sleep(_LOOKED_S)
    after = _spent()
    if before is None or after is None or after[1] == before[1]:
        return None
    return 1 - (after[0] - before[0]) / (after[1] - before[1])


def _spent() -> tuple[int, int] | None:
    """Return how long the cores idled, and all their time, in the kernel's units (proc(5))."""
    try:
        first = Path("/proc/stat").read_text().partition("\n")[0].split()
    except OSError:
        return None
    times = [int(each) for each in first[1:9]]
    return times[3] + times[4], sum(times)


def _memory_mb() -> int | None:
    found = _field("/proc/meminfo", "MemTotal")
    return int(found.split()[0]) // 1024 if found else None


def _field(path: str, name: str) -> str:
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "")
