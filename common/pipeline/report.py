"""What each worker tells gateways of itself, several times a second: they admit calls by it."""

from dataclasses import dataclass
from typing import TypeAlias

from common.pipeline.record import Message, flat


@dataclass(frozen=True, slots=True, kw_only=True)
class VadLoad:
    """`audio`: seconds of live legs since the start whose utterances have ended, or silence.

    `recordings`: legs whose audio comes faster than it was spoken.
    """

    audio: float
    recordings: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AsrLoad:
    """What the recogniser's places are used for; partials count in `held` alone.

    `places`: decodes in flight at once. Since the start: `held`, seconds that places were taken;
    `work`, those of finals, tentative and abandoned ones too; `ends`, finals of live calls, and
    `late`, those that came late. `overdue`: those that are late and not there yet. `decode`: what
    a final of 4 s takes (s); 0 if not known.
    """

    places: int
    held: float
    work: float
    ends: int
    late: int
    overdue: int
    decode: float


Load: TypeAlias = VadLoad | AsrLoad


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerReport:
    """A worker's slots, how many are `used`, and the seconds that arrived audio waited at most.

    `at`: wall-clock time, which changes with each report. `load`: what its stage adds.
    """

    at: float
    slots: int
    used: int
    lag: float
    load: Load | None = flat()


WORKER_REPORT = Message(WorkerReport)
