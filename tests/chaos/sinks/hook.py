"""A receiver of webhooks: it refuses, hangs, answers late or not, or answers once more."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.chaos.sinks.kept import Kept, each_kept
from tests.chaos.sinks.receiver import Receiver

_SIGNING = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
_TOO_LATE_S = 16.0
"""After which no gateway waits for an answer any more."""
_ANOTHER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class Hook(Receiver):
    """It serves all calls."""

    name = "webhook"
    removes = False

    def __init__(self) -> None:
        super().__init__()
        self._got: list[dict[str, Any]] = []
        self._dead = False
        self._mood: str | None = None
        self._answers: dict[str | None, Callable[[web.Request], Awaitable[web.StreamResponse]]] = {
            None: self._take,
            "fail": self._refuse,
            "hang": self._hang,
            "late": self._answer_late,
            "drop": self._hang_up,
            "twice": self._answer_twice,
        }
        self._runner: web.AppRunner

    async def open(self, folder: Path) -> None:
        """See `Receiver`."""
        self._secret = folder / "secret"
        self._secret.write_text(_SIGNING)
        app = web.Application()
        app.router.add_post("/", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()

    @property
    def flags(self) -> Mapping[str, str]:
        """See `Receiver`."""
        url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/"
        return {"webhook-url": url, "webhook-secret-file": str(self._secret)}

    async def start(self) -> None:
        """See `Receiver`."""
        self._dead = False

    async def die(self) -> None:
        """Hang, which is the worst that it can do."""
        self._dead = True

    async def close(self) -> None:
        """See `Receiver`."""
        await self._runner.cleanup()

    async def suffer(self, how: str, seconds: float) -> None:
        """See `Receiver`."""
        self._mood = how
        await asyncio.sleep(seconds)
        self._mood = None

    async def kept(self) -> list[Kept]:
        """See `Receiver`."""
        return each_kept(self._got)

    async def content(self) -> bytes:
        """See `Receiver`."""
        return json.dumps(self._got).encode()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        await request.read()
        return await self._answers["hang" if self._dead else self._mood](request)

    async def _take(self, request: web.Request) -> web.StreamResponse:
        self._got.append({"id": request.headers["webhook-id"], **await request.json()})
        return web.Response()

    async def _refuse(self, request: web.Request) -> web.StreamResponse:
        return web.Response(status=500)

    async def _hang(self, request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(_TOO_LATE_S)
        return await self._refuse(request)

    async def _answer_late(self, request: web.Request) -> web.StreamResponse:
        answer = await self._take(request)
        await asyncio.sleep(_TOO_LATE_S)
        return answer

    async def _hang_up(self, request: web.Request) -> web.StreamResponse:
        answer = await self._take(request)
        assert request.transport is not None
        request.transport.abort()
        return answer

    async def _answer_twice(self, request: web.Request) -> web.StreamResponse:
        """Refuse a message; what follows would be the answer to the next one, and a lie."""
        answer = await self._refuse(request)
        await answer.prepare(request)
        await answer.write_eof()
        if request.transport is not None:
            request.transport.write(_ANOTHER)
        return answer
