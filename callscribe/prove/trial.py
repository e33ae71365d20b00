"""One load on a running stack: staggered calls with speech, and what they measured."""

import asyncio
import dataclasses
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from callscribe.client.latency import percentile
from callscribe.client.options import Options
from callscribe.commands.server_flags import Server
from callscribe.loadtest.caller import Callees, Callers
from callscribe.loadtest.load import Load, Shape
from callscribe.loadtest.pacing import Pacer
from callscribe.loadtest.progress import Progress
from callscribe.loadtest.speech import Speech
from callscribe.loadtest.tally import Series, Tally
from callscribe.local.stack import StackOptions, running_stack
from callscribe.prove.objective import Measured, measured
from common.settings import PREFIX

_OPTIONS = Options(
    encoding="pcm16",
    sample_rate=16_000,
    denoise=False,
    events=("speech_started", "speech_ended", "gap", "lag"),
)
_LEAST_RAMP_S = 5.0
_CALLS_PER_S = 4.0
"""Calls begin one after the other, so that they do not speak and pause together."""
_SAMPLED = ("endpoint_to_final", "partial_lag", "first_partial", "finalisation")


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A load: what was asked, what it measured, and all its figures.

    `calls` were asked for `seconds`, after `ramp_s` in which they began. `samples_ms` are the
    latencies after that, by measure.
    """

    calls: int
    seconds: float
    ramp_s: float
    measured: Measured
    figures: Mapping[str, Any]
    samples_ms: Mapping[str, Sequence[int]]


class LocalMachine:
    """This machine: each system is a local stack of `options`, and all callers speak `speech`."""

    def __init__(self, options: StackOptions, speech: Speech) -> None:
        self._options = options
        self._speech = speech

    @asynccontextmanager
    async def started(
        self, **settings: str
    ) -> AsyncIterator[Callable[[int, float], Awaitable[Trial]]]:
        """Start a stack with these settings besides, by their variables without the prefix.

        Errors as `running_stack`; those of a load as `load`, and Unavailable if the stack cannot be
        kept running.
        """
        variables = {PREFIX + name: value for name, value in settings.items()}
        env = {**self._options.env, **variables}
        async with running_stack(dataclasses.replace(self._options, env=env)) as stack:
            url = stack.url.replace("http", "ws", 1) + "/ws/asr"
            yield lambda calls, seconds: stack.run(load(url, self._speech, calls, seconds))


async def load(url: str, speech: Speech, calls: int, seconds: float) -> Trial:
    """Keep `calls` calls up for `seconds` and wait for their ends.

    Raises the error of the first call if calls are impossible, not just refused.
    """
    ramp_s = max(_LEAST_RAMP_S, calls / _CALLS_PER_S)
    tally = Tally()
    begin, cpu = time.monotonic(), time.process_time()

    def clock() -> float:
        return time.monotonic() - begin

    pacer = Pacer(speech.frames, speech.loop.message_s, clock, tally.late)
    callees = Callees(Server(urls=[url]), _OPTIONS)
    callers = Callers(callees, speech.loop, pacer, tally, clock)
    shape = Shape(sessions=calls, duration=ramp_s + seconds, ramp=ramp_s)
    work = Load(shape, speech.loop, callers, pacer, tally, clock)
    with Progress(sys.stderr, os.environ, tally, clock) as progress:
        showing = asyncio.create_task(progress.run())
        try:
            await work.run()
        finally:
            showing.cancel()
            with suppress(asyncio.CancelledError):
                await showing
    # They need jiwer, which is missing without an extra; that is said before.
    from callscribe.loadtest.report import figures
    from callscribe.loadtest.scoring import score

    tally.worst_held = pacer.worst_held
    words = await asyncio.to_thread(score, tally.spoken)
    spent = time.process_time() - cpu
    report = figures(tally, words, seconds=clock(), cpu_s=spent)
    samples = {name: _milliseconds(tally.latencies[name], ramp_s) for name in _SAMPLED}
    return Trial(
        calls=calls,
        seconds=seconds,
        ramp_s=ramp_s,
        measured=measured(
            report,
            final_ms=_p95(samples["endpoint_to_final"]),
            partial_ms=_p95(samples["partial_lag"]),
        ),
        figures=report,
        samples_ms=samples,
    )


def _milliseconds(series: Series, since: float) -> list[int]:
    return [round(1000 * value) for value in series.since(since)]


def _p95(values: Sequence[int]) -> float | None:
    return percentile(values, 95) if values else None
