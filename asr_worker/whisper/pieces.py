"""Whisper's results, window by window, and how far to trust them."""

import re
import zlib
from dataclasses import dataclass, field, replace
from typing import Any

from asr_worker.api import DecodeRequest, Hypothesis, Word
from asr_worker.whisper.windows import Window, cuts
from common.audio import FloatArray
from common.languages import name_of

UNSPACED_LANGUAGES = frozenset({"ja", "lo", "my", "th", "yue", "zh"})
"""Codes of languages whose texts are joined without spaces."""

# OpenAI's thresholds (whisper/transcribe.py): repetitive, unlikely, silent.
_COMPRESSION_LIMIT = 2.4
_LOGPROB_LIMIT = -1.0
_NO_SPEECH_LIMIT = 0.6
# Stricter than OpenAI's -1.0: "Thank you." heard in fan noise reaches -0.93.
_SILENCE_LOGPROB = -0.8

# A phrase that repeats at the end of the text, four times or more.
_LOOP = re.compile(r"(.{2,80}?)\1{3,}.{0,80}$", re.DOTALL)
# Three words or more, twice: a decoder writes this when it sees no end of speech.
_DOUBLED = re.compile(r"\b(\w+(?: \w+){2,20}) \1\b")


@dataclass(frozen=True, slots=True)
class Piece:
    """One window's result; for its alignment it keeps `encoded` and the clip's `frames`.

    `logprob` is the mean over the tokens, `no_speech` a probability; `complete` is False at a
    limit.
    """

    tokens: list[int]
    text: str
    logprob: float
    no_speech: float
    complete: bool
    tokenizer: Any
    encoded: Any
    frames: int

    @property
    def wordless(self) -> bool:
        """Whether its text has no words."""
        return not any(character.isalnum() for character in self.text)

    @property
    def silent(self) -> bool:
        """Whether nothing was said."""
        doubtful = self.wordless or self.logprob < _SILENCE_LOGPROB
        return self.no_speech > _NO_SPEECH_LIMIT and doubtful

    @property
    def repetitive(self) -> bool:
        """Whether it is too repetitive for speech."""
        return bool(_LOOP.search(self.text)) or _compression(self.text) > _COMPRESSION_LIMIT

    @property
    def doubled(self) -> bool:
        """Whether it says a phrase twice in a row; people do that, but seldom."""
        return bool(_DOUBLED.search(" ".join(re.findall(r"\w+", self.text.lower()))))

    def plausible(self, *, final: bool) -> bool:
        """Whether no other attempt is needed; the next partial corrects a partial anyway."""
        if self.silent:
            return True
        sound = self.complete and not self.repetitive and not self.doubled
        if not final:
            return sound
        return sound and self.logprob >= _LOGPROB_LIMIT and not self.wordless

    def confirms(self, other: "Piece") -> bool:
        """Whether both windows gave the same text to its end: then it was said, though unlikely."""
        return self.complete and other.complete and self.text == other.text

    @property
    def rank(self) -> tuple[bool, bool, bool, float]:
        """Sort key: the greater of two is better."""
        return (self.complete, not self.repetitive, not self.doubled, self.logprob)

    def settled(self) -> "Piece":
        """Return the credible part: nothing for silence, a runaway loop only once."""
        if self.silent or self.wordless:
            return replace(self, text="", tokens=[], complete=True)
        loop = None if self.complete else _LOOP.search(self.text)
        if loop is None:
            return self
        return replace(self, text=self.text[: loop.end(1)].strip(), tokens=[])


@dataclass(slots=True)
class Heard:
    """A request and the results of its windows so far."""

    request: DecodeRequest
    language: str | None
    cuts: list[tuple[int, int]] = field(init=False)
    pieces: list[Piece] = field(default_factory=list)
    words: list[Word] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.cuts = cuts(self.request.audio)

    def hypothesis(self) -> Hypothesis:
        """Return the whole of it."""
        space = "" if self.language in UNSPACED_LANGUAGES else " "
        text = space.join(piece.text for piece in self.pieces if piece.text)
        return Hypothesis(
            text=text,
            language=name_of(self.language) if self.language and text else None,
            words=tuple(self.words) if self.request.words else None,
            complete=all(piece.complete for piece in self.pieces),
        )


@dataclass(slots=True)
class Clip:
    """One window of a request, from sample `start`, with the attempts at it that are left."""

    heard: Heard
    start: int
    length: int
    features: FloatArray
    windows: list[Window]
    encoded: FloatArray = field(init=False)
    tokenizer: Any = None
    prompt: list[int] = field(default_factory=list)
    best: Piece | None = None
    wants_more: bool = True

    def hear(self, piece: Piece) -> None:
        """Add the newest attempt: the best one counts, and two that agree are enough."""
        confirmed = self.best is not None and piece.confirms(self.best)
        if self.best is None or piece.rank > self.best.rank:
            self.best = piece
        enough = confirmed or self.best.plausible(final=self.heard.request.final)
        self.wants_more = bool(self.windows) and not enough


def _compression(text: str) -> float:
    data = text.encode()
    return len(data) / len(zlib.compress(data))
