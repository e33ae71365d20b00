"""The processes and the memory behind a benchmark's engine."""

import os
import subprocess
from contextlib import suppress
from pathlib import Path

from bench.accounting import cpu_seconds


def descendants(pid: int) -> list[int]:
    """Return the ids of all processes that a process started, and of theirs.

    Threads and processes that end meanwhile are left out.
    """
    found: list[int] = []
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(FileNotFoundError, ProcessLookupError):
            for child in children.read_text().split():
                found += [int(child), *descendants(int(child))]
    return found


def cpu() -> tuple[float, float]:
    """Return the CPU seconds so far of this process and of its descendants."""
    own = os.getpid()
    return cpu_seconds(own), sum(cpu_seconds(pid) for pid in descendants(own))


def gpu_memory_mb() -> float | None:
    """Return what is in use on the GPU this process may use, by anyone; None without a GPU."""
    devices = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")
    command = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(
            [*command, f"--id={devices[0]}"], capture_output=True, check=True, text=True
        )
        return float(done.stdout.split()[0])
    except (OSError, subprocess.CalledProcessError, ValueError, IndexError):
        return None
