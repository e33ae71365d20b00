"""Rude clients: many that never send, and one that never reads."""

import asyncio
import json
import socket
from contextlib import suppress
from pathlib import Path

import pytest
import websockets.asyncio.client as ws
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.integration.callscribe.processes import until
from tests.integration.conftest import RunningStack, wait_until
from tests.integration.gateway.conftest import status
from tests.integration.pipeline.calls import (
    FINALIZE,
    config,
    converse,
    line,
    messages,
    sentence,
)
from tests.integration.pipeline.services import Service, service
from tests.real_redis import real_redis

CROWD = 1_000
PLACES = 500
"""The default of --max-sessions."""
MOST_PER_CONNECTION = 100_000
"""Bytes of memory."""
FOX = "The quick brown fox jumps over the lazy dog."


def resident(pid: int) -> int:
    """Return a process's resident memory in bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (size,) = [line.split()[1] for line in lines if line.startswith("VmRSS")]
    return int(size) * 1024


def gateway_pid(stack: RunningStack) -> int:
    pid = status(stack)["pid"]
    assert isinstance(pid, int)
    return pid


@pytest.mark.usefixtures("unharmed")
async def test_a_thousand_mute_sockets_disturb_nobody_and_are_closed(stack: RunningStack):
    pid = gateway_pid(stack)
    before = resident(pid)
    async with asyncio.timeout(30):
        opened = await asyncio.gather(
            *(asyncio.open_connection("127.0.0.1", stack.port) for _ in range(CROWD))
        )
        transcript = await converse(stack.url, config(), *messages(sentence()), FINALIZE)
        assert transcript.texts == [FOX]
        assert resident(pid) - before < CROWD * MOST_PER_CONNECTION
        # No handshake within its deadline: closed, without the client's doing anything.
        assert await asyncio.gather(*(reader.read() for reader, _ in opened)) == [b""] * CROWD
    for _, writer in opened:
        writer.close()
    assert resident(pid) - before < CROWD * MOST_PER_CONNECTION


async def test_a_thousand_mute_clients_harm_only_each_other_and_are_sent_away():
    with real_redis() as redis, service("gateway", redis.url, "--opening-s", "4") as gateway:
        until(lambda: gateway.page("/health")[0] == 200)
        before = resident(gateway.process.pid)
        taken, refused = [], []

        async def come() -> None:
            try:
                rude = ("127.0.0.2", 0)
                taken.append(
                    await ws.connect(gateway.url, compression=None, proxy=None, local_addr=rude)
                )
            except InvalidStatus as refusal:
                refused.append(refusal.response)

        await asyncio.gather(*(come() for _ in range(CROWD)))
        # Its oldest make room a second later; after a burst its handshakes are refused anyway.
        assert len(taken) >= PLACES
        assert {response.status_code for response in refused} <= {429, 503}
        assert all(int(response.headers["Retry-After"]) > 0 for response in refused)
        assert len(taken) + len(refused) == CROWD
        assert resident(gateway.process.pid) - before < CROWD * MOST_PER_CONNECTION

        # Another client is admitted meanwhile, as far as there are workers.
        async with line(gateway.url) as client:
            await client.say(config())
            assert (await client.hear("error"))["code"] == "unavailable"
        for connection in taken:
            assert json.loads(await connection.recv())["code"] == "open_timeout"
            with pytest.raises(ConnectionClosed) as closed:
                await connection.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1008
        # Their places are free again.
        async with line(gateway.url) as client:
            await client.say(config())
            assert (await client.hear("error"))["code"] == "unavailable"


@pytest.mark.usefixtures("unharmed")
async def test_a_client_that_never_reads_is_cut_off(impatient: Service):
    pid = impatient.process.pid
    # Answered by a list of all languages, which the client does not read.
    question = config(language="?")
    with socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        deaf.connect(("127.0.0.1", impatient.port))
        connection = await ws.connect(
            impatient.url, sock=deaf, compression=None, ping_interval=None
        )
        await connection.send(config())
        await connection.recv()
        connection.transport.pause_reading()
        before = resident(pid)
        with suppress(ConnectionClosed):  # this many are a flood, too
            for _ in range(300):
                # In small portions: the gateway's writer fills every buffer on the way, and waits.
                for _ in range(40):
                    await connection.send(question)
                await asyncio.sleep(0.005)
        assert resident(pid) - before < 20_000_000
        await wait_until(lambda: status(impatient)["sessions"] == 0, "the session has ended", 30)
        connection.transport.abort()
        await connection.wait_closed()
    transcript = await converse(impatient.url, config(), *messages(sentence()), FINALIZE)
    assert transcript.texts == [FOX]
