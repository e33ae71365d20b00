"""Requests of a client within its audio; they take effect at their entry's position."""

from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from common.options import SessionOptions
from common.pipeline.record import Message


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


@dataclass(frozen=True, slots=True)
class Digit:
    """A DTMF digit was signalled here. Every leg gets it, and that of `channel` reports it."""

    t: ClassVar[str] = "digit"
    channel: int
    digit: str


Command: TypeAlias = Flush | Configure | End | Digit

COMMAND: Message[Command] = Message(Flush, Configure, End, Digit)
