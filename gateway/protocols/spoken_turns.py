"""What protocols that are made for turns share: the text and words of a turn, and confidence. Pure.

Their calls have one channel. A turn's end is told with its final, which has the words.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from math import log
from typing import Literal, NamedTuple, TypeAlias

from common.options import LONGEST_PAUSE, OPTIONS, SHORTEST_PAUSE, SessionOptions
from common.pipeline.text import EndReason
from gateway.endpointing.tail import SURE
from gateway.protocols.events import Event, Final, Partial, Turn

Kind: TypeAlias = Literal["started", "update", "eager_end", "resumed", "ended"]

_GUESSED = 0.5
"""Confidence in a word that a later partial may change."""
_LEAST = 0.01
"""A threshold from which the scale goes on as if it were this."""
_ENDLESS = 1e6
"""A factor beyond all limits."""
_LONGEST = OPTIONS["silence_threshold"].high


class SpokenWord(NamedTuple):
    """A word; its place is guessed from its turn's unless it is `timed`. `stays`: in all texts.

    Unlike a `TimedWord` it may be a partial's.
    """

    text: str
    start: int
    end: int
    confidence: float
    stays: bool
    timed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What is told of a turn: all of it in [start, end), as known so far."""

    kind: Kind
    start: int
    end: int
    transcript: str
    words: Sequence[SpokenWord]
    confidence: float
    language: str | None
    at: int
    reason: EndReason | None = None
    language_confidence: float | None = None


@dataclass(slots=True)
class _Open:
    """The open turn. `settled` is what its utterances said that were cut."""

    start: int
    utterance: int
    said: Said
    settled: list[SpokenWord] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    eager: bool = False
    ended: Turn | None = None


class SpokenTurns:
    """Follows the turns of a call. `said` is the newest of the open turn, None without one.

    Nothing is told between an announced end and what takes it back or confirms it.
    """

    def __init__(self) -> None:
        self._open: _Open | None = None

    @property
    def open(self) -> bool:
        """Whether there is an open turn."""
        return self._open is not None

    @property
    def said(self) -> Said | None:
        """What may be repeated of the open turn now."""
        return None if self._open is None or self._open.eager else self._open.said

    def hear(self, event: Event) -> list[Said]:
        """Return what an event tells of the turn."""
        match event:
            case Turn(kind="ended"):
                if self._open is not None:
                    self._open.ended = event
            case Turn():
                return [self._turn(event)]
            case Partial():
                return self._partial(event)
            case Final():
                return self._final(event)
        return []

    def _turn(self, event: Turn) -> Said:
        stable = len(event.transcript) if event.kind == "eager_end" else 0
        said = Said(
            kind=event.kind,
            start=event.start,
            end=event.end,
            transcript=event.transcript,
            words=tuple(_guessed(event.transcript, event.start, event.end, stable)),
            confidence=event.confidence,
            language=event.language,
            at=event.at,
        )
        if self._open is None:
            self._open = _Open(event.start, event.utterance, said)
        self._open.said, self._open.eager = said, event.kind == "eager_end"
        return said

    def _partial(self, event: Partial) -> list[Said]:
        turn = self._open
        if turn is None or turn.eager or event.utterance != turn.utterance or not event.text:
            return []
        words = _guessed(event.text, event.start, event.end, event.stable)
        turn.said = Said(
            kind="update",
            start=turn.start,
            end=event.end,
            transcript=" ".join((*turn.texts, event.text)),
            words=(*turn.settled, *words),
            confidence=0.0,
            language=event.language,
            at=event.end,
        )
        return [turn.said]

    def _final(self, event: Final) -> list[Said]:
        turn = self._open
        if turn is None or event.utterance != turn.utterance:
            return []
        words = [*turn.settled, *_words(event)]
        if turn.ended is None:  # it was cut, and goes on in the next utterance
            turn.settled, turn.utterance = words, event.utterance + 1
            turn.texts += filter(None, [event.text])
            return []
        self._open = None
        ended = turn.ended
        said = Said(
            kind="ended",
            start=ended.start,
            end=ended.end,
            transcript=ended.transcript,
            words=words,
            confidence=ended.confidence,
            language=ended.language,
            at=ended.at,
            reason=ended.reason,
            language_confidence=event.language_confidence,
        )
        return [said]


def _words(final: Final) -> Iterator[SpokenWord]:
    if final.words is None:
        yield from _guessed(final.text, final.start, final.end, len(final.text))
        return
    for word in final.words:
        text = word.text.strip()
        yield SpokenWord(text, word.start, word.end, word.probability, stays=True, timed=True)


def _guessed(text: str, start: int, end: int, stable: int) -> Iterator[SpokenWord]:
    """Return the words of a text, each with its share of [start, end) by its length."""
    at = 0
    span = (end - start) / max(1, len(text))
    for word in text.split():
        at = text.index(word, at)
        last = at + len(word)
        stays = last <= stable
        sure = 1.0 if stays else _GUESSED
        begins, ends = start + round(at * span), start + round(last * span)
        yield SpokenWord(word, begins, ends, sure, stays, timed=False)
        at = last


@dataclass(frozen=True, slots=True)
class Pace:
    """How sure a client wants to be that a turn is over, on its protocol's scale.

    `threshold` ends a turn, `usual` is the protocol's default: at that the server's own settings
    hold. Silences grow with the logarithm of the doubt that is left, so that both scales are one:
    ``1 - (1 - confidence) ** exponent``.
    """

    threshold: float
    usual: float

    def paced(self, defaults: SessionOptions, *, eager: float | None) -> SessionOptions:
        """Return options with these silences; `eager`: confidence that announces an end."""
        endless = self.threshold == 1
        factor = _ENDLESS if endless else log(1 - self.threshold) / log(1 - self.usual)
        ordinary = defaults.silence_threshold * factor

        def limited(seconds: float) -> float:
            return max(OPTIONS["silence_threshold"].low, min(_LONGEST, seconds))

        announced = 1.0 if eager is None else 1 - (1 - eager) ** (1 / self.exponent(defaults))
        return replace(
            defaults,
            endpointing="turn",
            silence_threshold=limited(ordinary),
            min_turn_silence=limited(SHORTEST_PAUSE * ordinary),
            max_turn_silence=limited(LONGEST_PAUSE * ordinary),
            eager_threshold=announced,
        )

    def exponent(self, defaults: SessionOptions) -> float:
        """Return what turns our confidence into the protocol's."""
        if self.threshold < 1:
            return log(1 - max(_LEAST, self.threshold)) / log(1 - SURE)
        # No silence ends a turn. What announces one counts from where the usual one would end.
        return _LONGEST / (SHORTEST_PAUSE * defaults.silence_threshold)

    def told(self, confidence: float, defaults: SessionOptions) -> float:
        """Return our confidence on the protocol's scale."""
        return float(1 - (1 - confidence) ** self.exponent(defaults))
