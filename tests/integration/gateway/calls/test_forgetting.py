"""Many erased calls share a round, and a round that is given up is made up for by the next."""

import asyncio

import pytest

from common.bus import keys
from common.bus.keys import Leg
from common.bus.offers import offer
from common.errors import Misuse
from common.redis.address import Address
from common.redis.link import Link
from gateway.calls.forgetting import Forgetting
from tests.integration.common.stage.toy_stage import ToyWork
from tests.real_redis import admin


async def test_many_calls_are_forgotten_in_two_rounds(link, redis_url):
    sessions = [f"call-{number}" for number in range(20)]
    await link.evaluate([offer("vad", f"{each}.0", ToyWork()) for each in (*sessions, "kept")])
    gateway = Link(Address.parse(redis_url, "gateway"), "gateway")
    await gateway.connect()
    forgetting = Forgetting(gateway)
    with admin(redis_url) as client:
        client.config_resetstat()
        asked = [forgetting.forget(each, {Leg(each, 0)}, {"gw"}) for each in sessions]
        tasks = [asyncio.create_task(each) for each in asked]
        await asyncio.sleep(0)
        tasks[0].cancel()
        await asyncio.wait(tasks, timeout=20)
        assert client.hkeys(keys.index("vad")) == [b"kept.0"]
        assert client.xlen(keys.work_items("vad")) == 1
        assert [task.cancelled() for task in tasks] == [True] + [False] * 19
        runs = client.info("commandstats")
        scripts = sum(runs[each]["calls"] for each in runs if each.startswith("cmdstat_eval"))
        assert scripts <= 2 * 2 * 8, "eight scripts a round, once more where Redis knew none"
    await gateway.close()


async def test_a_round_that_fails_does_not_make_the_next_one_fail(link, redis_url):
    with admin(redis_url) as client:
        client.set(keys.work_items("vad"), "of another type", ex=60)
        forgetting = Forgetting(link)
        with pytest.raises(Misuse):
            await forgetting.forget("broken", {Leg("broken", 0)}, {"gw"})
        client.delete(keys.work_items("vad"))
        await link.evaluate([offer("vad", "later.0", ToyWork())])
        assert forgetting._waiting == {}
        await forgetting.forget("later", {Leg("later", 0)}, {"gw"})
        assert client.hkeys(keys.index("vad")) == []
