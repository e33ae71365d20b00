"""The part of a long utterance that its partials hear, so that their cost is bounded.

Clips in the cache cost little, but not nothing, and every decode that continues an answer reads all
of it again. So the partials of an utterance of minutes would become slower and slower. Therefore a
partial hears at most `MOST_WINDOWS` closed windows and the tail, as if the utterance had begun
there; the part before is kept as text. The start moves by several windows in one step, since every
move empties the cache.

The end of the dropped windows' text is known from the decodes themselves: the prefix that an answer
continued is the last answer without its newest tokens, so it is about the audio before that.
"""

from dataclasses import dataclass, replace

MOST_WINDOWS = 8
_KEPT_WINDOWS = 4
_LONGEST_WORD = 40
_WINDOW_S = 8.0
_TAG = "<asr_text>"
"""Ends the header of an answer, `language English<asr_text>`; none if a language was forced."""


@dataclass(frozen=True, slots=True)
class Mark:
    """The first `characters` of an answer were said in the first `seconds` of the utterance."""

    seconds: float
    characters: int


@dataclass(frozen=True, slots=True)
class Span:
    """The audio from window `first` on; `before` is the text of the audio before it."""

    first: int = 0
    before: str = ""
    marks: tuple[Mark, ...] = ()
    """In order, for the answer to the span."""

    def continued(self, prefix: str, seconds: float) -> "Span":
        """Note that the answer to the audio up to `seconds` was continued from its `prefix`.

        An empty prefix says nothing about times.
        """
        kept = [mark for mark in self.marks if mark.characters < len(prefix)]
        if prefix:
            kept.append(Mark(seconds, len(prefix)))
        return replace(self, marks=tuple(kept))

    def moved(self, answer: str, closed: int) -> tuple["Span", str]:
        """Return the span for an utterance of `closed` windows, and the answer's part about it.

        `answer` is the raw answer to this span. The span stays while it is short enough, or while
        the text before its new start is not known.
        """
        if closed - self.first <= MOST_WINDOWS:
            return self, answer
        first = closed - _KEPT_WINDOWS
        cuts = [mark.characters for mark in self.marks if mark.seconds <= first * _WINDOW_S]
        if not cuts or cuts[-1] > len(answer):
            return self, answer
        header = answer[: answer.find(_TAG) + len(_TAG)] if _TAG in answer else ""
        cut = _word_start(answer, cuts[-1])
        if cut <= len(header):
            return self, answer
        marks = tuple(
            Mark(mark.seconds, mark.characters - cut + len(header))
            for mark in self.marks
            if mark.characters > cut
        )
        before = self.before + answer[len(header) : cut]
        return Span(first, before, marks), header + answer[cut:]


def _word_start(text: str, at: int) -> int:
    """Return the start of the word around `at`; `at` itself in a text without spaces."""
    space = text.rfind(" ", max(0, at - _LONGEST_WORD), at)
    return space + 1 if space >= 0 else at
