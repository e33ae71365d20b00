"""Attackers against a server that opens calls and ends them: they go on until they are stopped."""

import asyncio
import gc
import json
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import replace

import pytest

import tests.attack.kin  # noqa: F401 - fills the registry
from tests.attack import wire
from tests.attack.attacker import attack_for
from tests.attack.guarded import TRUSTED, guards
from tests.attack.holdings import Holdings
from tests.attack.registry import ATTACKS
from tests.attack.rude import SOURCE, Tally, Target

_CREATED = wire.frame(
    wire.TEXT,
    b'{"type": "session_created", "session_id": "a", "resume_token": "a.b"}',
    masked=False,
)
_CLOSE = wire.frame(wire.CLOSE, (1008).to_bytes(2, "big"), masked=False)


# An attack is broken off wherever it is, and connections may be between two owners at that moment.
# In the suite the attacker's process ends then; here they are left to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """What is left is collected here, where its warnings are expected."""
    yield
    gc.collect()


@pytest.fixture(scope="module")
def holdings(tmp_path_factory: pytest.TempPathFactory) -> Holdings:
    return guards(tmp_path_factory.mktemp("guarded")).holdings


@pytest.fixture
async def server() -> AsyncIterator[asyncio.Server]:
    peers: set[str] = set()
    serving: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.add(task)
        peers.add(writer.get_extra_info("peername")[0])
        with suppress(OSError):
            await reader.read(10)
            writer.write(b"HTTP/1.1 101 Switching Protocols\r\n\r\n" + _CREATED)
            for _ in range(20):
                if not await reader.read(1 << 16):
                    break
            writer.write(_CLOSE)
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    listening = await asyncio.start_server(serve, "127.0.0.1", backlog=400)
    yield listening
    listening.close()
    await asyncio.gather(*serving)
    assert peers <= {SOURCE, TRUSTED}


def port_of(server: asyncio.Server) -> int:
    port: int = server.sockets[0].getsockname()[1]
    return port


def aimed(server: asyncio.Server, holdings: Holdings) -> tuple[Tally, Target]:
    tally, port = Tally(), port_of(server)
    ports = dict.fromkeys(holdings.ports, port)
    return tally, Target(port, tally, replace(holdings, ports=ports, steady=port, admin=port))


@pytest.mark.parametrize("name", ATTACKS)
async def test_an_attack_goes_on_until_it_is_stopped(name, server, holdings):
    tally, target = aimed(server, holdings)
    await attack_for(0.3, ATTACKS[name], target)
    assert tally.connections > 0
    assert not tally.errors


async def test_cookies_are_sent_again_once_they_were_answered(server, holdings):
    tally, target = aimed(server, holdings)
    await attack_for(0.5, ATTACKS["cookies"], target)
    assert tally.statuses["101"] > 4, "more than its sockets, which the server leaves open"
    assert tally.sent > 30_000 * tally.statuses["101"]


@pytest.mark.parametrize(
    "name", ["wrong-keys", "guessed-keys", "forged-tokens", "foreign-calls", "many-addresses"]
)
async def test_a_server_that_lets_everybody_in_is_told_of(name, server, holdings):
    tally, target = aimed(server, holdings)
    async with asyncio.timeout(10):
        attacking = asyncio.ensure_future(ATTACKS[name].run(target))
        while not tally.breaches:
            assert not attacking.done()
            await asyncio.sleep(0.01)
    attacking.cancel()
    await asyncio.gather(attacking, return_exceptions=True)


async def test_an_attacker_ends_by_itself_and_tells_what_it_did(server):
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.attack.attacker", "pings", str(port_of(server)), "0.3"),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    )
    out, _ = await process.communicate()
    told = json.loads(out)
    assert process.returncode == 0
    assert told["messages"] > 0
    assert told["statuses"]["101"] == told["connections"]
