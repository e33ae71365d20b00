"""A receiver of webhooks."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from gateway.sinks.tally import Tally
from gateway.webhooks.addresses import Addresses
from gateway.webhooks.rules import WebhookRules
from gateway.webhooks.signing import Secrets
from gateway.webhooks.sink import Webhooks


class Receiver:
    """Answers with `status`; `retry_after` is what it asks for. `ids` is what it took."""

    def __init__(self) -> None:
        self.got: list[str] = []
        self.ids: list[str] = []
        self.status = 200
        self.retry_after = ""
        self.refused = 0

    async def take(self, request: web.Request) -> web.Response:
        body = await request.json()
        if self.status != 200:
            self.refused += 1
            return web.Response(status=self.status, headers={"Retry-After": self.retry_after})
        self.got.append(body["type"])
        self.ids.append(request.headers["webhook-id"])
        return web.Response()


@asynccontextmanager
async def receiving() -> AsyncIterator[tuple[Receiver, str]]:
    """Run a receiver; yield it with its URL."""
    one = Receiver()
    app = web.Application()
    app.add_routes([web.post("/", one.take)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield one, f"http://127.0.0.1:{runner.addresses[0][1]}/"
    await runner.cleanup()


def webhooks(keep: float = 60.0) -> Webhooks:
    rules = WebhookRules("", frozenset(), Addresses.parse("127.0.0.0/8"), Secrets((bytes(24),)))
    return Webhooks(rules, Tally(lambda outcome: None), keep)
