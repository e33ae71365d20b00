"""Qwen3-ForcedAligner on vLLM: one pooling request per text, batched by vLLM."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from asr_worker.align.placing import MARK, placed, prompt
from asr_worker.align.units import Unit
from asr_worker.api import DecodeFailed, EngineUnusable, Word
from asr_worker.serving.loading import RuntimeSettings
from asr_worker.serving.model_kind import not_an_aligner
from asr_worker.serving.runtime import Runtime
from common.audio import SAMPLE_RATE, FloatArray

_FLAG = "--align-vllm-options"
_OPTIONS = {
    # 180 s of audio are 2 340 tokens; fast speech has 25 more per second, marks included.
    "max_model_len": 8192,
    # At least the model's length: a prompt must be read in one step, or its scores are split.
    "max_num_batched_tokens": 8192,
    "gpu_memory_utilization": 0.9,
}
_FIXED = {
    "runner": "pooling",
    # Only the raw scores at the marks: all others would be most of vLLM's output.
    "pooler_config": {"tok_pooling_type": "STEP", "use_activation": False},
    "limit_mm_per_prompt": {"audio": 1},
    # There is only one request for each audio.
    "enable_prefix_caching": False,
    "mm_processor_cache_gb": 0,
}
_SHORTEST = SAMPLE_RATE
"""Samples; shorter audio is padded with silence. Otherwise the encoder pads a part of a second only
if others of its batch are longer, and the same audio gave other scores alone than in a batch."""


class QwenAligner:
    """See `asr_worker.align.api.Aligner`. Cancelling a request aborts it inside vLLM.

    `batch` is how many texts vLLM batches, `options` the operator's own options for vLLM.
    """

    def __init__(self, model: str, *, device: str, batch: int, options: Mapping[str, Any]) -> None:
        self._model = model
        self._runtime = Runtime(
            RuntimeSettings(
                model=model,
                device=device,
                options={**_OPTIONS, "max_num_seqs": batch, **options},
                fixed=_FIXED,
                flag=_FLAG,
                architecture="Qwen3ASRForcedAlignerForTokenClassification",
                check=not_an_aligner,
            )
        )
        self._mark = -1

    @property
    def unfinished(self) -> int:
        """Requests inside vLLM now."""
        return self._runtime.unfinished

    async def start(self) -> None:
        """Load the model and align one unit of silence."""
        await self._runtime.start()
        mark = self._runtime.tokenizer.get_vocab().get(MARK)
        if mark is None:
            raise EngineUnusable(f"model {self._model!r}: its tokenizer knows no {MARK}")
        self._mark = mark
        await self.align("warm-up", np.zeros(SAMPLE_RATE, np.float32), [Unit("a", "a", True)])

    async def align(self, name: str, audio: FloatArray, units: Sequence[Unit]) -> tuple[Word, ...]:
        """Place `units` in `audio`; see `Aligner.align` for errors and cancellation."""
        missing = max(0, _SHORTEST - len(audio))
        padded = np.pad(audio, (0, missing)) if missing else audio
        scores = await self._runtime.scores(prompt(units), padded, name, self._mark)
        if len(scores) != 2 * len(units) or not np.isfinite(scores).all():
            raise DecodeFailed(f"{len(scores)} scores for {len(units)} units, or not all finite")
        return placed(units, scores, len(audio))

    async def watch(self) -> None:
        """See `Aligner.watch`."""
        await self._runtime.watch()

    async def close(self) -> None:
        """End vLLM; requests still in flight fail."""
        await self._runtime.close()
