"""A gateway is killed in mid-utterance: what it had received of each protocol's call stays."""

from contextlib import AsyncExitStack

import redis

from tests.integration.pipeline.resuming import gateway
from tests.integration.protocols.calls import (
    Ports,
    answer,
    call,
    own_ports,
    port_flags,
    transcript,
)
from tests.integration.protocols.clients import CLIENTS, NARROW, WIDE
from tests.integration.protocols.conftest import stored
from tests.integration.protocols.speech import seconds, spoken

MIDDLE_S = 1.6
LOOKAHEAD = 100
"""Samples at 16 kHz that the resampler keeps of narrow audio until more comes."""


async def test_another_gateway_ends_the_calls_and_their_words_are_read_there(
    exact: Ports, exact_redis: str, bus: redis.Redis
):
    formats = {name: WIDE if WIDE in client.formats else NARROW for name, client in CLIENTS.items()}
    beginnings = {
        sound: spoken(sound)[: seconds(sound, MIDDLE_S)] for sound in set(formats.values())
    }
    texts = {}
    for sound, audio in beginnings.items():
        async with call("native", exact, sound) as whole:
            await whole.say(audio)
            await whole.finish([])
        texts[sound] = whole.told.text()
    own = own_ports()
    sessions: dict[str, str] = {}
    async with AsyncExitStack() as calls:
        victim = calls.enter_context(gateway(exact_redis, *port_flags(own)))
        ports = Ports(victim.port, own)
        for name, sound in formats.items():
            ours = await calls.enter_async_context(call(name, ports, sound))
            await ours.say(beginnings[sound])
            while len(sessions) < list(formats).index(name) + 1:
                running = (await answer(exact, ""))["sessions"]
                for session in {each["session_id"] for each in running} - {*sessions.values()}:
                    sessions[name] = session
            await stored(bus, sessions[name], MIDDLE_S - 0.01)
        victim.kill()
        read = {name: await transcript(exact, session) for name, session in sessions.items()}
    wide = {name: [texts[WIDE]] for name, sound in formats.items() if sound is WIDE}
    assert {name: text for name, text in read.items() if name in wide} == wide
    for (text,) in (text for name, text in read.items() if name not in wide):
        # The resampler's last few ms of narrow audio were in the gateway.
        assert 0 <= samples(texts[NARROW]) - samples(text) <= LOOKAHEAD


def samples(text: str) -> int:
    """Return how many samples an utterance had."""
    return int(text.split()[0])
