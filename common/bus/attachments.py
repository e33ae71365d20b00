"""Attaching to an item of a leg's text what becomes known beside it: its words."""

from common.bus import keys, scripts, wire
from common.bus.keys import Leg
from common.bus.link import ScriptCall


def attach(leg: Leg, number: int, digest: str, body: wire.Body) -> ScriptCall:
    """Return the call that gives item `number` its words, once however often it runs.

    Of several callers the first counts. `digest` and `body`: see `common.stage.api.Attach`.
    """
    text = (leg.key("text"), leg.key("held"), leg.meta)
    return (scripts.ATTACH, text, (number, digest, wire.pack(body), keys.SESSION_TTL))
