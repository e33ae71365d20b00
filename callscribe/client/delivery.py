"""Filtering out events that the caller already has.

After a resume the server sends finals and words behind the last `seq` seen, and may repeat other
events. It promises rising `seq`, and per channel rising utterance numbers of each kind.
"""

from callscribe.client.messages import (
    Dtmf,
    Error,
    Event,
    Final,
    Gap,
    Keyword,
    Partial,
    SpeechEnded,
    SpeechStarted,
    Words,
)


class Delivery:
    """Passes each event of one call once; pure."""

    def __init__(self) -> None:
        self.seq = 0
        """That of the newest final or words passed."""
        self._utterances: dict[tuple[type[Event], int], int] = {}
        """The newest utterance, by kind of event and channel."""
        self._delivered: set[tuple[object, ...]] = set()
        """Gaps, keywords, digits and utterances that failed; few."""

    def is_new(self, event: Event) -> bool:
        """Return whether the event is new, and remember it."""
        match event:
            case Partial():
                return event.utterance > self._newest(Final, event.channel)
            case Final() | Words():
                new = event.seq > self.seq
                self.seq = max(self.seq, event.seq)
                if isinstance(event, Final) and new:
                    self._rises(event)
                return new
            case SpeechStarted() | SpeechEnded():
                return self._rises(event)
            case Gap():
                return self._first_time(event.channel, event.start, event.end)
            case Keyword():
                place = (event.channel, event.utterance, event.offset)
                return self._first_time(event.keyword, *place)
            case Dtmf():
                return self._first_time(event.digit, event.channel, event.at)
            case Error(code="utterance_failed"):
                return self._first_time(event.message)
        return True

    def _newest(self, kind: type[Event], channel: int) -> int:
        return self._utterances.get((kind, channel), 0)

    def _rises(self, event: Final | SpeechStarted | SpeechEnded) -> bool:
        newest = self._newest(type(event), event.channel)
        self._utterances[type(event), event.channel] = max(newest, event.utterance)
        return event.utterance > newest

    def _first_time(self, *told: object) -> bool:
        known = told in self._delivered
        self._delivered.add(told)
        return not known
