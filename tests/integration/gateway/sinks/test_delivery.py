"""One call's delivery between a real Redis and a sink, a receiver of webhooks: times and order."""

import asyncio
import time
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiohttp import web

from common.bus import keys
from common.pipeline import text
from common.redis.link import CommandRefused, Link
from gateway.calls.directory import Directory, Known
from gateway.calls.store import WEBHOOK
from gateway.protocols.commands import About
from gateway.sinks import delivery
from gateway.sinks.delivery import Delivery
from gateway.sinks.places import Places, Standing
from gateway.sinks.service import SinkService
from gateway.webhooks import sender
from tests.integration.callscribe.processes import until_true
from tests.integration.gateway.sinks.calls import LEG, final, opened, say
from tests.integration.gateway.sinks.receiver import webhooks


def places(link: Link) -> Places:
    return Places(link, WEBHOOK)


async def test_a_message_is_tried_for_its_time_whichever_gateway_tries_it(link, feed, receiver):
    one, url = receiver
    one.status = 500
    known = await opened(link, WEBHOOK, About(webhook=url))
    await say(link, 1, final("hello"))
    progress = places(link)
    began = time.monotonic()
    hooks = webhooks(keep=1.2)
    async with hooks.opened():
        tries = 0
        while (await progress.tried(known, "s:0") or 0.0) < 1.0:  # each gateway dies after a while
            task = asyncio.create_task(Delivery(feed, known, progress, hooks).run())
            await asyncio.wait({task}, timeout=0.3)
            tries += 1
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        assert tries > 2
        await asyncio.wait_for(Delivery(feed, known, progress, hooks).run(), 5)
    assert one.got == []
    assert time.monotonic() - began >= 1.2
    one.status = 200
    assert await progress.tried(known, "s:1") == 0.0, "the next message has a time of its own"


@pytest.mark.parametrize("asked", ["²", "-1", "soon", "", "1e3", "٣"])
async def test_whatever_a_receiver_asks_for_it_is_tried_again(
    link, feed, receiver, asked, monkeypatch
):
    monkeypatch.setattr(sender, "_MOST_RETRY_AFTER", 0.1)
    one, url = receiver
    one.status, one.retry_after = 503, asked
    known = await opened(link, WEBHOOK, About(webhook=url))
    await say(link, 1, text.End())
    hooks = webhooks()
    async with hooks.opened():
        running = asyncio.create_task(Delivery(feed, known, places(link), hooks).run())
        await until_true(lambda: one.refused > 1 or running.done())
        one.status = 200
        await asyncio.wait_for(running, 10)
    assert one.got == ["session_created", "session_ended"]


async def test_a_receiver_that_refuses_and_then_answers_once_more_loses_nothing(link, feed):
    taken: list[str] = []
    refused: list[str] = []

    async def take(request: web.Request) -> web.StreamResponse:
        name = (await request.json())["type"]
        if len(refused) >= 3:
            taken.append(name)
            return web.Response()
        refused.append(name)
        answer = web.Response(status=500)
        await answer.prepare(request)
        await answer.write_eof()
        await asyncio.sleep(0.01)  # by then the connection waits for the next message
        if request.transport is not None:
            request.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        return answer

    app = web.Application()
    app.router.add_post("/", take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    known = await opened(link, WEBHOOK, About(webhook=url))
    await say(link, 1, final("hello"))
    await say(link, 2, text.End())
    hooks = webhooks()
    async with hooks.opened():
        await asyncio.wait_for(Delivery(feed, known, places(link), hooks).run(), 10)
    await runner.cleanup()
    assert taken == ["session_created", "final", "session_ended"]


async def test_a_delivery_whose_renewal_fails_ends_and_says_why(link, feed, receiver, monkeypatch):
    _, url = receiver
    known = await opened(link, WEBHOOK, About(webhook=url))
    progress = places(link)
    monkeypatch.setattr(delivery, "_RENEW_EVERY", 0.01)
    denied = CommandRefused(("EVALSHA",), cast(Any, Exception("NOPERM")))
    told: list[int] = []

    async def keep(known: Known) -> Any:
        told.append(1)
        if len(told) > 2:
            raise denied
        return Standing.THERE

    monkeypatch.setattr(progress, "keep", keep)
    hooks = webhooks()
    async with hooks.opened():
        with pytest.raises(ExceptionGroup) as caught:
            await asyncio.wait_for(Delivery(feed, known, progress, hooks).run(), 10)
    assert caught.value.exceptions == (denied,)


@pytest.mark.parametrize("renewed_first", [False, True])
async def test_a_call_is_told_its_end_once_whether_a_renewal_comes_before_or_after(
    link, feed, receiver, renewed_first, monkeypatch
):
    """The renewal names the call as long as the reply to its end is awaited."""
    one, url = receiver
    monkeypatch.setattr("gateway.sinks.places._LEASE_S", 0.1)
    await opened(link, WEBHOOK, About(webhook=url))
    await say(link, 1, text.End())
    directory = Directory(link, cast(Any, SimpleNamespace()))
    hooks = SinkService(link, feed, directory, webhooks(), every=(WEBHOOK,), retention=60)
    finish = hooks._places.finish

    async def finishing(session: str) -> None:
        if renewed_first:
            await hooks._places.renew([session])
        await finish(session)
        if not renewed_first:
            await hooks._places.renew([session])

    monkeypatch.setattr(hooks._places, "finish", finishing)
    running = asyncio.create_task(hooks.run())
    await until_true(lambda: "session_ended" in one.got)
    await until_true(lambda: not hooks._running)
    assert await link.call("ZCARD", keys.due(WEBHOOK)) == 0
    await asyncio.sleep(0.3)  # longer than the lease
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert one.got.count("session_ended") == 1


async def test_a_redis_that_came_back_without_the_list_gets_it_again(link, receiver):
    progress = places(link)
    await opened(link, WEBHOOK, About(webhook=receiver[1]))
    await link.call("UNLINK", keys.due(WEBHOOK))
    await progress.renew(["s"])
    assert await link.call("ZCARD", keys.due(WEBHOOK)) == 0, "it may have been finished"
    progress._generation -= 1
    await progress.renew(["s"])
    assert await link.call("ZRANGE", keys.due(WEBHOOK), 0, -1) == [b"s"]


async def test_partials_are_never_read_for_a_webhook(link, feed, receiver, monkeypatch):
    one, url = receiver
    known = await opened(link, WEBHOOK, About(webhook=url))
    read: set[bytes] = set()
    insist = link.insist

    async def noting(told: Any, **how: Any) -> Any:
        for command in told:
            if command[0] == b"XREAD":
                read.update(key for key in command if isinstance(key, bytes))
        return await insist(told, **how)

    monkeypatch.setattr(link, "insist", noting)
    hooks = webhooks()
    async with hooks.opened():
        running = asyncio.create_task(Delivery(feed, known, places(link), hooks).run())
        await until_true(lambda: LEG.key("text") in read)
        await say(link, 1, final("hello"))
        await say(link, 2, text.End())
        await asyncio.wait_for(running, 10)
    assert one.got == ["session_created", "final", "session_ended"]
    assert not [key for key in read if b":part:" in key]
