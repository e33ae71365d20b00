"""The denoise stage: `audio` in, `clean` out."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeAlias

from common.audio import FloatArray
from common.bus import wire
from common.options import SessionOptions
from common.stage.api import Claim, Effect, Recovery, Snapshot, Work
from denoise_worker.leg import DenoiseLeg
from denoise_worker.model import DeepFilter, DenoiseState
from denoise_worker.settings import DenoiseSettings

OwnedLeg: TypeAlias = DenoiseLeg[DenoiseState]

_WORTH_A_THREAD = 16
"""Legs that a thread should have: fewer together cost more each."""


class DenoiseStage:
    """Runs DeepFilterNet3 over the new hops of every owned leg at once."""

    name = "denoise"
    finishes = False
    rings = False
    output = "clean"

    def __init__(self, settings: DenoiseSettings) -> None:
        self.tick = settings.denoise_tick_ms / 1000
        self._settings = settings
        self._threads = ThreadPoolExecutor(settings.denoise_threads, thread_name_prefix="denoise")

    async def start(self, wake: Callable[[OwnedLeg], None]) -> None:
        """Load the model."""
        self._model = await asyncio.to_thread(DeepFilter, self._settings.dfn_model)

    def fences(self, claim_key: str) -> Sequence[str]:
        """See `Stage.fences`."""
        return ("ckpt:denoise",)

    def open(self, claim: Claim, recovery: Recovery) -> OwnedLeg:
        """See `Stage.open`."""
        options = SessionOptions.from_wire(claim.body["options"])
        return DenoiseLeg(lambda memory: self._make(options, memory), recovery)

    def give_up(self, claim: Claim) -> Sequence[Effect]:
        """See `Stage.give_up`; the gateway notices a leg that nobody works on."""
        return []

    def inputs(self, state: OwnedLeg) -> Mapping[str, bytes]:
        """See `Stage.inputs`."""
        # Unlike `before_position`: a control that takes effect right where audio begins is read.
        return {"audio": wire.entry_id(state.reads_from, wire.AUDIO_ORDER)}

    async def step(self, work: Sequence[Work[OwnedLeg]]) -> Sequence[Sequence[Effect]]:
        """Advance every leg by what arrived for it."""
        parts = [leg.take(entries) for leg, entries in work]
        answers = iter(await self._denoised([each for part in parts for each in part]))
        return [
            leg.conclude(list(islice(answers, len(part))))
            for (leg, _), part in zip(work, parts, strict=True)
        ]

    def snapshot(self, state: OwnedLeg) -> Snapshot:
        """See `Stage.snapshot`."""
        return state.snapshot()

    def committed(self, state: OwnedLeg, number: int) -> None:
        """Nothing here waits for a transcript."""

    def close(self, state: OwnedLeg) -> None:
        """Nothing outlives the state."""

    def vitals(self) -> Mapping[str, float]:
        """See `Stage.vitals`; the runtime tells all there is."""
        return {}

    async def watch(self) -> None:
        """See `Stage.watch`; the model lives in this process."""
        await asyncio.Event().wait()

    async def stop(self) -> None:
        """Stop the threads."""
        self._threads.shutdown()

    async def _denoised(self, legs: Sequence[tuple[DenoiseState, FloatArray]]) -> list[FloatArray]:
        """Run the model over all legs' hops, in as many threads as are worth it."""
        threads = min(self._settings.denoise_threads, 1 + len(legs) // _WORTH_A_THREAD)
        size = -(-len(legs) // threads)
        loop = asyncio.get_running_loop()
        answers = await asyncio.gather(
            *(
                loop.run_in_executor(self._threads, self._model.run, legs[start : start + size])
                for start in range(0, len(legs), size or 1)
            )
        )
        return [each for part in answers for each in part]

    def _make(self, options: SessionOptions, memory: bytes | None) -> DenoiseState:
        settings = self._settings
        post_filter, limit = options.post_filter, options.attenuation_limit
        return self._model.open(
            post_filter=settings.dfn_post_filter if post_filter is None else post_filter,
            attenuation_limit=settings.dfn_attenuation_limit if limit is None else limit,
            memory=memory,
        )
