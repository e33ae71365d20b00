"""Isolated decoding of poison candidates: utterances that may have ended their former owners.

A worker that was killed at random proves nothing against its utterances. So a candidate is decoded
where it cannot harm others. If the engine's model lives in this process, that is a child with an
engine of its own; otherwise it is the engine itself, with nothing else in flight. If the child or
the engine dies, or never answers, the candidate is poison: DecodePoisoned.
"""

import asyncio
import time
from collections.abc import Callable

from asr_worker.api import DecodePoisoned, DecodeRequest, Engine
from asr_worker.dispatch import Dispatcher
from asr_worker.places import Decoded
from asr_worker.poison.child import ChildEngine
from asr_worker.watchdog import patience
from common.audio import SAMPLE_RATE

_REPORT_WITHIN = 2.0
"""Seconds that the end of the process waits for results to be published."""


class IsolatedDecoder:
    """Decodes the poison candidates of one worker. One event loop.

    `build` makes an engine for the child; None where the dispatcher's engine is isolated.
    """

    def __init__(self, dispatcher: Dispatcher, build: Callable[[], Engine] | None) -> None:
        self._dispatcher = dispatcher
        self._child = None if build is None else ChildEngine(build)
        self._unsettled: set[str] = set()
        self._all_settled = asyncio.Event()
        self._all_settled.set()

    @property
    def unsettled(self) -> bool:
        """Whether a candidate is being decoded alone, or ended the engine and is not settled."""
        return bool(self._unsettled)

    async def decode(self, request: DecodeRequest) -> Decoded:
        """Decode a candidate; DecodePoisoned if it is poison.

        Waits as long as no child can be started. Other errors and cancellation are as in
        `Dispatcher.decode`.
        """
        limit = patience(len(request.audio) / SAMPLE_RATE)
        if self._child is None:
            return await self._decode_alone(request, limit)
        began = time.monotonic()
        hypothesis = await self._child.decode(request, limit)
        took = time.monotonic() - began
        return Decoded(hypothesis, 0.0, took, took, request.priority)

    def settled(self, utterance: str) -> None:
        """Note that the worker has released this utterance."""
        self._unsettled.discard(utterance)
        if not self._unsettled:
            self._all_settled.set()

    async def all_settled(self) -> None:
        """Wait for a short time until every utterance that was decoded alone is settled."""
        try:
            async with asyncio.timeout(_REPORT_WITHIN):
                await self._all_settled.wait()
        except TimeoutError:
            pass

    async def close(self) -> None:
        """End the child."""
        if self._child is not None:
            await self._child.close()

    async def _decode_alone(self, request: DecodeRequest, limit: float) -> Decoded:
        self._unsettled.add(request.utterance)
        self._all_settled.clear()
        try:
            decoded = await self._dispatcher.decode(request, alone=limit)
        except DecodePoisoned:
            raise
        except BaseException:
            self.settled(request.utterance)
            raise
        self.settled(request.utterance)
        return decoded
