"""Several calls of one name, read together until all have ended."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Self

from common.redis.link import Link
from gateway.calls.directory import Known
from gateway.protocols.events import Event, Final, Words
from gateway.readers.reading import Reading
from gateway.readers.rendering import Message, Renderer

LOOK_EVERY = 0.1
"""Seconds between looks for new results."""
_FIND_EVERY = 1.0
"""Seconds between looks for calls that have joined, or that are gone without an end."""
_MOST_CALLS = 64


@dataclass(frozen=True, slots=True)
class Place:
    """How far a reader is: the last `seq` that it has of each call, in the order of the calls.

    Written with dots between: ``7`` for a single call, ``7.3`` for two.
    """

    seqs: tuple[int, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read `str(place)`; None if the text is none."""
        parts = text.split(".")
        plausible = len(parts) <= _MOST_CALLS and all(
            part.isascii() and part.isdigit() and len(part) <= 15 for part in parts
        )
        return cls(tuple(map(int, parts))) if plausible else None

    def __str__(self) -> str:
        return ".".join(map(str, self.seqs))

    def of(self, call: int) -> int:
        """Return the last `seq` of one call."""
        return self.seqs[call] if call < len(self.seqs) else 0

    def at(self, call: int, seq: int) -> "Place":
        """Return the place after `seq` of one call."""
        padded = [self.of(each) for each in range(max(len(self.seqs), call + 1))]
        padded[call] = max(padded[call], seq)
        return Place(tuple(padded))


class _Call:
    """One of the calls."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.renderer = Renderer(reading.known)
        self.over = False
        self.gone = reading.known.broken
        """Whether nothing follows what can be read now: it broke off, was lost or erased."""


class Following:
    """Messages of calls from `place` on, each with the place of a reader that has it.

    As an asynchronous iterator it yields what every look has found, which may be nothing. `find`
    returns the calls again, so that one that joins later is read, too, and one that is gone is not
    waited for.
    """

    def __init__(
        self,
        link: Link,
        calls: Sequence[Known],
        find: Callable[[], Awaitable[Sequence[Known]]],
        place: Place = Place(),
    ) -> None:
        self._link = link
        self._find = find
        self._place = place
        self._calls: list[_Call] = []
        self._waiting: list[tuple[Place, Message]] = []
        self._found = time.monotonic()
        for known in calls[:_MOST_CALLS]:
            self._join(known)

    async def exhausted(self) -> bool:
        """Whether all calls have ended and the reader has everything: nothing will be yielded."""
        await self._look()
        frame = ("session_created", "session_ended")
        new = [message for _, message in self._waiting if message["type"] not in frame]
        return not new and all(call.over for call in self._calls)

    def __aiter__(self) -> AsyncIterator[list[tuple[Place, Message]]]:
        return self._messages()

    async def _messages(self) -> AsyncIterator[list[tuple[Place, Message]]]:
        while True:
            await self._look()
            messages, self._waiting = self._waiting, []
            yield messages
            if all(call.over for call in self._calls):
                return
            await asyncio.sleep(LOOK_EVERY)

    def _join(self, known: Known) -> None:
        call = _Call(Reading(self._link, known, after=self._place.of(len(self._calls))))
        self._calls.append(call)
        self._waiting.append((self._place, call.renderer.begun()))

    async def _look(self) -> None:
        for index, call in enumerate(self._calls):
            if not call.over:
                self._take(index, call, await call.reading.look())
                if call.reading.ended or call.gone:
                    self._end(call)
        if time.monotonic() - self._found >= _FIND_EVERY:
            await self._find_again()

    def _take(self, index: int, call: _Call, events: Sequence[Event]) -> None:
        now = time.time()
        for event in events:
            if isinstance(event, Final | Words):
                self._place = self._place.at(index, event.seq)
            self._waiting += [(self._place, each) for each in call.renderer.messages(event, now)]

    async def _find_again(self) -> None:
        self._found = time.monotonic()
        present = {known.session: known for known in await self._find()}
        for call in self._calls:
            known = present.pop(call.reading.known.session, None)
            if known is not None:
                call.reading.configure(known)
            call.gone = known is None or known.broken
        for known in present.values():
            if len(self._calls) < _MOST_CALLS:
                self._join(known)

    def _end(self, call: _Call) -> None:
        call.over = True
        self._waiting.append((self._place, call.renderer.ended()))
