"""A real gateway that needs keys: who gets in where, whose calls are seen, and what limits do."""

import asyncio
import contextlib
import hmac
import io
import json
import os
import socket
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import aiohttp
import pytest
import websockets.asyncio.client as ws
from websockets.exceptions import ConnectionClosed, InvalidStatus

from callscribe.cli import main
from callscribe.local.child import free_ports
from gateway.access.rules import NEEDS, Need
from gateway.protocols import PROTOCOLS
from gateway.protocols.api import Carrier, Transport
from tests.documents import block
from tests.integration.conftest import RunningStack, page, running_stack
from tests.integration.pipeline.calls import (
    FINALIZE,
    Line,
    Transcript,
    config,
    messages,
    sentence,
)
from tests.integration.pipeline.resuming import gateway
from tests.real_redis import real_redis

PORTED = [each for each in PROTOCOLS if each.port]
HANDSHAKES = [each for each in PROTOCOLS if each.path and not each.port]
ASKED = "intent=transcription&encoding=linear16&sample_rate=16000"
"""What a handshake has to say at one path or another."""
CALL = {"{id}": "no-such-call", "{name}": "page.js"}


@pytest.fixture(scope="module")
def guarded() -> Iterator[RunningStack]:
    with real_redis() as own:
        create("operations", "admin", url=own.url)
        with running_stack(own.url) as stack:
            yield stack


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


@pytest.fixture(scope="module")
def acme(guarded: RunningStack) -> str:
    return known(guarded, create("acme", "transcribe", "read", url=guarded.redis_url))


@pytest.fixture(scope="module")
def other(guarded: RunningStack) -> str:
    return known(guarded, create("other", "transcribe", "read", url=guarded.redis_url))


@pytest.fixture(scope="module")
def operator(guarded: RunningStack) -> str:
    return known(guarded, create("operations", "admin", "read", url=guarded.redis_url))


def known(stack: RunningStack, key: str) -> str:
    time.sleep(0.6)  # gateways look four times a second
    return key


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def api(stack: RunningStack, path: str) -> str:
    return f"http://127.0.0.1:{stack.port}{path}"


def spelled(path: str) -> str:
    for name, value in CALL.items():
        path = path.replace(name, value)
    return path


async def ask(
    http: aiohttp.ClientSession, stack: RunningStack, method: str, path: str, key: str = ""
) -> tuple[int, str]:
    headers = bearer(key) if key else {}
    async with http.request(method, api(stack, spelled(path)), headers=headers) as answer:
        text = await answer.text()
        assert "Bearer" in answer.headers.get("WWW-Authenticate", "Bearer")
        return answer.status, text


def code_of(text: str) -> str:
    return str(json.loads(text)["error"]["code"])


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


def handshake(stack: RunningStack, path: str, **more: Any) -> Any:
    return ws.connect(f"ws://127.0.0.1:{stack.port}{path}", proxy=None, **more)


@pytest.mark.parametrize("protocol", HANDSHAKES, ids=lambda each: each.name)
async def test_every_protocol_denies_a_handshake_without_a_key(guarded, acme, operator, protocol):
    path = f"{protocol.path}?{ASKED}"
    attempts = [bearer("nonsense"), bearer(f"{acme[:-4]}AAAA"), {"X-Api-Key": operator}]
    if protocol.credential_in is not Carrier.MESSAGES:
        attempts.append({})
    for headers in attempts:
        with pytest.raises(InvalidStatus) as refused:
            async with handshake(guarded, path, additional_headers=headers):
                pass
        expected = 403 if headers.get("X-Api-Key") else 401
        assert refused.value.response.status_code == expected
    async with handshake(guarded, path, additional_headers=bearer(acme)):
        pass


@pytest.mark.parametrize("protocol", HANDSHAKES, ids=lambda each: each.name)
async def test_a_url_carries_a_key_only_where_the_protocol_has_no_other_place(
    guarded, acme, protocol
):
    path = f"{protocol.path}?token={acme}&{ASKED}"
    if protocol.credential_in is Carrier.HEADERS:
        with pytest.raises(InvalidStatus):
            async with handshake(guarded, path):
                pass
        return
    async with handshake(guarded, path):
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
                peer.settimeout(0.5)
                with contextlib.suppress(TimeoutError):
                    while peer.recv(4096):
                        pass
                    assert closed, "the server ended it"
                    continue
                assert not closed, "the server waits for audio"


async def call(
    stack: RunningStack, key: str, *, seconds: float = 4.0, finish: bool = True, **options: Any
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


async def test_a_tenant_sees_its_own_calls_and_no_others(guarded, acme, other, operator, http):
    heard = await call(guarded, acme, conversation_id="case 7")
    session = heard.session
    one = f"/v1/sessions/{session}"
    for path in (one, f"{one}/transcript", f"{one}/trace", "/v1/sessions/case%207"):
        assert (await ask(http, guarded, "GET", path, acme))[0] == 200
        status, text = await ask(http, guarded, "GET", path, other)
        assert (status, code_of(text)) == (404, "unknown_session")
        if "case" not in path:
            assert (await ask(http, guarded, "GET", path, operator))[0] == 200
    assert (await ask(http, guarded, "GET", f"{one}/events", other))[0] == 404
    assert (await ask(http, guarded, "DELETE", one, other))[0] == 404
    assert (await ask(http, guarded, "GET", one, acme))[0] == 200, "it is still there"
    assert (await ask(http, guarded, "DELETE", one, acme))[0] == 200
    assert (await ask(http, guarded, "GET", one, acme))[0] == 404


async def test_the_list_has_a_tenants_own_calls(guarded, acme, other, operator, http):
    async with handshake(guarded, "/ws/asr", additional_headers=bearer(acme)) as client:
        line = Line(client)
        await line.say(config())
        session = (await line.hear("session_created"))["session_id"]

        async def listed(key: str) -> list[str]:
            _, text = await ask(http, guarded, "GET", "/v1/sessions", key)
            return [each["session_id"] for each in json.loads(text)["sessions"]]

        assert session in await listed(acme)
        assert session not in await listed(other)
        assert session in await listed(operator)
        await line.say(FINALIZE)
        await line.hear_out()


async def test_a_tenant_resumes_only_its_own_calls(guarded, acme, other):
    resumable = {"events": ["audio_ack"]}
    async with handshake(guarded, "/ws/asr", additional_headers=bearer(acme)) as client:
        line = Line(client)
        await line.say(config(**resumable), *list(messages(sentence()))[:5])
        created = await line.hear("session_created")
        again = json.dumps({"type": "config", "resume": created["resume_token"], "seq": 0})
        async with handshake(
            guarded, "/ws/asr?resume=1", additional_headers=bearer(other)
        ) as thief:
            taken = Line(thief)
            await taken.say(again)
            assert (await taken.hear_out()).errors == ["resume_unknown"]
        await line.say(FINALIZE)
        heard = await line.hear_out()
        assert heard.close_code == 1000, "the call went on undisturbed"


async def test_a_token_opens_one_call_with_its_options(guarded, acme, http):
    asked = {"seconds": 60, "options": {"words": True, "language": "en"}}
    async with http.post(api(guarded, "/v1/tokens"), json=asked, headers=bearer(acme)) as answer:
        made = await answer.json()
    assert 50 < made["expires_at"] - time.time() <= 60
    heard = await call(guarded, made["token"], words=False)
    assert heard.close_code == 1000
    assert "words" in heard.finals[0], "its options are fixed"
    again = await call(guarded, made["token"])
    assert again.errors == ["spent_token"]
    for method in ("GET", "DELETE"):
        path = f"/v1/sessions/{heard.session}"
        assert (await ask(http, guarded, method, path, made["token"]))[0] == 403
    async with http.post(
        api(guarded, "/v1/tokens"), json={}, headers=bearer(made["token"])
    ) as answer:
        assert answer.status == 403, "a token makes no tokens"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"seconds": 0}, "seconds"),
        ({"seconds": 3601}, "seconds"),
        ({"seconds": True}, "seconds"),
        ({"more": 1}, "unknown_field"),
        ({"options": []}, None),
        ({"options": {"langauge": "en"}}, None),
        ([], "invalid_json"),
    ],
)
async def test_a_token_that_cannot_be_made_says_why(guarded, acme, http, body, code):
    async with http.post(api(guarded, "/v1/tokens"), json=body, headers=bearer(acme)) as answer:
        assert answer.status == 400
        said = code_of(await answer.text())
        assert code in (said, None)


async def test_usage_is_counted_by_tenant(guarded, http):
    key = known(guarded, create("metered", "transcribe", "read", url=guarded.redis_url))
    await call(guarded, key, seconds=3.0)

    async def days(who: str, more: str = "") -> Any:
        status, text = await ask(http, guarded, "GET", f"/v1/usage{more}", who)
        return status, json.loads(text)

    deadline = time.monotonic() + 10
    while not (found := (await days(key))[1]["days"]) and time.monotonic() < deadline:
        await asyncio.sleep(0.1)
    (day,) = found
    assert (day["calls"], day["legs"]) == (1, 1)
    assert day["audio_s"] == pytest.approx(3.0, abs=0.1)
    assert 0 < day["speech_s"] <= 3.1
    assert (await days(key, "?tenant=acme"))[0] == 403
    for bad in ("?from=x", "?from=2026-01-02&to=2026-01-01", "?tenant=A", "?from=1990-01-01"):
        assert (await days(key, bad))[0] == 400


async def test_limits_hold(guarded):
    few = known(
        guarded,
        create("small", "transcribe", url=guarded.redis_url, flags=("--audio-s", "2")),
    )
    assert (await call(guarded, few, seconds=3.0)).close_code == 1000
    # What a call has used is told once it has ended.
    while (errors := (await call(guarded, few, seconds=0.1)).errors) != ["key_audio"]:
        assert errors == []
    seldom = known(
        guarded,
        create("seldom", "transcribe", url=guarded.redis_url, flags=("--calls", "1")),
    )
    assert (await call(guarded, seldom, seconds=1.0)).close_code == 1000
    assert (await call(guarded, seldom, seconds=1.0)).errors in (["key_calls"], [])
    single = known(
        guarded,
        create("single", "transcribe", url=guarded.redis_url, flags=("--sessions", "1")),
    )
    async with handshake(guarded, "/ws/asr", additional_headers=bearer(single)):
        with pytest.raises(InvalidStatus) as refused:
            async with handshake(guarded, "/ws/asr", additional_headers=bearer(single)):
                pass
        assert refused.value.response.status_code == 429


async def test_a_revoked_key_ends_its_calls_within_a_second(guarded, http):
    key = known(guarded, create("gone", "transcribe", "read", url=guarded.redis_url))
    async with handshake(guarded, "/ws/asr", additional_headers=bearer(key)) as client:
        line = Line(client)
        await line.say(config(), *list(messages(sentence()))[:5])
        await line.hear("session_created")
        keys("revoke", key[3:11], url=guarded.redis_url)
        began = time.monotonic()
        heard = await line.hear_out()
        assert time.monotonic() - began < 1
        assert (heard.errors, heard.close_code) == (["revoked_key"], 1008)
    with pytest.raises(InvalidStatus) as refused:
        async with handshake(guarded, "/ws/asr", additional_headers=bearer(key)):
            pass
    assert refused.value.response.status_code == 401
    assert b"revoked_key" in refused.value.response.body
    status, text = await ask(http, guarded, "GET", "/v1/sessions", key)
    assert (status, code_of(text)) == (401, "revoked_key")


@pytest.mark.parametrize("over", ["websocket", "event stream"])
async def test_a_revoked_key_reads_no_more(guarded, acme, http, over):
    key = known(guarded, create("acme", "read", url=guarded.redis_url))
    async with handshake(guarded, "/ws/asr", additional_headers=bearer(acme)) as client:
        line = Line(client)
        await line.say(config())
        session = (await line.hear("session_created"))["session_id"]
        events = f"/v1/sessions/{session}/events"
        if over == "websocket":
            reader = await handshake(guarded, events, additional_headers=bearer(key))
        else:
            reading = await http.get(api(guarded, events), headers=bearer(key))
        keys("revoke", key[3:11], url=guarded.redis_url)
        async with asyncio.timeout(2):
            if over == "websocket":
                await reader.wait_closed()
                assert (reader.close_code, reader.close_reason) == (1008, "revoked_key")
            else:
                await reading.read()
        await line.say(FINALIZE)
        assert (await line.hear_out()).close_code == 1000, "the call is another key's"


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
            assert answer.headers["Vary"] == "Origin"
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
