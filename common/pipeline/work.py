"""The work items that a stage is offered, in its stream `work`.

`gateway` is the one to notify of results. `tenant` is whose call it is. `source` is the stream that
holds the audio. `offered` is the wall-clock time of the offer, for a metric only.
"""

from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from common.options import SessionOptions
from common.pipeline.access import OPEN_TENANT
from common.pipeline.record import Message, name_set, sparse
from common.pipeline.stream_ids import BEGINNING

Source: TypeAlias = Literal["audio", "clean"]


class WorkItem(Protocol):
    """What all work items have in common."""

    @property
    def offered(self) -> float:
        """See the module."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LegWork:
    """Work on a leg for as long as it lasts.

    `events`: the gateway wants speech events as they happen. `beside`: the optional stages that
    have workers.
    """

    options: SessionOptions
    gateway: str
    source: Source
    events: bool
    beside: frozenset[str] = name_set("align")
    offered: float = sparse(0.0)
    tenant: str = sparse(OPEN_TENANT)


@dataclass(frozen=True, slots=True, kw_only=True)
class UtteranceWork:
    """Recognise an utterance that begins at `start`, with the options in force there.

    `live`: its leg's audio arrives about as fast as it is spoken. `after`: all its events lie
    behind this id in the speech stream. `replay`: it comes from a dead letter. `beside`: as in the
    work on its leg.
    """

    utterance: int
    start: int
    source: Source
    gateway: str
    options: SessionOptions
    live: bool
    beside: frozenset[str] = name_set("align")
    after: bytes = BEGINNING
    offered: float = sparse(0.0)
    replay: bool = sparse(False)
    tenant: str = sparse(OPEN_TENANT)


@dataclass(frozen=True, slots=True, kw_only=True)
class TextWork:
    """Find the times of the words of `text`, spoken in [start, end) of an utterance.

    `digest` names the text among all texts of the utterance. `after` is as in an utterance's work.
    """

    utterance: int
    digest: str
    source: Source
    start: int
    end: int
    text: str
    language: str
    gateway: str
    after: bytes = BEGINNING
    offered: float = sparse(0.0)


LEG_WORK = Message(LegWork)
UTTERANCE_WORK = Message(UtteranceWork)
TEXT_WORK = Message(TextWork)
