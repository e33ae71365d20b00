"""What both legs of a call said before an utterance, as far as the call's texts tell it.

A number's meaning may be told by another utterance: the agent asks, the customer answers. All of
this comes from what is stored, so that a new owner of the utterance knows the same.
"""

from asr_worker.spoken.before import Before
from common.audio import samples
from common.pipeline.speech import Ended, Paused, Resumed, SpeechEntry
from common.pipeline.text import Final, Item

_MEMORY = samples(30.0)
"""How long before an utterance something may have been said that tells what it says."""
_WORDS = 40


class Around:
    """Follows the texts of a call for utterance `number` of a channel, which begins at `start`."""

    def __init__(self, channel: int, number: int, start: int) -> None:
        self._channel = channel
        self._number = number
        self._since = start - _MEMORY
        self._texts: dict[tuple[int, int], Final] = {}
        self._known = {channel: 0}
        self._silent = 0
        """The last utterance of the other leg that has ended, or pauses."""

    def said(self, channel: int, number: int, item: Item) -> None:
        """Take an item of a leg's text."""
        if channel == self._channel and number >= self._number:
            return
        self._known[channel] = max(number, self._known.get(channel, 0))
        if isinstance(item, Final) and item.text and item.end >= self._since:
            self._texts[channel, number] = item

    def happened(self, entry: SpeechEntry) -> None:
        """Take speech events of the other leg."""
        for event in entry.events:
            match event:
                case Paused(utterance=number) | Ended(utterance=number):
                    self._silent = max(self._silent, number)
                case Resumed(utterance=number):
                    self._silent = min(self._silent, number - 1)

    @property
    def before(self) -> Before:
        """What is known now."""
        texts = sorted(self._texts.values(), key=lambda final: final.start)
        words = [word for final in texts for word in final.text.split()]
        other = self._known.get(1 - self._channel, 0)
        unsure = self._known[self._channel] < self._number - 1 or other < self._silent
        return Before(tuple(words[-_WORDS:]), unsure)
