"""The processes of a system with dummy engines."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from callscribe.local.child import die_with_parent

_START_DEADLINE = 30.0
_POLL = 0.05


def commands_of(port: int, room: int, more: Sequence[str] = ()) -> list[tuple[str, ...]]:
    """Return name, module and flags of every process of ours; `more` are the gateway's."""
    listen = ("--host", "127.0.0.1", "--port", f"{port}", "--max-sessions", f"{room}")
    slots, quiet = f"{room}", ("--log-level", "warning")
    asr = ("--asr-slots", slots, "--asr-concurrency", "64")
    return [
        ("gateway", "gateway", *listen, "--asr-load", "0", *quiet, *more),
        ("vad", "bench.dummies", "vad", "--vad-slots", slots, *quiet),
        ("asr", "bench.dummies", "asr", *asr, *quiet),
    ]


def bare_commands_of(port: int) -> list[tuple[str, ...]]:
    """Return the same of the bare chain, see `bench.bare`."""
    return [
        ("gateway", "bench.bare", "gateway", "--port", f"{port}"),
        ("vad", "bench.bare", "vad"),
        ("asr", "bench.bare", "asr"),
    ]


@contextmanager
def running_process(module: str, *flags: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a module as a process, killed on leaving: it has nothing to drain."""
    process = subprocess.Popen(
        (sys.executable, "-m", module, *flags),
        # BLAS threads that spin between two ticks would use up a core of their own.
        env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        process_group=0,
        preexec_fn=die_with_parent(),
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


async def ready(port: int) -> None:
    """Wait until the gateway says that workers of every stage live."""
    async with asyncio.timeout(_START_DEADLINE):
        while True:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(_POLL)
                continue
            writer.write(b"GET /ready HTTP/1.1\r\nHost: bench\r\n\r\n")
            answer = await reader.read()
            writer.close()
            if b" 200 " in answer.partition(b"\r\n")[0]:
                return
            await asyncio.sleep(_POLL)
