"""Finds where nobody has spoken for a while after a final: what Deepgram calls an utterance's end.

Time is that of the audio: a pause is over only once later audio has come, or later speech.
"""

from dataclasses import dataclass

UNDECIDED = 4_800
"""Samples. Speech in the last 0.3 s of the audio may not be announced yet: a VAD waits until it is
long enough."""


@dataclass(slots=True)
class _Channel:
    spoken: int = 0
    """The utterance whose speech began last, 0 if none."""
    began: int = 0
    """Where it began."""
    after: int = 0
    """The utterance of the last final."""
    ended: int | None = None
    """Where the last word ended that no pause has followed yet."""


class Pauses:
    """Pauses of at least `least` samples, of each channel."""

    def __init__(self, channels: int, least: int) -> None:
        self._least = least
        self._channels = [_Channel() for _ in range(channels)]
        self._heard = 0

    def started(self, channel: int, utterance: int, start: int) -> None:
        """Take note that speech has begun."""
        each = self._channels[channel]
        each.spoken, each.began = utterance, start

    def ended(self, channel: int, utterance: int, last_word: int) -> None:
        """Take note of a final whose last word ended there."""
        each = self._channels[channel]
        each.after, each.ended = utterance, last_word

    def heard(self, position: int) -> None:
        """Take note that there is audio up to this position."""
        self._heard = position

    def over(self) -> list[tuple[int, int]]:
        """Return channels where a pause is long enough, with its begin; each pause only once."""
        found = []
        for index, each in enumerate(self._channels):
            if each.ended is None:
                continue
            spoken_on = each.spoken > each.after
            until = each.began if spoken_on else self._heard - UNDECIDED
            if until - each.ended >= self._least:
                found.append((index, each.ended))
                each.ended = None
            elif spoken_on:
                each.ended = None
        return found
