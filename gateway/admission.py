"""Letting a session in: what it needs must be running and have room; then Redis holds it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from common.bus import keys, wire
from common.bus.keys import Leg
from common.bus.link import Link
from common.bus.offers import register
from common.errors import Unavailable
from common.options import SessionOptions
from gateway.fleet import Fleet

ALIGN = "align"
"""The stage that times words afterwards; a session does without rather than wait for it."""


def stages(options: SessionOptions) -> list[str]:
    """Return the stages a session with these options passes through."""
    return ["denoise", "vad", "asr"] if options.denoise else ["vad", "asr"]


@dataclass(frozen=True, slots=True)
class Admission:
    """On what terms a session is let in; `align`: words may come from aligners."""

    options: SessionOptions
    align: bool


async def admit(fleet: Fleet, options: SessionOptions, legs: int, *, undenoised: bool) -> Admission:
    """Return the terms a session is let in on; Unavailable or AtCapacity if it is not.

    `undenoised`: without a denoise worker the session is let in all the same, with `denoise` off.
    """
    wished = [ALIGN] if options.words else []
    if fleet.missing([*stages(options), *wished]):
        # A worker may have come since the last look; nobody is refused on old news.
        await fleet.look()
    if options.denoise and fleet.missing(["denoise"]):
        if not undenoised:
            raise Unavailable("denoise: no worker for it is running", stage="denoise")
        options = replace(options, denoise=False)
    fleet.admit(stages(options), legs)
    return Admission(options, align=options.words and not fleet.missing(wished))


async def open_claims(
    link: Link, gateway: str, legs: Sequence[Leg], terms: Admission, *, events: bool
) -> None:
    """Write the session down and offer its legs to the stages; may be repeated.

    `events`: the gateway wants to be told of every speech event.
    """
    options = terms.options
    described = wire.pack({"options": options.to_wire(), "legs": len(legs)})
    meta = legs[0].meta
    # First the session, then its claims: a stage drops claims of a session that is not there.
    await link.insist(
        [
            ("HSET", meta, "session", described, "gateway", gateway),
            ("EXPIRE", meta, keys.SESSION_TTL),
        ]
    )
    body = {
        "options": options.to_wire(),
        "gateway": gateway,
        "source": "clean" if options.denoise else "audio",
        "events": events,
        "align": terms.align,
    }
    per_leg = [stage for stage in stages(options) if stage != "asr"]
    await link.evaluate([register(stage, str(leg), body) for leg in legs for stage in per_leg])
