"""A client in its call: what it asks of the call, and how it leaves it."""

from collections.abc import Callable

from gateway.access.principal import Principal
from gateway.admission.handshake import Handshakes
from gateway.calls.call import Call
from gateway.conversations.asking import changed_by
from gateway.protocols import commands
from gateway.protocols.api import ClientError


class Talk:
    """The part of one client in its call. `who` it is bounds what it may ask for.

    `mistaken` gets a mistake that stops nothing. A call is released instead of
    left while `handshakes` are closed: its gateway ends, and another will go on with it.
    """

    def __init__(
        self,
        call: Call,
        who: Principal,
        handshakes: Handshakes,
        mistaken: Callable[[ClientError], None],
    ) -> None:
        self.call = call
        self._who = who
        self._handshakes = handshakes
        self._mistaken = mistaken

    @property
    def said_all(self) -> bool:
        """Whether nothing more is expected from the client."""
        return self.call.finishing_since is not None

    def carry_out(self, command: commands.OfCall, ordinal: int) -> None:
        """Do what the client asks for; `ordinal` numbers its controls. Raises ClientError."""
        intake = self.call.intake
        match command:
            case commands.Audio(data):
                intake.push(data)
            case commands.Digit(channel, digit):
                intake.digit(channel, digit, ordinal)
            case commands.Configure(options):
                self.call.configure(changed_by(self._who, options, intake.record), ordinal)
            case _:
                self._cut(command, ordinal)

    def _cut(self, boundary: commands.Boundary, ordinal: int) -> None:
        """End the audio so far at a boundary; tell of a part of a frame, which is not used."""
        intake = self.call.intake
        if (truncated := intake.truncated) is not None:
            self._mistaken(truncated)
        match boundary:
            case commands.Skip(frames):
                intake.skip(frames)
            case commands.Reformat(audio):
                intake.reformat(audio)
            case commands.Flush():
                intake.flush(ordinal)
            case commands.Finish():
                self.call.finish(ordinal)

    def leave(self, *, hung_up: bool) -> None:
        """Leave the call; a client that has not `hung_up` may resume it."""
        if hung_up:
            self.call.hang_up()
        elif self.call.running and self._handshakes.closed:
            self.call.release()
        else:
            self.call.leave()

    def send_away(self) -> bool:
        """Release a call and tell its client, or abandon one that is not open and return False."""
        if not self.call.running:
            self.call.abandon()
            return False
        self.call.release()
        return True

    def go_on(self) -> None:
        """Release a call that is open now, if its gateway has begun to end meanwhile."""
        if self.call.returns and self._handshakes.closed:
            self.call.release()
