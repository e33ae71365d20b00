"""Admission of a session: the stages that it needs must be running and have room."""

from dataclasses import dataclass, replace

from common.errors import Unavailable
from common.options import SessionOptions
from common.pipeline.stages import DENOISE, beside_call, for_call
from gateway.admission.workers import Workers


@dataclass(frozen=True, slots=True)
class Admission:
    """The terms on which a session is admitted; `align`: words may come from aligners."""

    options: SessionOptions
    align: bool


async def admit(
    fleet: Workers, options: SessionOptions, legs: int, *, undenoised: bool, name: object = None
) -> Admission:
    """Admit a session and return its terms. Raises Unavailable or AtCapacity.

    `undenoised`: without a denoise worker the session is admitted with `denoise` off. `name`: the
    name under which the handshake counted the call, if it did.
    """
    wished = beside_call(options)
    if fleet.missing([*for_call(options), *wished]):
        # A worker may have started since the last look; no call is refused on old data.
        await fleet.look()
    if options.denoise and fleet.missing([DENOISE]):
        if not undenoised:
            raise Unavailable("denoise: no worker for it is running", stage=DENOISE.name)
        options = replace(options, denoise=False)
    fleet.admit(name, for_call(options), legs)
    return Admission(options, align=options.words and not fleet.missing(wished))
