"""One final's way, or one word's, in tenths of a millisecond. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from common.errors import CallscribeError
from common.pipeline.trace import Span, spans

BEFORE_THE_END = ("speech", "silence")
"""Parts before the audio was there that decided the end: what the caller did, and the endpointer
waited for."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """Where its parts lie; `zero` says what happened at 0.

    `early`: a tentative decode that was done before the endpoint, as (begin, end); it is no part.
    """

    title: str
    start: float
    end: float
    zero: str
    parts: Sequence[Span]
    early: tuple[int, int] | None
    raw: Mapping[str, Any]

    @property
    def total(self) -> int:
        """The time from zero to the last stamp."""
        return self.parts[-1].end if self.parts else 0

    @property
    def delay(self) -> int:
        """The time since the audio was received that decided the end."""
        return self.total - max((s.end for s in self.parts if s.part in BEFORE_THE_END), default=0)

    def length(self, part: str) -> int | None:
        """Return how long a part lasted; None if it is not known."""
        return next((s.end - s.begin for s in self.parts if s.part == part), None)

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON-able values, with the server's facts; times in ms."""
        parts = [{"part": s.part, "ms": (s.end - s.begin) / 10} for s in self.parts]
        return {**self.raw, "parts": parts, "total_ms": self.total / 10}


def of_utterance(utterance: Mapping[str, Any]) -> Timeline:
    """Return the way of an utterance of a trace: from its last speech to its final."""
    return _timeline(utterance, _title(utterance), None, utterance)


def of_word(utterances: Sequence[Mapping[str, Any]], number: int) -> Timeline:
    """Return the way of a word, from 1: from when its end was received to its final.

    CallscribeError if the call has no word times, or fewer words.
    """
    if not any("words" in each for each in utterances):
        raise CallscribeError("--word: the call has no word times; ask for `words` when it begins")
    before = 0
    for utterance in utterances:
        words = utterance.get("words")
        if words is None and utterance["text_length"]:
            where = f"utterance {utterance['utterance']} of channel {utterance['channel']}"
            raise CallscribeError(f"--word: word {number} is behind {where}, which has no words")
        words = words or ()
        if number <= before + len(words):
            word = words[number - before - 1]
            title = f"word {number}, {_title(utterance)}"
            facts = {name: each for name, each in utterance.items() if name not in ("words",)}
            return _timeline(utterance, title, word, {**facts, "word": {**word, "number": number}})
        before += len(words)
    raise CallscribeError(f"--word: the call has {before} words, not {number}")


def _timeline(
    utterance: Mapping[str, Any],
    title: str,
    word: Mapping[str, Any] | None,
    raw: Mapping[str, Any],
) -> Timeline:
    stamps: Mapping[str, float | None] = utterance["stamps"]
    since = None if word is None else word["received"]
    named = "the end of the word was received"
    if since is None:
        since = next((at for at in stamps.values() if at is not None), None)
        first = next((name for name, at in stamps.items() if at is not None), "")
        named = _ZERO.get(first, f"`{first}`")
    parts = spans(stamps, since=None if word is None else word["received"])
    place = word or utterance
    return Timeline(
        title,
        place["start"],
        place["end"],
        named,
        parts,
        None if since is None else _early(stamps, since),
        raw,
    )


_ZERO = {
    "spoken": "the last speech was received",
    "received": "what decided the end was received",
}


def _early(stamps: Mapping[str, float | None], since: float) -> tuple[int, int] | None:
    begun, ended, endpoint = (
        stamps.get(name) for name in ("decode_begun", "decode_ended", "endpoint")
    )
    if begun is None or ended is None or endpoint is None or ended > endpoint:
        return None
    return max(0, round((begun - since) * 1e4)), max(0, round((ended - since) * 1e4))


def _title(utterance: Mapping[str, Any]) -> str:
    who = utterance.get("label") or f"channel {utterance['channel']}"
    return f"{who}, utterance {utterance['utterance']}"
