import asyncio
import gc
import os
import signal
import subprocess
import sys

import pytest

from common.lifecycle import (
    EXIT_FAILED,
    EXIT_OK,
    Stop,
    all_stays,
    stop_on_signals,
    supervise,
    unless_stopped,
)


async def forever():
    await asyncio.Event().wait()


async def nothing():
    pass


@pytest.fixture
def stop():
    return Stop()


def test_what_is_imported_is_never_looked_at_for_garbage():
    before = gc.get_freeze_count()
    with all_stays():
        assert not gc.isenabled()
        made: list[list[int]] = [[] for _ in range(100)]
    assert gc.isenabled()
    assert gc.get_freeze_count() >= before + len(made)


async def test_a_drain_that_ends_is_a_good_end(stop):
    stop.request("test")
    assert await supervise({"loop": forever()}, stop, drain=nothing, deadline=60) == EXIT_OK


async def test_services_run_while_draining_and_are_awaited(stop):
    work: asyncio.Queue[int] = asyncio.Queue()
    cleaned = asyncio.Event()

    async def worker():
        try:
            while True:
                await work.get()
                work.task_done()
        finally:
            await asyncio.sleep(0)
            cleaned.set()

    for number in range(3):
        work.put_nowait(number)
    stop.request("test")
    assert await supervise({"worker": worker()}, stop, drain=work.join, deadline=60) == EXIT_OK
    assert work.empty()
    assert cleaned.is_set()


@pytest.mark.parametrize("error", [RuntimeError("broken"), None])
async def test_a_dead_service_ends_the_process(stop, error, caplog):
    async def dies():
        if error is not None:
            raise error

    drained = asyncio.Event()

    async def drain():
        drained.set()

    services = {"loop": forever(), "reader": dies()}
    assert await supervise(services, stop, drain=drain, deadline=60) == EXIT_FAILED
    assert not drained.is_set()
    (record,) = caplog.records
    assert record.getMessage() == "task.died"
    assert record.fields["task"] == "reader"


async def test_a_service_that_fails_while_draining_ends_the_drain(stop):
    async def dies_when_stopping():
        await stop.draining.wait()
        raise RuntimeError("broken")

    stop.request("test")
    services = {"reader": dies_when_stopping()}
    assert await supervise(services, stop, drain=forever, deadline=60) == EXIT_FAILED


async def test_a_service_may_return_while_draining(stop):
    returned = asyncio.Event()

    async def returns():
        returned.set()

    stop.request("test")
    services = {"loop": forever(), "reader": returns()}
    assert await supervise(services, stop, drain=returned.wait, deadline=60) == EXIT_OK


async def test_a_failed_drain_is_a_failure(stop):
    async def fails():
        raise RuntimeError("broken")

    stop.request("test")
    assert await supervise({"loop": forever()}, stop, drain=fails, deadline=60) == EXIT_FAILED


async def test_whoever_ends_a_draining_process_does_not_cut_its_drain(stop):
    stop.drain("POST /v1/drain")
    stop.drain("POST /v1/drain")
    stop.request("SIGTERM")
    assert stop.draining.is_set()
    assert not stop.abandoned.is_set()
    stop.request("SIGTERM")
    assert stop.abandoned.is_set()


async def test_a_drain_past_its_deadline_leaves_the_rest_to_others(stop):
    stop.request("test")
    assert await supervise({"loop": forever()}, stop, drain=forever, deadline=0) == EXIT_OK


async def test_a_second_request_abandons(stop):
    stop.request("test")
    stop.request("test")
    assert await supervise({"loop": forever()}, stop, drain=forever, deadline=60) == EXIT_FAILED


async def test_a_start_that_comes_to_its_end_is_told_from_one_that_is_stopped(stop):
    cancelled = asyncio.Event()

    async def load_for_ever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async def load() -> None: ...

    async def fail() -> None:
        raise ValueError("no weights")

    assert await unless_stopped(load(), stop)
    with pytest.raises(ValueError, match="no weights"):
        await unless_stopped(fail(), stop)
    asyncio.get_running_loop().call_soon(stop.request, "SIGTERM")
    assert not await unless_stopped(load_for_ever(), stop)
    assert cancelled.is_set()


async def test_cancelling_cancels_the_services(stop):
    cancelled = asyncio.Event()

    async def service():
        try:
            await forever()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    running = asyncio.create_task(supervise({"loop": service()}, stop, drain=nothing, deadline=60))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert cancelled.is_set()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_signals_are_requests(number):
    with stop_on_signals() as stop:
        os.kill(os.getpid(), number)
        await asyncio.wait_for(stop.draining.wait(), 10)
        assert not stop.abandoned.is_set()
        os.kill(os.getpid(), number)
        await asyncio.wait_for(stop.abandoned.wait(), 10)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_memory_goes_back_to_the_system_where_that_can_be_asked_for():
    """In a process of its own: the setting would outlast this test."""
    code = "from common import lifecycle; lifecycle.return_memory()"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
