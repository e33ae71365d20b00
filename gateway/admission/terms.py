"""Admission of a session: the stages that it needs must be running and have room."""

from dataclasses import dataclass, replace

from common.errors import Unavailable
from common.options import SessionOptions
from common.pipeline import stages
from common.pipeline.stages import ASR, DENOISE, beside_call, for_call
from gateway.admission.workers import Workers


@dataclass(frozen=True, slots=True)
class Admission:
    """The terms on which a session is admitted; `stages`: see `SessionRecord`."""

    options: SessionOptions
    stages: frozenset[str]


async def admit(
    workers: Workers, options: SessionOptions, legs: int, *, undenoised: bool, name: object = None
) -> Admission:
    """Admit a session and return its terms. Raises Unavailable or AtCapacity.

    A call with `redact` is not admitted while an earlier release might recognise it, and one with
    `diarize` while a worker without the voice encoder might. `undenoised`: without a denoise worker
    the session is admitted with `denoise` off. `name`: the name under which the handshake counted
    its call, if it did.
    """
    if workers.missing([*for_call(options), *beside_call(options)]):
        # A worker may have started since the last look; no call is refused on old data.
        await workers.look()
    if options.denoise and workers.missing([DENOISE]):
        if not undenoised:
            raise Unavailable("denoise: no worker for it is running", stage=DENOISE.name)
        options = replace(options, denoise=False)
    if options.redact and (seeing := workers.seeing(for_call(options))):
        text = (
            f"redact: a worker of an earlier release is running, which hides nothing: {seeing[0]}"
        )
        raise Unavailable(text, stage=seeing[0])
    if options.diarize and workers.deaf_to_voices():
        text = "diarize: a recogniser is running that tells no voices apart (resemblyzer)"
        raise Unavailable(text, stage=ASR.name)
    workers.admit(name, for_call(options), legs)
    # Optional ones also where they are not asked for: the call may turn their option on.
    lacking = workers.missing(stages.OPTIONAL)
    beside = {spec.name for spec in stages.OPTIONAL if spec.name not in lacking}
    return Admission(options, stages.chosen(options) | beside)
