"""What all events of a call have."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self


@dataclass(frozen=True, kw_only=True, slots=True)
class BaseEvent:
    """A message that tells of a call; times are seconds of audio since it began."""

    kind: ClassVar[str]
    """The message's `type`."""
    channel: int = 0
    label: str | None = None
    """The channel's name, if the call gave it one."""
    timestamp: float | None = None
    """The server's clock when it sent this, in seconds since 1970."""

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> Self:
        """Read a message's fields; those added by a newer server are ignored."""
        return cls(**{f.name: wire[f.name] for f in fields(cls) if f.name in wire})
