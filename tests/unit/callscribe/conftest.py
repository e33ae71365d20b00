"""No settings from outside, and a scripted peer: a server that says what the test tells it to."""

import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

Script = Callable[["Peer"], Awaitable[None]]
Serving = Callable[..., AbstractAsyncContextManager[str]]


class Peer:
    """The server's end of one connection, and what it has received."""

    def __init__(self, connection: ServerConnection) -> None:
        self.connection = connection
        self.audio = bytearray()

    async def say(self, kind: str, **fields: Any) -> None:
        await self.connection.send(json.dumps({"type": kind, **fields}))

    async def accept(self) -> dict[str, Any]:
        """Read the config and create the session."""
        config: dict[str, Any] = json.loads(await self.connection.recv())
        await self.say("session_created", session_id="s1", resume_token="t1")
        return config

    async def resume(
        self, *, position: int = 0, controls: int = 0, seq: int = 0, ended: bool = False
    ) -> dict[str, Any]:
        """Read the config that resumes the call, and say how far it came."""
        config: dict[str, Any] = json.loads(await self.connection.recv())
        place = {"position": position, "controls": controls, "seq": seq}
        if ended:
            place["ended"] = True
        token = {"session_id": "s1", "resume_token": "t1"}
        await self.say("session_created", **token, resumed=True, **place)
        return config

    def cut(self) -> None:
        """Break the connection without a word."""
        self.connection.transport.abort()

    async def until(self, kind: str) -> dict[str, Any]:
        """Collect audio until a text message of this type."""
        async for message in self.connection:
            if isinstance(message, bytes):
                self.audio += message
            elif (wire := json.loads(message))["type"] == kind:
                return dict(wire)
        raise ConnectionError(f"the client left before {kind}")

    async def until_audio(self, size: int) -> None:
        """Collect audio until there are this many bytes."""
        while len(self.audio) < size:
            message = await self.connection.recv()
            assert isinstance(message, bytes)
            self.audio += message


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("CALLSCRIBE_"):
            monkeypatch.delenv(name)


@pytest.fixture
def serving() -> Serving:
    """`async with serving(script) as url`; extra arguments go to websockets' `serve`.

    An assertion that fails in the script fails the test.
    """

    @asynccontextmanager
    async def start(script: Script, **arguments: Any) -> AsyncIterator[str]:
        failures = []

        async def handler(connection: ServerConnection) -> None:
            try:
                await script(Peer(connection))
            except AssertionError as failure:
                failures.append(failure)

        async with serve(handler, "127.0.0.1", 0, **arguments) as server:
            port = server.sockets[0].getsockname()[1]
            yield f"ws://127.0.0.1:{port}/ws/asr"
        if failures:
            raise failures[0]

    return start
