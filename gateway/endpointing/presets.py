"""Options that fit a purpose together, by the value of `endpointing` that sets them. Pure."""

from collections.abc import Mapping
from types import MappingProxyType

PRESETS: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "bot": {
            "silence_threshold": 0.5,
            "min_turn_silence": 0.3,
            "max_turn_silence": 1.5,
            "eager_threshold": 0.4,
            "max_utterance": 30.0,
        },
        # Who dictates thinks between sentences, and nobody waits for an answer.
        "dictation": {
            "silence_threshold": 1.5,
            "min_turn_silence": 1.0,
            "max_turn_silence": 4.0,
            "eager_threshold": 1.0,
            "max_utterance": 60.0,
        },
        # A caption is read in pieces: one that waits for a thought is late.
        "captions": {
            "silence_threshold": 0.5,
            "min_turn_silence": 0.3,
            "max_turn_silence": 0.8,
            "eager_threshold": 1.0,
            "max_utterance": 12.0,
        },
    }
)
"""By name; all set the same options, in the units of `common.options`."""
