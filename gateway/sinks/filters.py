"""Which messages a sink gets, by their types and channels, as the query of its URL says."""

from dataclasses import dataclass
from typing import Self

from gateway.protocols.commands import MAX_CHANNELS
from gateway.readers.rendering import Message

ERASED = "session_erased"
"""Type of the message that tells of a call's erasure."""
EVENTS = ("session_created", "final", "error", "words", "keyword", "dtmf", "session_ended", ERASED)
"""Types of the messages that sinks get."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Empty `events` or `channels` mean all of them."""

    events: frozenset[str] = frozenset()
    channels: frozenset[int] = frozenset()

    @classmethod
    def parse(cls, events: list[str], channels: list[str]) -> Self:
        """Read the values that a URL has; ValueError names the one that is wrong."""
        for each in events:
            if each not in EVENTS:
                raise ValueError(f"event={each} is none of {', '.join(EVENTS)}")
        possible = [str(channel) for channel in range(MAX_CHANNELS)]
        for each in channels:
            if each not in possible:
                raise ValueError(f"channel={each} is none of {', '.join(possible)}")
        return cls(frozenset(events), frozenset(map(int, channels)))

    def passes(self, message: Message) -> bool:
        """Tell whether the sink gets a message; one of the whole call is of every channel."""
        if self.events and message["type"] not in self.events:
            return False
        channel = message.get("channel")
        return not self.channels or channel is None or channel in self.channels
