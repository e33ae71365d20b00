"""A file's call, between a decoder and a stand-in for its conversation."""

import asyncio
import io
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from typing import Any, cast

import numpy as np
import pytest
from websockets.frames import CloseCode

from common.options import SessionOptions
from gateway.access.principal import anonymous
from gateway.admission.capacity import Refusal
from gateway.admission.handshake import Handshakes
from gateway.conversations.reception import Reception
from gateway.files.decode import AudioFile
from gateway.files.refusal import FileRefused
from gateway.files.transcription import FileCall
from gateway.protocols.api import Codec, Protocol, Request
from gateway.protocols.commands import AudioFormat, Open
from gateway.protocols.events import Ended, Event, Failed, Final
from tests.integration.conftest import wait_until
from tests.unit.gateway.files.recordings import file
from tests.unit.gateway.files.results import final

SECONDS = 5
WAV = file(np.zeros((16_000 * SECONDS, 1), np.int16), 16_000, "wav", "pcm_s16le")


SOMEBODY = anonymous("192.0.2.1")


class House:
    """Admits, and is the conversation: `ending` is what it does when the file has ended."""

    def __init__(self, refusal: Refusal | None = None) -> None:
        self.refusal = refusal
        self.present = 0
        self.received = 0
        self.hung_up = False
        self.ended = asyncio.Event()
        self.codec: Codec
        self.client: FileCall

    def ask(self, call: str, key: str, present: int, *, returning: bool) -> Refusal | None:
        assert not returning
        return self.refusal

    def welcome(self, protocol: Protocol, request: Request, client: Any, **names: str) -> "House":
        self.codec, self.client = protocol.build(SessionOptions(), request), client
        return self

    def begin(self) -> None:
        (opened,) = self.codec.connected()
        assert isinstance(opened, Open)
        assert opened.audio == AudioFormat("pcm16", 16_000, 1)

    def receive(self, data: bytes) -> None:
        self.received += len(data)

    def receive_end(self) -> None:
        self.ended.set()

    def hang_up(self) -> None:
        self.hung_up = True

    def forget_client(self) -> None: ...

    def tell(self, event: Event) -> None:
        assert self.codec.render(event, 0.0) == ()

    def close(self, code: int) -> None:
        self.client.close_soon(code, "why")


class Hearing:
    """A file's call that runs; `events` are those it has yielded."""

    def __init__(self, house: House, data: bytes = WAV) -> None:
        self.threads = ThreadPoolExecutor(1)
        audio = AudioFile(io.BytesIO(data), apart=False, most=60.0)
        self.call = FileCall("call", SessionOptions(), audio, self.threads)
        self.house = house
        self.events: list[Event] = []
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        house = cast(Reception, self.house), cast(Handshakes, self.house)
        stage = *house, Request(), SOMEBODY
        async with aclosing(self.call.events(*stage)) as events:
            async for event in events:
                self.events.append(event)


async def test_events_come_until_the_call_has_ended():
    house = House()
    hearing = Hearing(house)
    await house.ended.wait()
    assert house.received == SECONDS * 32_000
    house.tell(said := final("word", 1))
    house.tell(Failed("denoise_unavailable", "it goes on", fatal=False))
    house.tell(Ended())
    house.close(CloseCode.NORMAL_CLOSURE)
    await hearing.task
    assert [each for each in hearing.events if isinstance(each, Final)] == [said]
    assert hearing.call.duration == SECONDS * 16_000
    assert house.hung_up


@pytest.mark.parametrize(("reason", "status"), [("key_sessions", 429), ("asr_load", 503)])
async def test_what_is_not_admitted_is_told(reason, status):
    hearing = Hearing(House(Refusal(reason, 7, "too much")))
    with pytest.raises(FileRefused) as refused:
        await hearing.task
    assert (refused.value.status, refused.value.code) == (status, reason)
    assert refused.value.retry_after == 7


@pytest.mark.parametrize(
    ("close_code", "failed", "status", "code", "again"),
    [
        (CloseCode.TRY_AGAIN_LATER, Failed("at_capacity", "x", True, 2.5), 503, "at_capacity", 3),
        (CloseCode.TRY_AGAIN_LATER, Failed("unavailable", "x", True), 503, "unavailable", 5),
        (CloseCode.SERVICE_RESTART, None, 503, "going_away", 1),
        (CloseCode.INTERNAL_ERROR, Failed("session_lost", "x", True), 500, "session_lost", None),
        (CloseCode.POLICY_VIOLATION, None, 500, "internal_error", None),
        (CloseCode.POLICY_VIOLATION, Failed("revoked_key", "x", True), 401, "revoked_key", None),
        (CloseCode.POLICY_VIOLATION, Failed("spent_token", "x", True), 401, "spent_token", None),
        (CloseCode.POLICY_VIOLATION, Failed("key_audio", "x", True), 429, "key_audio", None),
        (CloseCode.POLICY_VIOLATION, Failed("key_calls", "x", True, 60.0), 429, "key_calls", 60),
    ],
)
async def test_a_call_that_ends_early_is_told(close_code, failed, status, code, again):
    house = House()
    hearing = Hearing(house)
    await house.ended.wait()
    if failed is not None:
        house.tell(failed)
    house.close(close_code)
    with pytest.raises(FileRefused) as refused:
        await hearing.task
    assert (refused.value.status, refused.value.code) == (status, code)
    assert refused.value.retry_after == again


async def test_a_file_that_its_key_has_no_audio_for_is_refused_though_its_call_ends_well():
    house = House()
    hearing = Hearing(house)
    await house.ended.wait()
    house.tell(final("half", 1))
    house.tell(Failed("key_audio", "used up", fatal=False))
    house.tell(Ended())
    house.close(CloseCode.NORMAL_CLOSURE)
    with pytest.raises(FileRefused) as refused:
        await hearing.task
    assert (refused.value.status, refused.value.code) == (429, "key_audio")


async def test_a_paused_call_sends_nothing():
    house = House()
    hearing = Hearing(house)
    hearing.call.set_paused(True)
    await asyncio.sleep(0.1)
    assert house.received == 0
    hearing.call.set_paused(False)
    await house.ended.wait()
    house.close(CloseCode.NORMAL_CLOSURE)
    await hearing.task


async def test_a_file_that_turns_out_too_long_ends_its_call():
    silence = np.zeros((16_000 * 90, 1), np.int16)
    house = House()
    hearing = Hearing(house, file(silence, 16_000, "flac", "flac", seekable=False))
    with pytest.raises(FileRefused) as refused:
        await hearing.task
    assert refused.value.code == "audio_too_long"
    assert house.hung_up


async def test_a_request_that_is_cancelled_hangs_up():
    house = House()
    hearing = Hearing(house)
    await wait_until(lambda: house.received, "it sends")
    hearing.task.cancel()
    await asyncio.gather(hearing.task, return_exceptions=True)
    assert house.hung_up
