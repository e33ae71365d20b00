"""Two interfaces: a client's connection, and a conversation that has no call yet."""

from collections.abc import Hashable, Sequence
from typing import Protocol

from gateway.protocols.api import Message


class Client(Protocol):
    """A connection as its conversation sees it; every method returns immediately."""

    def send_soon(self, messages: Sequence[Message]) -> None:
        """Queue messages for the client."""

    def close_soon(self, code: int, reason: str) -> None:
        """Close the connection once everything queued was sent."""

    def set_paused(self, paused: bool) -> None:
        """Stop reading from the socket, or resume."""


class Newcomer(Hashable, Protocol):
    """A conversation that has no call yet."""

    def give_up(self) -> None:
        """Close the connection."""
