"""A message that was answered is gone, without waiting for the garbage collector."""

import gc
import json
import weakref
from collections.abc import Iterator

import pytest

from gateway.protocols.api import ClientError
from tests.unit.gateway.stand_ins import CONFIG, Table, quiet


class Text(str):
    """A message that can be watched."""


@pytest.fixture(autouse=True)
def uncollected() -> Iterator[None]:
    """Collect no cycles: with the gateway's thresholds that is seldom, whatever they hold."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize(
    "message",
    [
        "[" * 200_000,
        '{"type": "config", "keywords": ' + "[" * 100_000 + "]" * 100_000 + "}",
        json.dumps({"type": "config", "keywords": ["k"] * 10_000}),
        json.dumps({"type": "config", "encoding": "pcm16", "context": "x" * 20_000}),
        json.dumps({"type": "no such", "content": "x" * 100_000}),
    ],
    ids=["no-json", "bomb", "too-many", "too-long", "unknown"],
)
@pytest.mark.parametrize("opened", [False, True])
async def test_a_message_that_is_refused_is_not_kept(message, opened):
    table = Table()
    if opened:
        await table.open(CONFIG)
    watched = Text(message)
    gone = weakref.ref(watched)
    table.conversation.receive(watched)
    del watched
    await quiet()
    assert gone() is None


async def test_nor_is_audio_that_is_none():
    table = Table()
    await table.open(json.dumps({"type": "config", "encoding": "float32"}))
    kept = gc.get_objects()
    before = sum(isinstance(each, ClientError) for each in kept)
    del kept
    for _ in range(20):
        table.conversation.receive(b"\xff" * 400_000)
    await quiet()
    after = sum(isinstance(each, ClientError) for each in gc.get_objects())
    assert after - before <= 1
