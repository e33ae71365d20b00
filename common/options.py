"""The options of one session, as its front accepted them and every stage reads them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple


class Range(NamedTuple):
    """The least and the greatest value that is allowed."""

    low: float
    high: float


RANGES: Mapping[str, Range] = {
    "vad_threshold": Range(0, 1),
    "silence_threshold": Range(0.01, 60),
    "min_speech_duration": Range(0.01, 60),
    "max_utterance": Range(2, 300),
    "chunk_size_sec": Range(0.01, 60),
    "unfixed_chunk_num": Range(0, 1000),
    "unfixed_token_num": Range(0, 1000),
}
"""What a session may ask for, and what a gateway may be set to give one that does not."""


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
