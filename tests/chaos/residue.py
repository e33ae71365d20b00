"""What should not be left: keys, work items, processes, memory; and who still owns what."""

import asyncio
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import redis.asyncio as aioredis
from redis.exceptions import RedisError, ResponseError

from common.bus import keys
from tests.chaos.stack import MARK, LastingRedis, Stack

STAGES = ("denoise", "vad", "asr")
_OF_TENANTS = b"cs:v2:{t."
_ERASURE = "erasure"
_SLOT = re.compile(rb"\{p\d\d\}")
_LONGEST_TTL = 300
"""Seconds; a key that lives longer after the last call is as good as permanent."""
_MARKERS = ("part", "align", "named", "taken")
"""Kinds of keys that end by themselves long after the call: not waited for."""
_POLL = 0.05
_GIVE_UP = 30.0
_ENDING_S = 5.0


async def taken_over(admin: aioredis.Redis, stage: str, pid: int | None) -> float | None:
    """Wait until a dead worker owns no work item; return after how many seconds.

    None where it owned none, or it took so long that another fault must have come between.
    """
    start = time.monotonic()
    owned = False
    while time.monotonic() < start + _GIVE_UP:
        try:
            pending = await admin.xpending(keys.work_items(stage), stage)
        except ResponseError:  # a gateway, which owns nothing
            return None
        except (RedisError, OSError):
            await asyncio.sleep(_POLL)
            continue
        consumers = [each["name"].decode() for each in pending["consumers"] or ()]
        if not any(f"-{pid}-" in name for name in consumers):
            return time.monotonic() - start if owned else None
        owned = True
        await asyncio.sleep(_POLL)
    return None


@dataclass(slots=True)
class Residue:
    """What is left after the last call."""

    work_items: dict[str, int] = field(default_factory=dict)
    """Open work items, and index entries, per stage."""
    forever: list[str] = field(default_factory=list)
    """Keys without an end that may not be permanent."""
    keys: dict[str, int] = field(default_factory=dict)
    """How many keys of each kind still wait for their end."""
    processes: list[str] = field(default_factory=list)

    @property
    def problems(self) -> list[str]:
        """What of it is a leak."""
        found = [
            f"{count} work items of {stage} are left"
            for stage, count in self.work_items.items()
            if count
        ]
        found += [f"key without an end: {key}" for key in self.forever]
        return found + [f"process left: {process}" for process in self.processes]


async def residue(admin: aioredis.Redis, patience: float) -> Residue:
    """Look at Redis once every call is over; wait up to `patience` seconds for it to be empty."""
    end = time.monotonic() + patience
    while True:
        found = await _look(admin)
        if time.monotonic() > end or not (found.problems or found.keys.keys() - {*_MARKERS}):
            return found
        await asyncio.sleep(1.0)


async def _look(admin: aioredis.Redis) -> Residue:
    found = Residue()
    for stage in STAGES:
        open_, index = await admin.xlen(keys.work_items(stage)), await admin.hlen(keys.index(stage))
        found.work_items[stage] = max(open_, index)
    async for key in admin.scan_iter(match=b"cs:v2:*", count=1000):
        if keys.is_permanent(key):
            continue
        ttl = await admin.ttl(key)
        kind = _kind(key)
        # What tenants have used is kept for months, and so is what became of erased calls.
        if key.startswith(_OF_TENANTS) or kind == _ERASURE:
            found.forever += [key.decode()] if ttl == -1 else []
            continue
        if ttl == -1 or ttl > _LONGEST_TTL:
            found.forever.append(key.decode())
        elif ttl >= 0 and kind != "out":
            found.keys[kind] = found.keys.get(kind, 0) + 1
    return found


def _kind(key: bytes) -> str:
    """Return what a key holds: it stands behind the slot and, of a call's, the session."""
    parts = key.split(b":")
    if not parts[2].startswith(b"{"):
        return parts[2].decode()
    return parts[4 if _SLOT.fullmatch(parts[2]) else 3].decode()


async def left(run: str) -> list[str]:
    """Return the processes that outlive a run; what a process has started ends soon after it."""
    end = time.monotonic() + _ENDING_S
    while (found := running(run)) and time.monotonic() < end:
        await asyncio.sleep(_POLL)
    return found


def running(run: str) -> list[str]:
    """Return the processes of a run that still exist, whoever their parent is."""
    mark = f"{MARK}={run}".encode()
    found: list[str] = []
    for path in Path("/proc").iterdir():
        if not path.name.isdigit() or int(path.name) == os.getpid():
            continue
        try:
            if mark in (path / "environ").read_bytes().split(b"\0"):
                command = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                found.append(f"{path.name}: {command[:200]}")
        except OSError:
            continue
    return found


@dataclass(frozen=True, slots=True)
class Sizes:
    """Memory at one moment, in MB by process name; how long each process had been running (s)."""

    minutes: float
    memory: dict[str, float]
    ages: dict[str, float]
    redis_data: float
    redis_keys: int
    work_items: int


async def watch_sizes(
    stack: Stack, redis: LastingRedis, every: float, note: Callable[[Sizes], None]
) -> None:
    """Measure every `every` seconds, for ever."""
    start = time.monotonic()
    while True:
        await asyncio.sleep(every)
        try:
            info = await redis.admin.info("memory")
            count = await redis.admin.dbsize()
            work_items = sum([await redis.admin.xlen(keys.work_items(stage)) for stage in STAGES])
        except (RedisError, OSError):
            continue
        now = time.monotonic()
        memory = {p.name: _resident(p.pid) for p in stack.processes if p.pid is not None}
        memory["redis"] = _resident(redis.pid)
        ages = {p.name: round(now - p.began, 1) for p in stack.processes}
        data = round(info["used_memory"] / 1e6, 1)
        note(Sizes(round((now - start) / 60, 2), memory, ages, data, count, work_items))


def _resident(pid: int | None) -> float:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    sizes = [line.split()[1] for line in lines if line.startswith("VmRSS:")]
    return round(int(sizes[0]) / 1000, 1) if sizes else 0.0
