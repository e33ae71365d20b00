"""What an endpointer decides, as the speech stream carries it; positions count 16 kHz samples."""

from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal, TypeAlias

Reason: TypeAlias = Literal["silence", "flush", "finish", "length", "gap"]


@dataclass(frozen=True, slots=True)
class _Wire:
    """What events have in common. `utterance` counts from 1; `at` is the decision's position."""

    t: ClassVar[str]

    def to_wire(self) -> dict[str, Any]:
        """Return a msgpack-able mapping; `t` names the type."""
        return {"t": self.t, **values(self)}


@dataclass(frozen=True, slots=True)
class SpeechStarted(_Wire):
    """An utterance begins, pre-roll included; `probability` is the highest of its frames so far."""

    t: ClassVar[str] = "started"
    utterance: int
    start: int
    at: int
    probability: float


@dataclass(frozen=True, slots=True)
class SpeechPaused(_Wire):
    """The utterance is [start, end) unless speech resumes."""

    t: ClassVar[str] = "paused"
    utterance: int
    start: int
    end: int
    at: int


@dataclass(frozen=True, slots=True)
class SpeechResumed(_Wire):
    """The announced pause was not the end."""

    t: ClassVar[str] = "resumed"
    utterance: int
    at: int


@dataclass(frozen=True, slots=True)
class SpeechEnded(_Wire):
    """The utterance is [start, end), for good. After a pause, `end` is the one it announced."""

    t: ClassVar[str] = "ended"
    utterance: int
    start: int
    end: int
    at: int
    reason: Reason


@dataclass(frozen=True, slots=True)
class Flushed(_Wire):
    """A flush found nothing open; this utterance has no audio and is the flush's answer."""

    t: ClassVar[str] = "flushed"
    utterance: int
    at: int


Event: TypeAlias = SpeechStarted | SpeechPaused | SpeechResumed | SpeechEnded | Flushed


def values(record: Any) -> dict[str, Any]:
    """Return a dataclass's fields; `asdict` copies them deeply, at seven times the cost."""
    return {each.name: getattr(record, each.name) for each in fields(record)}
