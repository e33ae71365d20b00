"""The client of a call, while it has one: what it is told, and when it is gone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway.protocols.api import ClientError
from gateway.protocols.events import Event
from gateway.uplink.throttle import Throttle


@dataclass(frozen=True, slots=True)
class Ending:
    """How a call ends for its client: the last event, and the close code with its reason."""

    event: Event
    close_code: int
    reason: str


class Audience(Protocol):
    """The client of a call, as the call sees it."""

    def tell(self, events: Sequence[Event]) -> None:
        """Tell the client of these events."""

    def object(self, error: ClientError) -> None:
        """Learn what is wrong with audio that was decoded meanwhile."""

    def over(self, ending: Ending) -> None:
        """Learn that the call is over for this client."""


class Attendance:
    """Passes on to the client of one call what it is told, as long as there is a client."""

    def __init__(self, audience: Audience | None, throttle: Throttle) -> None:
        self._audience = audience
        self._throttle = throttle

    @property
    def present(self) -> bool:
        """Whether the call has a client."""
        return self._audience is not None

    def tell(self, events: Sequence[Event]) -> None:
        """See `Audience`."""
        if self._audience is not None and events:
            self._audience.tell(events)

    def object(self, error: ClientError) -> None:
        """See `Audience`."""
        if self._audience is not None:
            self._audience.object(error)

    def leave(self) -> None:
        """Take note that the client is gone, and with it the connection that was paused."""
        self._audience = None
        self._throttle.forget()

    def dismiss(self, ending: Ending | None) -> None:
        """Let the client go, and tell it why, unless others do."""
        audience, self._audience = self._audience, None
        if audience is not None and ending is not None:
            audience.over(ending)
