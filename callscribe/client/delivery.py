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
    LineTrouble,
    Partial,
    Slot,
    SpeechEnded,
    SpeechStarted,
    Words,
)
from callscribe.client.speakers import (
    SpeakerRevision,
)
from callscribe.client.turns import TurnEagerEnd, TurnEnded, TurnOverlap, TurnResumed, TurnStarted


class Delivery:
    """Passes each event of one call once; pure."""

    def __init__(self) -> None:
        self.seq = 0
        """That of the newest final or words passed."""
        self._utterances: dict[tuple[type[Event], int], int] = {}
        """The newest utterance, by kind of event and channel."""
        self._turns: dict[int, tuple[int, int]] = {}
        """The newest turn of each channel, and the step of its newest event."""
        self._delivered: set[tuple[object, ...]] = set()
        """Gaps, digits, overlaps and utterances that failed; few."""
        self._keywords: dict[tuple[int, int], set[tuple[object, ...]]] = {}
        """Those of open utterances, by channel and utterance."""

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
                    self._forget_keywords(event)
                return new
            case SpeechStarted() | SpeechEnded():
                return self._rises(event)
            case TurnStarted() | TurnEagerEnd() | TurnResumed() | TurnEnded():
                newest = self._turns.get(event.channel, (0, 0))
                self._turns[event.channel] = max(newest, (event.turn, event.step))
                return (event.turn, event.step) > newest
            case TurnOverlap():
                return self._first_time("overlap", event.channel, event.turn, event.other_turn)
            case Slot():
                place = (event.channel, event.utterance, event.is_final)
                return self._first_time("slot", *place, event.value)
            case Gap():
                return self._first_time(event.channel, event.start, event.end)
            case Keyword():
                return self._spotted(event)
            case Dtmf():
                return self._first_time(event.digit, event.channel, event.at)
            case SpeakerRevision():
                return self._first_time("speakers", event.channel, event.revision)
            case LineTrouble():
                return self._first_time(event.problem, event.channel, event.at)
            case Error(code="utterance_failed"):
                return self._first_time(event.message)
        return True

    def _spotted(self, event: Keyword) -> bool:
        """Return whether a keyword is new. After its final, it comes once, and directly."""
        told = self._keywords.setdefault((event.channel, event.utterance), set())
        place = (event.keyword, event.offset)
        known = place in told
        told.add(place)
        return not known

    def _forget_keywords(self, final: Final) -> None:
        """Drop the keywords of utterances before a final's; its own may still follow it."""
        for channel, utterance in list(self._keywords):
            if channel == final.channel and utterance < final.utterance:
                del self._keywords[channel, utterance]

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
