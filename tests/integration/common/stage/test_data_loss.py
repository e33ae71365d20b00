"""A Redis that comes back with older data than it had said: everything is begun anew from it.

A server that is stopped comes back with what it had at its last SAVE.
"""

import asyncio
from collections.abc import AsyncIterator

import pytest

from common.bus import keys
from tests.integration.common.server import Server
from tests.integration.common.stage.toy import PATIENT, ToyWorkers, calls, finish, nothing_left
from tests.integration.conftest import wait_until

SPOKEN = 20_000


@pytest.fixture
async def own_workers(server: Server) -> AsyncIterator[ToyWorkers]:
    """Workers on `server`."""
    workers = ToyWorkers(server.url)
    yield workers
    await workers.end()


async def test_what_was_written_since_the_last_save_is_written_again(server, own_link, own_workers):
    worker = await own_workers.add(settings=PATIENT)
    made = await calls(own_link, 3)
    for call in made:
        await call.say(SPOKEN)
        await call.complete()
    server.client.save()
    for call in made:
        await call.say(SPOKEN)
        await call.control("flush")
        await call.complete()
    server.stop()
    server.start()
    for call in made:
        await call.say_again()
        await call.say(SPOKEN)
    await finish(*made)
    await nothing_left(own_link)
    assert {epoch for _, epoch, _ in worker.stage.opened} == {1, 2}


async def half_saved(server, own_link, own_workers):
    """Return a worker that holds its next step back, and a call whose newer half will be lost."""
    worker = await own_workers.add(settings=PATIENT)
    (call,) = await calls(own_link, 1)
    await call.say(SPOKEN)
    await call.complete()
    server.client.save()
    await call.say(SPOKEN)
    await call.complete()
    worker.stage.gate.clear()
    return worker, call


async def replaced_before_it_publishes(server, worker):
    """Put the older server in place while the worker's step is on its way."""
    await wait_until(lambda: worker.stage.held, "it has read it")
    server.stop()
    worker.stage.gate.set()
    await wait_until(lambda: worker.runner.ready() == "Redis is away", "it cannot publish it")
    server.start()


async def test_what_was_on_its_way_does_not_overtake_what_was_lost(server, own_link, own_workers):
    """An event accepted by the other server would hide that those before it are gone."""
    worker, call = await half_saved(server, own_link, own_workers)
    await call.say(SPOKEN)
    await replaced_before_it_publishes(server, worker)
    await call.say_again()
    await finish(call)
    await nothing_left(own_link)


async def test_an_end_on_its_way_does_not_close_a_work_item_whose_end_was_lost(
    server, own_link, own_workers
):
    worker, call = await half_saved(server, own_link, own_workers)
    await call.control("end")
    await replaced_before_it_publishes(server, worker)
    await call.say_again()
    await call.complete()
    await nothing_left(own_link)


async def test_a_doorbell_of_another_server_is_heard(server, own_link, own_workers):
    worker = await own_workers.add(settings=PATIENT, woken=True)
    (call,) = await calls(own_link, 1)
    await call.say(SPOKEN)
    await call.complete()
    server.client.save()
    server.stop()
    server.start()
    await wait_until(lambda: len(worker.stage.opened) == 2, "it has begun anew")
    worker.stage.tick = 30.0
    await asyncio.sleep(0.2)  # the tick in hand is the old one
    await call.say(2000)
    while (await call.events()) != call.expected:
        await own_link.call(
            "XADD", keys.doorbell("toy", call.leg.doorbell), "*", str(call.leg), "audio"
        )
        await asyncio.sleep(0.05)
