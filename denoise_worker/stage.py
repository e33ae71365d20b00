"""The denoise stage: `audio` in, `clean` out."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeAlias

from common.audio import FloatArray
from common.bus import wire
from common.options import SessionOptions
from common.pipeline.stages import DENOISE
from common.pipeline.streams import AUDIO
from common.pipeline.work import LegWork
from common.stage.api import (
    Assignment,
    Effect,
    Fail,
    Offer,
    Outcome,
    Recovery,
    Snapshot,
    Source,
    Stage,
    Work,
    attempt,
)
from denoise_worker import engines
from denoise_worker.api import State
from denoise_worker.leg import DenoiseLeg
from denoise_worker.mixing import Mixer
from denoise_worker.settings import DenoiseSettings

OwnedLeg: TypeAlias = DenoiseLeg[State]

_AS_IT_CAME = "raw"
"""Ends the key of the work item of a leg that cannot be denoised."""
_WORTH_A_THREAD = 16
"""Legs per thread at least: in smaller batches each costs more."""


class DenoiseStage(Stage[OwnedLeg, LegWork]):
    """Runs DeepFilterNet3 over the new hops of all owned legs in batches."""

    spec = DENOISE

    def __init__(self, settings: DenoiseSettings) -> None:
        self.tick = settings.denoise_tick_ms / 1000
        self._settings = settings
        self._threads = ThreadPoolExecutor(settings.denoise_threads, thread_name_prefix="denoise")

    async def start(self) -> None:
        """Load the model."""
        self._model = await asyncio.to_thread(engines.build, self._settings)

    def open(
        self, assignment: Assignment[LegWork], recovery: Recovery, wake: Callable[[], None]
    ) -> OwnedLeg:
        """See `Stage.open`."""
        options = assignment.work.options
        make = partial(self._make, options), partial(self._mixing, options)
        if assignment.key != str(assignment.leg):
            return DenoiseLeg(*make, Recovery(None, recovery.emitted), able=False)
        return DenoiseLeg(*make, recovery, on=options.denoise)

    def inputs(self, state: OwnedLeg) -> Mapping[Source, bytes]:
        """See `Stage.inputs`."""
        # Unlike `before_position`, this also reads a control at the position where audio begins.
        return {AUDIO: wire.entry_id(state.reads_from, wire.AUDIO_ORDER)}

    async def step(self, work: Sequence[Work[OwnedLeg]]) -> Sequence[Outcome]:
        """Advance every leg by what arrived for it."""
        ingested = [attempt(leg.ingest, entries) for leg, entries in work]
        parts = [[] if isinstance(each, Exception) else each for each in ingested]
        answers: list[list[FloatArray]] = [[] for _ in parts]
        # A leg's stretches one after another: how often it is in a batch may change the last bits.
        for turn in range(max(map(len, parts), default=0)):
            here = [leg for leg, part in enumerate(parts) if len(part) > turn]
            found = await self._denoised([parts[leg][turn] for leg in here])
            for leg, answer in zip(here, found, strict=True):
                answers[leg].append(answer)
        return [
            had if isinstance(had, Exception) else attempt(leg.conclude, given)
            for (leg, _), had, given in zip(work, ingested, answers, strict=True)
        ]

    def give_up(self, assignment: Assignment[LegWork | None]) -> Sequence[Effect]:
        """See `Stage.give_up`; what cannot be denoised is passed on as it came."""
        work, leg = assignment.work, str(assignment.leg)
        if work is None or assignment.key != leg:
            return [Fail(work.gateway if work else None)]
        return [Offer(DENOISE.name, f"{leg}/{_AS_IT_CAME}", work)]

    def collect(self, states: Sequence[OwnedLeg]) -> None:
        """See `Stage.collect`."""
        self._model.collect([leg.memory for leg in states if leg.memory is not None])

    def snapshot(self, state: OwnedLeg) -> Snapshot:
        """See `Stage.snapshot`."""
        return state.snapshot()

    async def stop(self) -> None:
        """Stop the threads."""
        self._threads.shutdown()

    async def _denoised(self, legs: Sequence[tuple[State, FloatArray]]) -> list[FloatArray]:
        """Run the model over all legs' hops, in as many threads as pay off."""
        threads = min(self._model.threads, 1 + len(legs) // _WORTH_A_THREAD)
        size = -(-len(legs) // threads)
        loop = asyncio.get_running_loop()
        answers = await asyncio.gather(
            *(
                loop.run_in_executor(self._threads, self._model.run, legs[start : start + size])
                for start in range(0, len(legs), size or 1)
            )
        )
        return [each for part in answers for each in part]

    def _make(self, options: SessionOptions, memory: bytes | None) -> State:
        own = options.post_filter
        post_filter = self._settings.dfn_post_filter if own is None else own
        state: State = self._model.open(post_filter=post_filter, memory=memory)
        return state

    def _mixing(self, options: SessionOptions, memory: bytes | None) -> Mixer:
        own = options.attenuation_limit
        return Mixer(self._settings.dfn_attenuation_limit if own is None else own, memory)
