"""A feed at a real Redis follows calls of other gateways by their doorbells."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import cast

from common.bus import commands, keys, scripts
from common.bus.doorbells import notify
from common.bus.keys import Leg
from common.pipeline import text
from common.pipeline.record import pack
from common.pipeline.streams import META
from common.redis.link import Link
from common.telemetry.metrics import BusMetrics, new_registry
from gateway.calls.directory import Known
from gateway.feed.feed import Feed
from gateway.protocols.events import Final
from gateway.readers.reading import Reading
from gateway.readers.subscription import Subscription
from tests.integration.gateway import feeding
from tests.real_redis import admin_address

LEG = Leg("s", 0)
META_KEY = keys.session_key("s", META)
RECORD = replace(feeding.RECORD, doorbell="theirs")


@asynccontextmanager
async def heard_only(link: Link, redis_url: str) -> AsyncIterator[Feed]:
    """Run a feed that never sweeps: what it finds it was rung for."""
    dialled: list[Link] = []

    async def dial(role: str) -> Link:
        dialled.append(one := Link(admin_address(redis_url), role))
        await one.connect()
        return one

    feed = Feed(link, "ours", BusMetrics.build(new_registry(version="0", service="gateway")), dial)
    running = asyncio.create_task(feed.run())
    yield feed
    assert not running.done()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    for each in dialled:
        await each.close()


async def ring_until(link: Link, news: asyncio.Event) -> None:
    """Ring as workers do; the follower may not listen yet."""
    async with asyncio.timeout(10):
        while not news.is_set():
            await link.insist([notify(keys.out("theirs"), (str(LEG), b"text"))])
            await asyncio.sleep(0.01)


async def test_a_reader_of_another_gateways_call_hears_that_gateways_doorbell(link, redis_url):
    said = text.Final(start=0, end=8_000, at=16_000, text="hello", reason="silence")
    names = (LEG.key("text"), LEG.key("parked"), META_KEY, LEG.key("part:1"))
    about = {"session": RECORD.pack(), "options": RECORD.pack_options(), "secret": b"x"}
    described = commands.describe(META_KEY, **about, gateway="theirs", opened=5_000, owner="o")
    await link.insist([described, *commands.renew([META_KEY])])
    async with heard_only(link, redis_url) as feed:
        news = asyncio.Event()
        reader = Subscription(feed, Reading(Known("s", RECORD, "theirs", 5_000)), news)
        reader.open()
        arguments = (1, pack(said), keys.SESSION_TTL, text.ANSWERS_KEPT)
        await link.evaluate([(scripts.COMMIT, names, arguments)])
        await ring_until(link, news)
        (event,) = await reader.take()
        assert cast(Final, event).text == "hello"
        reader.close()
