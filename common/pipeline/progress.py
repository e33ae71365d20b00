"""The part of every checkpoint that others may read; the rest is its stage's own business."""

from dataclasses import dataclass

from common.pipeline.marks import Mark
from common.pipeline.record import Message


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the stage has `heard` its source."""

    heard: Mark


PROGRESS = Message(Progress)
