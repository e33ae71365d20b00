"""Letting a session in: what it needs must be running and have room; then Redis holds it."""

from dataclasses import dataclass, replace

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


async def admit(
    fleet: Fleet, options: SessionOptions, legs: int, *, undenoised: bool, name: object = None
) -> Admission:
    """Return the terms a session is let in on; Unavailable or AtCapacity if it is not.

    `undenoised`: without a denoise worker the session is let in all the same, with `denoise` off.
    `name`: what the call was counted as at the door, if it was.
    """
    wished = [ALIGN] if options.words else []
    if fleet.missing([*stages(options), *wished]):
        # A worker may have come since the last look; nobody is refused on old news.
        await fleet.look()
    if options.denoise and fleet.missing(["denoise"]):
        if not undenoised:
            raise Unavailable("denoise: no worker for it is running", stage="denoise")
        options = replace(options, denoise=False)
    fleet.admit(name, stages(options), legs)
    return Admission(options, align=options.words and not fleet.missing(wished))
