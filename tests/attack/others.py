"""Kin of other doors than the native protocol's: event streams, uploads, and audio as text."""

import asyncio
import json
from base64 import b64encode

from tests.attack import wire
from tests.attack.registry import attack
from tests.attack.rude import Rude, Target

_UPLOAD = "/v1/listen?encoding=linear16&sample_rate=16000"


async def _beside_a_call(target: Target, readers: int, *, reads: bool) -> None:
    """Open a call that flushes again and again, and readers of its events."""

    async def visit(caller: Rude) -> None:
        created = await caller.open_call()
        if created is None:
            return
        path = f"/v1/sessions/{created['session_id']}/events"
        audio = wire.frame(wire.BINARY, bytes(3200)) + wire.text({"type": "flush"})
        caller.read_on()

        async def read() -> None:
            async with await target.dial(receive_buffer=4096) as reader:
                await reader.send(wire.request(path), 1)
                if reads:
                    await reader.status()
                    await reader.ended()
                await asyncio.Event().wait()

        reading = [asyncio.create_task(read()) for _ in range(readers)]
        try:
            while True:
                await caller.send(audio, 2)
                await asyncio.sleep(0.1)
        finally:
            for each in reading:
                each.cancel()
            await asyncio.gather(*reading, return_exceptions=True)

    await target.again_and_again(visit, sockets=1)


@attack("50 readers of a call's events that never read them")
async def unread_streams(target: Target) -> None:
    await _beside_a_call(target, 50, reads=False)


@attack("200 readers of a call's events")
async def many_streams(target: Target) -> None:
    await _beside_a_call(target, 200, reads=True)


@attack("100 uploads of a byte a second")
async def slow_uploads(target: Target) -> None:
    async def visit(rude: Rude) -> None:
        await rude.send(wire.request(_UPLOAD, ("Content-Length: 1000000",), method="POST"), 1)
        rude.read_on()
        while True:
            await rude.send(b"\x00")
            await asyncio.sleep(1.0)

    await target.again_and_again(visit, sockets=100)


@attack("uploads that never end, 4 sockets")
async def endless_uploads(target: Target) -> None:
    async def visit(rude: Rude) -> None:
        head = wire.request(_UPLOAD, ("Transfer-Encoding: chunked",), method="POST")
        await rude.send(head, 1)
        await rude.flood(b"1000\r\n" + bytes(4096) + b"\r\n")

    await target.again_and_again(visit, sockets=4)


async def _flood(target: Target, path: str, opening: str, message: str) -> None:
    """Open a call at a path, and send one text as fast as it is read, on 4 sockets."""

    async def visit(rude: Rude) -> None:
        await rude.send(wire.upgrade(path), 1)
        if await rude.status() == 101:
            await rude.send(wire.text(opening), 1)
            await rude.flood(wire.text(message))

    await target.again_and_again(visit, sockets=4)


@attack("Twilio's audio as fast as it is read, 4 sockets")
async def twilio_audio(target: Target) -> None:
    payload = b64encode(bytes(160)).decode()
    media = json.dumps({"event": "media", "media": {"payload": payload}})
    await _flood(target, "/twilio", '{"event": "start", "start": {}}', media)


@attack("Twilio's media messages without audio, 4 sockets")
async def twilio_nothing(target: Target) -> None:
    media = '{"event": "media", "media": {"payload": ""}}'
    await _flood(target, "/twilio", '{"event": "start", "start": {}}', media)


@attack("OpenAI's audio as fast as it is read, 4 sockets")
async def realtime_audio(target: Target) -> None:
    audio = b64encode(bytes(960)).decode()
    append = json.dumps({"type": "input_audio_buffer.append", "audio": audio})
    await _flood(target, "/v1/realtime?intent=transcription", append, append)


@attack("OpenAI's session updates as fast as they are read, 4 sockets")
async def realtime_updates(target: Target) -> None:
    update = '{"type": "session.update", "session": {}}'
    await _flood(target, "/v1/realtime?intent=transcription", update, update)
