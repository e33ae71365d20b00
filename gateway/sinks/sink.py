"""What a place for results is, as the delivery of a call sees it."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from gateway.calls.directory import Known
from gateway.calls.erasures import Did, Erased
from gateway.readers.rendering import Message
from gateway.sinks.filters import ERASED
from gateway.sinks.tally import Tally


class Gone(Exception):
    """The sink gets nothing more of this call; `dropped`: although it wanted more."""

    def __init__(self, why: str, *, dropped: bool = False) -> None:
        super().__init__(why)
        self.dropped = dropped


@dataclass(frozen=True, slots=True)
class Note:
    """A message with its `id`, which is the same each time that it is delivered.

    `seq`: what has been told once this message has been; None if that does not change with it.
    """

    id: str
    message: Message
    seq: int | None


def erasure_note(session: str) -> Note:
    """Return the message that tells of a call's erasure; nothing follows it."""
    return Note(f"{session}:erased", {"type": ERASED, "session_id": session}, None)


class Sink(Protocol):
    """Where the results of calls go. It may get a message again: its id tells."""

    @property
    def name(self) -> str:
        """What it is called in Redis, logs and metrics."""

    @property
    def most(self) -> int:
        """How many messages it takes at a time; 0: all of a call, once that is over."""

    @property
    def keep(self) -> float:
        """For how many seconds a message is tried."""

    @property
    def tally(self) -> Tally:
        """What counts what comes of it."""

    def wants(self, known: Known) -> bool:
        """Tell whether it gets this call."""

    def picks(self, message: Message) -> bool:
        """Tell whether it gets this message of such a call."""

    def opened(self) -> AbstractAsyncContextManager[None]:
        """Return what holds its connections. It does not need to reach anything to begin."""

    def beside(self, known: Known) -> AbstractAsyncContextManager[None]:
        """Return what it does of a call while that is delivered."""

    async def check(self) -> str | None:
        """Return why it takes nothing now, as far as one can tell without writing; or None."""

    async def put(self, known: Known, notes: Sequence[Note]) -> float | None:
        """Take messages of a call, in order; None if it has them, else how long to leave it alone.

        That is 0.0 where it does not say. Raises Gone if it wants no more of this call.
        """

    @property
    def removes(self) -> bool:
        """Whether it can remove what it has of a call; else its receivers are told, once."""

    async def erase(self, erased: Erased) -> Did:
        """Remove what it has of a call, or tell its receivers; WAITING: it cannot now."""
