"""A gateway dies or is stopped in the middle of calls; another one goes on with them."""

import asyncio
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
import redis
from prometheus_client.parser import text_string_to_metric_families

from common.bus import keys, wire
from common.bus.keys import Leg
from common.pipeline.text import ITEM, End, Final, Item
from tests.integration.conftest import leaked_keys, wait_until
from tests.integration.pipeline.calls import FINALIZE, SPEECH_EVENTS, config, converse
from tests.integration.pipeline.resuming import (
    TELLS_SPEECH,
    CutCall,
    cut,
    distinct_speech_events,
    facts,
    gateway,
    numbers,
    talk_messages,
)
from tests.integration.pipeline.services import Service

SERVICE_RESTART = 1012
OPENING = config(**TELLS_SPEECH)
COMES_BACK = config(events=[*SPEECH_EVENTS, "audio_ack"], interim_results=False)
PATIENCE = 1
"""Seconds that the gateways of these tests wait for a client."""


@pytest.fixture(scope="module")
def lasting(bus_url: str) -> Iterator[Service]:
    """The gateway that goes on with what the others leave."""
    with gateway(bus_url, "--resume-s", str(PATIENCE)) as running:
        yield running


@pytest.fixture(scope="module", autouse=True)
def abandoned(bus_url: str, lasting: Service) -> CutCall:
    """A call whose gateway was killed and whose client never comes back."""
    call = CutCall(OPENING, talk_messages(2))

    async def begin(victim: Service) -> None:
        async with call.opened(victim.url) as client:
            await client.say(*call.script)
            # Of the second utterance only the beginning was heard when the gateway dies.
            await client.hear("final")
            victim.kill()

    with gateway(bus_url) as victim:
        asyncio.run(begin(victim))
    return call


def rings_answered(gateway: Service) -> float:
    """Return how many times a gateway has looked because of a doorbell, and found something."""
    return sum(
        sample.value
        for family in text_string_to_metric_families(gateway.page("/metrics")[1])
        for sample in family.samples
        if sample.name == "callscribe_doorbells_total" and sample.labels["outcome"] == "work"
    )


async def test_a_call_goes_on_at_another_gateway_when_its_own_is_killed(
    bus_url: str, lasting: Service
):
    call = CutCall(OPENING, [*talk_messages(3), FINALIZE])
    with gateway(bus_url) as victim:
        async with call.opened(victim.url) as client:
            await client.say(*call.script[:30], pace=0.01)
            await client.hear("speech_started")
            victim.kill()
        before = rings_answered(lasting)
        async with call.back(lasting.url) as client:
            await client.say(*call.rest, pace=0.01)
            transcript = await client.hear_out()
    undisturbed = await converse(lasting.url, OPENING, *call.script)
    assert transcript.errors == []
    assert transcript.close_code == 1000
    assert transcript.by_utterance() == undisturbed.by_utterance()
    assert facts(transcript) == facts(undisturbed)
    assert numbers(transcript) == numbers(undisturbed)
    assert distinct_speech_events(transcript) == undisturbed.speech_events()
    # The workers go on ringing the gateway that is dead.
    assert rings_answered(lasting) > before


async def test_a_gateway_that_ends_sends_those_away_at_once_who_can_come_back(
    bus_url: str, lasting: Service
):
    call = CutCall(COMES_BACK, [*talk_messages(2), FINALIZE])
    # Whoever waits for the deadline would fail this test by its time limit.
    flags = "--drain-s", "600", "--resume-s", "7"
    with gateway(bus_url, *flags) as leaving:
        async with call.opened(leaving.url) as client:
            await client.say(*call.script[:25])
            await client.hear("speech_started")
            leaving.process.terminate()
            away = await client.hear_out()
        assert away.errors == ["going_away"]
        assert away.of("error")[0]["resume_within"] == 7
        assert away.close_code == SERVICE_RESTART
        assert leaving.process.wait(20) == 0
    call.transcript.messages = [m for m in call.transcript.messages if m["type"] != "error"]
    async with call.back(lasting.url) as client:
        await client.say(*call.rest)
        transcript = await client.hear_out()
    undisturbed = await converse(lasting.url, COMES_BACK, *call.script)
    assert transcript.errors == []
    assert transcript.close_code == 1000
    assert facts(transcript) == facts(undisturbed)
    assert distinct_speech_events(transcript) == undisturbed.speech_events()


async def test_a_client_that_cannot_come_back_is_served_until_its_call_ends(
    bus_url: str, lasting: Service
):
    call = CutCall(OPENING, [*talk_messages(1), FINALIZE])
    with gateway(bus_url, "--drain-s", "600") as leaving:
        async with call.opened(leaving.url) as client:
            await client.say(*call.script[:20])
            leaving.process.terminate()
            await wait_until(lambda: leaving.page("/ready")[0] == 503, "it drains")
            await client.say(*call.script[20:])
            transcript = await client.hear_out()
        assert leaving.process.wait(20) == 0
    undisturbed = await converse(lasting.url, OPENING, *call.script)
    assert transcript.errors == []
    assert transcript.close_code == 1000
    assert facts(transcript) == facts(undisturbed)


async def test_at_the_deadline_it_is_sent_away_too_and_its_call_goes_on(
    bus_url: str, lasting: Service
):
    call = CutCall(OPENING, [*talk_messages(1), FINALIZE])
    with gateway(bus_url, "--drain-s", "0.2") as leaving:
        async with call.opened(leaving.url) as client:
            await client.say(*call.script[:20])
            leaving.process.terminate()
            away = await client.hear_out()
        assert away.errors == ["going_away"]
        assert away.close_code == SERVICE_RESTART
        assert leaving.process.wait(20) == 0
    async with call.back(lasting.url) as client:
        await client.say(*call.rest)
        transcript = await client.hear_out()
    assert transcript.close_code == 1000
    assert transcript.texts


async def test_a_client_that_is_lost_and_never_comes_back_has_ended_the_call(
    lasting: Service, bus: redis.Redis
):
    call = CutCall(OPENING, talk_messages(1))
    async with call.opened(lasting.url) as client:
        await client.say(*call.script)
        await client.hear("speech_started")
        cut(client)
    await wait_until(lambda: ended(bus, call), "the call has ended")
    assert spoken(bus, call)


async def test_a_call_without_gateway_and_client_is_ended_by_another_gateway(
    lasting: Service, bus: redis.Redis, abandoned: CutCall
):
    undisturbed = await converse(lasting.url, OPENING, *abandoned.script, FINALIZE)
    await wait_until(lambda: ended(bus, abandoned), "the call has ended", 60)
    assert spoken(bus, abandoned) == undisturbed.texts
    # Nobody works for it any more, it is on no list, and what is left of it goes by itself.
    leg = Leg(abandoned.session, 0)
    for stage in ("vad", "asr"):
        index = keys.index(stage)
        await wait_until(partial(released, bus, index, leg), f"{stage} is done")
    await wait_until(lambda: bus.zscore(keys.sessions(), leg.session) is None, "it is struck off")
    await wait_until(lambda: not bus.exists(leg.key("audio")), "its audio is gone")
    assert leaked_keys(bus) == []


def released(bus: redis.Redis, index: bytes, leg: Leg) -> bool:
    """Tell whether no work item is open for a leg."""
    work_items: Any = bus.hkeys(index)
    return not any(item.startswith(str(leg).encode()) for item in work_items)


def ended(bus: redis.Redis, call: CutCall) -> bool:
    """Tell whether the last item of a call's text is there: nothing will follow."""
    return End() in items(bus, call)


def spoken(bus: redis.Redis, call: CutCall) -> list[str]:
    """Return the texts that Redis has of a call."""
    return [
        each.text
        for each in items(bus, call)
        if isinstance(each, Final) and each.shown and each.text
    ]


def items(bus: redis.Redis, call: CutCall) -> list[Item]:
    entries: Any = bus.xrange(Leg(call.session, 0).key("text"))
    return [ITEM.unpack(fields[wire.BODY_FIELD]) for _, fields in entries]
