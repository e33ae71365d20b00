import asyncio
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from asr_worker import watchdog
from asr_worker.align import stage as module
from asr_worker.align.alignment import Trouble
from asr_worker.align.settings import AlignSettings
from asr_worker.align.stage import AlignStage
from asr_worker.api import DecodeFailed, EngineDead, Word
from common.bus.keys import Leg
from common.bus.wire import NOTHING, Chunk
from common.errors import AtCapacity
from common.pipeline.text import TimedWord, Words
from common.pipeline.work import TextWork
from common.stage.api import Assignment, Done, Recovery
from common.telemetry.metrics import AlignMetrics

WORK = TextWork(
    utterance=3,
    digest="d1",
    source="clean",
    start=16_000,
    end=32_000,
    text="Good day.",
    language="English",
    gateway="gw",
)
AUDIO = Chunk(40_000, bytes(2 * 40_000))


class StandIn:
    """Answers when told to, with what it is told."""

    def __init__(self):
        self.asked = []
        self.closed = False

    async def start(self):
        pass

    async def align(self, name, audio, units):
        answer = asyncio.get_running_loop().create_future()
        self.asked.append((name, audio, [unit.text for unit in units], answer))
        return await answer

    async def watch(self):
        await asyncio.Event().wait()

    async def close(self):
        self.closed = True


class Rig:
    def __init__(self):
        self.aligner = StandIn()
        self.registry = CollectorRegistry()
        metrics = AlignMetrics.build(self.registry)
        self.stage = AlignStage(AlignSettings(), self.aligner, metrics)
        self.woken: asyncio.Queue[None] = asyncio.Queue()

    async def open(self, **changed):
        await self.stage.start()
        assignment = Assignment("s.0/3/d1", Leg("s", 0), replace(WORK, **changed), b"1-0", 1)
        return self.stage.open(
            assignment, Recovery(None, NOTHING), partial(self.woken.put_nowait, None)
        )

    async def step(self, state, *entries):
        (effects,) = await self.stage.step([(state, entries)])
        return effects

    async def asked(self, state):
        """Bring the text to the aligner; return the answer it waits for."""
        assert await self.step(state, AUDIO) == []
        await asyncio.sleep(0)
        return self.aligner.asked[-1][-1]

    def counted(self, reason):
        """Return how many texts were answered without words for this reason, and for any."""
        name = "callscribe_align_without_words_total"
        values = {
            sample.labels["reason"]: sample.value
            for family in self.registry.collect()
            for sample in family.samples
            if sample.name == name
        }
        return values.get(reason, 0), sum(values.values())


@pytest.fixture
async def rig():
    return Rig()


def body(effects):
    attach, done = effects
    assert isinstance(done, Done)
    assert (attach.number, attach.digest, attach.notify) == (3, "d1", "gw")
    return attach.words


async def test_audio_in_words_out(rig):
    state = await rig.open()
    assert rig.stage.spec.fences_of("s.0/3/d1") == ["align:3"]
    assert rig.stage.inputs(state) == {"clean": b"16000-18446744073709551615"}
    assert await rig.step(state) == []
    assert await rig.step(state, Chunk(20_000, bytes(2 * 5_000))) == []
    answer = await rig.asked(state)
    name, audio, units, _ = rig.aligner.asked[0]
    assert (name, audio.shape, audio.dtype, units) == (
        *("s.0/3/d1", (16_000,), np.float32),
        ["Good", "day"],
    )
    assert await rig.step(state, AUDIO) == []
    answer.set_result((Word("Good", 0.0, 0.5, 1.0), Word("day.", 0.5, 1.0, 0.25)))
    await rig.woken.get()
    assert body(await rig.step(state)) == Words(
        (TimedWord("Good", 16_000, 24_000, 1.0), TimedWord("day.", 24_000, 32_000, 0.25))
    )
    assert len(rig.aligner.asked) == 1
    assert rig.registry.get_sample_value("callscribe_align_seconds_count") == 1
    assert rig.counted("failed") == (0, 0)
    rig.stage.close(state)
    await rig.stage.stop()
    assert rig.aligner.closed


async def test_audio_that_is_gone_is_said_at_once(rig):
    state = await rig.open()
    effects = await rig.step(state, Chunk(40_000, bytes(2 * 20_000)))
    assert body(effects) == Words(None, Trouble.AUDIO_GONE.value)
    assert rig.counted("audio_gone") == (1, 1)
    rig.stage.close(state)


async def test_audio_that_does_not_come_is_given_up(rig, monkeypatch):
    monkeypatch.setattr(module, "_PATIENCE", 0.01)
    state = await rig.open()
    assert await rig.step(state) == []
    await rig.woken.get()
    assert body(await rig.step(state)) == Words(None, Trouble.AUDIO_GONE.value)
    rig.stage.close(state)


async def test_as_long_as_audio_comes_it_is_waited_for(rig, monkeypatch):
    monkeypatch.setattr(module, "_PATIENCE", 0.01)
    state = await rig.open()
    await rig.woken.get()
    assert await rig.step(state, Chunk(20_000, bytes(2 * 5_000))) == []
    await rig.woken.get()
    await rig.asked(state)
    rig.stage.close(state)


async def test_an_aligner_that_hangs_ends_the_worker(rig, monkeypatch):
    monkeypatch.setattr(watchdog, "_LOOK_S", 0.001)
    monkeypatch.setattr(watchdog, "_LEAST", 0.01)
    monkeypatch.setattr(watchdog, "_PER_SECOND", 0.01)
    state = await rig.open()
    await rig.asked(state)
    with pytest.raises(EngineDead, match="no answer in"):
        await rig.stage.watch()
    rig.stage.close(state)


async def test_a_text_without_words_asks_nobody(rig):
    state = await rig.open(text="?!")
    assert body(await rig.step(state)) == Words(None, Trouble.NOTHING_SPOKEN.value)
    rig.stage.close(state)


@pytest.mark.parametrize(
    ("error", "trouble"),
    [
        (DecodeFailed("no"), Trouble.FAILED),
        (AtCapacity("full", reason="engine", retry_after=1), Trouble.FULL),
        (RuntimeError("bug"), Trouble.FAILED),
    ],
)
async def test_a_failure_takes_nothing_but_its_own_words(rig, error, trouble):
    state = await rig.open()
    (await rig.asked(state)).set_exception(error)
    await rig.woken.get()
    assert body(await rig.step(state)) == Words(None, trouble.value)
    assert rig.counted(trouble.name.lower()) == (1, 1)
    rig.stage.close(state)


async def test_a_dead_engine_ends_the_process(rig):
    state = await rig.open()
    (await rig.asked(state)).set_exception(EngineDead("dead"))
    await rig.woken.get()
    with pytest.raises(EngineDead):
        await rig.step(state)
    rig.stage.close(state)


async def test_closing_abandons_the_request(rig):
    state = await rig.open()
    answer = await rig.asked(state)
    rig.stage.close(state)
    await asyncio.wait([state.request])
    assert answer.cancelled()
    assert state.request.cancelled()
    await asyncio.sleep(0)
    assert rig.woken.empty()
