"""Requests within a leg's audio, most of its client; they take effect at their position."""

from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from common.options import SessionOptions
from common.pipeline.record import Message, sparse


@dataclass(frozen=True, slots=True)
class Flush:
    """End the open utterance here, and answer even if there is none."""

    t: ClassVar[str] = "flush"


@dataclass(frozen=True, slots=True)
class Configure:
    """These options apply from here on."""

    t: ClassVar[str] = "config"
    options: SessionOptions


@dataclass(frozen=True, slots=True)
class End:
    """No audio follows."""

    t: ClassVar[str] = "end"


HIDDEN_DIGIT = "[DIGIT]"


@dataclass(frozen=True, slots=True)
class Digit:
    """A DTMF digit was signalled here. Every leg gets it, and that of `channel` reports it.

    `digit` is `HIDDEN_DIGIT` in a call that hides its digits.
    """

    t: ClassVar[str] = "digit"
    channel: int
    digit: str


@dataclass(frozen=True, slots=True)
class Hint:
    """What was said before a pause suggests that it end the utterance after `silence` samples.

    `utterance` and `end`, where its speech ended, name the pause. Every leg gets it, so that their
    controls are numbered alike, and that of `channel` obeys it. After `eager` samples, unless that
    is 0, the leg reports that it is likely over, with the `text` of the utterance and the
    `evidence` in it (`gateway.endpointing.tail`).
    """

    t: ClassVar[str] = "hint"
    channel: int
    utterance: int
    end: int
    silence: int
    eager: int = sparse(0)
    text: str = sparse("")
    evidence: str = sparse("")


Command: TypeAlias = Flush | Configure | End | Digit | Hint

COMMAND: Message[Command] = Message(Flush, Configure, End, Digit, Hint)
