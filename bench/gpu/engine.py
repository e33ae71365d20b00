"""The worker's vLLM engine, unchanged but for what a model without weights cannot do: fall silent.

How much is written is taken from the script; the text vLLM gives is replaced by the script's. All
else is the product's: features, clips, prompts, rollback, vLLM's scheduler, model and caches.
"""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from asr_worker.api import DecodeRequest, EngineSettings
from asr_worker.engines import vllm
from asr_worker.qwen import prompt
from asr_worker.qwen.clips import Clip, clips
from asr_worker.qwen.span import Span
from asr_worker.serving.runtime import Generated, Runtime
from bench.gpu import script

_FRAMES_PER_SECOND = 100

# For the machines that test; a GPU runs with the product's own options.
_CPU_OPTIONS: dict[str, Any] = {
    "dtype": "float32",
    "enforce_eager": True,
    "block_size": 32,
    "max_model_len": 8192,
    "max_num_seqs": 32,
    "mm_processor_cache_gb": 0.5,
}
_CPU_ENVIRONMENT = {"VLLM_CPU_KVCACHE_SPACE": "1", "OMP_NUM_THREADS": "1"}


class _Runtime(Runtime):
    """Writes on to the limit, whatever the model makes of it."""

    async def _request(self, method: str, *rest: Any) -> Any:
        *_, params, _priority = rest
        params.ignore_eos = True
        return await super()._request(method, *rest)

    @property
    def kv_tokens(self) -> int:
        """How many tokens the KV cache holds."""
        cache = self._engine.vllm_config.cache_config
        return int(cache.num_gpu_blocks) * int(cache.block_size)


class ScriptedEngine(vllm.VllmEngine):
    """`single_clip` gives vLLM the whole utterance as one clip that it has never seen before.

    It may be changed while nothing is being decoded.
    """

    def __init__(self, settings: EngineSettings) -> None:
        super().__init__(settings)
        self._runtime: _Runtime = _Runtime(self._runtime._settings)
        self.single_clip = False

    @property
    def kv_tokens(self) -> int:
        """How many tokens the KV cache holds."""
        return self._runtime.kv_tokens

    def _question(
        self, request: DecodeRequest, language: str | None, system: str, memory: vllm._Memory
    ) -> tuple[Span, vllm._Question]:
        span, question = super()._question(request, language, system, memory)
        if not self.single_clip:
            return span, question
        pieces = clips(memory.spectrum)
        whole = np.concatenate([clip.log_mel for clip in pieces], axis=1)
        header = "".join(script.HEADER)
        prefix = header + span.before + question.prefix.removeprefix(header)
        joined = replace(
            question,
            prompt=prompt.prompt(system, 1, language, prefix),
            clips=(Clip(whole, pieces[0].floor, None),),
            prefix=prefix,
        )
        return Span(), joined

    async def _generate(
        self, question: vllm._Question, memory: vllm._Memory, penalty: float
    ) -> tuple[Generated, frozenset[str]]:
        said_before = len(self._encode(question.prefix))
        seconds = sum(clip.frames for clip in question.clips) / _FRAMES_PER_SECOND
        due = max(said_before, script.pieces(seconds))
        end_of_answer = 1
        limited = replace(question, limit=due - said_before + end_of_answer)
        said, sent = await super()._generate(limited, memory, penalty)
        return replace(said, text=script.text(said_before, due), finished=True), sent


def on_cpu() -> bool:
    """Prepare this process for vLLM; return whether its installation computes on the CPU."""
    # Read when the libraries are imported: before anything else of vLLM.
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
    from vllm.platforms import current_platform

    cpu = bool(current_platform.is_cpu())
    for name, value in _CPU_ENVIRONMENT.items() if cpu else ():
        os.environ.setdefault(name, value)
    return cpu


def build(folder: Path, options: Mapping[str, Any], *, cpu: bool) -> ScriptedEngine:
    """Return the engine for a checkpoint folder, unstarted; `options` are vLLM's own."""
    return ScriptedEngine(
        EngineSettings(
            model=str(folder),
            device="cpu" if cpu else None,
            vllm_options={
                "load_format": "dummy",
                **(_CPU_OPTIONS if cpu else {}),
                **options,
            },
        )
    )
