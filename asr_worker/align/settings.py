"""The settings of an aligner."""

from dataclasses import dataclass
from typing import Literal

from common.settings import StageSettings, setting


@dataclass(frozen=True, kw_only=True)
class AlignSettings(StageSettings):
    """Which forced aligner times words, and how many texts it carries."""

    align_model: str = setting(
        "Qwen/Qwen3-ForcedAligner-0.6B", "name or path of the aligner's weights"
    )
    align_slots: int = setting(
        32, "texts that one aligner carries and aligns at most", minimum=1, maximum=4096
    )
    align_tick_ms: int = setting(
        20, "interval in which the audio of all texts is read", unit="ms", minimum=1, maximum=500
    )
    align_device: Literal["cuda", "cpu"] = setting("cuda", "device that the aligner computes on")
    align_vllm_options: str | None = setting(
        None, "options of vLLM's own for the aligner, as a JSON object by their Python names"
    )
