"""Errors of the services, named by what the caller should do about them.

CallscribeError
├── Retryable       try the same thing again after a pause; nothing was lost
│   ├── BusUnavailable   Redis cannot be reached or answered too late
│   │   └── OtherServer  look up what the server has before adding anything
│   └── PortTaken        another process has the port
├── AtCapacity      go elsewhere, or try again after `retry_after` seconds
├── Unavailable     start the requested part of the system, which is not running
├── PeerMisbehaved  the other side broke the contract; tell it what and close
├── Incompatible    end the processes of another release first
├── Misuse          fix the bug: our own code calls an interface wrongly
└── SettingsError   the operator must change a setting; the message names it
    └── NotPermitted    or a right of the Redis user, which it names

The client raises some of them too, and imports nothing from here: they are `callscribe.errors`.
"""

from callscribe.errors import (
    AtCapacity,
    CallscribeError,
    Misuse,
    PeerMisbehaved,
    Retryable,
    SettingsError,
    reason_of,
)

__all__ = [
    "AtCapacity",
    "BusUnavailable",
    "CallscribeError",
    "Incompatible",
    "Misuse",
    "NotPermitted",
    "OtherServer",
    "PeerMisbehaved",
    "PortTaken",
    "Retryable",
    "SettingsError",
    "Unavailable",
    "reason_of",
]


class BusUnavailable(Retryable):
    """Redis cannot be reached, or the connection broke before the reply."""


class OtherServer(BusUnavailable):
    """Another Redis server answers than before; it may lack what the former one acknowledged."""


class PortTaken(Retryable):
    """Another process listens on a port, or has it for a connection; the message names its flag."""


class Unavailable(CallscribeError):
    """A requested stage has no live worker; `stage` names it."""

    def __init__(self, message: str, *, stage: str) -> None:
        super().__init__(message)
        self.stage = stage


class Incompatible(CallscribeError):
    """Processes of a release that this one cannot work with are there; the message names it."""


class NotPermitted(SettingsError):
    """The user of Redis may not run a command, or not on its key; the message names both."""
