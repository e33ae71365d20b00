"""What the proxies of docker-compose.yml do with connections, whichever of them stands in front."""

import asyncio
import socket
from collections.abc import Iterator
from http.client import HTTPConnection

import pytest
import websockets.asyncio.client as ws
from websockets.exceptions import InvalidStatus

from tests.integration.deploy.front import ADDRESS, FRONTS, proxy_before
from tests.integration.deploy.host import Host, running_host
from tests.integration.pipeline.calls import config, pcm16, sentence

VARIABLES = {
    "CALLSCRIBE_ASR_LOAD": "0",
    "CALLSCRIBE_MAX_SESSIONS": "2",
    "CALLSCRIBE_MAX_SESSIONS_PER_KEY": "1",
    # A call whose client hangs up holds no place.
    "CALLSCRIBE_RESUME_S": "0",
}


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """Two gateways with two places each."""
    directory = tmp_path_factory.mktemp("host")
    with running_host(directory, scale={"gateway": 2, "denoise": 0}, variables=VARIABLES) as host:
        yield host


@pytest.fixture(params=FRONTS, scope="module")
def front(host: Host, request: pytest.FixtureRequest) -> Iterator[Host]:
    """The host behind a proxy."""
    with proxy_before(host, request.param):
        yield host


async def come(
    host: Host, client: str, port: int, path: str = "/", **headers: str
) -> ws.ClientConnection:
    """Connect to a port of the proxy from a loopback address."""
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    url = f"ws://{ADDRESS}:{host.ports[port]}{path}"
    return await ws.connect(url, proxy=None, local_addr=(client, 0), additional_headers=fields)


async def status(host: Host, client: str, **headers: str) -> tuple[int, bool]:
    """Return how a call is refused, and whether it is told when to come again."""
    with pytest.raises(InvalidStatus) as refused:
        await come(host, client, 8000, "/ws/asr", **headers)
    response = refused.value.response
    return response.status_code, "Retry-After" in response.headers


async def test_a_full_gateway_is_passed_over_until_all_are_full(front: Host):
    calls = []
    async with asyncio.timeout(60):
        for number in range(4):
            call = await come(front, f"127.0.0.{number + 5}", 8000, "/ws/asr")
            await call.send(config())
            await call.recv()
            calls.append(call)
        assert await status(front, "127.0.0.9") == (503, True)
        for call in calls:
            await call.close()
        # Their places are free again, some time after they have hung up.
        while True:
            try:
                call = await come(front, "127.0.0.9", 8000, "/ws/asr")
            except InvalidStatus:
                await asyncio.sleep(0.05)
            else:
                break
        await call.close()


@pytest.mark.parametrize(
    ("port", "path"), [(8000, "/ws/asr"), (43008, "/"), (2700, "/")], ids=["own", "stream", "vosk"]
)
async def test_clients_are_known_by_their_own_addresses(front: Host, port: int, path: str):
    client = f"127.0.1.{port % 250 + 1}"
    async with asyncio.timeout(60):
        call = await come(front, client, port, path)
        for headers in ({}, {"X_Forwarded_For": "203.0.113.5"}, {"Forwarded": "for=203.0.113.6"}):
            assert await status(front, client, **headers) == (429, True)
        await call.close()


@pytest.mark.parametrize(
    ("path", "code"),
    [("/health", 200), ("/ws/status", 404), ("/health/extended", 404), ("/metrics", 404)],
)
def test_what_is_not_for_outsiders_stays_inside(front: Host, path: str, code: int):
    for port in (8000, 43008, 2700):
        connection = HTTPConnection(ADDRESS, front.ports[port], timeout=5)
        connection.request("GET", path)
        answer = connection.getresponse()
        assert port != 8000 or answer.status == code
        assert b"callscribe_sessions" not in answer.read()
        connection.close()


def test_raw_audio_is_transcribed(front: Host):
    with socket.create_connection((ADDRESS, front.ports[43007]), timeout=60) as call:
        call.sendall(pcm16(sentence()))
        call.shutdown(socket.SHUT_WR)
        heard = b"".join(iter(lambda: call.recv(4096), b"")).decode().lower()
    assert "quick brown fox" in heard


def test_the_port_of_audiosocket_leads_to_a_gateway(front: Host):
    with socket.create_connection((ADDRESS, front.ports[9092]), timeout=60) as call:
        call.sendall(b"\x00\x00\x00")  # hangs up
        assert call.recv(3) == b"\x00\x00\x00"
