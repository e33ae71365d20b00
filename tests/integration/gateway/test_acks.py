"""Acknowledgements and lag, and a Redis that is away while a client resumes."""

import asyncio
import signal
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from websockets.exceptions import ConnectionClosed

from common.bus import wire
from common.bus.keys import Leg
from tests.integration.conftest import wait_until
from tests.integration.pipeline.calls import FINALIZE, Transcript, config, converse, pcm16, split
from tests.integration.pipeline.resuming import (
    CutCall,
    cut,
    facts,
    gateway,
    process,
    resume,
    talk,
    talk_messages,
)
from tests.integration.pipeline.services import LastingRedis, Service, lasting_redis, service
from tests.real_redis import admin

PACE = 0.02
TRY_AGAIN_LATER = 1013


@pytest.fixture(scope="module")
def bus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LastingRedis]:
    with lasting_redis(tmp_path_factory.mktemp("redis")) as own:
        yield own


@pytest.fixture(scope="module")
def vad(bus: LastingRedis) -> Iterator[Service]:
    with service("vad", bus.url) as worker:
        yield worker


@pytest.fixture(scope="module")
def here(bus: LastingRedis, vad: Service) -> Iterator[Service]:
    """A gateway with a VAD worker and a recogniser."""
    asr = "tests.integration.pipeline.digest_asr"
    with process(asr, "--redis-url", bus.url, "--metrics-port", "0"), gateway(bus.url) as running:
        vad.wait_ready()
        yield running


async def test_what_was_acknowledged_is_never_asked_for_again(here: Service):
    opening = config(sample_rate=8_000, events=["audio_ack"], interim_results=False)
    # At 8 kHz a client sends again a little that Redis has: the filter must be filled again.
    audio = [*split(pcm16(talk(4)[::2]), 3_200)]
    call = CutCall(opening, [*audio, FINALIZE])
    async with call.opened(here.url) as client:
        await client.say(*call.script[:25])
        await client.hear("audio_ack")
        cut(client)
    for _ in range(3):
        acked = acknowledged(call)[-1]
        async with call.back(here.url) as client:
            assert call.resumed[-1]["position"] >= acked
            await client.say(*call.rest[:20])
            await client.hear("audio_ack")
            cut(client)
    async with call.back(here.url) as client:
        assert call.resumed[-1]["position"] >= acknowledged(call)[-1]
        await client.say(*call.rest)
        transcript = await client.hear_out()
    assert transcript.close_code == 1000
    positions = acknowledged(call)
    assert positions == sorted(positions)
    assert len(positions) == len(set(positions)) >= 4
    assert facts(transcript) == facts(await converse(here.url, opening, *call.script))


def acknowledged(call: CutCall) -> list[int]:
    return [message["position"] for message in call.transcript.of("audio_ack")]


async def test_while_nothing_hears_a_call_its_client_is_told_how_far_behind_it_is(
    here: Service, bus: LastingRedis, vad: Service
):
    call = CutCall(config(events=["lag"], interim_results=False), [*talk_messages(8), FINALIZE])
    async with call.opened(here.url) as client:
        await client.say(*call.script[:30], pace=PACE)
        with admin(bus.url) as keeper:
            heard = Leg(call.session, 0).key("ckpt:vad")
            await wait_until(lambda: checkpointed(keeper, heard), "it is being heard")
        vad.process.send_signal(signal.SIGSTOP)
        try:
            await client.say(*call.script[30:90])
            first = await client.hear("lag")
            await client.say(*call.script[90:130])
            while (later := await client.hear("lag"))["seconds"] <= first["seconds"]:
                pass
        finally:
            vad.process.send_signal(signal.SIGCONT)
        while (last := await client.hear("lag"))["seconds"] > 2.0:
            pass
        await client.say(*call.script[130:])
        transcript = await client.hear_out()
    lags = [lag for lag in transcript.of("lag") if lag not in (last,)]
    assert {lag["channel"] for lag in lags} == {0}
    assert all(lag["seconds"] >= 2.0 for lag in lags[: lags.index(later) + 1])
    # It cannot be behind by more than what was sent.
    assert later["seconds"] <= 130 * 0.1
    assert transcript.errors == []
    assert transcript.close_code == 1000


def checkpointed(keeper: redis.Redis, key: bytes) -> bool:
    """Tell whether a stage's checkpoint has a position, beside the owner's marker."""
    entries: Any = keeper.xrevrange(key, count=1)
    return bool(entries) and wire.BODY_FIELD in entries[0][1]


async def test_a_call_that_keeps_up_is_told_nothing(here: Service):
    opening = config(events=["lag"], interim_results=False)
    transcript = await converse(here.url, opening, *talk_messages(1), FINALIZE)
    assert transcript.of("lag") == []


async def test_while_redis_is_away_a_client_is_asked_to_come_again_and_then_it_goes_on(
    here: Service, bus: LastingRedis
):
    opening = config(interim_results=False)
    call = CutCall(opening, [*talk_messages(3), FINALIZE])
    undisturbed = await converse(here.url, opening, *call.script)
    async with call.opened(here.url) as client:
        await client.say(*call.script[:50], pace=PACE / 2)
        # Until it has heard some audio, so that there is something to lose.
        await client.hear("final")
        bus.kill()
        await client.say(*call.script[50:70])
        cut(client)
    await wait_until(lambda: here.page("/ready") == (503, "Redis is away\n"), "it is noticed")
    refused = await converse(f"{here.url}?resume=1", resume(call.token, call.seq))
    assert refused.errors == ["unavailable"]
    assert refused.close_code == TRY_AGAIN_LATER
    bus.start()
    async with asyncio.timeout(20):
        transcript = await _come_back(call, here.url)
    # Until the gateway has found it.
    assert set(transcript.errors) <= {"unavailable"}
    assert transcript.close_code == 1000
    assert facts(transcript) == facts(undisturbed)


async def _come_back(call: CutCall, url: str) -> Transcript:
    """Try until the gateway has found Redis again; then send what is left."""
    while True:
        try:
            async with call.back(url) as client:
                await client.say(*call.rest)
                return await client.hear_out()
        except ConnectionClosed:
            await asyncio.sleep(0.1)
