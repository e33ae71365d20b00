"""Both ends of a conversation, as the other sees it: the connection, and one without a call."""

from collections.abc import Hashable, Sequence
from typing import Protocol

from gateway.protocols.api import Message


class Client(Protocol):
    """A connection as its conversation sees it; every method returns immediately."""

    def send_soon(self, messages: Sequence[Message]) -> None:
        """Queue messages for the client."""

    def close_soon(self, code: int, reason: str) -> None:
        """Close the connection once everything queued was sent."""

    def hold(self, held: bool) -> None:
        """Stop, or go on, reading from the socket."""


class Newcomer(Hashable, Protocol):
    """A conversation that has no call yet."""

    def give_up(self) -> None:
        """Send the client away."""
