"""Which checkpoints vLLM serves for us, judged by their configuration before they are loaded."""

from collections.abc import Callable
from typing import Any

_FAMILY = "qwen3_asr"

Check = Callable[[Any], str | None]
"""Takes a checkpoint's configuration; returns what is wrong with it, or None."""


def not_a_recogniser(config: Any) -> str | None:
    """Check for a Qwen3-ASR checkpoint."""
    if (trouble := _not_of_the_family(config)) is not None:
        return trouble
    if _bins(config) is not None:
        return "it is a forced aligner, which gives no text: it is for callscribe align"
    return None


def not_an_aligner(config: Any) -> str | None:
    """Check for a Qwen3-ForcedAligner checkpoint."""
    if (trouble := _not_of_the_family(config)) is not None:
        return trouble
    if _bins(config) is None:
        return "it is a recogniser, not a forced aligner"
    return None


def _not_of_the_family(config: Any) -> str | None:
    kind = getattr(config, "model_type", None)
    return None if kind == _FAMILY else f"it is a model of type {kind!r}, not Qwen3-ASR"


def _bins(config: Any) -> int | None:
    """Return the number of time bins of a forced aligner, None for a recogniser."""
    return getattr(getattr(config, "thinker_config", config), "classify_num", None)
