"""The options of one session, as its front accepted them and every stage reads them."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self


@dataclass(frozen=True, kw_only=True, slots=True)
class SessionOptions:
    """What a session asked for; durations in seconds, thresholds as probabilities 0..1."""

    language: str | None = None
    """Qwen3-ASR language name (``English``), or None to detect."""
    context: str = ""
    """Free text that biases the recogniser towards the call's subject."""
    keywords: tuple[str, ...] = ()
    unfixed_chunk_num: int = 4
    unfixed_token_num: int = 5
    chunk_size_sec: float = 1.0
    vad_threshold: float = 0.5
    silence_threshold: float = 0.8
    min_speech_duration: float = 0.2
    max_utterance: float = 30.0
    denoise: bool = False
    post_filter: bool | None = None
    """DeepFilterNet's post-filter; None leaves it to the worker's setting."""
    attenuation_limit: float | None = None
    """Most noise reduction in dB; None leaves it to the worker's setting."""
    words: bool = False
    interim_results: bool = True

    def to_wire(self) -> dict[str, Any]:
        """Return a msgpack-able mapping of every field."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> Self:
        """Read `to_wire()`'s mapping; fields added by a newer release are ignored."""
        known = {field.name for field in fields(cls)}
        values = {name: value for name, value in wire.items() if name in known}
        values["keywords"] = tuple(values.get("keywords", ()))
        return cls(**values)
