"""Whisper's results, window by window, and how far to trust them."""

from dataclasses import dataclass, field
from typing import Any

from asr_worker.cpu import clips
from asr_worker.cpu.guards import Written
from common.audio import FloatArray

# OpenAI's thresholds (whisper/transcribe.py): unlikely, silent.
_LOGPROB_LIMIT = -1.0
_NO_SPEECH_LIMIT = 0.6
# Stricter than OpenAI's -1.0: "Thank you." heard in fan noise reaches -0.93.
_SILENCE_LOGPROB = -0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece(Written):
    """One window's result; for its alignment it keeps `encoded` and the clip's `frames`.

    `no_speech` is a probability.
    """

    no_speech: float
    tokenizer: Any
    encoded: Any
    frames: int

    @property
    def silent(self) -> bool:
        """Whether nothing was said."""
        doubtful = self.wordless or self.logprob < _SILENCE_LOGPROB
        return self.no_speech > _NO_SPEECH_LIMIT and doubtful

    def plausible(self, *, final: bool) -> bool:
        """Whether no other attempt is needed; the next partial corrects a partial anyway."""
        if self.silent:
            return True
        if not final:
            return self.sound
        return self.sound and self.logprob >= _LOGPROB_LIMIT and not self.wordless

    def settled(self) -> "Piece":
        """Return the credible part: nothing for silence, a runaway loop only once."""
        return self.nothing() if self.silent or self.wordless else self.once()


@dataclass(slots=True, kw_only=True)
class Clip(clips.Clip[Piece]):
    """One window of a request, with what its attempts need."""

    features: FloatArray
    encoded: FloatArray = field(init=False)
    tokenizer: Any = None
    prompt: list[int] = field(default_factory=list)
