"""Finals reach a webhook once each and in order, whatever the receiver and the gateways do."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from common.bus.keys import Leg
from gateway.webhooks.signing import Secrets
from tests.integration.callscribe.processes import until_true
from tests.integration.conftest import RunningStack
from tests.integration.pipeline.calls import (
    FINALIZE,
    FLUSH,
    clip,
    config,
    converse,
    line,
    messages,
    said,
    sentence,
)
from tests.integration.pipeline.services import service
from tests.real_redis import admin

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class Receiver:
    """A webhook's receiver, which answers with `status`."""

    def __init__(self) -> None:
        self.got: list[tuple[str, dict[str, Any]]] = []
        self.attempts = 0
        self.elsewhere = 0
        self.status = 200
        self.location = ""

    @property
    def finals(self) -> list[str]:
        return [message["text"] for _, message in self.got if message["type"] == "final"]

    async def take(self, request: web.Request) -> web.Response:
        self.attempts += 1
        body = await request.read()
        name = request.headers["webhook-id"]
        timestamp = int(request.headers["webhook-timestamp"])
        assert abs(time.time() - timestamp) < 5
        expected = Secrets.parse(SECRET).headers(name, timestamp, body)["webhook-signature"]
        assert request.headers["webhook-signature"] == expected
        if self.status == 200:
            self.got.append((name, json.loads(body)))
        return web.Response(status=self.status, headers={"Location": self.location})

    async def take_elsewhere(self, request: web.Request) -> web.Response:
        self.elsewhere += 1
        return web.Response()


@pytest.fixture
async def receiver(unharmed: None) -> AsyncIterator[tuple[Receiver, str]]:
    one = Receiver()
    app = web.Application()
    routes = [web.post("/finals", one.take), web.route("*", "/elsewhere", one.take_elsewhere)]
    app.add_routes(routes)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    yield one, f"http://127.0.0.1:{port}/finals"
    await runner.cleanup()


@pytest.fixture
def secret(tmp_path) -> str:
    path = tmp_path / "secret"
    path.write_text(SECRET)
    return str(path)


def ended(receiver: Receiver) -> bool:
    return bool(receiver.got) and receiver.got[-1][1]["type"] == "session_ended"


async def test_every_call_s_finals_are_told_in_order(stack: RunningStack, receiver, secret):
    one, url = receiver
    flags = ("--webhook-url", url, "--webhook-secret-file", secret)
    with service("gateway", stack.redis_url, *flags) as gateway:
        gateway.wait_ready()
        audio = said(sentence(), 1.0, clip("hello_world"), 1.0)
        asked = config(conversation_id="case", words=True)
        transcript = await converse(gateway.url, asked, *messages(audio), FINALIZE)
        await until_true(lambda: ended(one), 40.0)
    session = transcript.session
    assert one.finals == transcript.texts
    names = [name for name, _ in one.got]
    assert names[0] == f"{session}:0"
    assert names[-1] == f"{session}:end"
    assert len(set(names)) == len(names)
    assert names[1:-1] == [f"{session}:{f['seq']}" for f in transcript.finals if f["text"]]
    assert {message["conversation_id"] for _, message in one.got} == {"case"}


async def test_a_receiver_in_trouble_delays_no_call_and_gets_all_later(
    stack: RunningStack, receiver, secret
):
    one, url = receiver
    one.status = 500
    flags = ("--webhook-hosts", "127.0.0.1", "--webhook-secret-file", secret)
    with service("gateway", stack.redis_url, *flags) as gateway:
        gateway.wait_ready()
        asked = config(webhook=url)
        transcript = await converse(gateway.url, asked, *messages(sentence()), FINALIZE)
        assert transcript.close_code == 1000
        await until_true(lambda: one.attempts >= 2, 40.0)
        assert one.got == []
        one.status = 200
        await until_true(lambda: ended(one), 40.0)
    assert one.finals == transcript.texts


async def test_a_call_that_broke_off_is_told_to_where_it_came(
    stack: RunningStack, receiver, secret
):
    one, url = receiver
    flags = ("--webhook-url", url, "--webhook-secret-file", secret)
    with service("gateway", stack.redis_url, *flags) as gateway:
        gateway.wait_ready()
        async with line(gateway.url) as client:
            await client.say(config(), *messages(sentence()), FLUSH)
            said_before = (await client.hear("final"))["text"]
            text = Leg(client.transcript.session, 0).key("text")
            # Nobody can read it: not the gateway for its client, nor for the webhook.
            with admin(stack.redis_url) as bus:
                bus.xadd(text, {"s": "no number"}, id="9-1")
                assert (await client.hear_out()).errors == ["internal_error"]
                bus.xdel(text, "9-1")
        await until_true(lambda: ended(one), 40.0)
    assert one.finals == [said_before]


async def test_another_gateway_goes_on_where_one_died(stack: RunningStack, receiver, secret):
    one, url = receiver
    flags = ("--webhook-url", url, "--webhook-secret-file", secret)
    with service("gateway", stack.redis_url, *flags) as first:
        first.wait_ready()
        async with line(first.url) as client:
            await client.say(config(events=["audio_ack"]))
            created = await client.hear("session_created")
            await client.say(*messages(sentence()), FLUSH)
            text = (await client.hear("final"))["text"]
            await until_true(lambda: one.finals == [text], 40.0)
            one.status = 503
            await client.say(*messages(said(clip("hello_world"), 0.5)), FLUSH)
            second = (await client.hear("final"))["text"]
            first.kill()
    with service("gateway", stack.redis_url, *flags) as other:
        other.wait_ready()
        one.status = 200
        async with line(other.url) as client:
            await client.say(config(resume=created["resume_token"], seq=2))
            await client.hear("session_created")
            await client.say(FINALIZE)
            await client.hear_out()
        await until_true(lambda: ended(one), 40.0)
    # What the first told just before it died, the other may tell again.
    assert list(dict.fromkeys(one.finals))[:2] == [text, second]
    names = [name for name, _ in one.got]
    assert len(names) - len(set(names)) <= len(one.finals) + 1
    assert names[-1].endswith(":end")


async def test_a_call_cannot_send_where_it_likes(stack: RunningStack, receiver, secret):
    _, url = receiver
    transcript = await converse(stack.url, config(webhook=url), FINALIZE)
    assert transcript.errors == ["webhook_refused"]
    assert transcript.close_code == 1008


async def test_a_receiver_that_wants_no_more_gets_no_more(stack: RunningStack, receiver, secret):
    one, url = receiver
    one.status = 410
    flags = ("--webhook-url", url, "--webhook-secret-file", secret)
    with service("gateway", stack.redis_url, *flags) as gateway:
        gateway.wait_ready()
        await converse(gateway.url, config(), *messages(sentence()), FINALIZE)
        await asyncio.sleep(2)
        assert one.attempts == 1


async def test_a_redirect_leads_nowhere(stack: RunningStack, receiver, secret):
    one, url = receiver
    one.status, one.location = 307, url.replace("/finals", "/elsewhere")
    flags = ("--webhook-hosts", "127.0.0.1", "--webhook-secret-file", secret)
    with service("gateway", stack.redis_url, *flags) as gateway:
        gateway.wait_ready()
        await converse(gateway.url, config(webhook=url), *messages(sentence()), FINALIZE)
        await until_true(lambda: one.attempts >= 2, 40.0)
        assert one.elsewhere == 0
        refused = 'callscribe_webhook_attempts_total{outcome="refused"}'
        assert refused in gateway.page("/metrics")[1]
        one.status = 200
        await until_true(lambda: ended(one), 40.0)


async def test_an_allowed_name_may_not_lead_into_the_own_network(
    stack: RunningStack, receiver, secret
):
    one, url = receiver
    url = url.replace("127.0.0.1", "localhost")
    flags = ("--webhook-hosts", "localhost", "--webhook-secret-file", secret)
    with service("gateway", stack.redis_url, *flags) as gateway:
        gateway.wait_ready()
        transcript = await converse(
            gateway.url, config(webhook=url), *messages(sentence()), FINALIZE
        )
        assert transcript.close_code == 1000
        forbidden = 'callscribe_webhook_attempts_total{outcome="forbidden"}'
        await until_true(lambda: forbidden in gateway.page("/metrics")[1], 40.0)
        assert one.attempts == 0
    with service("gateway", stack.redis_url, *flags, "--webhook-networks", "127.0.0.1") as gateway:
        gateway.wait_ready()
        await until_true(lambda: ended(one), 40.0)
    assert one.finals == transcript.texts
