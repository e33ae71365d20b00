"""Which checkpoints vLLM can serve for us, by their configuration before loading."""

from collections.abc import Callable
from typing import Any

_FAMILY = "qwen3_asr"

Check = Callable[[Any], str | None]
"""Takes a checkpoint's configuration; returns what is wrong with it, or None."""


def not_a_recogniser(config: Any) -> str | None:
    """Check for a Qwen3-ASR checkpoint."""
    if (trouble := _not_of_the_family(config)) is not None:
        return trouble
    if _bins(config) is not None or _classifies(config):
        return "it is a forced aligner, which gives no text: it is for callscribe align"
    return None


def not_an_aligner(config: Any) -> str | None:
    """Check for a Qwen3-ForcedAligner checkpoint."""
    if (trouble := _not_of_the_family(config)) is not None:
        return trouble
    if _classifies(config):
        return (
            "it has the layout of transformers (-hf), which vLLM cannot align with: take the other"
        )
    if _bins(config) is None:
        return "it is a recogniser, not a forced aligner"
    return None


def _not_of_the_family(config: Any) -> str | None:
    kind = getattr(config, "model_type", None)
    return None if kind == _FAMILY else f"it is a model of type {kind!r}, not Qwen3-ASR"


def _classifies(config: Any) -> bool:
    """Tell whether it is a forced aligner in the layout of transformers."""
    architectures = getattr(config, "architectures", None) or ()
    return any(each.endswith("ForTokenClassification") for each in architectures)


def _bins(config: Any) -> int | None:
    """Return the time bins of a forced aligner in the official layout; a recogniser has none."""
    return getattr(getattr(config, "thinker_config", config), "classify_num", None)
