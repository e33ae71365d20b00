"""Finds a call's keywords in its results: each occurrence is told once, as soon as it is sure.

A partial tells what stands in its stable text. Its final tells the rest; what a partial told is not
told again, though the final may have it at a slightly other place.
"""

from collections.abc import Iterator, Sequence

from common.options import SessionOptions
from common.pipeline.text import TimedWord
from gateway.feed.folding import Spelled, resemble, spelled
from gateway.protocols.events import Event, Final, Keyword, Partial

_Folded = tuple[str, ...]
"""The words of a keyword, folded."""
_MISSPELT_FROM = 4
"""Characters of a word from which it may be misspelt."""
_DRIFT = 5
"""Words by which an occurrence may move between a partial and its final."""
_MOST_REMEMBERED = 4096
"""Spoken words for which it is remembered with which keywords they begin."""


class KeywordSpotter:
    """The keywords of one call, and what was told of its open utterances. Pure."""

    def __init__(self, options: SessionOptions) -> None:
        self._told: dict[tuple[int, int], dict[_Folded, list[int]]] = {}
        """By channel and utterance: the numbers of the words that each keyword began at."""
        self._keywords: dict[_Folded, str] = {}
        """As the client spelled them."""
        self._beginning: dict[str, Sequence[_Folded]] = {}
        """The keywords that may begin with a spoken word."""
        self._distance = 0
        self.configure(options)

    def configure(self, options: SessionOptions) -> None:
        """Look for these keywords from the next result on."""
        self._keywords = {}
        for keyword in options.keywords:
            if words := tuple(word.folded for word in spelled(keyword)):
                self._keywords.setdefault(words, keyword)
        self._distance = options.keyword_distance
        self._beginning = {}

    def spot(self, event: Event) -> Sequence[Keyword]:
        """Return the keywords that an event tells for the first time, in the order of its text."""
        if not self._keywords and not self._told:
            return ()
        match event:
            case Partial() if self._keywords:
                return self._in_partial(event)
            case Final():
                return self._in_final(event)
        return ()

    def _in_partial(self, event: Partial) -> Sequence[Keyword]:
        words = [word for word in spelled(event.text) if word.end <= event.stable]
        told = self._told.setdefault((event.channel, event.utterance), {})
        found = []
        for keyword, first in self._occurrences(words):
            places = told.setdefault(keyword, [])
            # Stable text only grows, so what lies behind is new.
            if not places or first > places[-1]:
                places.append(first)
                found.append(self._event(event, keyword, words[first : first + len(keyword)], ()))
        return found

    def _in_final(self, event: Final) -> Sequence[Keyword]:
        told = self._told.pop((event.channel, event.utterance), {})
        # Utterances that were no speech after all have no final.
        for past in [each for each in self._told if each < (event.channel, event.utterance)]:
            if past[0] == event.channel:
                del self._told[past]
        if not self._keywords:
            return ()
        words = spelled(event.text)
        found = list(self._occurrences(words))
        for keyword, places in told.items():
            for place in places:
                near = [each for each in found if each[0] == keyword]
                nearest = min(near, key=lambda each: abs(each[1] - place), default=None)
                if nearest is not None and abs(nearest[1] - place) <= _DRIFT:
                    found.remove(nearest)
        return [
            self._event(event, keyword, words[first : first + len(keyword)], event.words or ())
            for keyword, first in found
        ]

    def _occurrences(self, words: Sequence[Spelled]) -> Iterator[tuple[_Folded, int]]:
        """Yield each keyword that is said, with the number of the word that it begins at.

        Occurrences of one keyword do not overlap.
        """
        free: dict[_Folded, int] = {}
        for first, word in enumerate(words):
            for keyword in self._candidates(word.folded):
                last = first + len(keyword)
                if free.get(keyword, 0) > first or last > len(words):
                    continue
                said = words[first + 1 : last]
                if all(self._alike(a.folded, b) for a, b in zip(said, keyword[1:], strict=True)):
                    free[keyword] = last
                    yield keyword, first

    def _candidates(self, spoken: str) -> Sequence[_Folded]:
        known = self._beginning.get(spoken)
        if known is None:
            if len(self._beginning) >= _MOST_REMEMBERED:
                self._beginning.clear()
            known = tuple(each for each in self._keywords if self._alike(spoken, each[0]))
            self._beginning[spoken] = known
        return known

    def _alike(self, spoken: str, wanted: str) -> bool:
        if spoken == wanted:
            return True
        shorter = min(len(spoken), len(wanted))
        return (
            self._distance > 0
            and shorter >= _MISSPELT_FROM
            and resemble(spoken, wanted, self._distance)
        )

    def _event(
        self,
        event: Partial | Final,
        keyword: _Folded,
        said: Sequence[Spelled],
        timed: Sequence[TimedWord],
    ) -> Keyword:
        offset, end = said[0].start, said[-1].end
        times = _times(event.text, timed, offset, end) or (event.start, event.end)
        return Keyword(
            channel=event.channel,
            utterance=event.utterance,
            keyword=self._keywords[keyword],
            text=event.text[offset:end],
            offset=offset,
            start=times[0],
            end=times[1],
        )


def _times(text: str, timed: Sequence[TimedWord], offset: int, end: int) -> tuple[int, int] | None:
    """Return the positions of the words that hold these characters; None if they are not found."""
    inside = []
    cursor = 0
    for word in timed:
        spoken = word.text.strip()
        place = text.find(spoken, cursor)
        if place < 0:
            return None
        cursor = place + len(spoken)
        if place < end and cursor > offset:
            inside.append(word)
    return (inside[0].start, inside[-1].end) if inside else None
