"""The denoise stage: `audio` in, `clean` out."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from common.bus import wire
from common.options import SessionOptions
from common.stage.api import Claim, Effect, Recovery, Snapshot, Work
from denoise_worker.leg import DenoiseLeg, Denoiser
from denoise_worker.model import DeepFilter
from denoise_worker.settings import DenoiseSettings


class DenoiseStage:
    """Denoises legs side by side in threads: the model releases the interpreter lock."""

    name = "denoise"
    finishes = False
    rings = False
    output = "clean"

    def __init__(self, settings: DenoiseSettings) -> None:
        self.tick = settings.denoise_tick_ms / 1000
        self._settings = settings
        self._threads = ThreadPoolExecutor(settings.denoise_threads, thread_name_prefix="denoise")

    async def start(self, wake: Callable[[DenoiseLeg], None]) -> None:
        """Load the model."""
        self._model = await asyncio.to_thread(DeepFilter, self._settings.dfn_model)

    def fences(self, claim_key: str) -> Sequence[str]:
        """See `Stage.fences`."""
        return ("ckpt:denoise",)

    def open(self, claim: Claim, recovery: Recovery) -> DenoiseLeg:
        """See `Stage.open`."""
        options = SessionOptions.from_wire(claim.body["options"])
        return DenoiseLeg(lambda: self._make(options), recovery)

    def give_up(self, claim: Claim) -> Sequence[Effect]:
        """See `Stage.give_up`; the gateway notices a leg that nobody works on."""
        return []

    def inputs(self, state: DenoiseLeg) -> Mapping[str, bytes]:
        """See `Stage.inputs`."""
        # Unlike `before_position`: a control that takes effect right where audio begins is read.
        return {"audio": wire.entry_id(state.reads_from, wire.AUDIO_ORDER)}

    async def step(self, work: Sequence[Work[DenoiseLeg]]) -> Sequence[Sequence[Effect]]:
        """Advance every leg by what arrived for it."""
        loop = asyncio.get_running_loop()
        return await asyncio.gather(
            *(loop.run_in_executor(self._threads, leg.advance, entries) for leg, entries in work)
        )

    def snapshot(self, state: DenoiseLeg) -> Snapshot:
        """See `Stage.snapshot`."""
        return state.snapshot()

    def committed(self, state: DenoiseLeg, number: int) -> None:
        """Nothing here waits for a transcript."""

    def close(self, state: DenoiseLeg) -> None:
        """See `Stage.close`."""
        state.close()

    def vitals(self) -> Mapping[str, float]:
        """See `Stage.vitals`; the runtime tells all there is."""
        return {}

    async def watch(self) -> None:
        """See `Stage.watch`; the model lives in this process."""
        await asyncio.Event().wait()

    async def stop(self) -> None:
        """Stop the threads and free the model."""
        self._threads.shutdown()
        self._model.close()

    def _make(self, options: SessionOptions) -> Denoiser:
        settings = self._settings
        post_filter, limit = options.post_filter, options.attenuation_limit
        return self._model.open(
            post_filter=settings.dfn_post_filter if post_filter is None else post_filter,
            attenuation_limit=settings.dfn_attenuation_limit if limit is None else limit,
        )
