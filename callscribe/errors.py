"""Errors of the client and of every process, named by what the caller should do about them.

CallscribeError
├── Retryable       try the same thing again after a pause; nothing was lost
├── AtCapacity      go elsewhere, or try again after `retry_after` seconds
├── PeerMisbehaved  the other side broke the contract; tell it what and close
├── Misuse          fix the bug: our own code calls an interface wrongly
└── SettingsError   change a setting or an argument; the message names it

`callscribe.client.errors` has those of a call, `common.errors` those of the services.
"""

from collections.abc import Iterator
from pathlib import Path
from traceback import walk_tb

_LONGEST_REASON = 300


def reason_of(error: BaseException, *, quoting: bool = True) -> str:
    """Return an error as one line for an operator: its kind and the beginning of its message.

    Not `quoting`: its kind and where it was raised, and those of its causes. A library's message
    may quote what it was given.
    """
    if quoting:
        return f"{type(error).__name__}: {error}".partition("\n")[0][:_LONGEST_REASON]
    return ", ".join(_places(error))[:_LONGEST_REASON]


def _places(error: BaseException) -> Iterator[str]:
    """Yield an error and its causes, each with the place where it was raised."""
    cause: BaseException | None = error
    while cause is not None:
        name = type(cause).__name__
        for frame, line in [*walk_tb(cause.__traceback__)][-1:]:  # none if it was never raised
            name += f" at {Path(frame.f_code.co_filename).name}:{line}"
        yield name
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)


class CallscribeError(Exception):
    """Base of every error this project raises on purpose."""


class Retryable(CallscribeError):
    """The operation failed for a temporary reason and may be repeated as it is."""


class AtCapacity(CallscribeError):
    """No free place for new work.

    `reason` is a short label for metrics, `retry_after` seconds until a retry makes sense.
    """

    def __init__(self, message: str, *, reason: str, retry_after: float) -> None:
        super().__init__(message)
        self.reason = reason
        self.retry_after = retry_after


class PeerMisbehaved(CallscribeError):
    """The peer broke the protocol; the message is written for the peer to read."""


class Misuse(CallscribeError):
    """Our own code called an interface wrongly."""


class SettingsError(CallscribeError):
    """A setting is unknown, ill-typed, out of range or points at nothing; the message names it."""
