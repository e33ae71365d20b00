"""One call's decoding thread: in order, bounded, and over when it is to be."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable

import numpy as np
import pytest

from common.audio import SAMPLE_RATE
from gateway.protocols.api import ClientError
from gateway.protocols.commands import Coding
from gateway.uplink import inflow
from gateway.uplink.inflow import Inflow
from gateway.uplink.throttle import Throttle
from tests.compressed import encoded
from tests.unit.gateway.stand_ins import Client

TONE = (np.sin(np.arange(48_000 * 2) / 20) * 9_000).astype(np.int16).reshape(-1, 1)
STREAM = encoded("webm", TONE)


class Rig:
    """An inflow, and what came of it."""

    def __init__(self, coding: Coding = "webm") -> None:
        self.client = Client()
        self.throttle = Throttle("s", self.client.set_paused, rate=1e9, burst=1e9)
        self.items: list[bytes | str] = []
        self.inflow = Inflow(coding, 1, self.throttle, self.items.append, self._failed)

    @property
    def samples(self) -> int:
        return sum(len(each) for each in self.items if isinstance(each, bytes)) // 2

    def then(self, name: str) -> None:
        self.inflow.then(lambda: self.items.append(name))

    async def finished(self) -> None:
        self.inflow.finish(lambda: self.items.append("end"))
        await until(lambda: "end" in self.items)

    def _failed(self, error: ClientError) -> None:
        self.items.append(error.code)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.005)


def decoding() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name == "decode"]


@pytest.fixture(autouse=True)
async def threads_end() -> AsyncIterator[None]:
    """Every thread that a test began is over soon."""
    yield
    await until(lambda: not decoding())


async def test_all_is_decoded_before_the_end() -> None:
    rig = Rig()
    for at in range(0, len(STREAM), 100):
        rig.inflow.push(STREAM[at : at + 100])
    await rig.finished()
    assert rig.samples == 2 * SAMPLE_RATE
    assert rig.items[-1] == "end"


async def test_what_is_asked_for_comes_behind_the_audio_before_it() -> None:
    rig = Rig()
    half = len(STREAM) // 2
    rig.inflow.push(STREAM[:half])
    rig.then("flush")
    await until(lambda: "flush" in rig.items)
    before = rig.samples
    assert abs(before - SAMPLE_RATE) < SAMPLE_RATE // 5
    rig.inflow.push(STREAM[half:])
    await rig.finished()
    assert rig.samples == 2 * SAMPLE_RATE


async def test_nothing_is_waited_for_before_the_first_audio() -> None:
    rig = Rig()
    rig.then("digit")
    assert rig.items == ["digit"]
    await rig.finished()
    assert rig.items == ["digit", "end"]
    assert not decoding()


async def test_an_error_comes_once_and_the_end_still_comes() -> None:
    rig = Rig()
    rig.inflow.push(bytes(1_000))
    await until(lambda: bool(rig.items))
    rig.inflow.push(bytes(1_000))
    rig.then("flush")
    await rig.finished()
    assert rig.items == ["invalid_audio", "flush", "end"]


async def test_a_long_silence_in_few_bytes_waits_for_the_clock() -> None:
    rig = Rig("flac")
    bomb = encoded("flac", np.zeros((SAMPLE_RATE * 600, 1), np.int16))
    rig.throttle.set_paused("pace", True)
    for at in range(0, len(bomb), 4_096):
        rig.inflow.push(bomb[at : at + 4_096])
    full = lambda: len(rig.inflow._gone) == inflow.MOST_DECODED  # noqa: E731
    await until(full)
    assert rig.items == []
    rig.throttle.set_paused("pace", False)
    await rig.finished()
    assert rig.samples < inflow.MOST_LEFT + inflow.MOST_DECODED * SAMPLE_RATE
    assert max(len(each) for each in rig.items if isinstance(each, bytes)) <= SAMPLE_RATE


async def test_a_client_is_not_read_while_too_much_of_it_waits() -> None:
    rig = Rig()
    rig.throttle.set_paused("store", True)
    while rig.inflow._size <= inflow.MOST_WAITING:
        rig.inflow.push(STREAM)
    assert rig.throttle.paused_beside("store")
    rig.throttle.set_paused("store", False)
    await until(lambda: not rig.throttle.paused)
    assert rig.client.paused == [True, False]
    await rig.finished()


async def test_a_closed_one_decodes_nothing_more() -> None:
    rig = Rig()
    rig.throttle.set_paused("pace", True)
    rig.inflow.push(STREAM)
    await until(lambda: len(rig.inflow._gone) == inflow.MOST_DECODED)
    rig.inflow.close()
    rig.throttle.set_paused("pace", False)
    await until(lambda: not decoding())
    assert rig.items == []
