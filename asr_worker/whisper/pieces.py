"""Whisper's results, window by window, and how far to trust them."""

from dataclasses import dataclass, field, replace
from typing import Any

from asr_worker.cpu import clips
from asr_worker.cpu.guards import Written
from asr_worker.whisper.detection import english
from asr_worker.whisper.model import Model
from common.audio import FloatArray

# OpenAI's thresholds (whisper/transcribe.py): unlikely, silent.
_LOGPROB_LIMIT = -1.0
_NO_SPEECH_LIMIT = 0.6
# Stricter than OpenAI's -1.0: "Thank you." heard in fan noise reaches -0.93.
_SILENCE_LOGPROB = -0.8
# Of 25 telephone recordings each, tiny.en hears 22 English ones better than this, and of Spanish,
# French, Italian and Russian ones 3 of 100.
_OTHER_LANGUAGE_LOGPROB = -0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece(Written):
    """One window's result; for its alignment it keeps its model, `encoded`, the clip's `frames`.

    `no_speech` is a probability.
    """

    no_speech: float
    model: Model
    tokenizer: Any
    encoded: Any
    frames: int

    @property
    def language(self) -> str:
        """Whisper's code of the language that it is written in."""
        code: str = self.tokenizer.language_code
        return code

    @property
    def foreign(self) -> bool:
        """Whether it may have been said in another language."""
        return self.logprob < _OTHER_LANGUAGE_LOGPROB or not self.sound

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
    """One window of a request, with what its attempts need.

    `model` is the one of the newest attempt. `assumed`: nobody told the language, and it was not
    looked for; `looks` is set when an attempt leaves doubt about it and the clip is `long_enough`.
    """

    features: FloatArray
    model: Model
    assumed: bool = False
    long_enough: bool = True
    looks: bool = False
    silent: bool = False
    """Whether the attempt in the assumed language heard no speech."""
    encoded: FloatArray = field(init=False)
    tokenizer: Any = None
    prompt: list[int] = field(default_factory=list)

    def hear(self, piece: Piece) -> None:
        """See `clips.Clip.hear`; one more attempt is due if the language is in doubt."""
        if self.silent and piece.logprob < _SILENCE_LOGPROB:
            # The greater model writes more of noise: "1.5g of sugar", at -1.3.
            piece = replace(piece, no_speech=1.0)
        clips.Clip.hear(self, piece)  # super() knows no class with slots
        self.heard.in_doubt = self.assumed and piece.foreign
        self.looks = self.heard.in_doubt and self.long_enough
        if self.looks:
            self.silent, self.wants_more = piece.silent, True
        elif self.best is not None:
            self.heard.language = self.best.language
            if self.assumed and not self.best.model.multilingual:
                self.heard.confidence = english(self.best.logprob)
