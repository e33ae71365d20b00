"""Calls, files and events through the TLS proxy that deploy/nginx configures."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from http.client import HTTPConnection
from io import BytesIO
from pathlib import Path
from ssl import SSLContext
from uuid import uuid4

import aiohttp
import pytest
import websockets.asyncio.client as ws
from websockets.exceptions import InvalidStatus

from callscribe.client import Final, Options, Resumed, connect
from callscribe.client.errors import WrongAddress
from callscribe.client.trust import trust
from tests.certificates import Identity, identity
from tests.integration.conftest import RunningStack
from tests.integration.deploy.proxy import Nginx, nginx_before
from tests.integration.pipeline.calls import FINALIZE, FLUSH, config, messages, sentence
from tests.integration.pipeline.services import Service, service

PCM16 = Options(encoding="pcm16")
FOX = "the quick brown fox jumps over the lazy dog"


@pytest.fixture(scope="module")
def gateway(stack: RunningStack) -> Iterator[Service]:
    """A gateway of the stack that trusts the proxy, and nobody else."""
    flags = "--no-auth", "--trusted-proxies", "127.0.0.1", "--max-sessions-per-key", "1"
    with service("gateway", stack.redis_url, *flags) as running:
        running.wait_ready()
        yield running


@pytest.fixture
def nginx(gateway: Service, tmp_path: Path) -> Iterator[Nginx]:
    with nginx_before(gateway.port, tmp_path) as running:
        yield running
        assert running.log() == ""


@pytest.fixture
def certificate(nginx: Nginx) -> Identity:
    return Identity(nginx.certificates / "fullchain.pem", nginx.certificates / "privkey.pem")


async def spoken() -> AsyncIterator[bytes]:
    for message in messages(sentence()):
        yield message


def plain(text: str) -> str:
    return text.lower().strip(" .")


@pytest.mark.parametrize("by", ["file", "fingerprint"])
async def test_a_call_goes_through(nginx: Nginx, certificate: Identity, by: str):
    file = by == "file"
    tls = trust(certificate.certfile) if file else trust(fingerprint=certificate.fingerprint)
    async with connect(nginx.url, PCM16, tls=tls, api_key=str(uuid4())) as call:
        finals = [event async for event in call.transcribe(spoken()) if isinstance(event, Final)]
    assert [plain(final.text) for final in finals] == [FOX]


async def test_a_restart_of_the_proxy_costs_nothing(nginx: Nginx, certificate: Identity):
    tls = trust(fingerprint=certificate.fingerprint)
    async with connect(nginx.url, PCM16, tls=tls, api_key=str(uuid4())) as call:
        pieces = [piece async for piece in spoken()]
        for piece in pieces[: len(pieces) // 2]:
            await call.send(piece)
        await asyncio.to_thread(nginx.stop)
        for piece in pieces[len(pieces) // 2 :]:
            await call.send(piece)
        await asyncio.to_thread(nginx.start)
        await call.finalize()
        events = [event async for event in call]
    assert any(isinstance(event, Resumed) for event in events)
    assert [plain(each.text) for each in events if isinstance(each, Final)] == [FOX]


async def test_new_certificates_come_without_an_interruption(
    nginx: Nginx, certificate: Identity, tmp_path: Path
):
    tls = trust(fingerprint=certificate.fingerprint)
    async with connect(nginx.url, PCM16, tls=tls, api_key=str(uuid4())) as call:
        renewed = identity(tmp_path, "renewed", "localhost")
        renewed.certfile.replace(certificate.certfile)
        renewed.keyfile.replace(certificate.keyfile)
        nginx.reload()
        new = trust(fingerprint=certificate.fingerprint)

        async def is_served() -> bool:
            try:
                async with connect(nginx.url, PCM16, tls=new, api_key=str(uuid4())):
                    return True
            except WrongAddress:
                return False

        async with asyncio.timeout(30):
            while not await is_served():
                await asyncio.sleep(0.05)
        events = [event async for event in call.transcribe(spoken())]
    assert not any(isinstance(event, Resumed) for event in events)
    assert [plain(each.text) for each in events if isinstance(each, Final)] == [FOX]


async def test_events_come_as_they_happen(nginx: Nginx, certificate: Identity):
    name = f"case {uuid4()}"
    tls = trust(certificate.certfile)
    where = f"https://localhost:{nginx.port}/v1/sessions/{name}/events"
    key = {"Authorization": f"Bearer {uuid4()}"}
    async with (
        aiohttp.ClientSession() as http,
        ws.connect(nginx.url, ssl=tls, proxy=None, additional_headers=key) as call,
    ):
        await call.send(config(conversation_id=name))
        assert json.loads(await call.recv())["type"] == "session_created"
        async with http.get(where, ssl=tls) as answer, asyncio.timeout(60):
            assert answer.status == 200
            for message in messages(sentence()):
                await call.send(message)
            await call.send(FLUSH)
            # The call is open and so is the answer; nothing may wait for their end.
            while b"event: final" not in await answer.content.readline():
                pass
            await call.send(FINALIZE)
            await answer.read()


async def come(nginx: Nginx, tls: SSLContext, address: str, **headers: str) -> ws.ClientConnection:
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    url = nginx.url.replace("localhost", "127.0.0.1")
    return await ws.connect(
        url, ssl=tls, proxy=None, local_addr=(address, 0), additional_headers=fields
    )


async def test_clients_are_known_by_their_own_addresses(nginx: Nginx, certificate: Identity):
    tls = trust(certificate.certfile)
    one = await come(nginx, tls, "127.0.0.5")
    for headers in ({}, {"X_Forwarded_For": "203.0.113.5"}, {"Forwarded": "for=203.0.113.6"}):
        with pytest.raises(InvalidStatus) as refused:
            await come(nginx, tls, "127.0.0.5", **headers)
        assert refused.value.response.status_code == 429
    other = await come(nginx, tls, "127.0.0.6")
    await one.close()
    await other.close()


async def test_a_file_of_any_size_reaches_the_gateway(nginx: Nginx, certificate: Identity):
    tls = trust(certificate.certfile)
    where = f"https://localhost:{nginx.port}/v1/listen"
    # More than nginx takes unless it is told to; the gateway says what is wrong with it.
    file = BytesIO(bytes(5 << 20))
    async with (
        aiohttp.ClientSession() as http,
        http.post(where, data=file, ssl=tls) as answer,
    ):
        assert answer.status == 415
        assert (await answer.json())["err_code"] == "UNSUPPORTED_MEDIA_TYPE"


async def test_what_is_not_for_outsiders_stays_inside(nginx: Nginx, certificate: Identity):
    tls = trust(certificate.certfile)
    async with aiohttp.ClientSession() as http:
        for path, status in (("/health", 200), ("/ws/status", 200), ("/metrics", 404)):
            async with http.get(f"https://localhost:{nginx.port}{path}", ssl=tls) as answer:
                assert answer.status == status
    assert nginx.healthy()


def test_without_tls_one_is_sent_to_the_port_with_it(nginx: Nginx):
    plain = HTTPConnection("127.0.0.1", nginx.plain_port, timeout=5)
    plain.request("GET", "/v1/sessions?a=1", headers={"Host": "calls.example"})
    answer = plain.getresponse()
    assert answer.status == 308
    assert answer.getheader("Location") == "https://calls.example/v1/sessions?a=1"
    plain.close()


async def test_a_call_without_tls_is_refused_and_not_redirected(nginx: Nginx):
    with pytest.raises(WrongAddress, match="http_redirect"):
        async with connect(f"ws://localhost:{nginx.plain_port}/ws/asr", PCM16):
            pass
