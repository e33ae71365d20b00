"""What a VAD worker saves of a leg for its next owner; only VAD workers read it."""

from dataclasses import dataclass
from typing import NamedTuple, Self

from common.options import SessionOptions
from common.pipeline.record import Message, sparse
from common.pipeline.stream_ids import StreamId
from common.pipeline.work import UtteranceWork
from vad_worker.endpointer import EndpointerState
from vad_worker.framing import FramerState
from vad_worker.level import LevelState
from vad_worker.line import LineState


class Settled(NamedTuple):
    """An utterance whose final is in the text; its audio is kept for some more looks at it."""

    number: int
    start: int
    looks: int

    def looked_at(self) -> Self:
        """Return the same with one look fewer."""
        return self._replace(looks=self.looks - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class VadCheckpoint:
    """The state of a leg whose source was read up to `read`; `model` is the network's.

    `live`: its audio arrived about as fast as it is spoken. `level` and `line`: None from earlier
    releases.
    """

    gateway: str
    options: SessionOptions
    framer: FramerState
    endpointer: EndpointerState
    offers: tuple[UtteranceWork, ...]
    settled: tuple[Settled, ...]
    read: StreamId
    model: bytes
    live: bool = sparse(True)
    level: LevelState | None = sparse(None)
    line: LineState | None = sparse(None)


CHECKPOINT = Message(VadCheckpoint)
