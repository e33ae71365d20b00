"""Why a client is closed without a call, or amid one."""

from dataclasses import dataclass

from websockets.frames import CloseCode

from gateway.calls.attendance import Ending
from gateway.calls.call import ELSEWHERE
from gateway.protocols.events import Failed

_POLICY = CloseCode.POLICY_VIOLATION


@dataclass(frozen=True, slots=True)
class Reason:
    """What the client is told; `stored`: it has no call, and Redis may hold one anyway."""

    close_code: int
    code: str
    text: str
    retry_after: float | None = None
    stored: bool = False

    @property
    def ending(self) -> Ending:
        """How the client learns of it."""
        failed = Failed(self.code, self.text, fatal=True, retry_after=self.retry_after)
        return Ending(failed, self.close_code, self.code)


MISTAKE = Reason(CloseCode.INTERNAL_ERROR, "internal_error", "the server made a mistake")
UNOPENABLE = Reason(
    CloseCode.INTERNAL_ERROR, "internal_error", "it could not be opened", stored=True
)
RESTARTS = Reason(CloseCode.SERVICE_RESTART, "going_away", "the server restarts")
RESUMED_ELSEWHERE = Reason(_POLICY, "resumed_elsewhere", ELSEWHERE)
FLOOD = Reason(_POLICY, "message_rate", "more messages without audio than any client needs")
REVOKED = Reason(_POLICY, "revoked_key", "the key was revoked")
IDLE = Reason(_POLICY, "idle", "neither audio nor a message came")
UNOPENED = Reason(_POLICY, "open_timeout", "no call was opened")
