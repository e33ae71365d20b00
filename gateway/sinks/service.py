"""What this gateway delivers to one sink, of the calls of all gateways."""

import asyncio
from collections.abc import Sequence
from time import monotonic

from common.backoff import pauses
from common.bus.sinks import erased
from common.redis.link import Link
from common.telemetry.logs import Log
from gateway.calls.directory import Directory
from gateway.calls.erasures import Did, Erased, Erasures, Removal
from gateway.calls.store import WEBHOOK
from gateway.feed.feed import Feed
from gateway.sinks.delivery import PAUSES, Delivery, Outcome
from gateway.sinks.places import Places
from gateway.sinks.sink import Sink

_CLAIM_EVERY = 0.5
_RENEW_EVERY = 5.0
_MOST = 2000
"""Calls that one gateway looks after for a sink; the rest waits for others."""
_LATE_S = 30.0
"""Seconds after which nothing is put any more of a call that was erased meanwhile."""

_log = Log(__name__)


class SinkService:
    """Delivers to one sink. `every`: the names of all sinks; `retention`: of a call, in s."""

    def __init__(
        self,
        link: Link,
        feed: Feed,
        directory: Directory,
        sink: Sink,
        *,
        every: Sequence[str],
        retention: float,
    ) -> None:
        self._feed = feed
        self._retention = retention
        self._directory = directory
        self._sink = sink
        self._places = Places(link, sink.name, every)
        self._erasures = Erasures(link)
        self._running: dict[str, asyncio.Task[None]] = {}

    @property
    def name(self) -> str:
        """The sink's name."""
        return self._sink.name

    async def run(self) -> None:
        """Look after deliveries for ever."""
        async with self._sink.opened():
            if (reason := await self._sink.check()) is not None:
                _log.warning("sink.unavailable", sink=self._sink.name, reason=reason)
            try:
                await self._attend()
            finally:
                for delivery in self._running.values():
                    delivery.cancel()
                await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def leave(self) -> None:
        """Let other gateways go on, once `run` has ended."""
        await self._places.report(self._sink.tally)
        await self._places.write()
        await self._places.leave(list(self._running))

    async def _attend(self) -> None:
        renewed = -_RENEW_EVERY
        while True:
            if monotonic() - renewed >= _RENEW_EVERY:
                renewed = monotonic()
                await self._places.renew(list(self._running))
                await self._places.report(self._sink.tally)
            await self._places.write()
            if len(self._running) < _MOST:
                for name in await self._places.claim():
                    self._begin(name)
            await asyncio.sleep(_CLAIM_EVERY)

    def _begin(self, name: str) -> None:
        if name not in self._running:
            task = asyncio.create_task(self._look_after(name), name=f"{self._sink.name}:{name}")
            self._running[name] = task

    async def _look_after(self, name: str) -> None:
        try:
            if (session := erased(name)) is not None:
                await self._erase(session)
                await self._places.finish(name)
            else:
                await self._deliver(name)
        except Exception as error:
            # It is claimed again when its lease has ended.
            _log.exception("sink.failed", error, sink=self._sink.name, session=name)
        del self._running[name]

    async def _deliver(self, session: str) -> None:
        found = await self._directory.find(session, None)
        known = next((each for each in found if self._sink.wants(each)), None)
        outcome = Outcome.GONE
        if known is not None:
            outcome = await Delivery(self._feed, known, self._places, self._sink).run()
        await self._places.finish(session)
        if known is None or outcome is Outcome.GONE:
            return
        retention = known.record.retention or self._retention
        await self._places.take(known, max(self._retention, retention))
        if outcome is Outcome.OVER:
            await self._places.release(known, retention)

    async def _erase(self, session: str) -> None:
        """Remove a call from the sink; once more when no gateway puts anything of it any more."""
        call = await self._erasures.read(session) or Erased(session)
        if self._sink.removes:
            await self._insist_on_erasing(call)
        await asyncio.sleep(_LATE_S)
        did = await self._insist_on_erasing(call)
        await self._erasures.note(session, self.name, did)
        if self.name == WEBHOOK:
            await self._erasures.forget_webhook(session)
        _log.info("sink.erased", sink=self.name, session=session, outcome=did.removal.value)

    async def _insist_on_erasing(self, call: Erased) -> Did:
        """Return what the sink did in the end; KEPT if its receivers could not be told in time."""
        began = monotonic()
        waits = pauses(*PAUSES)
        while (did := await self._sink.erase(call)).removal is Removal.WAITING:
            if not self._sink.removes and monotonic() - began > self._sink.keep:
                return Did(Removal.KEPT, did.reason)
            await self._erasures.note(call.session, self.name, did)
            await asyncio.sleep(next(waits))
        return did
