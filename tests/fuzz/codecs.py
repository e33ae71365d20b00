"""Codecs under mutated dialogues: only `ClientError`, valid messages, and no growth."""

import sys
from collections import deque
from collections.abc import Iterable, Sequence
from itertools import count

from hypothesis import given, seed

from common.options import SessionOptions
from gateway.protocols.api import ClientError, Codec, Message, Protocol, Request, Transport
from gateway.protocols.commands import Command, Flush, Say
from gateway.protocols.events import Event, Final, Partial
from tests.fuzz.strategies import dialogues, endless
from tests.integration.protocols.clients import CLIENTS, WIDE

REPEATS = 20
MOST_BYTES = 1 << 20
"""Bytes that a codec may hold, however long its client speaks."""


def fuzz(protocol: Protocol, inputs: int, from_seed: int) -> int:
    """Feed so many dialogues to codecs of a protocol; return how many messages they had."""
    fed = 0

    @seed(from_seed)
    @endless(max_examples=inputs)
    @given(messages=dialogues(protocol.name))
    def one(messages: Sequence[Message]) -> None:
        nonlocal fed
        codec = _codec(protocol)
        numbers = count(1)
        for _ in range(REPEATS):
            for message in messages:
                fed += 1
                _feed(codec, protocol, message, numbers)
        held = size(codec)
        assert held < MOST_BYTES, f"{protocol.name} holds {held} bytes"

    one()
    return fed


def _codec(protocol: Protocol) -> Codec:
    client = CLIENTS[protocol.name]
    sound = WIDE if WIDE in client.formats else client.formats[0]
    asked = {name: [str(value)] for name, value in client.query("", sound).items()}
    codec = protocol.build(SessionOptions(), Request(protocol.path, query=asked))
    codec.connected()
    return codec


def _feed(codec: Codec, protocol: Protocol, message: Message, numbers: Iterable[int]) -> None:
    if isinstance(message, str):
        if protocol.transport is Transport.TCP:
            return
        # A WebSocket carries no surrogates: the connection refuses them before the codec.
        message = message.encode(errors="replace").decode()
    try:
        commands = (
            codec.receive_text(message)
            if isinstance(message, str)
            else codec.receive_binary(message)
        )
    except ClientError as error:
        _check(codec.render(error.event, 1.5), protocol)
        code, reason = codec.closing(error.close_code or 1000, error.code)
        assert 1000 <= code < 5000
        assert len(reason.encode()) <= 123
        return
    for command in commands:
        for event in _answers(command, next(iter(numbers))):
            _check(codec.render(event, 1.5), protocol)


def _answers(command: Command, number: int) -> Sequence[Event]:
    """Return what a call tells after a command; every flush is answered."""
    at = number * 1_600
    match command:
        case Say(messages):
            assert all(messages)
        case Flush():
            return [
                Final(
                    channel=0,
                    utterance=number,
                    seq=number,
                    start=at,
                    end=at + 800,
                    at=at + 800,
                    text="hi",
                    language=None,
                    words=None,
                    reason="flush",
                )
            ]
        case _:
            return [Partial(0, number, at, at + 800, "h", 1, None)]
    return ()


def _check(messages: Sequence[Message], protocol: Protocol) -> None:
    for message in messages:
        assert message
        if isinstance(message, str):
            assert protocol.transport is Transport.WEBSOCKET
            assert message.encode()


def size(thing: object, known: set[int] | None = None) -> int:
    """Return about how many bytes an object holds, with all that it refers to."""
    known = set() if known is None else known
    if id(thing) in known or isinstance(thing, type):
        return 0
    known.add(id(thing))
    inner: list[object] = []
    match thing:
        case dict():
            inner = [*thing.keys(), *thing.values()]
        case list() | tuple() | set() | frozenset() | deque():
            inner = [*thing]
    if not callable(thing):
        inner += [*vars(thing).values()] if hasattr(thing, "__dict__") else []
        slots = (name for kind in type(thing).__mro__ for name in getattr(kind, "__slots__", ()))
        inner += [getattr(thing, name) for name in slots if hasattr(thing, name)]
    return sys.getsizeof(thing) + sum(size(each, known) for each in inner)
