"""An erasure goes on when whoever asked for it is gone, and to its end when the gateway stops."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from common.bus import keys
from common.bus.keys import Leg
from common.options import SessionOptions
from common.pipeline.streams import META
from common.redis.link import Link
from gateway.calls.directory import Directory
from gateway.calls.store import ERASED, SessionStore
from gateway.protocols.commands import About, AudioFormat
from gateway.record import ResumeToken, SessionRecord
from tests.integration.conftest import wait_until
from tests.real_redis import admin

TENANT = "acme"
NAMELESS = About()


@pytest.fixture
async def directory(link: Link) -> AsyncIterator[Directory]:
    directory = Directory(link, SessionStore(link, "gw"))
    yield directory
    await directory.close()


async def opened(link: Link, name: str = "call-7", about: About = NAMELESS) -> str:
    """Open a call as a gateway does; return its id."""
    token = ResumeToken.issue(name)
    record = SessionRecord(
        options=SessionOptions(),
        audio=AudioFormat("pcm16", 16_000, 1),
        events=frozenset(),
        about=about,
        stages=frozenset(),
        doorbell="gw",
        tenant=TENANT,
    )
    await SessionStore(link, "gw").open(token, "owner", record)
    return token.session


async def test_a_name_keeps_no_calls_that_are_gone(link, directory):
    about = About(conversation="case 7")
    gone, stays = [await opened(link, name, about) for name in ("call-7", "call-8")]
    assert [each.session for each in await directory.find("case 7", TENANT)] == [gone, stays]
    await link.call("UNLINK", keys.session_key(gone, META))
    assert [each.session for each in await directory.find("case 7", TENANT)] == [stays]
    assert await link.call("ZRANGE", keys.named(TENANT, "case 7"), 0, -1) == [stays.encode()]


async def test_an_erasure_outlives_whoever_asked_for_it(link, redis_url, directory):
    session = await opened(link)
    (known,) = await directory.find(session, None)
    with admin(redis_url) as client:
        late = Leg(session, 0).key("audio")
        asking = asyncio.create_task(directory.erase(known))
        meta = keys.session_key(session, META)
        await wait_until(
            lambda: client.hget(meta, "owner") == ERASED.encode(), "it is being erased"
        )
        asking.cancel()
        await wait_until(lambda: not client.hlen(keys.index("vad")), "it is erased")
        assert not client.exists(meta)
        client.xadd(late, {"p": "x"})
        await wait_until(lambda: not client.exists(late), "what was written late is erased")


async def test_a_gateway_that_stops_finishes_its_erasures(link, redis_url, directory):
    session = await opened(link)
    (known,) = await directory.find(session, None)
    with admin(redis_url) as client:
        late = Leg(session, 0).key("audio")
        client.xadd(late, {"p": "x"})
        asking = asyncio.create_task(directory.erase(known))
        await asyncio.sleep(0)
        asking.cancel()
        await directory.close()
        assert not client.exists(keys.session_key(session, META))
        assert not client.hlen(keys.index("vad"))
        assert not client.exists(late)
