"""A worker is killed in mid-utterance of a call of each protocol: none of them notices."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager

import pytest

from callscribe.local.child import free_ports
from gateway.protocols.commands import AudioFormat
from tests.integration.callscribe.processes import until, until_true
from tests.integration.conftest import page
from tests.integration.pipeline.resuming import process
from tests.integration.pipeline.services import service
from tests.integration.protocols.calls import Call, Ports, call, transcript
from tests.integration.protocols.clients import CLIENTS, NARROW, WIDE
from tests.integration.protocols.conftest import listening
from tests.integration.protocols.speech import seconds, spoken
from tests.real_redis import real_redis

MIDDLE_S = 1.6


@contextmanager
def worker(stage: str, redis_url: str) -> Iterator[tuple[int, Callable[[], None]]]:
    """Run a worker, whose texts tell every sample; give the port of its page, and what kills it."""
    if stage == "vad":
        with service("vad", redis_url) as vad:
            vad.wait_ready()
            yield vad.port, vad.process.kill
        return
    (port,) = free_ports(1)
    where = ("--metrics-host", "127.0.0.1", "--metrics-port", str(port))
    command = ("tests.integration.pipeline.digest_asr", "--redis-url", redis_url)
    with process(*command, *where) as asr:
        until(lambda: measured(port, "callscribe_slots") > 0)
        yield port, asr.kill


def measured(port: int, name: str) -> float:
    """Return the sum of a metric, 0 while the worker does not answer."""
    try:
        lines = page(port, "/metrics")[1].splitlines()
    except OSError:
        return 0.0
    found = [line for line in lines if line.startswith((f"{name} ", f"{name}{{"))]
    return sum(float(line.split()[-1]) for line in found)


async def undisturbed(ports: Ports, sound: AudioFormat) -> str:
    async with call("native", ports, sound) as ours:
        await ours.say(spoken(sound))
        await ours.finish([])
    return ours.told.text()


@pytest.mark.parametrize("killed", ["vad", "asr"])
async def test_another_worker_finishes_the_utterances_of_all_protocols(killed: str):
    other = "asr" if killed == "vad" else "vad"
    formats = {name: WIDE if WIDE in client.formats else NARROW for name, client in CLIENTS.items()}
    async with AsyncExitStack() as calls:
        redis_url = calls.enter_context(real_redis()).url
        port, kill = calls.enter_context(worker(killed, redis_url))
        calls.enter_context(worker(other, redis_url))
        ports = calls.enter_context(listening(redis_url))
        texts = {sound: await undisturbed(ports, sound) for sound in (WIDE, NARROW)}
        ours = {
            name: await calls.enter_async_context(call(name, ports, sound))
            for name, sound in formats.items()
        }
        for name, sound in formats.items():
            await ours[name].say(spoken(sound)[: seconds(sound, MIDDLE_S)])
        await until_true(lambda: measured(port, "callscribe_legs_owned") == len(ours))
        heir, _ = calls.enter_context(worker(killed, redis_url))
        kill()
        for name, sound in formats.items():
            await ours[name].say(spoken(sound)[seconds(sound, MIDDLE_S) :])
        ending = (ours[name].finish([texts[sound]]) for name, sound in formats.items())
        await asyncio.gather(*ending)
        heard = {name: await result(ours[name], ports) for name in formats}
        assert heard == {name: texts[sound] for name, sound in formats.items()}
        assert measured(heir, "callscribe_takeovers_total") == len(ours)


async def result(ours: Call, ports: Ports) -> str:
    """Return what the client was told, or, if it is told nothing, what others read."""
    if ours.client.silent:
        (text,) = await transcript(ports, ours.name)
        return text
    return ours.told.text()
