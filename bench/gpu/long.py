"""One utterance of three minutes: the cost of its partials as it grows, and its memory."""

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter

import numpy as np

from asr_worker.api import DecodeRequest, Hypothesis, Priority
from bench.accounting import quantile, resident_bytes
from bench.gpu.engine import ScriptedEngine
from bench.gpu.processes import descendants
from bench.gpu.speech import noise
from common.audio import FloatArray, samples

_PARTIALS = 10
_CADENCE = 0.5
_COARSE = 5.0
"""Seconds between the partials of utterances that only test what stays in memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """The median of ten partials of an utterance that is about `seconds` long."""

    seconds: float
    ours_ms: float
    single_ms: float
    """The same with the whole utterance as one clip, decode by decode in turn with ours."""
    ours_cached_percent: float
    single_cached_percent: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Resident memory in MB after a number of utterances."""

    utterances: int
    worker_mb: float
    engine_mb: float


async def costs(engine: ScriptedEngine, lengths: list[float]) -> list[Cost]:
    """Return the cost of partials at each length of one utterance."""
    sound = noise(max(lengths) + _CADENCE * _PARTIALS, np.random.default_rng(1))
    return [await _cost(engine, sound, seconds) for seconds in lengths]


async def kept(engine: ScriptedEngine, seconds: float, marks: list[int]) -> AsyncIterator[Kept]:
    """Decode utterances one after another, unpaced; yield the memory after each of `marks`."""
    sound = noise(seconds, np.random.default_rng(2))
    for number in range(1, max(marks) + 1):
        previous: Hypothesis | None = None
        for at in np.arange(_COARSE, seconds, _COARSE):
            previous = await engine.decode(_request(sound, float(at), previous, f"k{number}"))
        await engine.decode(_request(sound, seconds, previous, f"k{number}", final=True))
        if number in marks:
            engines = sum(resident_bytes(pid) for pid in descendants(os.getpid()))
            yield Kept(
                utterances=number,
                worker_mb=resident_bytes(os.getpid()) / 1e6,
                engine_mb=engines / 1e6,
            )


async def _cost(engine: ScriptedEngine, sound: FloatArray, seconds: float) -> Cost:
    first = seconds - _CADENCE * _PARTIALS / 2
    previous: dict[bool, Hypothesis | None] = {False: None, True: None}
    took: dict[bool, list[float]] = {False: [], True: []}
    tokens: dict[bool, list[tuple[int, int]]] = {False: [], True: []}
    # It grows as a caller's does; what came before the measured partials is only in bigger steps.
    ends = [*np.arange(_COARSE, first, _COARSE), *(first + n * _CADENCE for n in range(_PARTIALS))]
    for end in ends:
        for single in (False, True):
            request = _request(sound, float(end), previous[single], f"c{seconds}/{single}")
            with _single_clip(engine, single):
                began = perf_counter()
                previous[single] = said = await engine.decode(request)
            if end > first and said.usage is not None:
                took[single].append(1e3 * (perf_counter() - began))
                tokens[single].append((said.usage.cached, said.usage.prompt))
    return Cost(
        seconds=seconds,
        ours_ms=quantile(took[False], 0.5),
        single_ms=quantile(took[True], 0.5),
        ours_cached_percent=_percent(tokens[False]),
        single_cached_percent=_percent(tokens[True]),
    )


@contextmanager
def _single_clip(engine: ScriptedEngine, single: bool) -> Iterator[None]:
    engine.single_clip = single
    try:
        yield
    finally:
        engine.single_clip = False


def _request(
    sound: FloatArray,
    seconds: float,
    previous: Hypothesis | None,
    utterance: str,
    *,
    final: bool = False,
) -> DecodeRequest:
    return DecodeRequest(
        utterance=utterance,
        audio=sound[: samples(seconds)],
        priority=Priority.FINAL if final else Priority.REFRESH,
        previous=previous,
        final=final,
    )


def _percent(counts: list[tuple[int, int]]) -> float:
    cached = sum(cached for cached, _ in counts)
    return 100 * cached / sum(prompt for _, prompt in counts)
