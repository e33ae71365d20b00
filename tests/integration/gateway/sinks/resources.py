"""Calls over HTTP, as a gateway with sinks answers for them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

from aiohttp import ClientSession, web

from common.redis.link import Link
from gateway.access.principal import Principal
from gateway.calls.directory import Directory
from gateway.calls.store import SessionStore
from gateway.feed.feed import Feed
from gateway.http.calls import CallResources
from gateway.http.guard import WHO

OPERATOR = Principal(caller="operator")
TENANT = Principal(caller="tenant", scopes=frozenset({"transcribe", "read"}))
STRANGER = Principal(caller="stranger", tenant="other", scopes=frozenset({"transcribe", "read"}))


class Asking:
    """Asks for one call as somebody."""

    def __init__(self, http: ClientSession, url: str) -> None:
        self._http = http
        self._url = url
        self.who = OPERATOR

    async def erase(self, session: str) -> tuple[int, Any]:
        """Return the status and the answer."""
        async with self._http.delete(f"{self._url}/v1/sessions/{session}") as answer:
            return answer.status, await answer.json()

    async def report(self, session: str) -> tuple[int, Any]:
        """Return the status and the answer."""
        async with self._http.get(f"{self._url}/v1/sessions/{session}/erasure") as answer:
            return answer.status, await answer.json()

    async def states(self, session: str) -> dict[str, str]:
        """Return what each sink did."""
        status, report = await self.report(session)
        assert status == 200
        return {each["sink"]: each["state"] for each in report["sinks"]}


@asynccontextmanager
async def asking(
    link: Link, feed: Feed, sinks: Sequence[str], *, webhook: bool = False
) -> AsyncIterator[Asking]:
    """Serve calls on a port of this machine."""
    directory = Directory(link, SessionStore(link, "gw", sinks, webhook=webhook))

    @web.middleware
    async def known(request: web.Request, handler: Any) -> web.StreamResponse:
        request[WHO] = one.who
        return cast(web.StreamResponse, await handler(request))

    app = web.Application(middlewares=[known])
    app.add_routes(CallResources(link, feed, directory, cast(Any, None)).routes())
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with ClientSession() as http:
        one = Asking(http, f"http://127.0.0.1:{runner.addresses[0][1]}")
        yield one
    await runner.cleanup()
    await directory.close()
