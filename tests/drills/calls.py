"""Drills of what callers notice: late, refused, lost and broken."""

import asyncio
import json
import signal
from collections.abc import Callable

from tests.drills.registry import drill
from tests.drills.system import DEADLY, GOOD, SLOW, System, speech
from tests.integration.callscribe.processes import until_true
from tests.integration.pipeline.calls import FINALIZE, config, line, messages
from tests.integration.pipeline.resuming import resume

_CALLS = 5
_SILENT, _LOST = 2, 50
"""Messages before anything is said, and up to which audio is lost."""


@drill("WebhooksFail/ticket", says="finals go to a webhook that nobody listens on", beside=True)
async def webhooks(system: System, fired: Callable[[], bool]) -> None:
    async with system.talking(GOOD, 1):
        await until_true(fired, 120)


@drill("SinksFail/ticket", says="calls go to a folder that cannot be made", beside=True)
async def sinks(system: System, fired: Callable[[], bool]) -> None:
    async with system.talking(GOOD, 1):
        await until_true(fired, 120)


@drill(
    "FinalsLate/page",
    "FinalsLate/ticket",
    says="speech comes that takes the recognisers 2.5 s an utterance",
)
async def slow_recognisers(system: System, fired: Callable[[], bool]) -> None:
    async with system.talking(SLOW, 3):
        await until_true(fired, 90)


@drill(
    "DeadLetters/ticket",
    "BreakerOpen/page",
    says="a call brings utterances that end their recogniser, again and again",
)
async def deadly_speech(system: System, fired: Callable[[], bool]) -> None:
    reviving = asyncio.create_task(system.revive(["asr"]))
    calling = asyncio.create_task(system.call(DEADLY, 8))
    try:
        await until_true(fired, 90)
    finally:
        calling.cancel()
        reviving.cancel()
        await asyncio.gather(calling, reviving, return_exceptions=True)


@drill("AudioLost/ticket", says="Redis loses seconds of audio that VAD has not read")
async def lost_audio(system: System, fired: Callable[[], bool]) -> None:
    async with line(system.url) as client:
        await client.say(config())
        created = await client.hear("session_created")
        spoken = [*messages(speech(GOOD, 4))]
        await client.say(*spoken[:_SILENT], pace=0.1)
        for each in system.vads:
            each.send(signal.SIGSTOP)
        await client.say(*spoken[_SILENT:_LOST], pace=0.01)
        (key,) = system.redis.scan_iter(f"*:{created['session_id']}.0:audio")
        await until_true(lambda: bool(system.redis.xlen(key) > 20))
        system.redis.xtrim(key, maxlen=1, approximate=False)
        for each in system.vads:
            each.send(signal.SIGCONT)
        rest = asyncio.create_task(client.say(*spoken[_LOST:], FINALIZE, pace=0.1))
        await until_true(fired, 30)
        await rest
        await client.hear_out()


@drill("ConnectionsBreak/ticket", says="the connections of five calls break each second")
async def broken_connections(system: System, fired: Callable[[], bool]) -> None:
    resuming = f"{system.url}?resume=1"

    async def broken() -> None:
        async with line(system.url) as client:
            await client.say(config(events=["audio_ack"]))
            token = (await client.hear("session_created"))["resume_token"]
            client.connection.transport.abort()
        while not fired():
            await asyncio.sleep(2.0)
            async with line(resuming) as client:
                await client.say(resume(token))
                await client.hear("session_created")
                client.connection.transport.abort()
        async with line(resuming) as client:
            await client.say(resume(token), json.dumps({"type": "finalize"}))
            await client.hear_out()

    async with asyncio.timeout(60):
        await asyncio.gather(*(broken() for _ in range(_CALLS)))
