"""N lines held in real time in each of three ways, one after another on one engine.

- ``ours``: the worker's scheduler, queue and engine.
- ``one clip``: the same, with the whole utterance as one clip that vLLM has never seen.
- ``blocking``: the seeds' way; one decode at a time for all lines, everything again each second.
"""

import asyncio
from collections.abc import AsyncIterator
from time import perf_counter

import numpy as np

from asr_worker.dispatch import Dispatcher
from asr_worker.engines.vllm import SLOTS
from bench.gpu import speech
from bench.gpu.engine import ScriptedEngine
from bench.gpu.lines import Blocking, Clock, Line, Scheduled, Utterance, hold
from bench.gpu.processes import cpu
from bench.gpu.speech import Spoken
from bench.gpu.tally import Figures, Tally, figures

WAYS = ("ours", "one clip", "blocking")

_SOUND_S = 120.0
_PATIENCE = 0.5
_LEFT_WITHIN = 5.0


async def compare(
    engine: ScriptedEngine, sizes: list[int], seconds: float
) -> AsyncIterator[Figures]:
    """Yield the figures of each run: all ways for each number of sessions."""
    for sessions in sizes:
        for way in WAYS:
            yield await measure(engine, way, sessions, seconds)


async def measure(engine: ScriptedEngine, way: str, sessions: int, seconds: float) -> Figures:
    """Hold `sessions` lines for `seconds`; every way hears the same."""
    engine.single_clip = way != "ours"
    sound = speech.noise(_SOUND_S, np.random.default_rng(0))
    dispatcher = Dispatcher(
        engine, bound=max(SLOTS, sessions), patience=_PATIENCE, clock=perf_counter
    )
    lock, tally = asyncio.Lock(), Tally()
    clock = Clock()

    def opened(spoken: Spoken) -> Utterance:
        if way == "blocking":
            return Blocking(spoken, tally, clock, engine, lock)
        return Scheduled(spoken, tally, clock, dispatcher)

    lines = [
        Line(speech.line(sound, np.random.default_rng([sessions, number])), opened)
        for number in range(sessions)
    ]
    before = cpu()
    late = await hold(lines, clock, seconds)
    after = cpu()
    for line in lines:
        await line.hang_up()
    await dispatcher.close()
    engine.single_clip = False
    return figures(
        tally,
        way,
        sessions,
        seconds,
        cpu=(after[0] - before[0], after[1] - before[1]),
        unfinished=await left(engine),
        late=late,
    )


async def left(engine: ScriptedEngine) -> int:
    """Return how many requests are left in vLLM once it had the time to abandon them."""
    began = perf_counter()
    while engine.unfinished and perf_counter() - began < _LEFT_WITHIN:  # noqa: ASYNC110 - vLLM can only be asked
        await asyncio.sleep(0.001)
    return engine.unfinished
