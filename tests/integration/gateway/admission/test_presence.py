"""A gateway's heartbeat as other processes see it, and whom it ignores."""

import asyncio
from types import SimpleNamespace

import msgpack
import pytest

from common.bus import keys
from common.bus.releases import RELEASE
from common.pipeline.record import WIRE_VERSION
from common.pipeline.report import WORKER_REPORT
from common.redis.link import Link
from gateway.admission.presence import Presence
from tests.integration.conftest import wait_until

GATEWAYS = keys.workers(keys.GATEWAY)


class Gateway:
    """What a presence tells of."""

    def __init__(self, link: Link) -> None:
        self.slots = 500
        self.lacking = False
        self.presence = Presence(
            link,
            "gw",
            slots=lambda: self.slots,
            used=lambda: 7,
            lacking=lambda: self.lacking,
        )


async def test_it_reports_its_calls_and_its_release(link: Link):
    gateway = Gateway(link)
    await gateway.presence.tell()
    (name, packed) = await link.call("HGETALL", GATEWAYS)
    report = WORKER_REPORT.unpack(packed)
    assert name == b"gw"
    assert (report.slots, report.used, report.release) == (500, 7, RELEASE)
    assert msgpack.unpackb(packed)["v"] == WIRE_VERSION
    gateway.slots = 0
    await gateway.presence.tell()
    assert WORKER_REPORT.unpack(await link.call("HGET", GATEWAYS, "gw")).slots == 0
    await gateway.presence.leave()
    assert await link.call("HGETALL", GATEWAYS) == []


async def test_a_gateway_that_died_is_forgotten_by_the_others(
    link: Link, monkeypatch: pytest.MonkeyPatch
):
    now = [1000.0]
    clock = SimpleNamespace(monotonic=lambda: now[0], time=lambda: now[0])
    monkeypatch.setattr("gateway.admission.presence.time", clock)
    await link.call("HSET", GATEWAYS, "dead", b"report")
    presence = Gateway(link).presence
    for _ in range(3):
        await presence.tell()
        now[0] += 400
    assert await link.call("HKEYS", GATEWAYS) == [b"gw"]


async def test_workers_of_another_wire_version_are_ignored_by_name_while_workers_lack(link: Link):
    gateway = Gateway(link)
    later = WIRE_VERSION + 1

    async def beat() -> None:
        number = 0
        while True:
            number += 1
            report = msgpack.packb({"at": number, "v": later, "release": "9.0.0"})
            await link.call("HSET", keys.workers("asr", later), "asr-1", report)
            await link.call("EXPIRE", keys.workers("asr", later), 60)
            await asyncio.sleep(0.1)

    tasks = [asyncio.create_task(beat()), asyncio.create_task(gateway.presence.run())]
    gateway.lacking = True
    await wait_until(lambda: gateway.presence.ignored, "the stranger is seen")
    assert gateway.presence.ignored == (
        f"1 asr of release 9.0.0 (wire version {later}) ignored:"
        f" this gateway has wire version {WIRE_VERSION}"
    )
    gateway.lacking = False
    await wait_until(lambda: gateway.presence.ignored is None, "nobody is missing")
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
