"""A broker's queue gets every message of a call, in order, whatever dies meanwhile."""

import json
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from common.bus import commands
from common.bus.sinks import erasure
from common.pipeline import text
from gateway.calls.erasures import Erased, Removal
from gateway.sinks.filters import Filter
from tests.integration.callscribe.processes import until_true
from tests.integration.gateway.sinks.broker import Broker, installed
from tests.integration.gateway.sinks.calls import final, opened, say
from tests.integration.gateway.sinks.running import attending, terms

aio_pika = pytest.importorskip("aio_pika", reason="needs the extra amqp")
amqp = pytest.importorskip("gateway.sinks.amqp")


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    if not installed():
        pytest.skip("needs Debian's rabbitmq-server")
    with tempfile.TemporaryDirectory(prefix="callscribe-rabbitmq-") as folder:
        broker = Broker(Path(folder))
        try:
            broker.start()
            yield broker
        finally:
            broker.close()


class Outcomes(list[str]):
    """What came of attempts, in order."""

    def sink(self, broker: Broker, exchange: str, which: Filter | None = None) -> Any:
        """Return a sink that tells of its attempts here."""
        return amqp.Amqp(terms("bus", self.append, which), broker.url, exchange)


@asynccontextmanager
async def channel(broker: Broker) -> AsyncIterator[Any]:
    """A channel of somebody who reads."""
    async with await aio_pika.connect(broker.url) as connection:
        yield await connection.channel()


async def bind(broker: Broker, name: str) -> None:
    """Let a durable queue get all that an exchange of this name gets."""
    async with channel(broker) as reading:
        exchange = await reading.declare_exchange(name, "topic", durable=True)
        await (await reading.declare_queue(name, durable=True)).bind(exchange, "#")


async def read(broker: Broker, name: str) -> list[Any]:
    """Take all messages from a queue, each id once, in the order of its first message."""
    found: dict[str, Any] = {}
    async with channel(broker) as reading:
        queue = await reading.get_queue(name)
        while (message := await queue.get(no_ack=True, fail=False)) is not None:
            found.setdefault(message.message_id, message)
    return list(found.values())


def told(messages: list[Any]) -> list[tuple[str, str, str | None]]:
    return [
        (each.message_id, each.routing_key, json.loads(each.body).get("text")) for each in messages
    ]


async def test_a_broker_that_was_killed_in_mid_call_gets_everything_in_order(
    link, feed, broker, caplog
):
    await bind(broker, "killed")
    outcomes = Outcomes()
    await opened(link, "bus")
    async with attending(link, feed, outcomes.sink(broker, "killed")):
        await say(link, 1, final("one"))
        await until_true(lambda: outcomes.count("delivered") > 1)
        broker.stop()
        await say(link, 2, final("two"))
        await until_true(lambda: outcomes.count("failed") > 1)
        await say(link, 3, final("three"))
        broker.start()
        await until_true(lambda: outcomes.count("delivered") > 2)
    # Another gateway goes on.
    async with attending(link, feed, outcomes.sink(broker, "killed")) as service:
        await until_true(lambda: service._running)
        await say(link, 4, text.End())
        await until_true(lambda: not service._running)
    # What its library logs as errors are attempts like any other.
    assert {each.name for each in caplog.records} == {"callscribe.gateway.sinks.every_call"}
    messages = await read(broker, "killed")
    assert told(messages) == [
        ("s:0", "session_created", None),
        ("s:1", "final.0", "one"),
        ("s:2", "final.0", "two"),
        ("s:3", "final.0", "three"),
        ("s:end", "session_ended", None),
    ]
    assert {each.delivery_mode for each in messages} == {aio_pika.DeliveryMode.PERSISTENT}
    assert {each.correlation_id for each in messages} == {"s"}
    assert [each.type for each in messages] == [json.loads(each.body)["type"] for each in messages]


async def test_what_no_queue_gets_is_not_lost(link, feed, broker):
    outcomes = Outcomes()
    await opened(link, "bus")
    await say(link, 1, final("one"))
    await say(link, 2, text.End())
    async with attending(link, feed, outcomes.sink(broker, "unbound")) as service:
        await until_true(lambda: outcomes.count("failed") > 1)
        assert "delivered" not in outcomes
        # The sink has made the exchange.
        await bind(broker, "unbound")
        await until_true(lambda: "delivered" in outcomes and not service._running)
    assert [key for _, key, _ in told(await read(broker, "unbound"))] == [
        "session_created",
        "final.0",
        "session_ended",
    ]


async def test_an_exchange_that_is_removed_is_made_again(link, broker):
    await bind(broker, "removed")
    known = await opened(link, "bus")
    outcomes = Outcomes()
    sink = outcomes.sink(broker, "removed", Filter(frozenset({"session_erased"})))
    did = []
    async with sink.opened():
        did.append(await sink.erase(Erased(known.session)))
        async with channel(broker) as reading:
            await reading.exchange_delete("removed")
        did.append(await sink.erase(Erased(known.session)))
        await bind(broker, "removed")
        did.append(await sink.erase(Erased(known.session)))
    assert [each.removal for each in did] == [Removal.TOLD, Removal.WAITING, Removal.TOLD]
    assert outcomes == ["failed"]


async def test_receivers_are_told_of_what_is_erased(link, feed, broker):
    await bind(broker, "erased")
    outcomes = Outcomes()
    await opened(link, "bus")
    which = Filter(frozenset({"final", "session_erased"}))
    async with attending(link, feed, outcomes.sink(broker, "erased", which)) as service:
        await say(link, 1, final("secret"))
        await until_true(lambda: "delivered" in outcomes)
        await link.insist([commands.undue("bus", "s"), commands.due("bus", erasure("s"))])
        await until_true(lambda: "erase/s" in service._running)
        await until_true(lambda: "erase/s" not in service._running)
    assert told(await read(broker, "erased")) == [
        ("s:1", "final.0", "secret"),
        ("s:erased", "session_erased", None),
    ]
