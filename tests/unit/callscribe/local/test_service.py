import asyncio
from typing import Any

import pytest

from callscribe.local.service import Service
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
