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


Command: TypeAlias = Flush | Configure | End

COMMAND: Message[Command] = Message(Flush, Configure, End)
