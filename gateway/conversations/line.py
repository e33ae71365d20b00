"""A client as its conversation speaks to it: in the messages of its codec."""

import time
from collections.abc import Sequence

from gateway.conversations.client import Client
from gateway.protocols.api import Codec, Message
from gateway.protocols.events import Event


class Line:
    """One client's connection, until it is dropped; then nothing is sent any more."""

    def __init__(self, codec: Codec, client: Client) -> None:
        self._codec = codec
        self._client: Client | None = client

    def say(self, messages: Sequence[Message]) -> None:
        """Send messages soon."""
        if self._client is not None:
            self._client.send_soon(messages)

    def tell(self, events: Sequence[Event]) -> None:
        """Send what events mean soon."""
        if self._client is not None:
            for event in events:
                self._client.send_soon(self._codec.render(event, time.time()))

    def close(self, code: int, reason: str) -> None:
        """Close the connection once everything was sent."""
        if self._client is not None:
            self._client.close_soon(*self._codec.closing(code, reason))

    def drop(self) -> None:
        """Drop the connection, which has ended, and with it the last message it received."""
        self._client = None
