"""Opening a stage's claims: how work enters the system."""

import time

from common.bus import keys, scripts, wire
from common.bus.link import ScriptCall


def register(stage: str, key: str, body: wire.Body) -> ScriptCall:
    """Return the call that opens claim `key` of a stage, once however often it runs.

    The wall-clock time it is offered at goes along, for the queue-wait metric only.
    """
    streams = (keys.claims(stage), keys.index(stage))
    return (scripts.REGISTER, streams, (key, wire.pack(body | {"offered": time.time()})))
