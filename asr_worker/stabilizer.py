"""Decides how much of a growing utterance's text will not change any more.

Local agreement: a word is stable once all hypotheses of the last 0.75 s of audio agree on
everything up to it. Liu et al., "Low-Latency Sequence-to-Sequence Speech Recognition and
Translation by Partial Hypothesis Selection", Interspeech 2020; applied to Whisper by Macháček et
al., "Turning Whisper into Real-Time Transcription System", IJCNLP-AACL 2023, where two hypotheses
in a row are enough. Words are compared without case and punctuation, and in scripts written without
spaces a character is a word. The last word of a hypothesis is never stable: its audio may still be
arriving.

Promises: `stable` never decreases, `text[:stable]` of one partial is a prefix of the next, and its
words begin the final, which may spell and punctuate them otherwise. If a hypothesis contradicts
stable words, its text is used only behind the part most similar to them. What that costs in words
is in docs/quality.md. One case breaks the last promise: while VAD is away, words of the next
utterance may be heard in this one. They are in the final of the other only.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import NamedTuple

from common.audio import samples

# Han, kana, Thai, Lao, Myanmar, Khmer: one character (with its marks) counts as a word.
_UNSPACED = (
    r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
    r"\uf900-\ufaff\U00020000-\U0003ffff"
)
_CHUNK = re.compile(rf"[{_UNSPACED}]|[^\s{_UNSPACED}]+")

# Alignment looks at no more than this many words, so that its cost does not grow with the
# utterance: 50 x 100 cells take about 2 ms and occur only on contradiction.
_ALIGNED_WORDS = 50
_ALIGNMENT_SLACK = 25

AGREED = samples(0.75)
"""Audio over which hypotheses must agree. Of the words that they then call stable, a final decode
of clean speech hears 0.2 % otherwise; 2.3 % where two hypotheses are enough."""


@dataclass(frozen=True, slots=True)
class StabilizedText:
    """The whole text so far; its first `stable` characters will not change."""

    text: str
    stable: int


class _Word(NamedTuple):
    key: str
    """The form in which two hypotheses must agree."""
    end: int
    """Offset in the text just behind the word, without its closing punctuation."""


class _Stable(NamedTuple):
    key: str
    end: int
    """Offset in the stable text just behind the word."""
    since: int
    """End of the audio of the first hypothesis that had it, or a later position."""


class Stabilizer:
    """The stability of one utterance; feed it every hypothesis in order. Not thread-safe.

    Words that no hypothesis of the audio before position `until` has are never stable: where the
    utterance may be cut, they may belong to the next one.
    """

    def __init__(self, until: int | None = None, stable: str = "", end: int = 0) -> None:
        """Begin with what is `stable` already: a former owner showed it of audio before `end`."""
        self._until = until
        self._stable_text = stable
        self._stable = [_Stable(*word, end - AGREED) for word in _split(stable)]
        self._previous: list[tuple[str, int]] = []
        """The words of the last hypothesis behind the stable ones, and since where they agree."""

    def update(self, text: str, complete: bool, end: int) -> StabilizedText:
        """Take the newest hypothesis of the whole utterance and return what to show.

        It is of the audio before position `end`. `complete` False (the decode hit a length limit)
        shows the text but adds no stability.
        """
        shown, behind = self._continued(text, len(self._stable))
        if complete:
            keys = [word.key for word in behind]
            same = _common(keys, [key for key, _ in self._previous])
            agree = [*self._previous[:same], *((key, end) for key in keys[same:])]
            latest = end - AGREED if self._until is None else min(end - AGREED, self._until)
            if old := sum(since <= latest for _, since in agree[:-1]):
                moved = len(shown) - len(text)
                for word, (key, since) in zip(behind, agree[:old], strict=False):
                    self._stable.append(_Stable(key, word.end + moved, since))
                self._stable_text = shown[: self._stable[-1].end]
            self._previous = agree[old:]
        return StabilizedText(shown, len(self._stable_text))

    def shown(self, text: str) -> StabilizedText:
        """Return what to show of a text that is no newer evidence than the last hypothesis."""
        return StabilizedText(self._continued(text, len(self._stable))[0], len(self._stable_text))

    def exceeds(self, end: int) -> bool:
        """Tell whether stable words were heard behind the audio before position `end`."""
        return any(word.since > end for word in self._stable)

    def settled(self, text: str, end: int) -> str:
        """Return the final text of the audio before position `end`.

        It is `text`, or if that contradicts stable words, these and the rest.
        """
        count = sum(word.since <= end for word in self._stable)
        keys = [word.key for word in self._stable[:count]]
        if [word.key for word in _split(text)[:count]] == keys:
            return text
        return self._continued(text, count)[0]

    def _continued(self, text: str, count: int) -> tuple[str, list[_Word]]:
        """Return the first `count` stable words with what `text` says behind, and its words."""
        words = _split(text)
        stable = self._stable[:count]
        shown = self._stable_text[: stable[-1].end] if stable else ""
        following = [word.key for word in self._stable[count:]] + [key for key, _ in self._previous]
        ahead = following[0] if following else ""
        cut = _continuation([word.key for word in words], [word.key for word in stable], ahead)
        tail = text[words[cut - 1].end if cut else 0 :]
        return shown + (tail if shown else tail.lstrip()), words[cut:]


def continued(stable: str, text: str) -> str:
    """Return `stable` with what `text` says behind it."""
    if text.startswith(stable):
        return text
    words = _split(text)
    cut = _continuation([word.key for word in words], [word.key for word in _split(stable)], "")
    end = words[cut - 1].end if cut else 0
    while 0 < end < len(text) and not text[end].isspace():  # its closing punctuation is there
        end += 1
    tail = text[end:].lstrip()
    return f"{stable} {tail}" if tail else stable


def concluded(stable: str, text: str) -> str:
    """Return a final text: `text` if it begins with the words of `stable`, else as `continued`."""
    keys = [word.key for word in _split(stable)]
    if [word.key for word in _split(text)[: len(keys)]] == keys:
        return text
    return continued(stable, text)


def _split(text: str) -> list[_Word]:
    """Split into words; punctuation and combining marks belong to the word before them."""
    words: list[_Word] = []
    for match in _CHUNK.finditer(text):
        chunk = match.group()
        key = "".join(c for c in unicodedata.normalize("NFKC", chunk).casefold() if c.isalnum())
        adjoining = bool(words) and not text[match.start() - 1].isspace()
        if key:
            closing = len(chunk) - _core_length(chunk)
            words.append(_Word(key, match.end() - closing))
        elif not adjoining:
            words.append(_Word(chunk, match.end()))
        elif unicodedata.category(chunk[0]).startswith("M"):
            # A mark changes the character it sits on, so it is part of that word.
            words[-1] = _Word(words[-1].key + chunk, match.end())
    return words


def _core_length(chunk: str) -> int:
    """Length of `chunk` without the punctuation that closes it."""
    length = len(chunk)
    while length and unicodedata.category(chunk[length - 1])[0] in "PSZ":
        length -= 1
    return length or len(chunk)


def _common(left: list[str], right: list[str]) -> int:
    """Count the leading words on which both agree."""
    count = 0
    for a, b in zip(left, right, strict=False):
        if a != b:
            break
        count += 1
    return count


def _continuation(keys: list[str], stable: list[str], ahead: str) -> int:
    """Return how many leading words of the hypothesis say what the stable words already say.

    Where they contradict each other: the end of the hypothesis' substring that is nearest to the
    last stable words in edit distance (Sellers 1980), one less if `ahead` follows it as it followed
    them; of equals the one at the stable word count.
    """
    count = len(stable)
    if keys[:count] == stable:
        return count
    pattern = stable[-_ALIGNED_WORDS:]
    first = max(0, count - len(pattern) - _ALIGNMENT_SLACK)
    window = keys[first : count + _ALIGNMENT_SLACK]
    distances = [0] * (len(window) + 1) if first else list(range(len(window) + 1))
    for row, wanted in enumerate(pattern, start=1):
        diagonal, distances[0] = distances[0], row
        for column, key in enumerate(window, start=1):
            substituted = diagonal + (wanted != key)
            diagonal = distances[column]
            distances[column] = min(substituted, diagonal + 1, distances[column - 1] + 1)

    def unlikeness(end: int) -> tuple[int, int]:
        follows = window[end : end + 1] == [ahead]
        return distances[end] - follows, abs(first + end - count)

    return first + min(range(len(distances)), key=unlikeness)
