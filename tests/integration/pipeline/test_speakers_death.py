"""A gateway and a recogniser die in a call with `diarize`: who speaks does not depend on that."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import aiohttp
import pytest

from bench.recordings import channels
from callscribe import sample
from common.audio import SAMPLE_RATE
from tests.integration.pipeline.calls import FINALIZE, Transcript, config, converse, messages
from tests.integration.pipeline.resuming import CutCall, facts
from tests.integration.pipeline.services import Service, service
from tests.real_redis import real_redis

BEGIN = 45
"""Seconds of the sample call. From here on, what is said first is understood better later."""
DEATH = 6.9
"""Seconds that were sent by then: in the middle of an utterance, from 5.7 s on."""
OPENING = config(diarize=True, silence_threshold=0.3, language="English")


class Services:
    """The services of one Redis, which the test starts and kills one by one."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._redis_url = stack.enter_context(real_redis()).url

    def start(self, name: str) -> Service:
        return self._stack.enter_context(service(name, self._redis_url))


@pytest.fixture
def services() -> Iterator[Services]:
    with ExitStack() as stack:
        yield Services(stack)


def script() -> list[str | bytes]:
    """The end of the sample call, both parties on one channel, in messages of 0.1 s."""
    one, other = (each[BEGIN * SAMPLE_RATE :] for each in channels(sample.AUDIO))
    return [*messages(one + other), FINALIZE]


def settled(transcript: Transcript) -> bool:
    """Tell whether the recogniser has nothing left but the utterance that is open."""
    partials = transcript.of("partial")
    return len(transcript.finals) == 2 and bool(partials) and partials[-1]["end"] > DEATH - 0.9


def spoken(transcript: Transcript) -> list[tuple[Any, ...]]:
    """Return who was said to speak where, as the finals told it first."""
    return [
        (each["utterance"], each["start"], each["end"], each.get("speaker"), each.get("speakers"))
        for each in facts(transcript)
    ]


def revisions(transcript: Transcript) -> dict[int, Any]:
    """Return what each revision told; one that was told twice told the same."""
    found: dict[int, Any] = {}
    for each in transcript.of("speaker_revision"):
        assert found.setdefault(each["revision"], each["utterances"]) == each["utterances"]
    return found


async def stored(gateway: Service, session: str) -> list[tuple[int, int | None]]:
    """Return the speaker of each utterance, as the stored transcript has it."""
    address = f"http://127.0.0.1:{gateway.port}/v1/sessions/{session}/transcript"
    async with aiohttp.ClientSession() as http, http.get(address) as answer:
        return [
            (each["utterance"], each.get("speaker")) for each in (await answer.json())["utterances"]
        ]


async def test_speakers_are_the_same_whoever_dies(services: Services):
    gateway, lasting, vad, asr = map(services.start, ("gateway", "gateway", "vad", "asr"))
    for each in (vad, asr, gateway, lasting):
        each.wait_ready()
    call = CutCall(OPENING, script())
    async with call.opened(gateway.url) as client:
        await client.say(*call.script[: int(DEATH * 10)])
        while not settled(call.transcript):
            await client.hear("partial", "final")
        heir = services.start("asr")
        heir.wait_ready()
        before = {final["utterance"] for final in call.transcript.finals}
        assert not revisions(call.transcript)
        asr.kill()
        gateway.kill()
    async with call.back(lasting.url) as client:
        await client.say(*call.rest)
        disturbed = await client.hear_out()
    assert disturbed.errors == []
    assert 'callscribe_takeovers_total{stage="asr"} 1.0' in heir.page("/metrics")[1]

    undisturbed = await converse(lasting.url, OPENING, *call.script)
    assert spoken(disturbed) == spoken(undisturbed)
    assert revisions(disturbed) == revisions(undisturbed)
    told = await stored(lasting, undisturbed.session)
    assert await stored(lasting, call.session) == told
    assert {speaker for _, speaker in told} == {0, 1}
    # Of what was said before they died, more is known afterwards.
    changed = [each for one in revisions(disturbed).values() for each in one]
    assert before & {each["utterance"] for each in changed}
