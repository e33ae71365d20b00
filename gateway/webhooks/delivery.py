"""One call's webhook: each of its messages is sent until the receiver has it, in order."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from http import HTTPStatus

import aiohttp

from common.backoff import pauses
from common.telemetry.logs import Log
from gateway.calls.directory import Known
from gateway.feed.feed import Feed
from gateway.protocols.events import Dtmf, Event, Final, Keyword, Words
from gateway.readers.reading import Reading
from gateway.readers.rendering import Message, Renderer
from gateway.readers.subscription import Subscription
from gateway.webhooks.addresses import Forbidden
from gateway.webhooks.progress import Progress, Standing
from gateway.webhooks.signing import Secrets

_ANSWER_S = 15.0
"""Seconds that a receiver has to answer."""
_PAUSES = (1.0, 60.0)
"""Seconds between attempts: the first pause, and the longest."""
_MOST_RETRY_AFTER = 300.0
_RENEW_EVERY = 5.0

_log = Log(__name__)


class Gone(Exception):
    """The receiver wants nothing more of this call, or it was tried for too long."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Posts messages to receivers. `counted` gets the outcome of every attempt."""

    http: aiohttp.ClientSession
    secrets: Secrets
    counted: Callable[[str], None]

    async def post(self, url: str, message_id: str, message: Message) -> float | None:
        """Send a message; None if the receiver has it, else how long it wants to be left alone.

        That is 0.0 where it says nothing. Raises Gone if it wants no more. The signature's time is
        that of the attempt, since receivers refuse old ones.
        """
        body = json.dumps(message, ensure_ascii=False).encode()
        headers = self.secrets.headers(message_id, int(time.time()), body)
        headers["Content-Type"] = "application/json"
        try:
            # A redirect could lead to an address that nobody allowed.
            async with self.http.post(
                url,
                data=body,
                headers=headers,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=_ANSWER_S),
            ) as answer:
                status, again = answer.status, answer.headers.get("Retry-After", "")
        except aiohttp.ClientConnectorError as error:
            if isinstance(error.os_error, Forbidden):
                _log.warning("webhook.forbidden", reason=str(error.os_error))
            self.counted("forbidden" if isinstance(error.os_error, Forbidden) else "unreachable")
            return 0.0
        except (aiohttp.ClientError, TimeoutError, OSError):
            self.counted("unreachable")
            return 0.0
        if 200 <= status < 300:
            self.counted("delivered")
            return None
        self.counted("refused")
        if status == HTTPStatus.GONE:
            raise Gone
        return min(_MOST_RETRY_AFTER, float(again)) if again.isdecimal() else 0.0


class Delivery:
    """Delivers one call; `keep` is for how many seconds each message is tried."""

    def __init__(
        self, feed: Feed, known: Known, progress: Progress, sender: Sender, keep: float
    ) -> None:
        self._feed = feed
        self._known = known
        self._progress = progress
        self._sender = sender
        self._keep = keep
        self._renderer = Renderer(known)
        self._standing = Standing.BROKEN if known.broken else Standing.THERE
        self._news = asyncio.Event()

    async def run(self) -> None:
        """Deliver until the call has ended and its receiver has everything, or gives up.

        Raises what goes wrong in either of its tasks, in a group.
        """
        async with asyncio.TaskGroup() as tasks:
            renewing = tasks.create_task(self._renew())
            try:
                await self._deliver()
            except Gone:
                _log.warning("webhook.given_up", session=self._known.session)
            renewing.cancel()

    async def _deliver(self) -> None:
        async with aclosing(self._messages()) as messages:
            async for message_id, message, seq in messages:
                await self._insist(message_id, message)
                if seq is not None:
                    await self._progress.note(self._known, seq)

    async def _messages(self) -> AsyncGenerator[tuple[str, Message, int | None], None]:
        """Yield what is to be sent: its id, and the `seq` that has been told with it."""
        session = self._known.session
        standing = self._standing
        told = await self._progress.told(self._known)
        if told is None:
            yield f"{session}:0", self._renderer.begun(), 0
        reading = Reading(self._known, after=told or 0, partials=False)
        subscription = Subscription(self._feed, reading, self._news)
        subscription.open()
        try:
            events = await subscription.everything()
            while True:
                for event in events:
                    name, seq = _name(event)
                    for number, message in enumerate(self._renderer.messages(event, time.time())):
                        if name:
                            suffix = f":{number}" if number else ""
                            yield f"{session}:{name}{suffix}", message, seq
                if subscription.ended or standing is not Standing.THERE:
                    break
                await self._news.wait()
                self._news.clear()
                standing = self._standing
                over = standing is not Standing.THERE
                # Nothing rings for a call that has broken off: this is the last look at it.
                events = await (subscription.everything() if over else subscription.take())
        finally:
            subscription.close()
        if subscription.ended or standing is Standing.BROKEN:
            yield f"{session}:end", self._renderer.ended(), None

    async def _insist(self, message_id: str, message: Message) -> None:
        for pause in pauses(*_PAUSES):
            wanted = await self._sender.post(self._known.record.about.webhook, message_id, message)
            if wanted is None:
                return
            if await self._progress.tried(self._known, message_id) > self._keep:
                raise Gone
            await asyncio.sleep(max(pause, wanted))

    async def _renew(self) -> None:
        """Keep what is still to be told, and note how the call stands."""
        while self._standing is not Standing.GONE:
            self._standing = await self._progress.keep(self._known)
            if self._standing is not Standing.THERE:
                self._news.set()
            await asyncio.sleep(_RENEW_EVERY)


def _name(event: Event) -> tuple[str, int | None]:
    """Return what distinguishes an event's message, and its `seq`; empty for one that is not sent.

    Only what will not change is sent: a receiver that is slow would get partials when they are old.
    """
    match event:
        case Final(text="", failed=False):
            return "", None
        case Final() | Words():
            return str(event.seq), event.seq
        case Dtmf():
            return f"dtmf:{event.channel}:{event.at}", None
        case Keyword():
            return f"keyword:{event.channel}:{event.utterance}:{event.offset}", None
        case _:
            return "", None
