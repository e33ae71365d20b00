"""An exchange of an AMQP 0-9-1 broker, such as RabbitMQ, as a sink: a persistent message of each.

The next one is published once the broker has confirmed the one before.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

import aio_pika
from aio_pika.abc import AbstractConnection, AbstractExchange
from aio_pika.exceptions import (
    CONNECTION_EXCEPTIONS,
    ChannelNotFoundEntity,
    DeliveryError,
    PublishError,
)

from gateway.readers.rendering import Message
from gateway.sinks.broker import Broker, packed
from gateway.sinks.every_call import Terms, reason_of
from gateway.sinks.sink import Note

# It logs a broken connection with its traceback; an operator is told in one line.
logging.getLogger("aiormq").setLevel(logging.CRITICAL)

_ANSWER_S = 15.0
_CLOSING_S = 2.0
_UNAVAILABLE = (*CONNECTION_EXCEPTIONS, TimeoutError)


class _Refused(Exception):
    """The broker did not take a message, but its connection is good."""


class Amqp(Broker):
    """Implements `gateway.sinks.sink.Sink`; see `Broker`.

    `url` is aio-pika's. The exchange is made, durable and of the type topic, where it is missing.
    A message's routing key is its type, with a channel ``<type>.<channel>``.
    """

    unavailable = (_Refused, *_UNAVAILABLE)

    def __init__(self, terms: Terms, url: str, exchange: str) -> None:
        super().__init__(terms)
        self._url = url
        self._name_of_exchange = exchange
        self._connection: AbstractConnection | None = None
        self._exchange: AbstractExchange | None = None
        self._connecting = asyncio.Lock()

    @asynccontextmanager
    async def opened(self) -> AsyncGenerator[None]:
        """See `Sink`."""
        try:
            yield
        finally:
            await self._hang_up(self._exchange)

    async def check(self) -> str | None:
        """See `Sink`."""
        try:
            async with asyncio.timeout(_ANSWER_S):
                await self._reached()
        except _UNAVAILABLE as error:
            return reason_of(error)
        return None

    async def _publish(self, session: str, note: Note) -> None:
        exchange = None
        message = _enveloped(session, note)
        try:
            async with asyncio.timeout(_ANSWER_S):
                exchange = await self._reached()
                key = _routing_key(note.message)
                # A broker confirms also what no queue gets, unless it is mandatory.
                await exchange.publish(message, key, mandatory=True)
        except PublishError:
            where = f"exchange {self._name_of_exchange!r}"
            raise _Refused(f"no queue of {where} gets {key!r}") from None
        except DeliveryError:
            raise _Refused(f"the broker refused {key!r}") from None
        except _UNAVAILABLE:
            await self._hang_up(exchange)
            raise

    async def _reached(self) -> AbstractExchange:
        """Return the exchange, over a connection that is made if there is none."""
        async with self._connecting:
            if self._exchange is None:
                connection = await aio_pika.connect(self._url, timeout=_ANSWER_S)
                try:
                    self._exchange = await self._found(connection)
                except BaseException:
                    await _close(connection)
                    raise
                self._connection = connection
            return self._exchange

    async def _found(self, connection: AbstractConnection) -> AbstractExchange:
        name = self._name_of_exchange
        try:
            channel = await connection.channel(on_return_raises=True)
            # A user with only the right to write may not declare it.
            return await channel.declare_exchange(name, passive=True)
        except ChannelNotFoundEntity:
            channel = await connection.channel(on_return_raises=True)
            kind = aio_pika.ExchangeType.TOPIC
            return await channel.declare_exchange(name, kind, durable=True)

    async def _hang_up(self, exchange: AbstractExchange | None) -> None:
        """Close the connection if it is still the one of this exchange."""
        if self._connection is not None and exchange is self._exchange:
            connection, self._connection, self._exchange = self._connection, None, None
            await _close(connection)


async def _close(connection: AbstractConnection) -> None:
    with suppress(*_UNAVAILABLE):
        async with asyncio.timeout(_CLOSING_S):
            await connection.close()


def _routing_key(message: Message) -> str:
    channel = message.get("channel")
    return message["type"] if channel is None else f"{message['type']}.{channel}"


def _enveloped(session: str, note: Note) -> aio_pika.Message:
    return aio_pika.Message(
        packed(note.message),
        message_id=note.id,
        correlation_id=session,
        type=note.message["type"],
        app_id="callscribe",
        content_type="application/json",
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
    )
