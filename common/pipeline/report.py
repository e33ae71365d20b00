"""What each worker reports several times a second; gateways use it to admit calls."""

from dataclasses import dataclass
from typing import TypeAlias

import msgpack

from common.pipeline.record import Message, flat, sparse


@dataclass(frozen=True, slots=True, kw_only=True)
class VadLoad:
    """`audio`: seconds of live legs since the start whose utterances have ended, or silence.

    `recordings`: legs whose audio arrives faster than it was spoken. `quiet`: legs that
    sent no audio for a while, so that recognisers have nothing of them.
    """

    audio: float
    recordings: int
    quiet: int = sparse(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class AsrLoad:
    """How the recogniser's places are used; partials count in `occupied` alone.

    `places`: decodes in flight at the same time. Since the start: `occupied`, seconds of places in
    use; `work`, the part for finals, tentative and abandoned ones too; `ends`, finals of live
    calls; `late`, the late ones among them. `overdue`: finals that are late and not there yet.
    `decode`: seconds that a final of 4 s takes, 0 if not known. `legs`: how many legs the worker
    was proved to carry, 0 if not known. `voices`: whether it tells voices apart.
    """

    places: int
    occupied: float
    work: float
    ends: int
    late: int
    overdue: int
    decode: float
    legs: int = sparse(0)
    voices: bool = sparse(False)


Load: TypeAlias = VadLoad | AsrLoad


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerReport:
    """A worker's slots, how many are `used`, and its greatest `lag` (s), see `common.stage.lag`.

    `at`: wall-clock time, which changes with each report. `release`: the version of its package.
    `redacts`: it knows what calls want hidden. `load`: what its stage adds. A gateway reports
    itself so, too: its calls are its slots.
    """

    at: float
    slots: int
    used: int
    lag: float
    release: str = sparse("")
    redacts: bool = sparse(False)
    load: Load | None = flat()


WORKER_REPORT = Message(WorkerReport)


def release_of(report: bytes) -> str:
    """Return the release that a report of any wire version names, empty if it names none."""
    try:
        body = msgpack.unpackb(report)
    except ValueError:
        return ""
    release = body.get("release") if type(body) is dict else None
    return release if type(release) is str else ""
