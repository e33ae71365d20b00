"""Many utterances together: the gain of batching, the waits, and the rest after cancelling."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np

from asr_worker.api import DecodeRequest, Hypothesis, Priority
from asr_worker.dispatch import Dispatcher, Dropped
from bench.gpu.engine import ScriptedEngine
from bench.gpu.sessions import left
from bench.gpu.speech import LONGEST, SHORTEST, noise
from bench.gpu.tally import Spread, spread
from common.audio import FloatArray, samples

_STEP = 1.0
"""Seconds of audio between two partials."""
_FINAL_EVERY = 0.1
_PATIENCE = 0.5
_BOUND = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Burst:
    """Times in seconds, spreads in ms."""

    utterances: int
    together_s: float
    one_by_one_s: float
    ratio: float
    flooding: int
    """Utterances that asked for one partial after another while the finals came."""
    final_wait: Spread
    partial_wait: Spread
    partials: int
    """Served while the finals came."""
    cancelled: int
    """Decodes in flight or waiting when all were cancelled."""
    unfinished: int
    """Requests left in vLLM then; 0 is right."""
    gone_after_s: float


async def measure(engine: ScriptedEngine, count: int) -> Burst:
    """Run everything with `count` utterances."""
    rng = np.random.default_rng(3)
    sounds = [noise(rng.uniform(SHORTEST, LONGEST), rng) for _ in range(count)]
    together = await _timed(engine, sounds, together=count)
    alone = await _timed(engine, sounds, together=1)
    flooding = max(count, 2 * engine.concurrency)
    finals, partials = await _flood(engine, sounds, flooding)
    cancelled, unfinished, gone = await _cancel(engine, sounds)
    return Burst(
        utterances=count,
        together_s=together,
        one_by_one_s=alone,
        ratio=alone / together,
        flooding=flooding,
        final_wait=spread(finals),
        partial_wait=spread(partials),
        partials=len(partials),
        cancelled=cancelled,
        unfinished=unfinished,
        gone_after_s=gone,
    )


async def _timed(engine: ScriptedEngine, sounds: Sequence[FloatArray], together: int) -> float:
    """Return how long all utterances take, `together` of them at a time, without pauses."""
    dispatcher = _dispatcher(engine)
    places = asyncio.Semaphore(together)

    async def whole(sound: FloatArray) -> None:
        async with places:
            previous: Hypothesis | None = None
            for end in range(samples(_STEP), len(sound), samples(_STEP)):
                request = _request(sound[:end], Priority.REFRESH, previous)
                previous = (await dispatcher.decode(request)).hypothesis
            await dispatcher.decode(_request(sound, Priority.FINAL, previous))

    began = perf_counter()
    async with asyncio.TaskGroup() as group:
        for sound in sounds:
            group.create_task(whole(sound))
    took = perf_counter() - began
    await dispatcher.close()
    return took


async def _flood(
    engine: ScriptedEngine, sounds: Sequence[FloatArray], count: int
) -> tuple[list[float], list[float]]:
    """Return the waits (s) of finals and of partials while there are too many partials."""
    dispatcher = _dispatcher(engine)
    finals: list[float] = []
    partials: list[float] = []

    async def partial(sound: FloatArray) -> None:
        while True:
            try:
                decoded = await dispatcher.decode(_request(sound, Priority.REFRESH, None))
            except Dropped as dropped:
                await asyncio.sleep(dropped.retry_after)
            else:
                partials.append(decoded.waited)

    async def final(sound: FloatArray) -> None:
        finals.append((await dispatcher.decode(_request(sound, Priority.FINAL, None))).waited)

    flood = [asyncio.create_task(partial(sounds[n % len(sounds)])) for n in range(count)]
    async with asyncio.TaskGroup() as group:
        for sound in sounds:
            await asyncio.sleep(_FINAL_EVERY)
            group.create_task(final(sound))
    await _cancelled(flood)
    await dispatcher.close()
    return finals, partials


async def _cancel(engine: ScriptedEngine, sounds: Sequence[FloatArray]) -> tuple[int, int, float]:
    """Cancel everything in flight; return how much, what is left, and how long that took."""
    dispatcher = _dispatcher(engine)
    tasks = [
        asyncio.create_task(dispatcher.decode(_request(sound, Priority.REFRESH, None)))
        for sound in sounds
    ]
    while not engine.unfinished:  # noqa: ASYNC110 - vLLM can only be asked
        await asyncio.sleep(0)
    cancelled = sum(not task.done() for task in tasks)
    began = perf_counter()
    await _cancelled(tasks)
    await dispatcher.close()
    unfinished = await left(engine)
    return cancelled, unfinished, perf_counter() - began


async def _cancelled(tasks: Sequence[asyncio.Task[object]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _dispatcher(engine: ScriptedEngine) -> Dispatcher:
    return Dispatcher(engine, bound=_BOUND, patience=_PATIENCE, clock=perf_counter)


def _request(audio: FloatArray, priority: Priority, previous: Hypothesis | None) -> DecodeRequest:
    return DecodeRequest(
        utterance=f"{id(audio)}",
        audio=audio,
        priority=priority,
        previous=previous,
        final=priority is Priority.FINAL,
    )
