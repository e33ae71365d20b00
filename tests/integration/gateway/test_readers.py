"""Readers over HTTP of a call that cannot be read on: they are told, and never fall mute."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import aiohttp
import pytest
from aiohttp import WSMsgType, web

from common.bus import commands, keys
from common.bus.keys import Leg
from common.pipeline.streams import META
from common.redis.link import Link
from gateway.access.principal import anonymous
from gateway.calls.directory import Directory
from gateway.http.calls import CallResources
from gateway.http.guard import WHO
from tests.integration.gateway.feeding import RECORD, sweeping

TEXT = Leg("s", 0).key("text")


class Gate:
    """Lets everybody in."""

    @staticmethod
    def still_good(who: object) -> bool:
        return True


@pytest.fixture
async def events(link: Link) -> AsyncIterator[str]:
    """Return the address of a running call's events."""
    meta = keys.session_key("s", META)
    about = {"session": RECORD.pack(), "options": RECORD.pack_options(), "secret": b"x"}
    described = commands.describe(meta, **about, gateway="gw", opened=5_000, owner="o")
    await link.insist([described, *commands.renew([meta])])

    @web.middleware
    async def known(request: web.Request, handler: Any) -> web.StreamResponse:
        request[WHO] = anonymous("192.0.2.1")
        return cast(web.StreamResponse, await handler(request))

    app = web.Application(middlewares=[known])
    directory = Directory(link, cast(Any, None))
    async with sweeping(link) as feed:
        app.add_routes(CallResources(link, feed, directory, cast(Any, Gate())).routes())
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1/sessions/s/events"
        await runner.cleanup()


async def spoil(link: Link) -> None:
    """Put an entry into the call's text that nobody can read."""
    await link.insist([commands.append(TEXT, b"1-1", b"s", b"1", b"p", b"junk")])
    await link.insist(commands.renew([TEXT]))


def logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message for record in caplog.records if "reader." in record.message]


async def test_a_reader_over_websocket_is_closed_and_it_is_logged(link, events, caplog):
    async with aiohttp.ClientSession() as http, http.ws_connect(events) as socket:
        assert (await socket.receive_json(timeout=5))["type"] == "session_created"
        await spoil(link)
        async with asyncio.timeout(5):
            message = await socket.receive()
    assert message.type is WSMsgType.CLOSE
    assert (message.data, message.extra) == (1011, "internal_error")
    assert logged(caplog) == ["reader.failed"]


async def test_an_event_stream_breaks_off_and_it_is_logged(link, events, caplog):
    async with aiohttp.ClientSession() as http, http.get(events) as answer:
        assert b"session_created" in await answer.content.readuntil(b"\n\n")
        await spoil(link)
        async with asyncio.timeout(5):
            with pytest.raises(aiohttp.ClientPayloadError):
                await answer.content.read()
    assert logged(caplog) == ["reader.failed"]


@pytest.mark.parametrize("reader_first", [False, True])
async def test_whichever_ends_first_the_other_does_too(link, events, reader_first, caplog):
    async with aiohttp.ClientSession() as http, http.ws_connect(events) as socket:
        assert (await socket.receive_json(timeout=5))["type"] == "session_created"
        if reader_first:
            await socket.close()
            await spoil(link)
        else:
            await spoil(link)
            async with asyncio.timeout(5):
                await socket.receive()
            await socket.close()
    async with asyncio.timeout(5):
        while any("calls._send_all" in repr(task) for task in asyncio.all_tasks()):
            await asyncio.sleep(0.01)
    assert len(logged(caplog)) == (0 if reader_first else 1)
