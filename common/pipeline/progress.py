"""The public part of every checkpoint; its own stage alone reads the rest."""

from dataclasses import dataclass

from common.pipeline.marks import Mark
from common.pipeline.record import Message


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the stage has `heard` its source."""

    heard: Mark


PROGRESS = Message(Progress)
