"""The protocols that the gateway speaks: pure codecs, one module each, listed in `PROTOCOLS`.

Such a module exposes ``PROTOCOL``, see `gateway.protocols.api.Protocol`.
"""

from gateway.protocols import native, raw_tcp, transcribe
from gateway.protocols.api import Protocol

PROTOCOLS: tuple[Protocol, ...] = (native.PROTOCOL, transcribe.PROTOCOL, raw_tcp.PROTOCOL)
