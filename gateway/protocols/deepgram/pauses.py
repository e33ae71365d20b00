"""Finds where nobody has said a word for a while: what Deepgram calls an utterance's end.

Time is that of the audio: a pause is over only once later audio has come, or later speech. It
follows the words, so speech in which there are none is no speech: noise that a VAD takes for it, or
what is left behind a cut for length.
"""

import re
from dataclasses import dataclass

UNDECIDED = 4_800
"""Samples. Speech in the last 0.3 s of the audio may not be announced yet: a VAD waits until it is
long enough."""
WORDLESS = 32_000
"""Samples from the start of speech by which a partial has its first words, if there are any."""

_WORD = re.compile(r"\w+")


@dataclass(slots=True)
class _Channel:
    spoken: int = 0
    """The utterance whose speech began last, 0 if none."""
    began: int = 0
    """Where it began."""
    settled: int = 0
    """The newest utterance that is known to have words, or to have none."""
    ended: int | None = None
    """Where the last word ended that no pause has followed yet."""
    words: tuple[int, list[str]] = (0, [])
    """An open utterance, and its words so far."""
    said: int = 0
    """By where these were said."""
    told: int = 0
    """The utterance whose pause was told before its final."""


class Pauses:
    """Pauses of at least `least` samples, of each channel.

    `partials`: whether there are any, so that an utterance without one has no words.
    """

    def __init__(self, channels: int, least: int, *, partials: bool = False) -> None:
        self._least = least
        self._partials = partials
        self._channels = [_Channel() for _ in range(channels)]
        self._heard = 0

    def started(self, channel: int, utterance: int, start: int) -> None:
        """Take note that speech has begun."""
        each = self._channels[channel]
        each.spoken, each.began = utterance, start

    def partial(self, channel: int, utterance: int, end: int, text: str) -> list[tuple[int, int]]:
        """Take note of words so far, of audio up to `end`; return a pause like `over`."""
        each = self._channels[channel]
        words = (utterance, _WORD.findall(text.casefold()))
        if not words[1]:
            return []
        if words != each.words:
            found = self.over() if each.words[0] != utterance else []
            each.words, each.said, each.settled, each.ended = words, end, utterance, None
            return found
        if end - each.said < self._least or each.told == utterance:
            return []
        each.told = utterance
        return [(channel, each.said)]

    def ended(self, channel: int, utterance: int, last_word: int) -> None:
        """Take note of a final whose last word ended there."""
        each = self._channels[channel]
        each.settled = max(each.settled, utterance)
        spoken_on = each.words[0] > utterance and each.began - last_word < self._least
        told = each.told == utterance and last_word <= each.said
        if not (spoken_on or told):
            each.ended = last_word

    def wordless(self, channel: int, utterance: int) -> None:
        """Take note of a final without words."""
        each = self._channels[channel]
        each.settled = max(each.settled, utterance)

    def heard(self, position: int) -> None:
        """Take note that there is audio up to this position."""
        self._heard = position

    def over(self) -> list[tuple[int, int]]:
        """Return channels where a pause is long enough, with its begin; each pause only once."""
        found = []
        for index, each in enumerate(self._channels):
            if each.ended is not None and self._until(each) - each.ended >= self._least:
                found.append((index, each.ended))
                each.ended = None
        return found

    def _until(self, each: _Channel) -> int:
        """Return up to where it is known that no word followed the last one."""
        if each.spoken <= each.settled:
            return self._heard - UNDECIDED
        if self._partials and self._heard - each.began >= WORDLESS:
            return self._heard - WORDLESS
        return each.began
