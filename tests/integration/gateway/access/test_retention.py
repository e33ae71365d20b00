"""Transcripts of a tenant end when its keys say, whoever made the call; those of others stay."""

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import jwt
import pytest
import redis

from callscribe.local.child import free_ports
from common.bus import keys
from common.bus.keys import Leg
from tests.integration.conftest import RunningStack
from tests.integration.gateway.access.asking import ask, call, create, known
from tests.integration.pipeline.calls import pcm16, sentence
from tests.integration.pipeline.resuming import gateway
from tests.integration.pipeline.services import Service
from tests.real_redis import admin

TENANT, STAYS_S = "brief", 4
SECRET = "0123456789abcdef" * 2


@pytest.fixture(scope="module")
def key(guarded: RunningStack, both: Service) -> str:
    """The key that says that transcripts may stay for long; another of its tenant says less."""
    for flags in ((), ("--retention-s", str(STAYS_S))):
        create(TENANT, "read", url=guarded.redis_url, flags=flags)
    scopes, long = ("transcribe", "read"), ("--retention-s", "3600")
    return known(both, create(TENANT, *scopes, url=guarded.redis_url, flags=long))


@pytest.fixture(scope="module")
def port() -> int:
    """A port whose protocol has no place for a key."""
    return free_ports(1)[0]


@pytest.fixture(scope="module")
def both(
    guarded: RunningStack, port: int, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """A gateway where another authority's tokens count, and with a port of the tenant."""
    secret: Path = tmp_path_factory.mktemp("jwt") / "secret"
    secret.write_text(SECRET)
    flags = ("--jwt-secret-file", str(secret), "--stream-port", str(port))
    with gateway(guarded.redis_url, *flags, "--port-tenant", TENANT) as running:
        yield running


@pytest.fixture
def client(guarded: RunningStack) -> Iterator[redis.Redis]:
    with contextlib.closing(admin(guarded.redis_url)) as client:
        yield client


async def said(both: Service, who: str) -> str:
    return (await call(both, who, seconds=3.0)).session


async def streamed(both: Service, port: int, key: str, http: aiohttp.ClientSession) -> str:
    """Make a call where nobody shows a key; return its id."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as sock:
        sock.sendall(pcm16(sentence()))
        listed: list[dict[str, str]] = []
        async with asyncio.timeout(20):
            while not listed:
                await asyncio.sleep(0.05)
                listed = json.loads((await ask(http, both, "GET", "/v1/sessions", key))[1])[
                    "sessions"
                ]
        sock.shutdown(socket.SHUT_WR)
        while await asyncio.to_thread(sock.recv, 4096):
            pass
    (one,) = listed
    return one["session_id"]


@pytest.mark.parametrize("how", ["key", "token", "port"])
async def test_a_transcript_ends_when_its_tenants_keys_say(both, key, port, client, http, how):
    if how == "port":
        session = await streamed(both, port, key, http)
    else:
        claims = {"sub": "desk 7", "tenant": TENANT, "scope": "transcribe"}
        token = jwt.encode({**claims, "exp": int(time.time()) + 60}, SECRET, "HS256")
        session = await said(both, key if how == "key" else token)
    began = time.monotonic()
    path = f"/v1/sessions/{session}/transcript"
    kept = [Leg(session, 0).key("text"), keys.session_key(session, "meta")]
    async with asyncio.timeout(10):  # it is retired a moment after its client is told the end
        while not 0 < client.ttl(kept[0]) <= STAYS_S:
            assert client.exists(kept[0])
            await asyncio.sleep(0.02)
    status, text = await ask(http, both, "GET", path, key)
    assert status == 200
    assert "fox" in text
    async with asyncio.timeout(STAYS_S + 5):
        while (await ask(http, both, "GET", path, key))[0] == 200:
            await asyncio.sleep(0.1)
    assert time.monotonic() - began > STAYS_S - 1
    assert (await ask(http, both, "GET", path, key))[0] == 404
    assert not client.exists(*kept)


async def test_other_tenants_keep_theirs_as_long_as_the_gateway_says(guarded, key, acme, client):
    session = (await call(guarded, acme, seconds=3.0)).session
    async with asyncio.timeout(10):
        while not 0 < client.ttl(Leg(session, 0).key("text")) <= 300:
            await asyncio.sleep(0.02)
    assert client.ttl(Leg(session, 0).key("text")) > 200
