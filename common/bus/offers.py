"""Opening a stage's claims: how work enters the system."""

import time

from common.bus import keys, scripts, wire
from common.bus.link import ScriptCall


def register(stage: str, key: str, body: wire.Body) -> ScriptCall:
    """Return the call that opens claim `key` of a stage, once however often it runs.

    The wall-clock time it is offered at goes along, for the queue-wait metric only.
    """
    return register_packed(stage, key, wire.pack(body | {"offered": time.time()}))


def register_packed(stage: str, key: str, body: bytes) -> ScriptCall:
    """Return the same for a body as it was when the claim was open before."""
    return (scripts.REGISTER, (keys.claims(stage), keys.index(stage)), (key, body))
