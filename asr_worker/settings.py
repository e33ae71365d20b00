"""The settings of an ASR worker."""

from dataclasses import dataclass
from typing import Literal

from common.settings import StageSettings, setting


@dataclass(frozen=True, kw_only=True)
class AsrSettings(StageSettings):
    """Which engine recognises speech, with which model, and how many utterances."""

    asr_engine: str = setting(
        "whisper",
        "engine, by the name of its module in asr_worker/engines",
        also=("STREAM_BACKEND",),
        spelled={"faster-whisper": "whisper"},
    )
    asr_model: str | None = setting(
        None, "model name or path; none means the engine's own default", also=("STREAM_MODEL",)
    )
    asr_multilingual: bool = setting(
        True,
        "hear with Whisper base what is not English, where the Whisper model knows nothing else and"
        " the extra asr-languages is installed",
    )
    asr_slots: int | None = setting(
        None,
        "utterances that one worker carries at most; none takes what suits the engine",
        minimum=1,
    )
    asr_legs: int | None = setting(
        None,
        "legs of calls for which one worker is enough, as `callscribe prove` finds it; none goes by"
        " what gateways measure",
        minimum=1,
    )
    asr_tick_ms: int = setting(
        50,
        "interval in which the audio of all utterances is read, up to twice as long with many;"
        " endpoints do not wait for it",
        unit="ms",
        minimum=1,
        maximum=500,
    )
    asr_concurrency: int | None = setting(
        None,
        "decodes in flight in the engine; none takes what suits the engine",
        minimum=1,
        maximum=4096,
    )
    asr_threads: int = setting(1, "CPU threads of one decode", minimum=1, maximum=64)
    asr_device: Literal["cpu", "cuda"] | None = setting(
        None, "device that the engine computes on; none takes what the engine is meant for"
    )
    asr_compute_type: str = setting("int8", "number format of the weights (CTranslate2's names)")
    asr_beam_size: int = setting(
        3, "beam of final decodes; partials are decoded greedily", minimum=1, maximum=20
    )
    asr_vllm_options: str | None = setting(
        None,
        "options of vLLM's own for the engine vllm, as a JSON object by their Python names, such as"
        " gpu_memory_utilization",
    )
    asr_redactor: str | None = setting(
        None,
        "a Python function that finds more to hide, as module:function, in calls that hide secrets",
    )
    max_new_tokens: int | None = setting(
        None,
        "longest hypothesis, in tokens; a longer one is cut; none takes what suits the engine",
        minimum=1,
        maximum=8192,
    )
    partial_cadence_s: float = setting(
        0.5,
        "new audio between two partials of an utterance; load stretches it",
        unit="s",
        minimum=0.1,
        maximum=10,
        also=("STREAM_MIN_CHUNK",),
    )
