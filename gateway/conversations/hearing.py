"""From a client's messages to what it asks for, with the number of each control."""

from collections.abc import Callable, Sequence

from gateway.protocols import commands
from gateway.protocols.api import ClientError, Codec
from gateway.uplink.throttle import Throttle

_CONTROLS = (commands.Configure, commands.Digit, commands.Finish, commands.Flush)


class Hearing:
    """Reads what one client sends.

    `carry_out` gets each command, and may raise ClientError; `mistaken` gets the client's mistakes.
    """

    def __init__(
        self,
        codec: Codec,
        throttle: Throttle,
        carry_out: Callable[[commands.Command], None],
        mistaken: Callable[[ClientError], None],
    ) -> None:
        self.ordinal = 0
        """The number of the newest control. A client that resumes counts its text messages since
        it opened the call; of others each control has a number."""
        self._codec = codec
        self._throttle = throttle
        self._carry_out = carry_out
        self._mistaken = mistaken

    def connected(self) -> None:
        """Carry out what the client's request alone asks for."""
        self._translate(self._codec.connected)

    def text(self, message: str, *, counted: bool, resumable: bool) -> None:
        """Read a text; `counted`: it has a number itself, if the client is `resumable`."""
        # Of other clients one text may have several controls.
        self.ordinal += resumable and counted
        self._translate(lambda: self._codec.receive_text(message), numbered=not resumable)

    def binary(self, message: bytes) -> None:
        """Read bytes that are more than audio, or come before there is a call."""
        self._translate(lambda: self._codec.receive_binary(message), numbered=True)

    def end(self) -> None:
        """Take note that the client sends nothing more, but still listens."""
        self._translate(self._codec.receive_end, numbered=True)

    def _translate(
        self, read: Callable[[], Sequence[commands.Command]], *, numbered: bool = False
    ) -> None:
        """Carry out what is read; `numbered`: each control in it has an ordinal of its own."""
        try:
            asked, mistake = read(), None
        except ClientError as error:
            asked, mistake = error.before, error
        try:
            for command in asked:
                if isinstance(command, _CONTROLS):
                    self.ordinal += numbered
                    self._throttle.control()
                self._carry_out(command)
        except ClientError as error:
            mistake = error
        if mistake is not None:
            self._mistaken(mistake)
            # Its traceback has this frame, which has the message: a cycle, of a megabyte maybe.
            del mistake
