"""The resources that processes use, as the kernel counts them (Linux's /proc)."""

import math
import os
from contextlib import suppress
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of all live threads of a process, exact to the ns."""
    used = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):  # it has ended since it was listed
            used += int((task / "schedstat").read_text().split()[0])
    return used / 1e9


def resident_bytes(pid: int) -> int:
    """Return how much memory a process holds, shared pages included."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE


def quantile(values: list[float], share: float) -> float:
    """Return the value that this share of `values` is below; NaN when there are none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else math.nan
