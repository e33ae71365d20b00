"""PostgreSQL, RabbitMQ, a server of S3's protocol and a Kafka broker, as sinks' other ends."""

import asyncio
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aio_pika
import asyncpg
from confluent_kafka import Consumer, KafkaError, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.chaos.judge import Spoken
from tests.chaos.sinks.folder import read
from tests.chaos.sinks.kept import Kept, each_kept
from tests.chaos.sinks.receiver import Served, Server
from tests.integration.gateway.sinks.broker import Broker
from tests.integration.gateway.sinks.buckets import BUCKET, KEY_ID, SECRET, BucketServer
from tests.integration.gateway.sinks.buckets import program as bucket_program
from tests.integration.gateway.sinks.database import Database, programs
from tests.integration.gateway.sinks.kafka_broker import KafkaBroker
from tests.integration.gateway.sinks.kafka_broker import program as kafka_program

_EXCHANGE = _QUEUE = _TOPIC = "calls"
_PREFIX = "live"
_PARTITIONS = 4
_PATIENCE_S = 30.0
_TABLES = ("calls", "finals", "keywords", "digits")


class Postgres(Served):
    """Its rows."""

    name = "postgres"

    def make(self, folder: Path, port: int) -> Server:
        """See `Served`."""
        found = programs()
        assert found
        return Database(folder, found)

    async def prepare(self) -> None:
        """Nothing: the sink makes its tables."""

    @property
    def flags(self) -> Mapping[str, str]:
        """See `Receiver`."""
        url = f"postgresql://postgres@127.0.0.1:{self.proxy.port}/postgres"
        return {"sinks": f"{self.name}={url}"}

    async def kept(self) -> list[Kept]:
        """See `Receiver`."""
        calls = await self._rows("SELECT * FROM callscribe.calls")
        finals = await self._rows("SELECT * FROM callscribe.finals ORDER BY session_id, seq")
        spoken: dict[str, list[Spoken]] = {each["session_id"]: [] for each in calls}
        for each in finals:
            place = (each["channel"], each["utterance"], each["start_s"], each["end_s"])
            spoken[each["session_id"]].append(Spoken(*place, each["text"]))
        return [_of_rows(each, spoken[each["session_id"]]) for each in calls]

    async def content(self) -> bytes:
        """See `Receiver`."""
        tables = [
            await self._rows(f"SELECT t::text FROM callscribe.{name} AS t") for name in _TABLES
        ]
        return "\n".join(row[0] for rows in tables for row in rows).encode()

    async def _rows(self, query: str) -> list[Any]:
        url = f"postgresql://postgres@127.0.0.1:{self._server.port}/postgres"
        connection = await asyncpg.connect(url)
        try:
            return list(await connection.fetch(query))
        finally:
            await connection.close()


def _of_rows(call: Any, finals: list[Spoken]) -> Kept:
    session, erased = call["session_id"], call["erased"] is not None
    problems = []
    if not erased and call["ended"] is None:
        problems.append(f"{session} has not ended")
    if erased and (finals or call["name"]):
        problems.append(f"{session} is erased and has {finals}")
    return Kept(session, call["name"] or "", finals, problems, erased)


class Amqp(Served):
    """A durable queue that gets everything."""

    name = "amqp"
    removes = False

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self._got: list[dict[str, Any]] = []

    def make(self, folder: Path, port: int) -> Server:
        """See `Served`."""
        return Broker(folder)

    async def prepare(self) -> None:
        """See `Served`."""
        async with await aio_pika.connect(self._url(self._server.port)) as connection:
            channel = await connection.channel()
            exchange = await channel.declare_exchange(_EXCHANGE, "topic", durable=True)
            await (await channel.declare_queue(_QUEUE, durable=True)).bind(exchange, "#")

    async def close(self) -> None:
        """See `Receiver`."""
        assert isinstance(self._server, Broker)
        await self.beside(self._server.close)
        await super().close()

    @property
    def flags(self) -> Mapping[str, str]:
        """See `Receiver`."""
        return {"sinks": f"{self.name}={self._url(self.proxy.port)}?exchange={_EXCHANGE}"}

    async def kept(self) -> list[Kept]:
        """See `Receiver`."""
        await self._read()
        return each_kept(self._got)

    async def content(self) -> bytes:
        """See `Receiver`."""
        await self._read()
        return json.dumps(self._got).encode()

    async def _read(self) -> None:
        async with await aio_pika.connect(self._url(self._server.port)) as connection:
            queue = await (await connection.channel()).get_queue(_QUEUE)
            while (message := await queue.get(no_ack=True, fail=False)) is not None:
                self._got.append({"id": message.message_id, **json.loads(message.body)})

    @staticmethod
    def _url(port: int) -> str:
        return f"amqp://guest:guest@127.0.0.1:{port}/"


class Bucket(Served):
    """Its objects."""

    name = "s3"

    def make(self, folder: Path, port: int) -> Server:
        """See `Served`."""
        found = bucket_program()
        assert found
        return BucketServer(folder, found)

    async def prepare(self) -> None:
        """See `Served`."""
        os.environ |= {"AWS_ACCESS_KEY_ID": KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET}
        await self.beside(self._bucket.make_bucket)

    @property
    def flags(self) -> Mapping[str, str]:
        """See `Receiver`."""
        url = f"s3://{BUCKET}/{_PREFIX}?endpoint=http://127.0.0.1:{self.proxy.port}"
        return {"sinks": f"{self.name}={url}"}

    async def kept(self) -> list[Kept]:
        """See `Receiver`."""
        found = await self.beside(self._objects)
        return [read(name, content) for name, content in found.items()]

    async def content(self) -> bytes:
        """See `Receiver`."""
        return b"\n".join((await self.beside(self._objects)).values())

    @property
    def _bucket(self) -> BucketServer:
        assert isinstance(self._server, BucketServer)
        return self._server

    def _objects(self) -> dict[str, bytes]:
        return {name: self._bucket.content(name) for name in sorted(self._bucket.names())}


class Kafka(Served):
    """A topic, which is kept in a bucket of its own that is never hurt."""

    name = "kafka"
    removes = False

    def make(self, folder: Path, port: int) -> Server:
        """See `Served`."""
        found, store = kafka_program(), bucket_program()
        assert found
        assert store
        (folder / "store").mkdir()
        self._store = BucketServer(folder / "store", store)
        self._store.start()
        self._store.make_bucket()
        kept, access = f"s3://{BUCKET}/", self._store.access
        return KafkaBroker(folder, found, advertised=port, storage=kept, access=access)

    async def prepare(self) -> None:
        """See `Served`."""
        admin = AdminClient(self._where)
        made = admin.create_topics([NewTopic(_TOPIC, _PARTITIONS, 1)])[_TOPIC]
        await asyncio.to_thread(made.result, _PATIENCE_S)

    async def close(self) -> None:
        """See `Receiver`."""
        await self.die()
        await self.beside(self._store.stop)
        await super().close()

    @property
    def flags(self) -> Mapping[str, str]:
        """See `Receiver`."""
        return {"sinks": f"{self.name}=kafka://127.0.0.1:{self.proxy.port}/{_TOPIC}"}

    async def kept(self) -> list[Kept]:
        """See `Receiver`."""
        return each_kept(await asyncio.to_thread(self._records))

    async def content(self) -> bytes:
        """See `Receiver`."""
        return json.dumps(await asyncio.to_thread(self._records)).encode()

    @property
    def _where(self) -> dict[str, str | int | float | bool]:
        return {"bootstrap.servers": f"127.0.0.1:{self.proxy.port}"}

    def _records(self) -> list[dict[str, Any]]:
        consumer = Consumer({**self._where, "group.id": "chaos", "enable.partition.eof": True})
        left = _PARTITIONS
        consumer.assign([TopicPartition(_TOPIC, each, 0) for each in range(left)])
        found: list[dict[str, Any]] = []
        while left:
            record = consumer.poll(_PATIENCE_S)
            assert record is not None, "the broker does not answer"
            error = record.error()
            if error is not None:
                assert error.code() == KafkaError._PARTITION_EOF, error
                left -= 1
                continue
            name, value = dict(record.headers() or ())["id"], record.value()
            assert isinstance(name, bytes)
            assert value is not None
            found.append({"id": name.decode(), **json.loads(value)})
        consumer.close()
        return found


SERVERS: Mapping[str, type[Served]] = {each.name: each for each in (Postgres, Amqp, Bucket, Kafka)}
