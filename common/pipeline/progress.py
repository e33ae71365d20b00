"""The public part of every checkpoint; its own stage alone reads the rest."""

from dataclasses import dataclass

from common.pipeline.record import Message, sparse
from common.pipeline.stream_ids import StreamId


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the stage has `heard` its source; `failed`: it has given the leg up."""

    heard: StreamId
    failed: bool = sparse(False)


PROGRESS = Message(Progress)
