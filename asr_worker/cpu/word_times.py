"""Words from an alignment: its parts joined to words, and pauses removed."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from statistics import median
from typing import Any

from asr_worker.api import Word


def joined(aligned: Sequence[Mapping[str, Any]], spaced: bool) -> list[Word]:
    """Make words of aligned tokens: a token without a space before it continues a word.

    In languages without spaces only punctuation does. The words, joined by spaces (there by
    nothing), are the text again.
    """
    words: list[Word] = []
    for entry in aligned:
        text = entry["word"].strip()
        word = Word(text, float(entry["start"]), float(entry["end"]), float(entry["probability"]))
        spoken = any(character.isalnum() for character in text)
        if words and not entry["word"].startswith(" ") and (spaced or not spoken):
            end, probability = words[-1].end, words[-1].probability
            if spoken:
                end, probability = word.end, min(probability, word.probability)
            words[-1] = replace(
                words[-1], text=words[-1].text + text, end=end, probability=probability
            )
        elif text:
            words.append(word)
    return words


def without_pauses(words: Sequence[Word]) -> list[Word]:
    """Shorten words that swallowed a pause to twice the median word.

    The alignment leaves no gaps: a pause goes to the word after it, except behind punctuation,
    where it goes to the word before (compare OpenAI whisper/timing.py, add_word_timestamps).
    """
    if not words:
        return []
    longest = 2 * min(0.7, median(word.end - word.start for word in words))
    shortened = []
    for word in words:
        if word.end - word.start <= longest:
            shortened.append(word)
        elif word.text[-1].isalnum():
            shortened.append(replace(word, start=word.end - longest))
        else:
            shortened.append(replace(word, end=word.start + longest))
    return shortened


def within(words: Iterable[Word], offset: float, duration: float) -> Iterator[Word]:
    """Yield a window's words at their times in the audio: in order, and none outside the window."""
    latest = 0.0
    for word in words:
        start = min(max(word.start, latest), duration)
        end = min(max(word.end, start), duration)
        latest = start
        yield Word(word.text, offset + start, offset + end, word.probability)
