"""One call's delivery to one sink: each message is tried until the sink has it, in order."""

import asyncio
import time
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from enum import Enum

from common.backoff import pauses
from common.telemetry.logs import Log
from gateway.calls.directory import Known
from gateway.feed.feed import Feed
from gateway.protocols.events import Dtmf, Event, Final, Keyword, SpeakerRevision, Words
from gateway.readers.reading import Reading
from gateway.readers.rendering import Message, Renderer
from gateway.readers.subscription import Subscription
from gateway.sinks.places import Places, Standing
from gateway.sinks.sink import Gone, Note, Sink

PAUSES = (1.0, 60.0)
"""Seconds between attempts: the first pause, and the longest."""
_RENEW_EVERY = 5.0

_log = Log(__name__)


class Outcome(Enum):
    """How a delivery ended."""

    OVER = "over"
    """The call is over, and the sink has all of it."""
    GIVEN_UP = "given up"
    """The sink gets nothing more of it, or nobody knows whether more comes."""
    GONE = "gone"
    """The call is not in Redis any more."""


class _Again(Exception):
    """The sink is to be told again, from the place where it is told to begin."""


class Delivery:
    """Delivers one call."""

    def __init__(self, feed: Feed, known: Known, places: Places, sink: Sink) -> None:
        self._feed = feed
        self._known = known
        self._places = places
        self._sink = sink
        self._renderer = Renderer(known)
        self._standing = Standing.BROKEN if known.broken else Standing.THERE
        self._news = asyncio.Event()
        self._over = False

    async def run(self) -> Outcome:
        """Deliver until the call has ended and the sink has everything, or it is given up.

        Raises what goes wrong in either of its tasks, in a group.
        """
        async with asyncio.TaskGroup() as tasks:
            renewing = tasks.create_task(self._renew())
            try:
                async with self._sink.beside(self._known):
                    while not await self._delivered():
                        _log.info("sink.again", sink=self._sink.name, session=self._known.session)
            except Gone as gone:
                if gone.dropped:
                    self._sink.tally.dropped()
                about = {"sink": self._sink.name, "session": self._known.session}
                _log.warning("sink.given_up", **about, reason=str(gone))
            renewing.cancel()
        if self._standing is Standing.GONE:
            return Outcome.GONE
        return Outcome.OVER if self._over else Outcome.GIVEN_UP

    async def _delivered(self) -> bool:
        """Deliver; False if the sink is to be told again."""
        whole: list[Note] = []
        try:
            async with aclosing(self._news_of_the_call()) as news:
                async for notes in news:
                    if not self._sink.most:
                        whole += notes
                        continue
                    for some in _batches(notes, self._sink.most):
                        await self._insist(some)
                        if told := [note.seq for note in some if note.seq is not None]:
                            self._places.note(self._known, told[-1])
                        self._heed(self._standing)
            if whole and self._standing is not Standing.GONE:
                await self._insist(whole)
        except _Again:
            return False
        return True

    async def _news_of_the_call(self) -> AsyncGenerator[list[Note]]:
        """Yield what is to be told, as it comes."""
        standing, told = await self._places.begin(self._known)
        self._heed(standing)
        if not self._sink.most:
            told = None
        if told is None:
            yield list(self._picked("0", [self._renderer.begun()], 0))
        reading = Reading(self._known, after=told or 0, partials=False)
        subscription = Subscription(self._feed, reading, self._news)
        subscription.open()
        try:
            events = await subscription.everything()
            while True:
                yield [note for event in events for note in self._notes(event)]
                if subscription.ended or standing is not Standing.THERE:
                    break
                await self._news.wait()
                self._news.clear()
                self._heed(standing := self._standing)
                over = standing is not Standing.THERE
                # Nothing rings for a call that has broken off: this is the last look at it.
                events = await (subscription.everything() if over else subscription.take())
        finally:
            subscription.close()
        self._over = subscription.ended or standing is Standing.BROKEN
        if self._over:
            yield list(self._picked("end", [self._renderer.ended()], None))

    def _notes(self, event: Event) -> Iterator[Note]:
        name, seq = _name(event)
        if name:
            yield from self._picked(name, self._renderer.messages(event, time.time()), seq)

    def _picked(self, name: str, messages: Sequence[Message], seq: int | None) -> Iterator[Note]:
        for number, message in enumerate(messages):
            if self._sink.picks(message):
                suffix = f":{number}" if number else ""
                yield Note(f"{self._known.session}:{name}{suffix}", message, seq)

    async def _insist(self, notes: Sequence[Note]) -> None:
        tried: float | None = None
        for pause in pauses(*PAUSES):
            wanted = await self._sink.put(self._known, notes)
            if wanted is None:
                break
            tried = await self._places.tried(self._known, notes[0].id)
            if tried is not None and tried > self._sink.keep:
                raise Gone(f"{notes[0].id} was tried for {tried:.0f} s", dropped=True)
            await asyncio.sleep(max(pause, wanted))
            self._heed(self._standing)
            if tried is None or self._standing is Standing.GONE:
                raise Gone("the call is gone")
        if tried is not None:
            await self._places.succeeded(self._known)

    async def _renew(self) -> None:
        """Keep what is still to be told, and note how the call stands."""
        while self._standing is not Standing.GONE:
            self._standing = await self._places.keep(self._known)
            if self._standing is not Standing.THERE:
                self._news.set()
            await asyncio.sleep(_RENEW_EVERY)

    def _heed(self, standing: Standing) -> None:
        """Note how the call stands; raise where its delivery does not go on so."""
        self._standing = standing
        if standing is not Standing.THERE:
            self._news.set()
        if standing is Standing.SKIPPED:
            raise Gone("an operator skipped it", dropped=True)
        if standing is Standing.AGAIN:
            raise _Again


def _batches(notes: Sequence[Note], most: int) -> Iterator[Sequence[Note]]:
    return (notes[at : at + most] for at in range(0, len(notes), most))


def _name(event: Event) -> tuple[str, int | None]:
    """Return what distinguishes an event's message, and its `seq`; empty for one that is not told.

    Only what is settled, or corrected by what comes later, is told: a sink that is slow would get
    partials when they are old.
    """
    match event:
        case Final(text="", failed=False):
            return "", None
        case Final() | Words():
            return str(event.seq), event.seq
        case SpeakerRevision():
            return f"speakers:{event.channel}:{event.number}", None
        case Dtmf():
            return f"dtmf:{event.channel}:{event.at}", None
        case Keyword():
            return f"keyword:{event.channel}:{event.utterance}:{event.offset}", None
        case _:
            return "", None
