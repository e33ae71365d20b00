"""The protocols of whisper_streaming's servers: raw audio in, committed text out.

Over TCP:

    client   PCM16, little-endian, 16 kHz, one channel; closes its sending side when it is done
    server   <beg_ms> <end_ms> <text>         a line for each final; lines never overlap
             error: <message>                 of a call or an utterance that there is no text of

Over a WebSocket:

    client   the same audio as binary messages; the text message flush
    server   {"type": "ready", "sample_rate": 16000}, {"type": "final", "beg_ms", "end_ms", "text"},
             {"type": "error", "code", "message"}

The last words come after a client has closed its sending side, or sent flush.
"""

import json
from collections.abc import Sequence
from typing import Any

from common.audio import SAMPLE_RATE
from common.options import SessionOptions
from gateway.protocols import naming
from gateway.protocols.api import (
    Carrier,
    ClientError,
    Codec,
    Message,
    Protocol,
    Request,
    Transport,
)
from gateway.protocols.commands import Audio, AudioFormat, Command, Flush, Open, Say
from gateway.protocols.events import Event, Failed, Final, GoingAway

_FORMAT = AudioFormat("pcm16", SAMPLE_RATE, 1)
_FLUSH = "flush"


class _StreamingCodec(Codec):
    """What both have in common; the call begins with the connection."""

    def __init__(self, defaults: SessionOptions, request: Request) -> None:
        self._options = defaults
        self._about = naming.about(request)
        self._until = 0
        """Where the last text ended."""

    @property
    def verbatim(self) -> bool:
        """See `Codec`."""
        return True

    def connected(self) -> Sequence[Command]:
        """See `Codec`."""
        return (Open(self._options, _FORMAT, about=self._about),)

    def receive_binary(self, data: bytes) -> Sequence[Command]:
        """See `Codec`."""
        return (Audio(data),)

    def _span(self, final: Final) -> tuple[int, int]:
        """Return where a final's text lies, in ms, behind all that was told before."""
        start, self._until = max(final.start, self._until), max(final.end, self._until)
        return start * 1000 // SAMPLE_RATE, self._until * 1000 // SAMPLE_RATE


class TcpCodec(_StreamingCodec):
    """The codec of one TCP connection."""

    def receive_text(self, message: str) -> Sequence[Command]:
        """See `Codec`."""
        raise NotImplementedError("TCP carries bytes")

    def render(self, event: Event, now: float) -> Sequence[Message]:
        """See `Codec`."""
        match event:
            case Final() if event.text:
                begin, end = self._span(event)
                return _line(f"{begin} {end} {event.text}")
            case Final(failed=True):
                return _line(f"error: {event.failure}")
            case Failed(fatal=True):
                return _line(f"error: {event.message}")
        return ()


def _line(text: str) -> Sequence[bytes]:
    return (f"{' '.join(text.split())}\n".encode(),)


class WebSocketCodec(_StreamingCodec):
    """The codec of one WebSocket."""

    def connected(self) -> Sequence[Command]:
        """See `Codec`."""
        return (Say(_text({"type": "ready", "sample_rate": SAMPLE_RATE})), *super().connected())

    def is_control(self, data: bytes) -> bool:
        """See `Codec`: its only control is no JSON."""
        return data.strip() == _FLUSH.encode() or super().is_control(data)

    def receive_text(self, message: str) -> Sequence[Command]:
        """See `Codec`."""
        if message.strip() == _FLUSH:
            return (Flush(),)
        raise ClientError("unknown_type", f"the only text message is flush, not {message[:40]!a}")

    def render(self, event: Event, now: float) -> Sequence[Message]:
        """See `Codec`."""
        match event:
            case Final() if event.text:
                begin, end = self._span(event)
                final = {"type": "final", "beg_ms": begin, "end_ms": end, "text": event.text}
                return _text(final | event.timed)
            case Final(failed=True):
                return _text(
                    {"type": "error", "code": "utterance_failed", "message": event.failure}
                )
            case Failed():
                return _text({"type": "error", "code": event.code, "message": event.message})
            case GoingAway():
                text = "the server restarts; connect again"
                return _text({"type": "error", "code": "going_away", "message": text})
        return ()


def _text(message: dict[str, Any]) -> Sequence[Message]:
    return (json.dumps(message, ensure_ascii=False),)


TCP = Protocol(
    "stream_tcp",
    TcpCodec,
    transport=Transport.TCP,
    port="stream_port",
    usual_port=43007,
    credential_in=Carrier.NOWHERE,
)
WEBSOCKET = Protocol(
    "stream_ws",
    WebSocketCodec,
    path="/",
    port="stream_ws_port",
    usual_port=43008,
    credential_in=Carrier.QUERY,
)
