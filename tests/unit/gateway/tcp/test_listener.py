"""A port of TCP calls with TLS."""

import asyncio
from pathlib import Path
from typing import Any, cast

from gateway.tcp import listener
from gateway.tcp.listener import TcpListener
from gateway.turns.crowd import Crowd
from tests.certificates import identity


async def test_a_client_that_never_shakes_hands_is_cut_off(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(listener, "_MOST_HANDSHAKE", 0.1)
    nothing = cast(Any, None)  # no client comes so far
    one = TcpListener(nothing, nothing, nothing, Crowd(), gate=nothing, opening_s=60.0)
    await one.listen("127.0.0.1", 0, identity(tmp_path, "calls", "localhost").server())
    reader, writer = await asyncio.open_connection("127.0.0.1", one.port)
    async with asyncio.timeout(10):
        assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()
    await one.close()
