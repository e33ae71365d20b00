"""The latest audio of a call, with its controls in place, which may have to be sent again.

Bytes are counted from the beginning of the call. A cursor moves over audio and controls as they are
sent; after a broken connection it moves back to the server's position. Acknowledged audio is
dropped.
"""

from collections import deque
from dataclasses import dataclass

from callscribe.client.errors import SessionLost
from callscribe.errors import PeerMisbehaved

LONGEST_MESSAGE = 65_536
"""Bytes of audio in one message at most; servers accept at least 1 MiB."""
IN_FLIGHT_S = 10.0
"""Seconds of audio sent without an acknowledgement, at most. Behind more, a server that stops
reading for a while (Redis is away, a fast sender is paced) would answer a ping too late, and the
client would leave it. Must exceed the 3 s by which servers acknowledge late."""
NOTHING = '{"type": "config"}'
"""A control that changes nothing."""


@dataclass(frozen=True, slots=True)
class _Control:
    number: int
    at: int
    """Bytes of audio before it."""
    text: str


def _is_due(control: _Control | None, sent: int) -> bool:
    return control is not None and control.at <= sent


class ReplayBuffer:
    """Audio and controls of one call from the last acknowledged frame on; pure.

    Both sides number the controls. A server counts those that it refused, but reports only the last
    one that took effect. Those behind it are sent again to be refused again; in place of one that
    is no longer kept, `NOTHING` is sent. Otherwise the numbers of both sides would differ, and one
    leg of a call would mistake a later control for one that it has.

    `frame_bytes`: of one sample of every channel. `rate` in frames a second. `capacity_s`: seconds
    of audio from which on the buffer is `full`; it still accepts more, but the sender should wait.
    """

    def __init__(self, *, frame_bytes: int, rate: int, capacity_s: float) -> None:
        self._frame_bytes = frame_bytes
        self._rate = rate
        self._capacity = round(capacity_s * rate) * frame_bytes
        self._window = round(IN_FLIGHT_S * rate) * frame_bytes
        self._audio = bytearray()
        self._start = 0
        """Bytes before the first one kept, always whole frames."""
        self._arrived = 0
        """Bytes that the server has: acknowledged, or reported at a resume. It may acknowledge the
        latter only with new audio, which must not wait for that."""
        self._controls: deque[_Control] = deque()
        self._numbered = 0
        self._sent = 0
        self._sent_controls = 0

    @property
    def full(self) -> bool:
        """Whether more than the capacity is kept that the server may lack."""
        return self._end - self._arrived > self._capacity

    @property
    def pending(self) -> bool:
        """Whether something waits to be sent."""
        return self._sent < self._end or self._sent_controls < self._numbered

    @property
    def ready(self) -> bool:
        """Whether there is something to `take` now."""
        control = self._next_control()
        return self._audio_until(control) > self._sent or _is_due(control, self._sent)

    @property
    def acknowledged_s(self) -> float:
        """Seconds of audio that need not be kept any more."""
        return self._start / self._frame_bytes / self._rate

    @property
    def controls(self) -> int:
        """The number of the newest control; they are numbered from 1."""
        return self._numbered

    def add_audio(self, data: bytes) -> None:
        """Append audio, split anywhere, even inside a sample."""
        self._audio += data

    def cut(self) -> int:
        """Drop a part of a frame before a boundary, behind which the server begins with a frame.

        Returns its bytes; 0 if the server got any of it, since it then tells.
        """
        part = self._end % self._frame_bytes
        if not part:
            return 0
        del self._audio[-part:]
        untold = self._sent <= self._end
        self._sent = min(self._sent, self._end)
        return part if untold else 0

    def add_control(self, text: str) -> None:
        """Append a control behind the audio added so far."""
        self._numbered += 1
        self._controls.append(_Control(self._numbered, self._end, text))

    def dequeue(self) -> bytes | str | None:
        """Return the next message to send, audio or a control's text.

        None when all was sent, or when an acknowledgement must come first.
        """
        control = self._next_control()
        if control is not None and _is_due(control, self._sent):
            self._sent_controls = control.number
            return control.text
        end = min(self._audio_until(control), self._sent + LONGEST_MESSAGE)
        if end <= self._sent:
            return None
        message = bytes(self._audio[self._sent - self._start : end - self._start])
        self._sent = end
        return message

    def acknowledge(self, position: int) -> bool:
        """Drop audio before frame `position`; return whether there was any.

        A control is dropped once audio behind it was acknowledged: the server handles both in
        order. A position that was never sent raises PeerMisbehaved.
        """
        start = position * self._frame_bytes
        if start > self._sent:
            raise PeerMisbehaved(f"the server acknowledges frame {position}, which was not sent")
        if start <= self._start:
            return False
        del self._audio[: start - self._start]
        self._start = start
        self._arrived = max(self._arrived, start)
        while self._controls and self._controls[0].at < start:
            self._controls.popleft()
        return True

    def forget_sent(self) -> None:
        """Keep only unsent audio and controls, for a call that will not be resumed."""
        del self._audio[: self._sent - self._start]
        self._start = self._arrived = self._sent
        while self._controls and self._controls[0].number <= self._sent_controls:
            self._controls.popleft()

    def rewind(self, position: int, controls: int) -> None:
        """Send again from frame `position` on, and the controls numbered above `controls`.

        Raises SessionLost when that audio is no longer kept, PeerMisbehaved when the server claims
        more than was sent.
        """
        sent = position * self._frame_bytes
        if sent > self._end or controls > self._numbered:
            raise PeerMisbehaved(
                f"the server claims frame {position} and control {controls}, which were not sent"
            )
        if sent < self._start:
            raise SessionLost(
                "audio_lost",
                f"the server has {position / self._rate:.3f} s of audio of the call; "
                f"kept here is only what follows {self.acknowledged_s:.3f} s",
            )
        self._sent = self._arrived = sent
        self._sent_controls = controls

    def _next_control(self) -> _Control | None:
        # Those kept are consecutive and end with the newest.
        behind = self._numbered - self._sent_controls
        if behind > len(self._controls):
            # Dropped, so it was before audio that the server has; without effect, so it was
            # refused.
            return _Control(self._sent_controls + 1, self._start, NOTHING)
        return self._controls[-behind] if behind else None

    def _audio_until(self, control: _Control | None) -> int:
        """Return the end of the audio that may be sent before the next control."""
        end = self._end if control is None else control.at
        return min(end, self._arrived + self._window)

    @property
    def _end(self) -> int:
        return self._start + len(self._audio)
