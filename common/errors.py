"""Errors named by what the caller should do about them.

CallscribeError
├── Retryable       try the same thing again after a pause; nothing was lost
│   └── BusUnavailable   Redis cannot be reached or answered too late
│       └── OtherServer  look up what it has before anything is added
├── AtCapacity      go elsewhere, or come back after `retry_after` seconds
├── Unavailable     a part of the system that was asked for is not running
├── PeerMisbehaved  the other side broke the contract; tell it what and close
├── Misuse          our own code called wrongly; a bug
└── SettingsError   the operator must change a setting; the message names it
"""

_LONGEST_REASON = 300


def reason_of(error: BaseException) -> str:
    """Return an error as one line for an operator: its kind and the beginning of its message."""
    return f"{type(error).__name__}: {error}".partition("\n")[0][:_LONGEST_REASON]


class CallscribeError(Exception):
    """Base of every error this project raises on purpose."""


class Retryable(CallscribeError):
    """The operation failed for a passing reason and may be repeated as it is."""


class BusUnavailable(Retryable):
    """Redis cannot be reached, or the connection broke before the reply."""


class OtherServer(BusUnavailable):
    """Another Redis server than before answers; it may lack what that one acknowledged."""


class AtCapacity(CallscribeError):
    """No free place for new work.

    `reason` is a short label for metrics, `retry_after` seconds until a retry makes sense.
    """

    def __init__(self, message: str, *, reason: str, retry_after: float) -> None:
        super().__init__(message)
        self.reason = reason
        self.retry_after = retry_after


class Unavailable(CallscribeError):
    """A stage that was asked for has no live worker; `stage` names it."""

    def __init__(self, message: str, *, stage: str) -> None:
        super().__init__(message)
        self.stage = stage


class PeerMisbehaved(CallscribeError):
    """The peer broke the protocol; the message is written for the peer to read."""


class Misuse(CallscribeError):
    """This project's own code called an interface wrongly."""


class SettingsError(CallscribeError):
    """A setting is unknown, ill-typed, out of range or points at nothing; the message names it."""
