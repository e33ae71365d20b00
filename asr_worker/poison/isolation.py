"""How utterances are decoded that may have ended their former owners.

A worker killed at random proves nothing against the utterances it owned. So a suspect is decoded
where its deadliness shows and harms nobody: where the engine's model lives in this process, in a
child that has an engine of its own; else in the engine, but alone. What dies, or never answers, is
the proof: DecodePoisoned.
"""

import asyncio
import time
from collections.abc import Callable

from asr_worker.api import DecodePoisoned, DecodeRequest, Engine
from asr_worker.dispatch import Dispatcher
from asr_worker.places import Decoded
from asr_worker.poison.apart import Apart
from common.audio import SAMPLE_RATE

_LEAST, _PER_SECOND = 30.0, 4.0
"""Seconds that a decode may take, and for each of its audio: at a quarter of real time an engine
serves no live call, and what takes longer than that hangs."""
_LAST_WORDS = 2.0
"""Seconds for which the end of the process is held up by a verdict on its way."""


class Quarantine:
    """Decodes the suspects of one worker. One event loop.

    `build` makes an engine for the child; None where the dispatcher's engine is isolated.
    """

    def __init__(self, dispatcher: Dispatcher, build: Callable[[], Engine] | None) -> None:
        self._dispatcher = dispatcher
        self._apart = None if build is None else Apart(build)
        self._verdicts: set[str] = set()
        self._no_verdicts = asyncio.Event()
        self._no_verdicts.set()

    @property
    def verdicts(self) -> bool:
        """Whether one is being decoded alone, or was the engine's end and is not settled yet."""
        return bool(self._verdicts)

    async def decode(self, request: DecodeRequest) -> Decoded:
        """Decode a suspect; DecodePoisoned if that is what it does.

        Waits as long as no child can be started. Errors and cancellation else as
        `Dispatcher.decode`.
        """
        limit = _LEAST + _PER_SECOND * len(request.audio) / SAMPLE_RATE
        if self._apart is None:
            return await self._decode_alone(request, limit)
        began = time.monotonic()
        hypothesis = await self._apart.decode(request, limit)
        return Decoded(hypothesis, 0.0, time.monotonic() - began)

    def settled(self, utterance: str) -> None:
        """Note that this utterance is out of the worker's hands."""
        self._verdicts.discard(utterance)
        if not self._verdicts:
            self._no_verdicts.set()

    async def verdicts_published(self) -> None:
        """Wait, a little, until every utterance that was decoded alone is settled."""
        try:
            async with asyncio.timeout(_LAST_WORDS):
                await self._no_verdicts.wait()
        except TimeoutError:
            pass

    async def close(self) -> None:
        """End the child."""
        if self._apart is not None:
            await self._apart.close()

    async def _decode_alone(self, request: DecodeRequest, limit: float) -> Decoded:
        self._verdicts.add(request.utterance)
        self._no_verdicts.clear()
        try:
            decoded = await self._dispatcher.decode(request, alone=limit)
        except DecodePoisoned:
            raise
        except BaseException:
            self.settled(request.utterance)
            raise
        self.settled(request.utterance)
        return decoded
