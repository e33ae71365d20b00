"""Attaching words to an item of a leg's text."""

from common.bus import keys, scripts
from common.bus.keys import Leg
from common.pipeline.record import pack
from common.pipeline.streams import PARKED, TEXT
from common.pipeline.text import Words
from common.redis.link import ScriptCall


def attach(leg: Leg, number: int, digest: str, words: Words) -> ScriptCall:
    """Return the call that gives item `number` its words, once even if repeated.

    The first of several callers wins. `digest`: see `common.stage.api.Attach`.
    """
    text = (leg.key(TEXT), leg.key(PARKED), leg.meta)
    return (scripts.ATTACH, text, (number, digest, pack(words), keys.SESSION_TTL))
