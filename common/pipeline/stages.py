"""Every stage: what it owns, what it reads and writes, and which calls need it."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum
from typing import Any

from common.options import SessionOptions
from common.pipeline.record import Message
from common.pipeline.streams import (
    ALIGN as ALIGN_STREAM,
)
from common.pipeline.streams import (
    AUDIO,
    CHECKPOINT,
    CLEAN,
    OF_A_LEG,
    PARTIAL,
    SPEECH,
    TEXT,
    Lifetime,
    Stream,
)
from common.pipeline.work import LEG_WORK, TEXT_WORK, UTTERANCE_WORK


class Unit(Enum):
    """What one work item of a stage is about."""

    LEG = "leg"
    """A leg, from its first sample to its end. The key of the item is the leg."""
    UTTERANCE = "utterance"
    """One utterance: ``<leg>/<n>``."""
    TEXT = "text"
    """One text of an utterance: ``<leg>/<n>/<digest>``."""


@dataclass(frozen=True, slots=True)
class StageSpec:
    """One stage.

    `output`: what it writes, in the order of the source; a new owner continues behind its end.
    `fences`: the epoch streams of a work item. A new owner writes its epoch there; the first of
    them orders the owners. `offered_by`: the service that offers its work items. `woken`: the
    writers of its inputs notify it; other stages read on a timer. `required`: no call begins
    without it. `wanted_by`: the session option that asks for it. `beside`: calls can continue
    without it, and never wait for it.
    """

    name: str
    unit: Unit
    work: Message[Any]
    reads: tuple[Stream, ...]
    output: Stream
    fences: tuple[Stream, ...]
    offered_by: str = "gateway"
    woken: bool = False
    required: bool = False
    wanted_by: str | None = None
    beside: bool = False

    @property
    def checkpoints(self) -> bool:
        """Whether it saves states, and trims what it reads behind them: only work on legs does."""
        return self.unit is Unit.LEG

    @property
    def finishes(self) -> bool:
        """Whether a draining worker finishes its work items; it hands over legs immediately."""
        return self.unit is not Unit.LEG

    def fences_of(self, key: str) -> list[Stream]:
        """Return the epoch streams of the work item with this key."""
        _, *number = key.split("/")[:2]
        return [each.of(*number) if each.number else each for each in self.fences]

    def asked_for(self, options: SessionOptions) -> bool:
        """Whether a session with these options passes through it."""
        return self.required or (self.wanted_by is not None and getattr(options, self.wanted_by))


DENOISE = StageSpec(
    "denoise",
    Unit.LEG,
    LEG_WORK,
    reads=(AUDIO,),
    output=CLEAN,
    fences=(CHECKPOINT.of("denoise"),),
    wanted_by="denoise",
)
VAD = StageSpec(
    "vad",
    Unit.LEG,
    LEG_WORK,
    reads=(AUDIO, CLEAN),
    output=SPEECH,
    fences=(CHECKPOINT.of("vad"), SPEECH),
    required=True,
)
ASR = StageSpec(
    "asr",
    Unit.UTTERANCE,
    UTTERANCE_WORK,
    reads=(SPEECH, AUDIO, CLEAN),
    output=TEXT,
    fences=(PARTIAL,),
    offered_by=VAD.name,
    woken=True,
    required=True,
)
ALIGN = StageSpec(
    "align",
    Unit.TEXT,
    TEXT_WORK,
    reads=(AUDIO, CLEAN),
    output=TEXT,
    fences=(ALIGN_STREAM,),
    offered_by=ASR.name,
    wanted_by="words",
    beside=True,
)

PIPELINE = (DENOISE, VAD, ASR, ALIGN)
NAMES = tuple(spec.name for spec in PIPELINE)
REQUIRED = tuple(spec for spec in PIPELINE if spec.required)
"""What every call passes through."""


OPTIONAL = tuple(spec for spec in PIPELINE if spec.beside)
"""What calls can continue without."""


def for_call(options: SessionOptions) -> list[StageSpec]:
    """Return the stages that a call with these options needs, in order."""
    return [spec for spec in PIPELINE if spec.asked_for(options) and not spec.beside]


def chosen(options: SessionOptions) -> frozenset[str]:
    """Return the names of the stages that such a call needs and others do not."""
    return frozenset(spec.name for spec in for_call(options) if not spec.required)


def beside_call(options: SessionOptions) -> list[StageSpec]:
    """Return the optional stages of such a call: it can continue without them."""
    return [spec for spec in PIPELINE if spec.asked_for(options) and spec.beside]


def offered_beside(names: Collection[str], by: StageSpec) -> list[StageSpec]:
    """Return the optional stages among `names` to which a stage offers work items."""
    return [spec for spec in PIPELINE if spec.name in names and spec.offered_by == by.name]


def _working() -> tuple[Stream, ...]:
    checkpoints = [s for spec in PIPELINE for s in spec.fences if s.startswith(CHECKPOINT)]
    lasting = (Lifetime.SESSION, Lifetime.CONSUMED)
    streams = [s for s in OF_A_LEG if s.lifetime in lasting and not s.number]
    return (*streams, *checkpoints)


WORKING = _working()
"""A leg's streams that are needed only as long as its call lasts."""
RENEWED = (TEXT, *WORKING)
"""A leg's streams that a gateway keeps alive while the call lasts."""
