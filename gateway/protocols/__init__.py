"""The protocols that the gateway speaks: pure codecs, one module each, listed in `PROTOCOLS`.

Such a module exposes its `gateway.protocols.api.Protocol`.
"""

from gateway.protocols import (
    assemblyai,
    asterisk,
    audiofork,
    audiosocket,
    deepgram,
    flux,
    native,
    openai_realtime,
    transcribe,
    twilio,
    vosk,
    whisper_streaming,
)
from gateway.protocols.api import Protocol

PROTOCOLS: tuple[Protocol, ...] = (
    native.PROTOCOL,
    transcribe.PROTOCOL,
    deepgram.PROTOCOL,
    flux.PROTOCOL,
    assemblyai.PROTOCOL,
    openai_realtime.PROTOCOL,
    whisper_streaming.TCP,
    whisper_streaming.WEBSOCKET,
    vosk.PROTOCOL,
    vosk.OWN_PORT,
    twilio.PROTOCOL,
    audiosocket.PROTOCOL,
    asterisk.PROTOCOL,
    audiofork.PROTOCOL,
)
