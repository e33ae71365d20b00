"""What voice activity detection decides, as the speech stream holds it.

Positions count 16 kHz samples. `utterance` counts from 1; `at` is the position of the decision.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

from common.pipeline.record import Message, sparse
from common.pipeline.stream_ids import StreamId
from common.pipeline.trace import Endpoint

Reason: TypeAlias = Literal["silence", "flush", "finish", "length", "gap"]

LEAD, TAIL = 4_800, 1_600
"""Audio of an utterance before its first and behind its last frame of speech; less at the start of
a call, close behind another utterance, and where a flush ends it."""


@dataclass(frozen=True, slots=True)
class Started:
    """An utterance begins, pre-roll included; `probability` is the highest of its frames so far."""

    t: ClassVar[str] = "started"
    utterance: int
    start: int
    at: int
    probability: float


@dataclass(frozen=True, slots=True)
class Paused:
    """The utterance is [start, end) unless speech resumes."""

    t: ClassVar[str] = "paused"
    utterance: int
    start: int
    end: int
    at: int


@dataclass(frozen=True, slots=True)
class Resumed:
    """The announced pause was not the end."""

    t: ClassVar[str] = "resumed"
    utterance: int
    at: int


@dataclass(frozen=True, slots=True)
class Ended:
    """The utterance is [start, end). After a pause, `end` is the one it announced."""

    t: ClassVar[str] = "ended"
    utterance: int
    start: int
    end: int
    at: int
    reason: Reason


@dataclass(frozen=True, slots=True)
class Flushed:
    """A flush found nothing open; this utterance has no audio and is the flush's answer."""

    t: ClassVar[str] = "flushed"
    utterance: int
    at: int


@dataclass(frozen=True, slots=True)
class Gap:
    """The audio of [start, end) never came."""

    t: ClassVar[str] = "gap"
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Dtmf:
    """A DTMF digit was signalled at `at`."""

    t: ClassVar[str] = "dtmf"
    at: int
    digit: str


@dataclass(frozen=True, slots=True)
class Likely:
    """The pause at `end` has lasted for `waited` samples and is likely the end of the utterance.

    It ends it after `silence` samples. `text` is that of [start, end), and `evidence` what it says,
    both from the hint about this pause.
    """

    utterance: int
    start: int
    end: int
    at: int
    waited: int
    silence: int
    text: str
    evidence: str


Problem: TypeAlias = Literal["low_level", "clipping"]
"""Speech that no gain lifts to where it is well heard, or that is cut off at full scale."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong with the line, noticed at `at`; `level` is that of its speech, in dBFS."""

    at: int
    problem: Problem
    level: float


UtteranceEvent: TypeAlias = Started | Paused | Resumed | Ended | Flushed
Event: TypeAlias = UtteranceEvent | Gap | Dtmf


@dataclass(frozen=True, slots=True)
class SpeechEntry:
    """One entry of the speech stream: all events that the source entry at `at` caused.

    Order 0 stands for audio, where each frame, not each entry, is decided on. `endpoint` has the
    stamps of an entry with an end; what is decided is the same whenever that was. `likely` and
    `trouble` are no events of their own, so that earlier releases can read the entry. `voiced` are
    the samples of speech in the utterance so far, and in those before it that were cut for their
    length; 0: an entry of no utterance, or of an earlier release.
    """

    at: StreamId
    events: tuple[Event, ...]
    endpoint: Endpoint | None = sparse(None, compare=False)
    likely: Likely | None = sparse(None)
    trouble: Trouble | None = sparse(None)
    voiced: int = sparse(0)


SPEECH_ENTRY = Message(SpeechEntry)
