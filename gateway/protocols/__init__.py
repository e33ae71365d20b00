"""The protocols that the gateway speaks: pure codecs, one module each, listed in `PROTOCOLS`.

Such a module exposes its `gateway.protocols.api.Protocol`.
"""

from gateway.protocols import native, transcribe, whisper_streaming
from gateway.protocols.api import Protocol

PROTOCOLS: tuple[Protocol, ...] = (
    native.PROTOCOL,
    transcribe.PROTOCOL,
    whisper_streaming.TCP,
    whisper_streaming.WEBSOCKET,
)
