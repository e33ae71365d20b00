"""The protocol of whisper_streaming's server: raw audio over TCP in, lines of text out.

    client   PCM16, little-endian, 16 kHz, one channel; closes its sending side when it is done
    server   <beg_ms> <end_ms> <text>\\n        committed text, in order, never overlapping
             error: <message>\\n               instead of a call, or its last line

The last words come after the client has closed its sending side; then the server closes.
"""

from collections.abc import Sequence

from common.audio import SAMPLE_RATE
from common.options import SessionOptions
from gateway.protocols.api import Codec, Message, Protocol, Request, Transport
from gateway.protocols.commands import Audio, AudioFormat, Command, Open
from gateway.protocols.events import Event, Failed, Final


class RawTcpCodec(Codec):
    """One connection's codec; its call begins with the connection."""

    def __init__(self, defaults: SessionOptions, request: Request) -> None:
        del request  # there is none
        self._options = defaults
        self._until = 0
        """Where the last line's text ended."""

    @property
    def verbatim(self) -> bool:
        """See `Codec`."""
        return True

    def connected(self) -> Sequence[Command]:
        """See `Codec`."""
        return (Open(self._options, AudioFormat("pcm16", SAMPLE_RATE, 1)),)

    def receive_text(self, message: str) -> Sequence[Command]:
        """See `Codec`."""
        raise NotImplementedError("TCP carries bytes")

    def receive_binary(self, data: bytes) -> Sequence[Command]:
        """See `Codec`."""
        return (Audio(data),)

    def render(self, event: Event, now: float) -> Sequence[Message]:
        """See `Codec`."""
        match event:
            case Final() if event.text:
                start, self._until = max(event.start, self._until), max(event.end, self._until)
                text = " ".join(event.text.split())
                return (f"{_milliseconds(start)} {_milliseconds(self._until)} {text}\n".encode(),)
            case Failed(fatal=True):
                return (f"error: {event.message}\n".encode(),)
        return ()


def _milliseconds(position: int) -> int:
    return position * 1000 // SAMPLE_RATE


PROTOCOL = Protocol("raw_tcp", RawTcpCodec, transport=Transport.TCP, port="raw_tcp_port")
