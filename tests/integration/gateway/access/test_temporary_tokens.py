"""Temporary tokens as clients of AssemblyAI ask for them."""

import json
import os
import subprocess
import time

import aiohttp
import pytest
from websockets.exceptions import ConnectionClosedError, InvalidStatus

from gateway.access.tokens import claims_of
from tests.documents import block
from tests.integration.conftest import RunningStack
from tests.integration.gateway.access.asking import api, ask, code_of, handshake

PATH = "/v3/token?expires_in_seconds="


async def test_a_token_opens_one_call_in_the_url(guarded: RunningStack, acme: str, http):
    async with http.get(api(guarded, f"{PATH}60"), headers={"Authorization": acme}) as answer:
        made = await answer.json()
    assert made == {"token": made["token"], "expires_in_seconds": 60}
    claims = claims_of(made["token"])
    assert claims is not None
    assert 50 < claims.expires - time.time() <= 60
    url = f"/v3/ws?sample_rate=16000&token={made['token']}"
    async with handshake(guarded, url) as client:
        assert json.loads(await client.recv())["type"] == "Begin"
        await client.send('{"type": "Terminate"}')
        told = [json.loads(message)["type"] async for message in client]
        assert told[-1] == "Termination"
    async with handshake(guarded, url) as client:
        assert json.loads(await client.recv())["type"] == "Error"
        with pytest.raises(ConnectionClosedError, match="spent_token"):
            await client.recv()


async def test_a_token_makes_none(guarded: RunningStack, acme: str, http: aiohttp.ClientSession):
    _, text = await ask(http, guarded, "GET", f"{PATH}60", acme)
    status, text = await ask(http, guarded, "GET", f"{PATH}60", json.loads(text)["token"])
    assert (status, code_of(text)) == (403, "no_key")


@pytest.mark.parametrize("said", ["", "0", "-1", "+5", "6e1", "3601", "9" * 5000, "%D9%A6%D9%A0"])
async def test_a_lifetime_of_no_use_is_refused(guarded: RunningStack, acme: str, http, said: str):
    status, text = await ask(http, guarded, "GET", f"{PATH}{said}", acme)
    assert (status, code_of(text)) == (400, "expires_in_seconds")


async def test_who_has_no_key_gets_none(guarded: RunningStack, http: aiohttp.ClientSession):
    async with http.get(api(guarded, f"{PATH}60")) as answer:
        assert answer.status == 401
    with pytest.raises(InvalidStatus):
        async with handshake(guarded, "/v3/ws?sample_rate=16000&token=cst_none"):
            pass


def test_the_printed_command_runs(guarded: RunningStack, acme: str):
    printed = block("docs/protocols/assemblyai.md", "curl")
    command = ["bash", "-ec", printed.replace("localhost:8000", f"127.0.0.1:{guarded.port}")]
    env = {**os.environ, "KEY": acme}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(done.stdout)["expires_in_seconds"] == 60
