"""A route that its port's table lacks is refused to all, even where nobody needs a key."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import cast

import pytest
from aiohttp import ClientSession, web
from aiohttp.typedefs import Middleware
from prometheus_client import CollectorRegistry

from common.telemetry.metrics import GatewayMetrics
from gateway.access.gate import Gate
from gateway.access.keyring import Keyring
from gateway.access.origins import Origins
from gateway.admission.forwarded import TrustedProxies
from gateway.http.guard import OPERATORS, Guard, OperatorsGuard


def public() -> Middleware:
    gate = Gate(
        cast(Keyring, {}),
        None,
        Origins(),
        port_tenant=None,
        auth_token=None,
        free=True,
        guarded=False,
    )
    metrics = GatewayMetrics.build(CollectorRegistry())
    return Guard(gate, TrustedProxies.parse(""), metrics, OPERATORS).check


def operators() -> Middleware:
    return OperatorsGuard(here=True).check


@asynccontextmanager
async def answering(check: Middleware) -> AsyncIterator[ClientSession]:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(text="done")

    app = web.Application(middlewares=[check])
    for path in ("/new", "/health", "/metrics", "/v1/usage"):
        app.router.add_get(path, answer)
    app.router.add_post("/v1/drain", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with ClientSession(f"http://127.0.0.1:{runner.addresses[0][1]}") as session:
        yield session
    await runner.cleanup()


@pytest.mark.parametrize(
    ("check", "method", "path", "status"),
    [
        (public, "GET", "/health", 200),
        (public, "GET", "/v1/usage", 200),
        (public, "GET", "/metrics", 404),
        (public, "GET", "/new", 403),
        (public, "POST", "/v1/drain", 403),
        (operators, "GET", "/health", 200),
        (operators, "HEAD", "/metrics", 200),
        (operators, "POST", "/v1/drain", 200),
        (operators, "GET", "/v1/usage", 403),
        (operators, "GET", "/new", 403),
        (operators, "GET", "/none", 404),
    ],
)
async def test_a_port_serves_what_its_table_has(
    check: Callable[[], Middleware], method: str, path: str, status: int
):
    async with answering(check()) as http, http.request(method, path) as answer:
        assert answer.status == status


@pytest.mark.parametrize(("here", "status"), [(True, 403), (False, 200)])
async def test_no_page_leads_its_own_name_to_the_operators_of_this_machine(here, status):
    led = {"Host": "evil.example:9101"}
    async with answering(OperatorsGuard(here=here).check) as http:
        async with http.get("/metrics", headers=led) as answer:
            assert answer.status == status
        async with http.get("/metrics") as answer:
            assert answer.status == 200
