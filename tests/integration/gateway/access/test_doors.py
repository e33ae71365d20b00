"""Who gets in where, at a real gateway that needs keys."""

import asyncio
import contextlib
import hmac
import json
import os
import socket
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
import websockets.asyncio.client as ws
from websockets.exceptions import InvalidStatus

from callscribe.local.child import free_ports
from gateway.access.rules import NEEDS, Need
from gateway.protocols import PROTOCOLS
from gateway.protocols.api import Carrier, Protocol, Transport
from tests.documents import block
from tests.integration.conftest import RunningStack, page
from tests.integration.gateway.access.asking import (
    api,
    ask,
    bearer,
    code_of,
    create,
    handshake,
    known,
)
from tests.integration.pipeline.resuming import gateway
from tests.integration.protocols.clients import CLIENTS, WIDE

PORTED = [each for each in PROTOCOLS if each.port]


HANDSHAKES = [each for each in PROTOCOLS if each.transport is Transport.WEBSOCKET]


@pytest.fixture(scope="module")
def doors(guarded: RunningStack) -> Iterator[dict[str, int]]:
    """The port of each protocol over WebSockets, by its name."""
    own = [each for each in HANDSHAKES if each.port]
    assert {each.name for each in own} == {"vosk_ws", "stream_ws"}
    ports = dict(zip((each.port for each in own), free_ports(len(own)), strict=True))
    flags = [f"--{name.replace('_', '-')}={port}" for name, port in ports.items()]
    with gateway(guarded.redis_url, *flags):
        yield {each.name: ports.get(each.port, guarded.port) for each in HANDSHAKES}


def knock(port: int, path: str, **more: Any) -> Any:
    """Shake hands at a port."""
    return ws.connect(f"ws://127.0.0.1:{port}{path}", proxy=None, **more)


def asked(protocol: Protocol) -> str:
    """Return its path, with what a handshake has to say there."""
    return CLIENTS[protocol.name].path(protocol.path, str(uuid4()), WIDE)


NEEDY = [(method, path, need) for (method, path), need in NEEDS.items() if need.value]


@pytest.mark.parametrize(("method", "path", "need"), NEEDY)
async def test_every_path_denies_who_may_not(guarded, acme, operator, http, method, path, need):
    status, text = await ask(http, guarded, method, path)
    assert (status, code_of(text)) == (401, "missing_key")
    forged = f"{acme[:-4]}AAAA"
    for said, code in ((forged, "unknown_key"), ("nonsense", "unknown_key"), ("cst_a.b", None)):
        status, text = await ask(http, guarded, method, path, said)
        assert (status, code_of(text)) == (401, code or "unknown_token")
    wrong = operator if need is Need.TRANSCRIBE else acme
    if need is not Need.READ:
        status, text = await ask(http, guarded, method, path, wrong)
        assert (status, code_of(text)) == (403, "scope")


async def test_paths_that_need_nothing_answer(guarded, http):
    for (method, path), need in NEEDS.items():
        if need is Need.NOTHING:
            status, _ = await ask(http, guarded, method, path)
            assert status not in (401, 403), path


@pytest.mark.parametrize("protocol", HANDSHAKES, ids=lambda each: each.name)
async def test_every_protocol_denies_a_handshake_without_a_key(doors, acme, operator, protocol):
    port, path = doors[protocol.name], asked(protocol)
    attempts = [bearer("nonsense"), bearer(f"{acme[:-4]}AAAA"), {"X-Api-Key": operator}]
    if protocol.credential_in is not Carrier.MESSAGES:
        attempts.append({})
    for headers in attempts:
        with pytest.raises(InvalidStatus) as refused:
            async with knock(port, path, additional_headers=headers):
                pass
        expected = 403 if headers.get("X-Api-Key") else 401
        assert refused.value.response.status_code == expected
    async with knock(port, path, additional_headers=bearer(acme)):
        pass


@pytest.mark.parametrize("protocol", HANDSHAKES, ids=lambda each: each.name)
async def test_a_url_carries_a_key_only_where_the_protocol_has_no_other_place(
    doors, acme, protocol
):
    path = asked(protocol)
    port, path = doors[protocol.name], f"{path}{'&' if '?' in path else '?'}token={acme}"
    if protocol.credential_in is Carrier.HEADERS:
        with pytest.raises(InvalidStatus):
            async with knock(port, path):
                pass
        return
    async with knock(port, path):
        pass


async def test_a_browser_shows_its_key_as_a_subprotocol(guarded, acme):
    async with handshake(guarded, "/ws/asr", subprotocols=["callscribe", f"token.{acme}"]) as one:
        assert one.subprotocol == "callscribe"


async def test_twilio_shows_its_key_in_the_first_message(guarded, acme):
    for token, code in ((acme, None), ("nonsense", 1008), ("", 1008)):
        start = {"callSid": "CA1", "customParameters": {"token": token}}
        async with handshake(guarded, "/twilio") as client:
            await client.send(json.dumps({"event": "start", "start": start}))
            if code is None:
                await client.send(json.dumps({"event": "stop"}))
            await asyncio.wait_for(client.wait_closed(), 20)
            assert (client.close_code == 1008) == (code == 1008)


async def test_a_key_that_comes_in_a_message_has_its_limit_of_calls(guarded):
    key = known(
        guarded, create("pbx", "transcribe", url=guarded.redis_url, flags=("--sessions", "1"))
    )
    start = {"event": "start", "start": {"customParameters": {"token": key}}}
    async with handshake(guarded, "/twilio") as first, handshake(guarded, "/twilio") as second:
        await first.send(json.dumps(start))
        await asyncio.sleep(0.5)
        await second.send(json.dumps(start))
        await asyncio.wait_for(second.wait_closed(), 20)
        assert (second.close_code, second.close_reason) == (1013, "1 calls of this key are running")
        await first.send(json.dumps({"event": "stop"}))
        await asyncio.wait_for(first.wait_closed(), 20)
    async with handshake(guarded, "/twilio") as third:
        await third.send(json.dumps(start))
        await third.send(json.dumps({"event": "stop"}))
        await asyncio.wait_for(third.wait_closed(), 20)
        assert third.close_code == 1000


async def test_twilio_signs_where_its_auth_token_is_known(guarded, acme, tmp_path):
    file = tmp_path / "token"
    file.write_text("12345\n")
    with gateway(guarded.redis_url, "--twilio-auth-token-file", str(file)) as signed:
        url = f"wss://127.0.0.1:{signed.port}/twilio"
        signature = b64encode(hmac.digest(b"12345", url.encode(), "sha1")).decode()
        plain = url.replace("wss", "ws")
        async with ws.connect(plain, additional_headers={"X-Twilio-Signature": signature}):
            pass
        for headers in ({"X-Twilio-Signature": signature[::-1]}, bearer(acme)):
            with pytest.raises(InvalidStatus) as refused:
                async with ws.connect(plain, additional_headers=headers):
                    pass
            assert refused.value.response.status_code == 403
            assert refused.value.response.body.startswith(b"refused: signature")


def test_a_port_that_carries_no_key_is_closed_or_one_tenants(guarded, operator):
    tcp = [each for each in PORTED if each.transport is Transport.TCP]
    assert len(tcp) == 2
    for protocol in tcp:
        flag = f"--{protocol.port.replace('_', '-')}"
        for tenant, closed in (((), True), (("--port-tenant", "pbx"), False)):
            (port,) = free_ports(1)
            with (
                gateway(guarded.redis_url, flag, str(port), *tenant),
                socket.create_connection(("127.0.0.1", port), 10) as peer,
            ):
                peer.settimeout(10 if closed else 0.5)
                with contextlib.nullcontext() if closed else pytest.raises(TimeoutError):
                    while peer.recv(4096):
                        pass


@pytest.mark.parametrize("origin", ["http://[", "http://a\udcff", "\udcff"])
async def test_an_origin_that_is_none_gets_an_answer(guarded, acme, origin):
    reader, writer = await asyncio.open_connection("127.0.0.1", guarded.port)
    head = f"GET /v1/sessions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {acme}\r\n"
    writer.write(f"{head}Origin: {origin}\r\n\r\n".encode(errors="surrogateescape"))
    assert b" 403 " in await asyncio.wait_for(reader.readline(), 10)
    writer.close()
    await writer.wait_closed()


async def test_a_foreign_page_gets_nothing(guarded, acme, http):
    headers = {**bearer(acme), "Origin": "https://evil.example"}
    async with http.get(api(guarded, "/v1/sessions"), headers=headers) as answer:
        assert (answer.status, code_of(await answer.text())) == (403, "origin")
    with pytest.raises(InvalidStatus) as refused:
        async with handshake(
            guarded,
            "/ws/asr",
            additional_headers=bearer(acme),
            origin="https://evil.example",
        ):
            pass
    assert refused.value.response.status_code == 403


async def test_an_allowed_page_reads_answers_and_asks_before(guarded, acme, http):
    here = {"Origin": "http://localhost:5173"}
    asking = {**here, "Access-Control-Request-Method": "GET"}
    url = api(guarded, "/v1/access")
    async with http.options(url, headers=asking) as answer:
        assert answer.status == 204
        assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]
        assert answer.headers["Access-Control-Allow-Origin"] == here["Origin"]
    for headers, status in (({**here, **bearer(acme)}, 200), ({**here, **bearer("no")}, 401)):
        async with http.get(url, headers=headers) as answer:
            assert answer.status == status
            assert answer.headers["Access-Control-Allow-Origin"] == here["Origin"]
            assert answer.headers["Access-Control-Expose-Headers"] == "Retry-After"
            assert answer.headers["Vary"] == "Origin"
    async with http.get(api(guarded, "/"), headers=here) as answer:
        assert answer.headers["Vary"] == "Accept-Encoding, Origin"
    for headers in ({}, {"Origin": "https://evil.example"}):
        async with http.get(url, headers=headers) as answer:
            assert "Access-Control-Allow-Origin" not in answer.headers
    async with http.options(url, headers={**asking, "Origin": "https://evil.example"}) as answer:
        assert answer.status == 405


async def test_a_drain_over_http_is_the_operators_alone(guarded, http):
    (port,) = free_ports(1)
    with gateway(guarded.redis_url, "--admin-port", str(port)) as apart:
        for where in (apart.port, guarded.port):
            async with http.post(f"http://127.0.0.1:{where}/v1/drain") as answer:
                assert answer.status == 404
        drain = f"http://127.0.0.1:{port}/v1/drain"
        async with http.post(drain, headers={"Origin": f"http://127.0.0.1:{port}"}) as answer:
            assert answer.status == 403
        assert apart.page("/ready")[0] == 200
        async with http.post(drain) as answer:
            assert (answer.status, await answer.json()) == (202, {"sessions": 0})
        assert await asyncio.to_thread(apart.process.wait, 20) == 0


@pytest.mark.parametrize(
    ("flags", "reached"), [((), False), (("--admin-host", "0.0.0.0"), True)], ids=["here", "said"]
)
def test_the_operators_port_is_at_a_public_address_only_where_that_is_said(guarded, flags, reached):
    (port,) = free_ports(1)
    public = ("--host", "0.0.0.0", "--admin-port", str(port), *flags)
    with gateway(guarded.redis_url, *public) as apart:
        assert page(port, "/metrics")[0] == 200
        socket.create_connection(("127.0.0.2", apart.port)).close()
        with contextlib.nullcontext() if reached else pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", port)).close()


def test_operators_have_a_port_of_their_own(guarded):
    (port,) = free_ports(1)
    with gateway(guarded.redis_url, "--admin-port", str(port)) as apart:
        assert apart.page("/metrics")[0] == 404
        assert apart.page("/ws/status")[0] == 404
        assert apart.page("/ready")[0] == 200
        assert "callscribe_sessions" in page(port, "/metrics")[1]
        assert page(port, "/ws/status")[0] == 200
        assert page(port, "/v1/sessions")[0] == 404


def test_the_printed_commands_run(guarded, tmp_path):
    """Run the commands of the document as they stand, but for the server's address."""
    page = "docs/access.md"
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "callscribe").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m callscribe "$@"\n')
    (programs / "callscribe").chmod(0o755)
    env = {
        **os.environ,
        "PATH": f"{programs}:{os.environ['PATH']}",
        "CALLSCRIBE_REDIS_URL": guarded.redis_url,
    }

    def run(script: str, **more: str) -> str:
        done = subprocess.run(
            ["bash", "-ec", script], env={**env, **more}, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    create, listing, rotate, revoke = block(page, "callscribe keys").splitlines()
    key = run(create).strip()
    assert key[3:11] in run(listing)
    printed = rotate.split()[3]
    fresh = run(rotate.replace(printed, key[3:11])).strip()
    known(guarded, fresh)
    curl = block(page, "curl -X POST").replace("localhost:8000", f"127.0.0.1:{guarded.port}")
    assert json.loads(run(curl, KEY=fresh))["token"].startswith("cst_")
    run(revoke.replace(printed, fresh[3:11]))
    assert "revoked" in run(f"{listing} --tenant acme")
    assert run(block("docs/cli.md", "callscribe keys")).startswith("cs_")
