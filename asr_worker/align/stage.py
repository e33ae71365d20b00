"""The align stage: one recognised text in, the times of its words out; runs beside the turn."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from asr_worker.align.alignment import Alignment, Trouble
from asr_worker.align.api import Aligner
from asr_worker.align.settings import AlignSettings
from asr_worker.api import EngineDead, Word
from common.bus import wire
from common.errors import AtCapacity, CallscribeError
from common.stage.api import Attach, Claim, Done, Effect, Recovery, Snapshot, Work
from common.telemetry.logs import Log
from common.telemetry.metrics import AlignMetrics

_PATIENCE = 2.0
"""Seconds without a new sample after which missing audio is given up. It is in Redis before the
text is; only where Redis lost some and the gateway sends it again is there anything to wait for."""

_log = Log(__name__)


@dataclass(slots=True, eq=False)
class OwnedText:
    """A text, the request for its words once its audio is there, and how long to wait for that."""

    alignment: Alignment
    request: asyncio.Task[tuple[Word, ...]] | None = None
    waiting: asyncio.TimerHandle | None = None
    waited: bool = False


class AlignStage:
    """Aligns all owned texts at once; the engine makes its batches of them by itself."""

    name = "align"
    finishes = True
    rings = False
    output = "text"

    def __init__(self, settings: AlignSettings, aligner: Aligner, metrics: AlignMetrics) -> None:
        self.tick = settings.align_tick_ms / 1000
        self._aligner = aligner
        self._metrics = metrics

    async def start(self, wake: Callable[[OwnedText], None]) -> None:
        """Load and warm up the engine."""
        self._wake = wake
        await self._aligner.start()

    def vitals(self) -> Mapping[str, float]:
        """See `Stage.vitals`; the runtime tells all there is."""
        return {}

    async def watch(self) -> None:
        """See `Stage.watch`."""
        await self._aligner.watch()

    def fences(self, claim_key: str) -> Sequence[str]:
        """See `Stage.fences`; nothing but who is in office is there: two answers count as one."""
        return (f"align:{claim_key.split('/')[1]}",)

    def open(self, claim: Claim, recovery: Recovery) -> OwnedText:
        """See `Stage.open`; there is nothing to recover, a text is simply aligned again."""
        owned = OwnedText(Alignment(claim.key, claim.body))
        self._wait(owned)
        return owned

    def give_up(self, claim: Claim) -> Sequence[Effect]:
        """See `Stage.give_up`; the gateway does not wait for words for ever."""
        return []

    def inputs(self, state: OwnedText) -> Mapping[str, bytes]:
        """See `Stage.inputs`."""
        return {state.alignment.source: wire.before_position(state.alignment.start)}

    async def step(self, work: Sequence[Work[OwnedText]]) -> Sequence[Sequence[Effect]]:
        """Take the audio that arrived; ask for the words, or answer with them."""
        effects: list[list[Effect]] = []
        for owned, entries in work:
            if entries and owned.request is None:
                owned.alignment.feed(entries)
                self._wait(owned)
            answer = self._answer(owned)
            effects.append([answer, Done()] if answer else [])
        return effects

    def snapshot(self, state: OwnedText) -> Snapshot | None:
        """Nothing to save: a text is simply aligned again."""
        return None

    def committed(self, state: OwnedText, number: int) -> None:
        """Nothing here waits for items; words may come before theirs."""

    def close(self, state: OwnedText) -> None:
        """Abandon what is still being aligned."""
        if state.waiting is not None:
            state.waiting.cancel()
        if state.request is not None:
            state.request.cancel()

    async def stop(self) -> None:
        """Close the engine."""
        await self._aligner.close()

    def _answer(self, owned: OwnedText) -> Attach | None:
        """Return the answer if it is known by now; ask for it once the audio is there."""
        alignment = owned.alignment
        if owned.request is not None:
            return self._result(owned) if owned.request.done() else None
        if alignment.trouble is not None:
            return self._without(alignment, alignment.trouble)
        if alignment.complete:
            self._ask(owned)
        elif owned.waited:
            return self._without(alignment, Trouble.AUDIO_GONE)
        return None

    def _wait(self, owned: OwnedText) -> None:
        def give_up() -> None:
            owned.waited = True
            self._wake(owned)

        if owned.waiting is not None:
            owned.waiting.cancel()
        owned.waited = False
        owned.waiting = asyncio.get_running_loop().call_later(_PATIENCE, give_up)

    def _ask(self, owned: OwnedText) -> None:
        if owned.waiting is not None:
            owned.waiting.cancel()
        alignment = owned.alignment
        owned.request = asyncio.create_task(self._align(alignment), name=f"align:{alignment.id}")

        def answered(request: asyncio.Task[tuple[Word, ...]]) -> None:
            if not request.cancelled():
                self._wake(owned)

        owned.request.add_done_callback(answered)

    async def _align(self, alignment: Alignment) -> tuple[Word, ...]:
        began = time.monotonic()
        words = await self._aligner.align(alignment.id, alignment.audio, alignment.units)
        self._metrics.align.observe(time.monotonic() - began)
        return words

    def _result(self, owned: OwnedText) -> Attach:
        assert owned.request is not None
        trouble = Trouble.FAILED
        try:
            return owned.alignment.words(owned.request.result())
        except EngineDead:
            raise
        except CallscribeError as error:
            _log.warning("align.failed", claim=owned.alignment.id, reason=str(error))
            if isinstance(error, AtCapacity):
                trouble = Trouble.FULL
        except Exception as error:
            # Raised, it would end one aligner after the other, as each takes the text over.
            _log.exception("align.broken", error, claim=owned.alignment.id)
        return self._without(owned.alignment, trouble)

    def _without(self, alignment: Alignment, trouble: Trouble) -> Attach:
        self._metrics.without_words.labels(trouble.name.lower()).inc()
        return alignment.no_words(trouble)
