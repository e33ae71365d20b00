"""Requests, cut into windows, and the attempts to understand each."""

from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from asr_worker.api import DecodeRequest, Hypothesis, Word
from asr_worker.cpu.cuts import cuts
from asr_worker.cpu.guards import Written
from common.languages import UNSPACED, name_of

P = TypeVar("P", bound=Written)


@dataclass(slots=True)
class Heard:
    """A request and the results of its windows so far."""

    request: DecodeRequest
    language: str | None
    """Its code, None as long as it is not known."""
    confidence: float | None = None
    """How sure the language is, 0..1; None if it was told, or is not known."""
    among: frozenset[str] = frozenset()
    """Codes of the languages that it can be, one that was told alone; none: any."""
    in_doubt: bool = False
    """Whether it may be another language: then no part of the text is certain."""
    cuts: list[tuple[int, int]] = field(init=False)
    pieces: list[Written] = field(default_factory=list)
    words: list[Word] = field(default_factory=list)
    mark: float | None = None
    """See `Hypothesis`."""

    def __post_init__(self) -> None:
        self.cuts = cuts(self.request.audio)

    def hypothesis(self) -> Hypothesis:
        """Return the whole of it."""
        space = "" if self.language in UNSPACED else " "
        text = space.join(piece.text for piece in self.pieces if piece.text)
        language = name_of(self.language) if self.language and text else None
        return Hypothesis(
            text=text,
            language=language,
            language_confidence=self.confidence if language else None,
            words=tuple(self.words) if self.request.words else None,
            complete=not self.in_doubt and all(piece.complete for piece in self.pieces),
            mark=self.mark if self.request.mark else None,
        )


@dataclass(slots=True, kw_only=True)
class Clip(Generic[P]):
    """One window of a request, from sample `start`, with the attempts at it that are left."""

    heard: Heard
    start: int
    length: int
    windows: list[Any]
    best: P | None = None
    wants_more: bool = True

    def hear(self, piece: P) -> None:
        """Add the newest attempt: the best one counts, and two that agree are enough."""
        confirmed = self.best is not None and piece.confirms(self.best)
        if self.best is None or piece.rank > self.best.rank:
            self.best = piece
        enough = confirmed or self.best.plausible(final=self.heard.request.final)
        self.wants_more = bool(self.windows) and not enough
