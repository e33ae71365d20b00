"""Telling an engine that hangs from one that is slow, has died, or has nothing to do."""

import asyncio

import pytest

from asr_worker import watchdog
from asr_worker.api import DecodeFailed, EngineDead
from asr_worker.watchdog import Watchdog, patience
from tests.unit.asr_worker.gated import until


@pytest.fixture(autouse=True)
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look all the time, and lose patience after 10 looks."""
    monkeypatch.setattr(watchdog, "_LOOK_S", 0.001)
    monkeypatch.setattr(watchdog, "_LEAST", 0.01)


async def alive() -> None:
    await asyncio.Event().wait()


def test_long_audio_may_take_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert (patience(0.0), patience(30.0)) == (30.0, 150.0)


async def test_an_engine_that_answers_nothing_hangs() -> None:
    dog = Watchdog()
    with pytest.raises(EngineDead, match="no answer in"), dog.request(0.0):
        await dog.watch(alive())


async def test_what_is_slow_beside_others_that_are_answered_does_not_hang() -> None:
    dog = Watchdog()
    with dog.request(0.0):
        watching = asyncio.create_task(dog.watch(alive()))
        while dog._looks < 100:
            assert not watching.done()
            with dog.request(0.0):
                await asyncio.sleep(0)
        with pytest.raises(EngineDead):
            await watching


async def test_errors_and_cancelled_requests_are_no_answers() -> None:
    async def fails() -> None:
        with dog.request(0.0):
            await asyncio.sleep(0)
            raise DecodeFailed("no")

    dog = Watchdog()
    with dog.request(0.0):
        watching = asyncio.create_task(dog.watch(alive()))
        while not watching.done():
            with pytest.raises(DecodeFailed):
                await fails()
    assert isinstance(watching.exception(), EngineDead)


async def test_without_a_request_nothing_hangs() -> None:
    dog = Watchdog()
    watching = asyncio.create_task(dog.watch(alive()))
    await until(lambda: dog._looks > 50)
    with dog.request(0.0):
        await asyncio.sleep(0)
    assert not watching.done()
    watching.cancel()


async def test_the_engines_own_end_is_passed_on() -> None:
    async def dies() -> None:
        raise EngineDead("gone")

    with pytest.raises(EngineDead, match="gone"):
        await Watchdog().watch(dies())
