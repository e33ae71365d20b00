"""An engine whose decodes are sequences of steps in threads of this process.

Threads. A token is one small step, most of it reading weights: a second thread makes a decode
dearer and not shorter. So decodes run side by side, each in one thread, and decodes that wait
together share their steps; each gets the same text as alone.

Steps. A call that runs in a thread cannot be stopped, so a decode is a sequence of calls: encoding,
writing and aligning each window are separate steps. Between two steps the thread is free: a long
decode lets more urgent ones pass, and a cancelled one ends.
"""

import asyncio
import os
from abc import ABC, abstractmethod
from collections.abc import Generator, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from asr_worker import probe
from asr_worker.api import (
    Between,
    DecodeFailed,
    DecodeRequest,
    EngineError,
    EngineSettings,
    Hypothesis,
    Priority,
)

_MOST_AT_ONCE = 8

Outcomes = Sequence[Hypothesis | EngineError]
Steps = Generator[None, None, Outcomes]
"""A decode: each `next` is a step, the last one returns the outcomes."""


class Recogniser(Protocol):
    """A loaded model; decodes may run their steps in parallel, each in its own thread."""

    def steps(self, requests: Sequence[DecodeRequest]) -> Steps:
        """Recognise the whole of each request's audio, window by window."""


class StepwiseEngine(ABC):
    """See `asr_worker.api.Engine`. Decodes run in `concurrency` threads of `threads` cores each."""

    name: str
    isolated = False
    in_clauses = True
    together = 4
    """Measured with tiny.en: one of four together costs 0.7 (a partial) or 0.6 (a final) of one
    alone; Moonshine writes four tokens together at 0.31 of the cost of each alone."""

    def __init__(self, settings: EngineSettings) -> None:
        self.settings = settings
        self.concurrency = settings.concurrency or _side_by_side(settings.threads)
        """Decodes that run in parallel; see `asr_worker.api.Engine`."""
        self._pool = ThreadPoolExecutor(self.concurrency, thread_name_prefix=self.name)
        self._recogniser: Recogniser | None = None

    @abstractmethod
    def load(self) -> Recogniser:
        """Load the weights, in a thread; raises EngineUnusable."""

    @abstractmethod
    def likeness(self, request: DecodeRequest) -> Hashable:
        """See `asr_worker.api.BatchingEngine`."""

    async def start(self) -> None:
        """Load the weights and decode a second of noise."""
        self._recogniser = await asyncio.get_running_loop().run_in_executor(self._pool, self.load)
        audio = probe.noise(1.0)
        await self.decode(DecodeRequest(utterance="warm-up", audio=audio, priority=Priority.FINAL))

    async def decode(self, request: DecodeRequest) -> Hypothesis:
        """Recognise one utterance of any length; greedily unless it is final."""
        (outcome,) = await self.decode_together([request])
        if isinstance(outcome, EngineError):
            raise outcome
        return outcome

    async def decode_together(
        self, requests: Sequence[DecodeRequest], between: Between | None = None
    ) -> Outcomes:
        """See `asr_worker.api.BatchingEngine`: encoded one by one, decoded together."""
        if self._recogniser is None:
            raise DecodeFailed(f"the {self.name} engine is not running")
        steps = self._recogniser.steps(requests)
        while (outcomes := await self._step(steps)) is None:
            if between is not None:
                await between()
        return outcomes

    async def _step(self, steps: Steps) -> Outcomes | None:
        """Run one step in a thread; when cancelled, return once the thread is free."""
        closed = f"the {self.name} engine was closed"
        try:
            thread = asyncio.get_running_loop().run_in_executor(self._pool, _next, steps)
        except RuntimeError:  # no new work after its shutdown
            raise DecodeFailed(closed) from None
        try:
            return await asyncio.shield(thread)
        except asyncio.CancelledError:
            if thread.cancelled():
                raise DecodeFailed(closed) from None
            await asyncio.wait([thread])
            thread.exception()
            raise

    async def watch(self) -> None:
        """Never return: the model runs in this process and lives as long."""
        await asyncio.Event().wait()

    async def close(self) -> None:
        """Let running steps finish, fail all decodes, release the weights."""
        self._recogniser = None
        await asyncio.to_thread(self._pool.shutdown, cancel_futures=True)


def one_by_one(
    recogniser: Recogniser, requests: Sequence[DecodeRequest], error: Exception
) -> Steps:
    """Take requests that failed together apart, to find the one that fails."""
    if len(requests) == 1:
        failed = DecodeFailed(line(error))
        failed.__cause__ = error
        return [failed]
    outcomes: list[Hypothesis | EngineError] = []
    for request in requests:
        yield
        outcomes += yield from recogniser.steps([request])
    return outcomes


def line(error: Exception) -> str:
    """Return what a library says as one line."""
    return " ".join(str(error).split())


def _side_by_side(threads: int) -> int:
    """Return how many decodes fit the cores that this process may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(_MOST_AT_ONCE, (cores or 1) // threads))


def _next(steps: Steps) -> Outcomes | None:
    """Take a step; return the outcomes after the last one."""
    try:
        next(steps)
    except StopIteration as end:
        outcomes: Outcomes = end.value
        return outcomes
    return None
