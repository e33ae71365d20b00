"""Errors of a call, by what the client should do.

CallscribeError
├── Retryable
│   └── Disconnected          call again; received results stay valid
│       └── GoingAway         the gateway restarts: call again immediately
├── AtCapacity
│   └── Refused               call again after `retry_after` seconds, or elsewhere
└── ServerError               `code` says what the server objects to
    ├── WrongAddress          no call server answers there, or none that is trusted
    ├── SessionLost           the rest of this call's results is lost
    └── ResumedElsewhere      another connection has taken the call over
"""

from callscribe.errors import AtCapacity, CallscribeError, Retryable


class Refused(AtCapacity):
    """The server accepts no new call now; try again after `retry_after` seconds, or elsewhere."""


class Disconnected(Retryable):
    """The server could not be reached, or the connection broke; received finals stay valid.

    For a call that could have been resumed: the server has stored `audio_s` seconds of its audio,
    and `seq` is that of the newest final or words received.
    """

    def __init__(self, message: str, *, audio_s: float = 0.0, seq: int = 0) -> None:
        super().__init__(message)
        self.audio_s = audio_s
        self.seq = seq


class GoingAway(Disconnected):
    """The gateway is about to end or to restart; another one accepts calls now."""


class ServerError(CallscribeError):
    """The server ended the call; `code` is the protocol's word for why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{message} ({code})")
        self.code = code


class WrongAddress(ServerError):
    """The URL belongs to another kind of server, or to one that is not trusted.

    `code` is `http_` and its status, or `untrusted_certificate`.
    """


class SessionLost(ServerError):
    """The server no longer knows the call, or lacks audio of it that this side no longer keeps."""


class ResumedElsewhere(ServerError):
    """The call was resumed on another connection, which has it now; do not resume it again."""
