"""The align stage: one recognised text in, the times of its words out; runs beside the turn."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from asr_worker.align.alignment import Alignment, Trouble
from asr_worker.align.api import Aligner
from asr_worker.align.settings import AlignSettings
from asr_worker.api import EngineDead, Word
from asr_worker.watchdog import Watchdog
from common.audio import SAMPLE_RATE
from common.bus import wire
from common.errors import AtCapacity, CallscribeError
from common.pipeline.stages import ALIGN
from common.pipeline.streams import SOURCES
from common.pipeline.work import TextWork
from common.stage.api import Assignment, Attach, Done, Effect, Recovery, Source, Stage, Work
from common.telemetry.logs import Log
from common.telemetry.metrics import AlignMetrics

_PATIENCE = 2.0
"""Seconds without a new sample after which missing audio is given up. Audio is in Redis before its
text; it is only missing if Redis lost some, and then the gateway sends it again."""

_log = Log(__name__)


@dataclass(slots=True, eq=False)
class OwnedText:
    """A text, the request for its words once its audio is there, and the deadline for that."""

    alignment: Alignment
    wake: Callable[[], None]
    request: asyncio.Task[tuple[Word, ...]] | None = None
    waiting: asyncio.TimerHandle | None = None
    waited: bool = False


class AlignStage(Stage[OwnedText, TextWork]):
    """Aligns all owned texts concurrently; the engine makes its own batches."""

    spec = ALIGN

    def __init__(self, settings: AlignSettings, aligner: Aligner, metrics: AlignMetrics) -> None:
        self.tick = settings.align_tick_ms / 1000
        self._aligner = aligner
        self._watchdog = Watchdog()
        self._metrics = metrics

    async def start(self) -> None:
        """Load and warm up the engine."""
        await self._aligner.start()

    async def watch(self) -> None:
        """See `Stage.watch`."""
        await self._watchdog.watch(self._aligner.watch())

    def open(
        self, assignment: Assignment[TextWork], recovery: Recovery, wake: Callable[[], None]
    ) -> OwnedText:
        """See `Stage.open`; there is nothing to recover: a text is aligned again."""
        owned = OwnedText(Alignment(assignment.key, assignment.work), wake)
        self._wait(owned)
        return owned

    def inputs(self, state: OwnedText) -> Mapping[Source, bytes]:
        """See `Stage.inputs`."""
        alignment = state.alignment
        return {SOURCES[alignment.source]: wire.before_position(alignment.start)}

    async def step(self, work: Sequence[Work[OwnedText]]) -> Sequence[Sequence[Effect]]:
        """Take new audio; request the words, or answer with them."""
        effects: list[list[Effect]] = []
        for owned, entries in work:
            if entries and owned.request is None:
                owned.alignment.feed(entries)
                self._wait(owned)
            answer = self._answer(owned)
            effects.append([answer, Done()] if answer else [])
        return effects

    def close(self, state: OwnedText) -> None:
        """Abandon an alignment in progress."""
        if state.waiting is not None:
            state.waiting.cancel()
        if state.request is not None:
            state.request.cancel()

    async def stop(self) -> None:
        """Close the engine."""
        await self._aligner.close()

    def _answer(self, owned: OwnedText) -> Attach | None:
        """Return the answer if it is known; request it once the audio is there."""
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
            owned.wake()

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
                owned.wake()

        owned.request.add_done_callback(answered)

    async def _align(self, alignment: Alignment) -> tuple[Word, ...]:
        began = time.monotonic()
        audio = alignment.audio
        with self._watchdog.request(len(audio) / SAMPLE_RATE):
            words = await self._aligner.align(alignment.id, audio, alignment.units)
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
            _log.warning("align.failed", work_item=owned.alignment.id, reason=str(error))
            if isinstance(error, AtCapacity):
                trouble = Trouble.FULL
        except Exception as error:
            # If it were raised, it would end one aligner after the other, as each takes over.
            _log.exception("align.broken", error, work_item=owned.alignment.id)
        return self._without(owned.alignment, trouble)

    def _without(self, alignment: Alignment, trouble: Trouble) -> Attach:
        self._metrics.without_words.labels(trouble.name.lower()).inc()
        return alignment.no_words(trouble)
