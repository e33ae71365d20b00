"""Carrying out the effects of a step while the turn already reads what comes next."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Generic, NamedTuple, TypeVar

from common.errors import OtherServer
from common.stage.api import DeadLetter, Done, Effect, Slot
from common.stage.assignments import Assignments
from common.stage.publisher import Publisher

S = TypeVar("S")


class Carried(NamedTuple, Generic[S]):
    """What became of the slots of a step; those that are not named here go on."""

    fenced: Sequence[Slot[S]]
    held_back: Sequence[Slot[S]]
    """Those that the open circuit breaker held back."""
    done: Sequence[Slot[S]]
    """Those whose work items are released."""
    letters: Sequence[tuple[Slot[S], DeadLetter]]
    """The dead letters that were written."""


class Carrying(Generic[S]):
    """The effects of the last step. `written` is called when those of a step are written."""

    def __init__(
        self, publisher: Publisher[S], assignments: Assignments, written: Callable[[], None]
    ) -> None:
        self._publisher = publisher
        self._assignments = assignments
        self._written = written
        self._task: asyncio.Task[Carried[S]] | None = None

    def begin(self, work: Sequence[tuple[Slot[S], Sequence[Effect]]]) -> None:
        """Begin with the effects of a step; those of the one before must be finished."""
        self._task = asyncio.create_task(self._step(work), name="effects")

    async def finish(self) -> Carried[S] | None:
        """Wait for the effects of the last step; None if that was done before."""
        if self._task is None:
            return None
        task, self._task = self._task, None
        return await task

    def stop(self) -> None:
        """Abandon what is under way."""
        if self._task is not None:
            self._task.cancel()

    async def carry_out(self, work: Sequence[tuple[Slot[S], Sequence[Effect]]]) -> Carried[S]:
        """Carry out effects, and release the work items that are done."""
        fenced, held_back, letters = await self._publisher.publish(work)
        written = [each for each in work if each[0] not in fenced | held_back]
        done = [slot for slot, each in written if any(isinstance(e, Done) for e in each)]
        released = [(slot.assignment.entry, slot.assignment.key) for slot in done]
        with suppress(OtherServer):  # all are opened again, as this one's end may be lost
            generation = self._publisher.generation
            await self._assignments.release(released, generation=generation)
        return Carried(list(fenced), list(held_back), done, letters)

    async def _step(self, work: Sequence[tuple[Slot[S], Sequence[Effect]]]) -> Carried[S]:
        carried = await self.carry_out(work)
        self._written()
        return carried
