"""The webhooks that this gateway looks after."""

import asyncio
from collections.abc import Callable
from time import monotonic

import aiohttp

from common.redis.link import Link
from common.telemetry.logs import Log
from gateway.calls.directory import Directory
from gateway.feed.feed import Feed
from gateway.webhooks.addresses import Resolver
from gateway.webhooks.delivery import Delivery, Sender
from gateway.webhooks.progress import Progress
from gateway.webhooks.rules import WebhookRules

_CLAIM_EVERY = 0.5
_RENEW_EVERY = 5.0
_MOST = 2000
"""Webhooks that one gateway looks after; the rest waits for others."""
_MOST_OF_A_HOST = 32
"""Requests at a time to one receiver."""

_log = Log(__name__)


class Webhooks:
    """Delivers calls of any gateway; `keep`: see `Delivery`."""

    def __init__(
        self,
        link: Link,
        feed: Feed,
        directory: Directory,
        rules: WebhookRules,
        counted: Callable[[str], None],
        *,
        keep: float,
    ) -> None:
        self._feed = feed
        self._directory = directory
        self._rules = rules
        self._counted = counted
        self._keep = keep
        self._progress = Progress(link)
        self._running: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Look after webhooks for ever."""
        resolver = Resolver(self._rules.addresses, aiohttp.ThreadedResolver())
        connector = aiohttp.TCPConnector(resolver=resolver, limit_per_host=_MOST_OF_A_HOST)
        async with aiohttp.ClientSession(connector=connector) as http:
            sender = Sender(http, self._rules.secrets, self._counted)
            try:
                await self._attend(sender)
            finally:
                for delivery in self._running.values():
                    delivery.cancel()
                await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def leave(self) -> None:
        """Let other gateways go on, once `run` has ended."""
        await self._progress.leave(list(self._running))

    async def _attend(self, sender: Sender) -> None:
        renewed = monotonic()
        while True:
            if monotonic() - renewed >= _RENEW_EVERY:
                renewed = monotonic()
                await self._progress.renew(list(self._running))
            if len(self._running) < _MOST:
                for session in await self._progress.claim():
                    self._begin(session, sender)
            await asyncio.sleep(_CLAIM_EVERY)

    def _begin(self, session: str, sender: Sender) -> None:
        if session not in self._running:
            task = asyncio.create_task(self._deliver(session, sender), name=f"webhook:{session}")
            self._running[session] = task

    async def _deliver(self, session: str, sender: Sender) -> None:
        try:
            for known in await self._directory.find(session, None):
                if known.session == session and known.record.about.webhook:
                    await Delivery(self._feed, known, self._progress, sender, self._keep).run()
            await self._progress.finish(session)
        except Exception as error:
            # It is claimed again when its lease has ended.
            _log.exception("webhook.failed", error, session=session)
        del self._running[session]
