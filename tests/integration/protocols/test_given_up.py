"""A stage gives up the leg of a call of each protocol: its caller is told, or heard without it."""

import asyncio
from contextlib import AsyncExitStack
from typing import cast

import pytest
import redis

from common.bus import keys, wire
from common.bus.keys import Leg
from common.pipeline.stages import DENOISE, VAD
from common.pipeline.streams import AUDIO, CHECKPOINT
from gateway.protocols.api import Transport
from tests.integration.callscribe.processes import until
from tests.integration.conftest import wait_until
from tests.integration.pipeline.resuming import workers
from tests.integration.pipeline.services import service
from tests.integration.protocols.calls import BY_NAME, Call, Ports, call, transcript
from tests.integration.protocols.clients import CLIENTS, NARROW, WIDE
from tests.integration.protocols.conftest import listening, stored
from tests.integration.protocols.speech import seconds, spoken
from tests.real_redis import admin, real_redis

GARBAGE = b"\x81\xa1v\x63"
MIDDLE_S = 1.6
FORMATS = {name: WIDE if WIDE in each.formats else NARROW for name, each in CLIENTS.items()}
CHOSEN = ["native", "deepgram", "twilio"]
"""Protocols whose calls are denoised here: what becomes of a leg does not depend on them."""


def spoil(bus: redis.Redis, leg: Leg, kind: str, field: bytes) -> None:
    """Write something unreadable behind the last entry of a leg's stream."""
    key = leg.key(kind)
    ((last, _),) = cast(list[tuple[bytes, object]], bus.xrevrange(key, count=1))
    major, minor = wire.id_halves(last)
    bus.xadd(key, {field: GARBAGE}, id=wire.entry_id(major, minor + 1))


@pytest.mark.parametrize("name", sorted(CLIENTS))
async def test_a_caller_whose_leg_vad_gives_up_is_told(exact: Ports, bus: redis.Redis, name: str):
    async with call(name, exact, FORMATS[name]) as ours:
        await ours.say(bytes(seconds(FORMATS[name], 1.0)))
        session = await ours.id()
        await stored(bus, session, 0.9)
        bus.delete(keys.dead(VAD.name))  # many within a minute count as a bad release's
        spoil(bus, Leg(session, 0), AUDIO, wire.CONTROL_FIELD)
        code, _ = await ours.wire.closed()
    expected = {"assemblyai": 3005}.get(name, 1011)
    assert code == (0 if BY_NAME[name].transport is Transport.TCP else expected)
    told = " ".join(ours.told.messages)
    assert CLIENTS[name].silent or "channel 0 can no longer be transcribed" in told


async def test_callers_whose_legs_denoise_gives_up_are_heard_as_they_came():
    async with AsyncExitStack() as running:
        url = running.enter_context(real_redis()).url
        bus = admin(url)
        running.callback(bus.close)
        running.enter_context(workers(url))
        victim = running.enter_context(service("denoise", url))
        victim.wait_ready()
        ports = running.enter_context(listening(url, "--enable-noise-suppression"))
        ours: dict[str, Call] = {}
        legs: list[Leg] = []
        for name in CHOSEN:
            ours[name] = await running.enter_async_context(call(name, ports, FORMATS[name]))
            await ours[name].say(spoken(FORMATS[name])[: seconds(FORMATS[name], MIDDLE_S)])
            legs.append(Leg(await ours[name].id(), 0))
        kept = CHECKPOINT.of(DENOISE.name)
        await wait_until(
            lambda: all(bus.exists(leg.key(kept)) for leg in legs), "all have a checkpoint"
        )
        victim.kill()
        for leg in legs:
            spoil(bus, leg, kept, wire.BODY_FIELD)
        heir = running.enter_context(service("denoise", url))
        for name, each in ours.items():
            await each.say(spoken(FORMATS[name])[seconds(FORMATS[name], MIDDLE_S) :])
        await asyncio.gather(*(each.finish([]) for each in ours.values()))
        texts = {name: await result(each, ports) for name, each in ours.items()}
        assert all(texts.values()), texts
        letters = f'callscribe_dead_letters_total{{stage="denoise"}} {len(CHOSEN)}.0'
        until(lambda: letters in heir.page("/metrics")[1])


async def result(ours: Call, ports: Ports) -> str:
    """Return what the client was told, or, if it is told nothing, what others read."""
    if not ours.client.silent:
        return ours.told.text()
    (text,) = await transcript(ports, ours.name)
    return text
