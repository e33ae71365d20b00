"""The message that corrects who spoke, and what it has in common with a final."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

from callscribe.client.base_event import BaseEvent


@dataclass(frozen=True, slots=True)
class Stretch:
    """Where in an utterance one speaker speaks, in s of audio."""

    speaker: int
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Respoken:
    """An earlier utterance of the channel, and who is known now to speak in it."""

    utterance: int
    speaker: int
    speakers: tuple[Stretch, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class SpeakerRevision(BaseEvent):
    """It is known better who said earlier finals; `revision` counts these of the channel from 1."""

    kind = "speaker_revision"
    revision: int
    utterances: tuple[Respoken, ...]

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> Self:
        """Read a message's fields, the utterances among them."""
        given = {f.name: wire[f.name] for f in fields(cls) if f.name in wire}
        given["utterances"] = tuple(
            Respoken(each["utterance"], each["speaker"], stretches_of(each["speakers"]))
            for each in given["utterances"]
        )
        return cls(**given)


def speaker_at(speakers: Sequence[Stretch], start: float, end: float) -> int | None:
    """Return who says a word in [start, end), as the server does: the nearest to its middle."""
    middle = (start + end) / 2

    def away(each: Stretch) -> float:
        return max(each.start - middle, middle - each.end, 0.0)

    nearest = min(speakers, key=away, default=None)
    return None if nearest is None else nearest.speaker


def stretches_of(wire: Iterable[Mapping[str, Any]]) -> tuple[Stretch, ...]:
    """Read the field `speakers` of a message."""
    return tuple(Stretch(each["speaker"], each["start"], each["end"]) for each in wire)
