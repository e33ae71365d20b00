"""The settings of an ASR worker."""

from dataclasses import dataclass

from asr_worker.api import EngineSettings
from common.settings import StageSettings, setting


@dataclass(frozen=True, kw_only=True)
class AsrSettings(StageSettings):
    """Which engine recognises speech, with what model, and how much at once."""

    asr_engine: str = setting("whisper", "engine, by the name of its module in asr_worker/engines")
    asr_model_path: str | None = setting(
        None, "model name or path; none takes the engine's own default"
    )
    asr_slots: int = setting(16, "utterances that one worker carries at most", minimum=1)
    asr_tick_ms: int = setting(
        50,
        "interval in which the audio of all utterances is read; endpoints do not wait for it",
        unit="ms",
        minimum=1,
        maximum=500,
    )
    asr_concurrency: int = setting(
        1, "decodes in flight in the engine at once", minimum=1, maximum=1024
    )
    asr_threads: int = setting(1, "CPU threads of one decode", minimum=1, maximum=64)
    asr_device: str = setting("cpu", "device that the engine computes on: cpu, or cuda")
    asr_compute_type: str = setting("int8", "number format of the weights (CTranslate2's names)")
    asr_beam_size: int = setting(
        5, "beam of final decodes; partials are decoded greedily", minimum=1, maximum=20
    )
    max_new_tokens: int = setting(
        224, "longest hypothesis, in tokens; a longer one is cut", minimum=1, maximum=4096
    )
    partial_cadence_s: float = setting(
        0.5,
        "new audio between two partials of an utterance; load stretches it",
        unit="s",
        minimum=0.1,
        maximum=10,
    )

    def engine_settings(self) -> EngineSettings:
        """Return what the engine is built from."""
        return EngineSettings(
            model=self.asr_model_path,
            device=self.asr_device,
            compute_type=self.asr_compute_type,
            threads=self.asr_threads,
            concurrency=self.asr_concurrency,
            max_new_tokens=self.max_new_tokens,
            beam_size=self.asr_beam_size,
        )
