"""An engine that decodes when it is told to, and what its tests share."""

import asyncio
from collections.abc import Callable

import numpy as np

from asr_worker.api import DecodeRequest, Hypothesis, Priority
from common.audio import samples


class GatedEngine:
    """Decodes nothing until told to; answers with the utterance's name."""

    name = "gated"
    isolated = True
    in_clauses = False

    def __init__(self, concurrency: int = 1) -> None:
        self.concurrency = concurrency
        self.gates: dict[str, asyncio.Future[Hypothesis]] = {}
        self.began: list[str] = []
        self.linger = asyncio.Event()
        self.linger.set()

    async def start(self) -> None: ...

    async def watch(self) -> None: ...

    async def close(self) -> None: ...

    async def decode(self, request: DecodeRequest) -> Hypothesis:
        self.began.append(request.utterance)
        gate: asyncio.Future[Hypothesis] = asyncio.Future()
        self.gates[request.utterance] = gate
        try:
            return await gate
        except asyncio.CancelledError:
            await self.linger.wait()
            raise

    def finish(self, utterance: str) -> None:
        self.gates.pop(utterance).set_result(Hypothesis(utterance))


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def request(
    utterance: str, priority: Priority, seconds: float = 0.0, likeness: str = ""
) -> DecodeRequest:
    """Return a request; `likeness`: what it must share with others for an engine that asks."""
    audio = np.zeros(1 + samples(seconds), np.float32)
    return DecodeRequest(
        utterance=utterance,
        audio=audio,
        priority=priority,
        context=likeness,
        final=priority in (Priority.FINAL, Priority.CLAUSE),
    )


async def until(condition: Callable[[], object]) -> None:
    while not condition():
        await asyncio.sleep(0)
