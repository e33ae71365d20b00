"""The text of an utterance so far, as its own short stream holds it."""

from dataclasses import dataclass

from common.pipeline.record import Message


@dataclass(frozen=True, slots=True)
class PartialText:
    """The text of [start, end), in 16 kHz samples; its first `stable` characters stay."""

    start: int
    end: int
    text: str
    stable: int
    language: str | None


PARTIAL_TEXT = Message(PartialText)
