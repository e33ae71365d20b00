"""Keys made by the command, and what those who show them ask a real gateway."""

import contextlib
import io
import json
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from http.client import HTTPConnection
from typing import Any, TypeAlias

import aiohttp
import websockets.asyncio.client as ws
from websockets.exceptions import ConnectionClosed

from callscribe.cli import main
from tests.integration.callscribe.processes import until
from tests.integration.conftest import RunningStack
from tests.integration.pipeline.calls import (
    FINALIZE,
    Line,
    Transcript,
    config,
    messages,
    sentence,
)
from tests.integration.pipeline.services import Service

Where: TypeAlias = RunningStack | Service
"""A gateway to ask."""

CALL = {"{id}": "no-such-call", "{name}": "page.js"}


def create(tenant: str, *scopes: str, url: str, flags: tuple[str, ...] = ()) -> str:
    """Make a key with the command; return it."""
    asked = [flag for scope in scopes for flag in ("--scope", scope)]
    return keys("create", "--tenant", tenant, *asked, *flags, url=url)


def keys(*arguments: str, url: str) -> str:
    """Run `callscribe keys`, beside a loop that may run here; return what it prints."""
    said = io.StringIO()
    with (
        contextlib.redirect_stdout(said),
        contextlib.redirect_stderr(io.StringIO()),
        ThreadPoolExecutor(1) as thread,
    ):
        command = ["keys", *arguments, "--redis-url", url]
        assert thread.submit(main, command).result() == 0
    return said.getvalue().strip()


def known(stack: Where, key: str) -> str:
    """Wait until the gateway knows a new key; return it."""

    def counts() -> bool:
        with contextlib.closing(HTTPConnection("127.0.0.1", stack.port, timeout=10)) as gateway:
            gateway.request("GET", "/v1/access", headers=bearer(key))
            return gateway.getresponse().status == HTTPStatus.OK

    until(counts)
    return key


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def api(stack: Where, path: str) -> str:
    return f"http://127.0.0.1:{stack.port}{path}"


def spelled(path: str) -> str:
    for name, value in CALL.items():
        path = path.replace(name, value)
    return path


async def ask(
    http: aiohttp.ClientSession, stack: Where, method: str, path: str, key: str = ""
) -> tuple[int, str]:
    headers = bearer(key) if key else {}
    async with http.request(method, api(stack, spelled(path)), headers=headers) as answer:
        text = await answer.text()
        assert "Bearer" in answer.headers.get("WWW-Authenticate", "Bearer")
        return answer.status, text


def code_of(text: str) -> str:
    return str(json.loads(text)["error"]["code"])


def handshake(stack: Where, path: str, **more: Any) -> Any:
    return ws.connect(f"ws://127.0.0.1:{stack.port}{path}", proxy=None, **more)


async def call(
    stack: Where, key: str, *, seconds: float = 4.0, finish: bool = True, **options: Any
) -> Transcript:
    """Make a call; return what came back."""
    async with handshake(stack, "/ws/asr", additional_headers=bearer(key)) as client:
        line = Line(client)
        said = [*messages(sentence())][: round(seconds * 10)]
        with contextlib.suppress(ConnectionClosed):  # refused while it still speaks
            await line.say(config(**options), *said)
            if finish:
                await line.say(FINALIZE)
        return await line.hear_out()
