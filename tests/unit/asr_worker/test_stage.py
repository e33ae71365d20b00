"""What the ASR stage counts, and what it survives; else see tests/contract/test_stage.py."""

import asyncio

import pytest
from prometheus_client import CollectorRegistry

from asr_worker.api import EngineDead, Hypothesis, Usage
from asr_worker.settings import AsrSettings
from asr_worker.stage import AsrStage
from asr_worker.utterance import POISONED
from common.bus.keys import Leg
from common.bus.wire import NOTHING, Chunk, Happening, Mark
from common.options import SessionOptions
from common.stage.api import Claim, DeadLetter, Done, Recovery
from common.telemetry.metrics import AsrMetrics

BODY = {
    **{"utterance": 1, "source": "audio", "start": 0, "after": b"0-0", "gateway": "gw"},
    **{"options": SessionOptions().to_wire(), "align": False},
}


class StandIn:
    """Answers with what it was made with."""

    name = "stand-in"
    isolated = False
    concurrency = 1

    def __init__(self, usage):
        self.usage = usage

    async def start(self):
        pass

    async def decode(self, request):
        return Hypothesis("hello", "English", usage=self.usage)

    async def watch(self):
        await asyncio.Event().wait()

    async def close(self):
        pass


@pytest.mark.parametrize(
    ("usage", "counted"),
    [(Usage(prompt=90, cached=64, generated=5), [90, 64, 5]), (None, [None] * 3)],
)
async def test_the_tokens_of_a_decode_are_counted_where_the_engine_counts_them(usage, counted):
    registry = CollectorRegistry()
    stage = AsrStage(AsrSettings(), StandIn(usage), AsrMetrics.build(registry))
    woken: asyncio.Queue[object] = asyncio.Queue()
    await stage.start(woken.put_nowait)
    claim = Claim("s.0/1", Leg("s", 0), BODY, b"1-0", 1)
    state = stage.open(claim, Recovery(None, NOTHING))
    await stage.step([(state, [Chunk(16_000, bytes(32_000))])])
    assert await woken.get() is state
    tokens = [
        registry.get_sample_value("callscribe_decode_tokens_total", {"kind": kind})
        for kind in ("prompt", "cached", "generated")
    ]
    assert tokens == counted
    priority = {"priority": "first_partial"}
    assert registry.get_sample_value("callscribe_decode_seconds_count", priority) == 1
    stage.close(state)
    await stage.stop()


ENDED = Happening(
    b"1-2",
    Mark(16_000, 0),
    ({"t": "ended", "utterance": 1, "end": 16_000, "at": 16_000, "reason": "silence"},),
)


class Dying(StandIn):
    """Dies at its first decode; isolated."""

    isolated = True

    def __init__(self):
        super().__init__(None)
        self.died = asyncio.Event()

    async def decode(self, request):
        if request.utterance == "probe":
            return Hypothesis("")
        self.died.set()
        raise EngineDead("gone")

    async def watch(self):
        await self.died.wait()
        raise EngineDead("gone")


async def started(engine):
    stage = AsrStage(AsrSettings(), engine, AsrMetrics.build(CollectorRegistry()))
    woken: asyncio.Queue[object] = asyncio.Queue()
    await stage.start(woken.put_nowait)
    return stage, woken


def claim(number, epoch=1):
    body = BODY | {"utterance": number}
    return Claim(f"s.0/{number}", Leg("s", 0), body, b"%d-0" % number, epoch)


async def test_a_mistake_over_one_utterance_costs_that_one_alone():
    stage, woken = await started(StandIn(None))
    bad, good = (stage.open(claim(number), Recovery(None, NOTHING)) for number in (1, 2))
    resumed = Happening(b"1-2", Mark(1, 0), ({"t": "resumed", "utterance": 1},))
    audio = Chunk(16_000, bytes(32_000))
    given_up, nothing = await stage.step([(bad, [audio, resumed]), (good, [audio, resumed])])
    letter, final, done = given_up
    assert letter == DeadLetter("Misuse: resumed: the utterance at 0 is OPEN", bytes(32_000))
    assert final.body["failed"]
    assert done == Done()
    assert nothing == []
    assert await woken.get() in (bad, good)
    for state in (bad, good):
        stage.close(state)
    await stage.stop()


async def test_a_claim_that_cannot_be_opened_has_a_failed_final():
    stage, _ = await started(StandIn(None))
    (final,) = stage.give_up(Claim("s.0/7", Leg("s", 0), {}, b"1-0", 3))
    assert (final.number, final.body["failed"]) == (7, True)
    await stage.stop()


async def test_the_end_of_the_engine_ends_the_worker_after_the_verdict():
    stage, woken = await started(Dying())
    suspect = stage.open(claim(1, epoch=3), Recovery(None, NOTHING))
    other = stage.open(claim(2), Recovery(None, NOTHING))
    audio = Chunk(16_000, bytes(32_000))
    assert await stage.step([(suspect, [audio, ENDED])]) == [[]]
    watching = asyncio.create_task(stage.watch())
    assert await woken.get() is suspect
    # Whoever else is told of the end meanwhile does not forestall the verdict.
    assert await stage.step([(other, [audio])]) == [[]]
    assert await woken.get() is other
    assert await stage.step([(other, [])]) == [[]]
    assert not watching.done()
    ((letter, final, done),) = await stage.step([(suspect, [])])
    assert letter == DeadLetter("decoded alone: gone", bytes(32_000))
    assert (final.body["failed"], final.body["trouble"]) == (True, POISONED)
    assert done == Done()
    stage.close(suspect)
    with pytest.raises(EngineDead):
        await watching
    stage.close(other)
    await stage.stop()


async def test_the_end_of_the_engine_without_a_suspect_ends_the_worker_at_once():
    stage, woken = await started(Dying())
    state = stage.open(claim(1), Recovery(None, NOTHING))
    await stage.step([(state, [Chunk(16_000, bytes(32_000)), ENDED])])
    await woken.get()
    with pytest.raises(EngineDead):
        await stage.step([(state, [])])
    with pytest.raises(EngineDead):
        await stage.watch()
    stage.close(state)
    await stage.stop()
