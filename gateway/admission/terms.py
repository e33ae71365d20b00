"""Letting a session in: what it needs must be running and have room; then Redis holds it."""

from dataclasses import dataclass, replace

from common.errors import Unavailable
from common.options import SessionOptions
from common.pipeline.stages import DENOISE, beside_call, for_call
from gateway.admission.workers import Workers


@dataclass(frozen=True, slots=True)
class Admission:
    """On what terms a session is let in; `align`: words may come from aligners."""

    options: SessionOptions
    align: bool


async def admit(
    workers: Workers, options: SessionOptions, legs: int, *, undenoised: bool, name: object = None
) -> Admission:
    """Return the terms a session is let in on; Unavailable or AtCapacity if it is not.

    `undenoised`: without a denoise worker the session is let in all the same, with `denoise` off.
    `name`: what the call was counted as at its handshake, if it was.
    """
    wished = beside_call(options)
    if workers.missing([*for_call(options), *wished]):
        # A worker may have come since the last look; nobody is refused on old news.
        await workers.look()
    if options.denoise and workers.missing([DENOISE]):
        if not undenoised:
            raise Unavailable("denoise: no worker for it is running", stage=DENOISE.name)
        options = replace(options, denoise=False)
    workers.admit(name, for_call(options), legs)
    return Admission(options, align=options.words and not workers.missing(wished))
