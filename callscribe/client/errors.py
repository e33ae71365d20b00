"""What a client of a call has to tell apart when the call does not go on.

CallscribeError
├── Retryable
│   └── Disconnected          call again; what was received holds
│       └── GoingAway         the gateway restarts: call again at once
├── AtCapacity
│   └── Refused               call again after `retry_after` seconds, or elsewhere
└── ServerError               `code` says what the server objects to
    ├── WrongAddress          no server of calls answers there
    ├── SessionLost           what was not yet received of this call never will be
    └── ResumedElsewhere      another connection has taken the call over
"""

from common.errors import AtCapacity, CallscribeError, Retryable


class Refused(AtCapacity):
    """The server takes no new call now; try again after `retry_after` seconds, or elsewhere."""


class Disconnected(Retryable):
    """The server could not be reached, or the connection broke; finals received so far hold.

    Of a call that was to be resumed: the server has stored `audio_s` seconds of its audio, and
    `seq` is the newest final or words received.
    """

    def __init__(self, message: str, *, audio_s: float = 0.0, seq: int = 0) -> None:
        super().__init__(message)
        self.audio_s = audio_s
        self.seq = seq


class GoingAway(Disconnected):
    """The gateway is about to end or to restart; another takes calls now."""


class ServerError(CallscribeError):
    """The server ended the call; `code` is the protocol's word for why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{message} ({code})")
        self.code = code


class WrongAddress(ServerError):
    """What answers at the URL is no server of calls; `code` is `http_` and what it says instead."""


class SessionLost(ServerError):
    """The server no longer knows the call, or lacks audio of it that this side no longer keeps."""


class ResumedElsewhere(ServerError):
    """The call was resumed on another connection, which has it now; do not resume it again."""
