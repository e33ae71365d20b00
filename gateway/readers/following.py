"""Several calls of one name, read together until all have ended."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

from gateway.calls.directory import Known
from gateway.feed.feed import Feed
from gateway.protocols.events import Event, Final, Words
from gateway.readers.reading import Reading
from gateway.readers.rendering import Message, Renderer
from gateway.readers.subscription import Subscription

_FIND_EVERY = 1.0
"""Seconds between looks for calls that have joined, or that are gone without an end, at least."""
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

    def __init__(self, subscription: Subscription) -> None:
        self.subscription = subscription
        self.known = subscription.known
        self.renderer = Renderer(self.known)
        self.over = False
        self.gone = self.known.broken
        """Whether nothing follows what can be read now: it broke off, was lost or erased."""


class Following:
    """Messages of calls from `place` on, each with the place of a reader that has it.

    As an asynchronous iterator it yields what is new, which may be nothing, at least once a second.
    `find` returns the calls again, so that one that joins later is read, too, and one that is gone
    is not waited for. `close` must be called in the end.
    """

    def __init__(
        self,
        feed: Feed,
        calls: Sequence[Known],
        find: Callable[[], Awaitable[Sequence[Known]]],
        place: Place,
    ) -> None:
        self._feed = feed
        self._find = find
        self._news = asyncio.Event()
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

    def close(self) -> None:
        """Follow the calls no more."""
        for call in self._calls:
            call.subscription.close()

    def __aiter__(self) -> AsyncIterator[list[tuple[Place, Message]]]:
        return self._messages()

    async def _messages(self) -> AsyncIterator[list[tuple[Place, Message]]]:
        await self._look()
        while True:
            messages, self._waiting = self._waiting, []
            yield messages
            if all(call.over for call in self._calls):
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(_FIND_EVERY):
                    await self._news.wait()
            self._news.clear()
            await self._take()
            if time.monotonic() - self._found >= _FIND_EVERY:
                await self._find_again()

    def _join(self, known: Known) -> None:
        reading = Reading(known, after=self._place.of(known.session))
        call = _Call(Subscription(self._feed, reading, self._news))
        call.subscription.open()
        self._calls.append(call)
        self._waiting.append((self._place, call.renderer.begun()))

    async def _look(self) -> None:
        """Look at all calls now, beside what their doorbells tell."""
        for call in self._calls:
            if not call.over:
                self._tell(call, await call.subscription.everything())
                if call.subscription.ended or call.gone:
                    self._end(call)

    async def _take(self) -> None:
        for call in self._calls:
            if not call.over:
                self._tell(call, await call.subscription.take())
                if call.subscription.ended:
                    self._end(call)

    def _tell(self, call: _Call, events: Sequence[Event]) -> None:
        now, session = time.time(), call.known.session
        for event in events:
            if isinstance(event, Final | Words):
                self._place = self._place.at(session, event.seq)
            self._waiting += [(self._place, each) for each in call.renderer.messages(event, now)]

    async def _find_again(self) -> None:
        """Find calls that have joined, and those that are gone without an end."""
        self._found = time.monotonic()
        present = {known.session: known for known in await self._find()}
        changed = False
        for call in self._calls:
            known = present.pop(call.known.session, None)
            if known is not None:
                call.subscription.configure(known)
            call.gone = known is None or known.broken
            changed = changed or (call.gone and not call.over)
        for known in present.values():
            if len(self._calls) < _MOST_CALLS:
                self._join(known)
                changed = True
        if changed:
            await self._look()

    def _end(self, call: _Call) -> None:
        call.over = True
        call.subscription.close()
        self._waiting.append((self._place, call.renderer.ended()))
