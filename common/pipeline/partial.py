"""The text of an utterance so far, as its own short stream holds it."""

from dataclasses import dataclass

from common.pipeline.record import Message, sparse
from common.pipeline.slot import Slot


@dataclass(frozen=True, slots=True)
class PartialText:
    """The text of [start, end), in 16 kHz samples; its first `stable` characters stay.

    `paused`: speech has paused at `end`, and this is the text of all of it; `slot`: what of an
    expected answer it has; `mark`: the probability 0..1 of the sentence mark at its end, if the
    recogniser tells it.
    """

    start: int
    end: int
    text: str
    stable: int
    language: str | None
    paused: bool = sparse(False)
    slot: Slot | None = sparse(None)
    mark: float | None = sparse(None)


PARTIAL_TEXT = Message(PartialText)
