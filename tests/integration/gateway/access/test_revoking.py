"""A key that is revoked ends within a second whatever goes on under it, at every gateway."""

import asyncio
import io
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import aiohttp
import numpy as np
import pytest
from websockets.exceptions import InvalidStatus

from tests.integration.conftest import RunningStack
from tests.integration.gateway.access.asking import (
    Where,
    api,
    ask,
    bearer,
    code_of,
    create,
    handshake,
    keys,
    known,
)
from tests.integration.pipeline.calls import Line, config, messages, sentence
from tests.integration.pipeline.resuming import gateway
from tests.integration.pipeline.services import Service
from tests.unit.gateway.files.recordings import file

UPLOAD = "/v1/audio/transcriptions"
MINUTES = 5
SILENCE = file(np.zeros((MINUTES * 60 * 8_000, 1), np.int16), 8_000, "wav", "pcm_s16le")
"""It takes 17 s or more: beyond 30 s, audio is accepted 16 times faster than it was spoken."""


@pytest.fixture
def key(guarded: RunningStack, second: Service) -> str:
    made = create("gone", "transcribe", "read", url=guarded.redis_url)
    return known(second, known(guarded, made))


@pytest.fixture(scope="module")
def second(guarded: RunningStack) -> Iterator[Service]:
    """Another gateway of the same deployment."""
    with gateway(guarded.redis_url) as running:
        yield running


async def revoke(stack: RunningStack, key: str) -> float:
    """Revoke a key; return when that was done."""
    await asyncio.to_thread(keys, "revoke", key[3:11], url=stack.redis_url)
    return time.monotonic()


async def speaking(line: Line) -> None:
    await line.say(config(), *list(messages(sentence()))[:5])
    await line.hear("session_created")


async def refused(where: Where, key: str, path: str = "/ws/asr") -> None:
    with pytest.raises(InvalidStatus) as answer:
        async with handshake(where, path, additional_headers=bearer(key)):
            pass
    assert answer.value.response.status_code == 401
    assert b"revoked_key" in answer.value.response.body


async def token_of(where: Where, key: str, http: aiohttp.ClientSession) -> str:
    async with http.post(api(where, "/v1/tokens"), json={}, headers=bearer(key)) as answer:
        made = await answer.json()
    token: str = made["token"]
    return token


async def test_calls_at_two_gateways_end_by_key_and_by_token(guarded, second, key, http):
    shown = [key, await token_of(guarded, key, http), key, await token_of(second, key, http)]
    unused = await token_of(second, key, http)
    async with AsyncExitStack() as clients:
        lines = []
        for where, credential in zip((guarded, guarded, second, second), shown, strict=True):
            client = handshake(where, "/ws/asr", additional_headers=bearer(credential))
            lines.append(Line(await clients.enter_async_context(client)))
        await asyncio.gather(*map(speaking, lines))
        began = await revoke(guarded, key)
        heard = await asyncio.gather(*(line.hear_out() for line in lines))
        assert time.monotonic() - began < 1
    assert [each.errors for each in heard] == [["revoked_key"]] * 4
    assert [each.close_code for each in heard] == [1008] * 4
    for where in (guarded, second):
        for credential in (key, unused, shown[1]):
            await refused(where, credential)
            await refused(where, credential, "/ws/asr?resume=1")
        status, text = await ask(http, where, "POST", "/v1/tokens", key)
        assert (status, code_of(text)) == (401, "revoked_key")


async def slowly(begun: asyncio.Event) -> AsyncIterator[bytes]:
    """A body that goes on for minutes, at more than the slowest pace that is allowed."""
    for place in range(0, len(SILENCE), 8_192):
        yield SILENCE[place : place + 8_192]
        if place:
            begun.set()
        await asyncio.sleep(0.1)


@pytest.mark.parametrize("at", ["first", "second"])
async def test_a_file_is_read_no_further(guarded, second, key, http, at):
    where, begun = (guarded if at == "first" else second), asyncio.Event()
    upload = asyncio.create_task(sent(where, key, http, slowly(begun), "/v1/listen"))
    await begun.wait()
    began = await revoke(guarded, key)
    status, text = await upload
    assert time.monotonic() - began < 1
    assert status == 401
    assert code_of(text) == "revoked_key"


async def test_a_file_is_heard_no_further(guarded, second, key, http):
    form = aiohttp.FormData()
    form.add_field("file", io.BytesIO(SILENCE), filename="call.wav")
    upload = asyncio.create_task(sent(second, key, http, form, UPLOAD))

    async def running() -> list[str]:
        _, text = await ask(http, second, "GET", "/v1/sessions", key)
        return [each["session_id"] for each in json.loads(text).get("sessions", ())]

    async with asyncio.timeout(20):
        while not await running():
            assert not upload.done()
            await asyncio.sleep(0.05)
    began = await revoke(guarded, key)
    status, text = await upload
    assert time.monotonic() - began < 1
    assert status == 401
    assert code_of(text) == "revoked_key"


async def sent(
    where: Where, key: str, http: aiohttp.ClientSession, body: object, path: str
) -> tuple[int, str]:
    """Send a file; return status and answer, also of a server that does not wait for its end."""
    async with http.post(api(where, path), data=body, headers=bearer(key)) as answer:
        assert "Bearer" in answer.headers["WWW-Authenticate"]
        return answer.status, await answer.text()
