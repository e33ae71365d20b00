"""Several calls of one name, read together until all have ended."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
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
    """How far a reader of a name's calls is: the last `seq` that it has of each, by session id.

    Written ``<session>-<seq>`` with dots between, or ``<seq>`` where the name is the session id of
    the only call. A call that it does not name is read from its beginning.
    """

    name: str
    seqs: Mapping[str, int]

    @classmethod
    def parse(cls, text: str, name: str) -> Self | None:
        """Read `str(place)`; None if the text is none.

        Numbers with dots between do not say whose they are, so they count for no call.
        """
        parts = [part.rpartition("-") for part in text.split(".")]
        if not all(_is_seq(seq) for _, _, seq in parts):
            return None
        if not any(dash for _, dash, _ in parts):
            return cls(name, {name: int(text)} if len(parts) == 1 else {})
        if not all(session.isascii() and session.isalnum() for session, _, _ in parts):
            return None
        return cls(name, {session: int(seq) for session, _, seq in parts})

    def __str__(self) -> str:
        if self.seqs.keys() == {self.name}:
            return str(self.seqs[self.name])
        return ".".join(f"{session}-{seq}" for session, seq in self.seqs.items()) or "0"

    def of(self, session: str) -> int:
        """Return the last `seq` of one call."""
        return self.seqs.get(session, 0)

    def among(self, sessions: Iterable[str]) -> "Place":
        """Return the place in these calls, without those that are gone."""
        return Place(self.name, {session: self.of(session) for session in sessions})

    def at(self, session: str, seq: int) -> "Place":
        """Return the place after `seq` of one call."""
        return Place(self.name, {**self.seqs, session: max(self.of(session), seq)})


def _is_seq(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 15


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
        place: Place,
    ) -> None:
        self._link = link
        self._find = find
        present = calls[:_MOST_CALLS]
        self._place = place.among(known.session for known in present)
        self._calls: list[_Call] = []
        self._waiting: list[tuple[Place, Message]] = []
        self._found = time.monotonic()
        for known in present:
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
        call = _Call(Reading(self._link, known, after=self._place.of(known.session)))
        self._calls.append(call)
        self._waiting.append((self._place, call.renderer.begun()))

    async def _look(self) -> None:
        for call in self._calls:
            if not call.over:
                self._take(call, await call.reading.look())
                if call.reading.ended or call.gone:
                    self._end(call)
        if time.monotonic() - self._found >= _FIND_EVERY:
            await self._find_again()

    def _take(self, call: _Call, events: Sequence[Event]) -> None:
        now, session = time.time(), call.reading.known.session
        for event in events:
            if isinstance(event, Final | Words):
                self._place = self._place.at(session, event.seq)
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
