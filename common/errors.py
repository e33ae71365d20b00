"""Errors named by what the caller should do about them.

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
"""

_LONGEST_REASON = 300


def reason_of(error: BaseException) -> str:
    """Return an error as one line for an operator: its kind and the beginning of its message."""
    return f"{type(error).__name__}: {error}".partition("\n")[0][:_LONGEST_REASON]


class CallscribeError(Exception):
    """Base of every error this project raises on purpose."""


class Retryable(CallscribeError):
    """The operation failed for a temporary reason and may be repeated as it is."""


class BusUnavailable(Retryable):
    """Redis cannot be reached, or the connection broke before the reply."""


class OtherServer(BusUnavailable):
    """Another Redis server answers than before; it may lack what the former one acknowledged."""


class PortTaken(Retryable):
    """Another process listens on a port, or has it for a connection; the message names its flag."""


class AtCapacity(CallscribeError):
    """No free place for new work.

    `reason` is a short label for metrics, `retry_after` seconds until a retry makes sense.
    """

    def __init__(self, message: str, *, reason: str, retry_after: float) -> None:
        super().__init__(message)
        self.reason = reason
        self.retry_after = retry_after


class Unavailable(CallscribeError):
    """A requested stage has no live worker; `stage` names it."""

    def __init__(self, message: str, *, stage: str) -> None:
        super().__init__(message)
        self.stage = stage


class PeerMisbehaved(CallscribeError):
    """The peer broke the protocol; the message is written for the peer to read."""


class Incompatible(CallscribeError):
    """Processes of a release that this one cannot work with are there; the message names it."""


class Misuse(CallscribeError):
    """Our own code called an interface wrongly."""


class SettingsError(CallscribeError):
    """A setting is unknown, ill-typed, out of range or points at nothing; the message names it."""


class NotPermitted(SettingsError):
    """The user of Redis may not run a command, or not on its key; the message names both."""
