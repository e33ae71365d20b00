"""A topic of Kafka as a sink: a record of each message, with the call as its key."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from gateway.sinks.broker import Broker, packed
from gateway.sinks.every_call import Terms
from gateway.sinks.sink import Note

_ANSWER_S = 15.0
_CHECK_S = 5.0
_POLL_S = 0.1
_SETTINGS: dict[str, str | int | float | bool] = {
    "enable.idempotence": True,
    "linger.ms": 0,
    "message.timeout.ms": round(1000 * _ANSWER_S),
}

_LOST_PLACE = frozenset(
    {
        KafkaError.INVALID_PRODUCER_EPOCH,
        KafkaError.INVALID_PRODUCER_ID_MAPPING,
        KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER,
        KafkaError.PRODUCER_FENCED,
        KafkaError.UNKNOWN_PRODUCER_ID,
    }
)
"""What a broker says of an idempotent producer that it will take nothing from any more."""

_silent = logging.getLogger(f"{__name__}.library")
"""It gets what the library would write to stderr; an operator is told in one line."""
_silent.disabled = True


class Kafka(Broker):
    """Implements `gateway.sinks.sink.Sink`; see `Broker`.

    `settings` are librdkafka's, with ``bootstrap.servers``. The topic is there or made by Kafka.
    """

    unavailable = (KafkaException, BufferError)

    def __init__(self, terms: Terms, settings: Mapping[str, str], topic: str) -> None:
        super().__init__(terms)
        self._settings = {**settings, **_SETTINGS}
        self._topic = topic
        self._producer: Producer | None = None
        self._flying: set[asyncio.Future[KafkaError | None]] = set()
        self._waits = asyncio.Event()
        """That records are under way, whose fate is told by polling."""

    @asynccontextmanager
    async def opened(self) -> AsyncGenerator[None]:
        """See `Sink`."""
        polling = asyncio.create_task(self._poll(), name=f"{self.name}: poll")
        try:
            yield
        finally:
            polling.cancel()
            await asyncio.gather(polling, return_exceptions=True)
            await self._drop()

    async def check(self) -> str | None:
        """See `Sink`."""
        try:
            found = await asyncio.to_thread(self._made().list_topics, self._topic, _CHECK_S)
        except KafkaException as error:
            return _reason(error.args[0])
        fault = found.topics[self._topic].error
        return None if fault is None else _reason(fault)

    async def _publish(self, session: str, note: Note) -> None:
        loop = asyncio.get_running_loop()
        told: asyncio.Future[KafkaError | None] = loop.create_future()

        def tell(error: KafkaError | None, record: Message) -> None:
            loop.call_soon_threadsafe(_settle, told, error)

        producer = self._made()
        producer.produce(
            self._topic,
            packed(note.message),
            session.encode(),
            on_delivery=tell,
            headers={"id": note.id.encode(), "type": note.message["type"].encode()},
        )
        self._flying.add(told)
        self._waits.set()
        try:
            error = await told
        finally:
            self._flying.discard(told)
        if error is not None:
            if error.code() in _LOST_PLACE and producer is self._producer:
                await self._drop(error)
            raise KafkaException(error)

    def _made(self) -> Producer:
        if self._producer is None:
            self._producer = Producer(self._settings, logger=_silent)
        return self._producer

    async def _poll(self) -> None:
        while True:
            await self._waits.wait()
            if not self._flying:
                self._waits.clear()
                continue
            try:
                await asyncio.to_thread(self._made().poll, _POLL_S)
            except KafkaException as error:
                # It lost its place for itself, too.
                await self._drop(error.args[0])

    async def _drop(self, error: KafkaError | None = None) -> None:
        """Let the producer go, and what it had under way fail: only a new one can go on."""
        producer, self._producer = self._producer, None
        lost, self._flying = self._flying, set()
        if producer is not None:
            with suppress(KafkaException):
                producer.purge()
                await asyncio.to_thread(producer.flush, _POLL_S)
        for told in lost:
            _settle(told, error)


def _settle(told: "asyncio.Future[KafkaError | None]", error: KafkaError | None) -> None:
    if not told.done():
        told.set_result(error)


def _reason(error: KafkaError) -> str:
    return str(error.str())
