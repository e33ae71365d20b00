"""The URLs of calls as a sink: what is final is posted there, one message at a time."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext

import aiohttp

from gateway.calls.directory import Known
from gateway.calls.erasures import Did, Erased, Removal
from gateway.calls.store import WEBHOOK
from gateway.readers.rendering import Message
from gateway.sinks.sink import Gone, Note, erasure_note
from gateway.sinks.tally import Tally
from gateway.webhooks.addresses import Resolver
from gateway.webhooks.rules import WebhookRules
from gateway.webhooks.sender import Sender

_MOST_OF_A_HOST = 32
"""Requests at a time to one receiver."""


class Webhooks:
    """Implements `gateway.sinks.sink.Sink`."""

    name = WEBHOOK
    most = 1
    removes = False

    def __init__(self, rules: WebhookRules, tally: Tally, keep: float) -> None:
        self._rules = rules
        self.tally = tally
        self.keep = keep
        self._sender: Sender | None = None

    def wants(self, known: Known) -> bool:
        """See `Sink`."""
        return bool(known.record.about.webhook)

    def picks(self, message: Message) -> bool:
        """See `Sink`."""
        return True

    @asynccontextmanager
    async def opened(self) -> AsyncGenerator[None]:
        """See `Sink`."""
        resolver = Resolver(self._rules.addresses, aiohttp.ThreadedResolver())
        # What a receiver says once more on a connection that is kept would count as its answer to
        # the next message.
        connector = aiohttp.TCPConnector(
            resolver=resolver, limit_per_host=_MOST_OF_A_HOST, force_close=True
        )
        async with aiohttp.ClientSession(connector=connector) as http:
            self._sender = Sender(http, self._rules.secrets, self.tally)
            yield

    def beside(self, known: Known) -> AbstractAsyncContextManager[None]:
        """Do nothing."""
        return nullcontext()

    async def check(self) -> str | None:
        """Return None: each call has a receiver of its own."""
        return None

    async def put(self, known: Known, notes: Sequence[Note]) -> float | None:
        """See `Sink`."""
        assert self._sender is not None
        (note,) = notes
        return await self._sender.post(known.record.about.webhook, note.id, note.message)

    async def erase(self, erased: Erased) -> Did:
        """See `Sink`."""
        assert self._sender is not None
        url = erased.webhook or self._rules.url
        if not url:
            return Did(Removal.KEPT, "nobody knows the URL of its webhook any more")
        note = erasure_note(erased.session)
        try:
            wanted = await self._sender.post(url, note.id, note.message)
        except Gone as gone:
            return Did(Removal.KEPT, str(gone))
        if wanted is not None:
            return Did(Removal.WAITING, self.tally.reason)
        return Did(Removal.TOLD)
