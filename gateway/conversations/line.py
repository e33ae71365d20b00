"""A client as its conversation speaks to it: in the messages of its codec."""

import time
from collections.abc import Sequence

from gateway.calls.attendance import Ending
from gateway.conversations.client import Client
from gateway.protocols.api import Codec, Message
from gateway.protocols.events import Event


class Line:
    """One client's connection.

    A client that has left is told of no event any more, and after `drop` nothing is sent at all.
    """

    def __init__(self, codec: Codec, client: Client) -> None:
        self.present = True
        """Whether the client is there, as far as it is known."""
        self.hung_up = False
        """Whether it has left on purpose, and will not come again."""
        self._codec = codec
        self._client: Client | None = client

    def say(self, messages: Sequence[Message]) -> None:
        """Send messages soon."""
        if self._client is not None:
            self._client.send_soon(messages)

    def tell(self, events: Sequence[Event]) -> None:
        """Send what events mean soon."""
        if self._client is not None and self.present:
            for event in events:
                self._client.send_soon(self._codec.render(event, time.time()))

    def close(self, code: int, reason: str) -> None:
        """Close the connection once everything was sent."""
        if self._client is not None:
            self._client.close_soon(*self._codec.closing(code, reason))

    def dismiss(self, ending: Ending) -> None:
        """Tell the client how it ends, and close the connection."""
        self.tell([ending.event])
        self.close(ending.close_code, ending.reason)

    def leave(self, *, hung_up: bool) -> None:
        """Take note that the client is gone."""
        self.present = False
        self.hung_up = self.hung_up or hung_up

    def drop(self) -> None:
        """Drop the connection, which has ended, and with it the last message it received."""
        self._client = None
