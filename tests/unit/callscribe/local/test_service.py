import asyncio
from typing import Any

import pytest

from callscribe.local.service import Service
from common.errors import Unavailable
from tests.unit.callscribe.local.processes import FakeProgram, until


@pytest.fixture
async def running():
    """A service that runs, its program, and what it says."""
    program: Any = FakeProgram()
    service = Service(program, asyncio.get_running_loop().create_future(), drain_s=5.0)
    service.keep()
    await service.ready.wait()
    yield service, program
    await service.kill()


def nothing(text):
    """Say nothing."""


async def test_a_restart_ends_the_old_one_first(running):
    service, program = running
    said: list[str] = []
    await service.restart(10.0, said.append)
    assert program.started[0].asked == 1
    assert service.process is program.started[1]
    assert service.ready.is_set()
    assert said[0] == "vad: pid 1 drains"
    assert said[1].startswith("vad: pid 1 ended after ")
    assert said[2].startswith("vad: pid 2 is ready after ")


async def test_a_successor_that_is_late_is_gone_and_the_old_one_stays(running):
    service, program = running
    successor = FakeProgram(unready="loading")
    with pytest.raises(Unavailable, match="vad is not ready after 0 s: loading"):
        await service.replace(successor, 0.0, nothing)
    assert successor.started[0].ended.result() == -9
    assert service.process is program.started[0]
    assert program.started[0].asked == 0


async def test_a_successor_that_cannot_be_started_changes_nothing(running):
    service, program = running
    successor = FakeProgram()
    successor.refused = 1
    with pytest.raises(Unavailable, match="vad cannot be started: no more processes"):
        await service.replace(successor, 10.0, nothing)
    assert service.process is program.started[0]


async def test_what_is_late_after_a_restart_is_kept_all_the_same(running):
    service, program = running
    program.unready = "loading"
    with pytest.raises(Unavailable, match="vad is not ready after 0 s"):
        await service.restart(0.0, nothing)
    assert not service.ready.is_set()
    program.unready = None
    await service.ready.wait()
    assert service.process is program.started[1]


async def test_what_drains_when_a_roll_is_cancelled_drains_on(running):
    service, program = running
    old = program.started[0]
    told = asyncio.Event()

    async def drains(deadline):
        told.set()
        await old.wait()
        return True

    old.stop = drains
    rolling = asyncio.create_task(service.restart(10.0, nothing))
    await told.wait()
    rolling.cancel()
    await asyncio.wait({rolling})
    ending = asyncio.create_task(service.end())
    await asyncio.sleep(0)
    assert not old.ended.done()
    old.die(0)
    assert await ending is None
    assert len(program.started) == 1


async def test_a_second_thought_kills_what_drains(running):
    service, program = running
    old = program.started[0]
    told = asyncio.Event()

    async def hangs(deadline):
        told.set()
        try:
            return await asyncio.Event().wait()
        finally:
            old.kill()

    old.stop = hangs
    rolling = asyncio.create_task(service.restart(10.0, nothing))
    await told.wait()
    rolling.cancel()
    await asyncio.wait({rolling})
    await service.kill()
    assert old.ended.result() == -9


async def test_who_ends_badly_when_asked_is_told_of(running):
    service, program = running

    async def abandons(deadline, *, hurry_after):
        assert hurry_after is None
        program.started[0].die(1)
        return True

    program.started[0].stop = abandons
    problem = await service.end()
    assert "vad (pid 1) ended with exit code 1" in str(problem)


@pytest.mark.parametrize(("code", "well"), [(1, True), (2, False)])
async def test_who_is_hurried_may_leave_work_undone(running, code, well):
    service, program = running

    async def hurries(deadline, *, hurry_after):
        assert hurry_after == 1.5
        program.started[0].die(code)
        return True

    program.started[0].stop = hurries
    problem = await service.end(hurry_after=1.5)
    assert (problem is None) is well


async def test_who_died_before_the_end_is_no_problem_of_it(running):
    service, program = running
    program.refused = 1_000_000
    program.started[0].die(1)
    await until(lambda: service.process is None)
    assert await service.end() is None
