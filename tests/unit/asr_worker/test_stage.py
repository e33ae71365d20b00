"""What the ASR stage counts, and what it survives; else see tests/contract/test_stage.py."""

import asyncio
import time
from dataclasses import replace
from functools import partial

import pytest
from prometheus_client import CollectorRegistry

from asr_worker import watchdog
from asr_worker.api import EngineDead, Hypothesis, Priority, Usage
from asr_worker.settings import AsrSettings
from asr_worker.stage import AsrStage
from asr_worker.utterance import POISONED
from common.bus.keys import Leg
from common.bus.wire import NOTHING, Chunk, StreamId
from common.options import SessionOptions
from common.pipeline.partial import PartialText
from common.pipeline.record import pack
from common.pipeline.speech import Ended, Paused, Resumed, SpeechEntry
from common.pipeline.work import UtteranceWork
from common.stage.api import Assignment, DeadLetter, Done, Recovery
from common.telemetry.metrics import AsrMetrics

WORK = UtteranceWork(
    utterance=1,
    source="audio",
    start=0,
    gateway="gw",
    options=SessionOptions(),
    live=True,
)
FRESH = Recovery(None, NOTHING)


class StandIn:
    """Answers with what it was made with."""

    name = "stand-in"
    isolated = False
    in_clauses = False
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
    woken: asyncio.Queue[int] = asyncio.Queue()
    await stage.start()
    assignment = Assignment("s.0/1", Leg("s", 0), WORK, b"1-0", 1)
    state = stage.open(assignment, FRESH, partial(woken.put_nowait, 1))
    await stage.step([(state, [Chunk(16_000, bytes(32_000))])])
    await woken.get()
    tokens = [
        registry.get_sample_value("callscribe_decode_tokens_total", {"kind": kind})
        for kind in ("prompt", "cached", "generated")
    ]
    assert tokens == counted
    priority = {"priority": "first_partial"}
    assert registry.get_sample_value("callscribe_decode_seconds_count", priority) == 1
    stage.close(state)
    await stage.stop()


async def test_a_new_owner_continues_the_text_that_was_shown_as_stable():
    stage, woken = await started(StandIn(None))
    shown = PartialText(0, 9_000, "good day hello", len("good day"), "English")
    one = assignment(1, epoch=2)
    recovery = Recovery(pack(shown), NOTHING)
    state = stage.open(one, recovery, partial(woken.put_nowait, 1))
    await stage.step([(state, [Chunk(16_000, bytes(32_000)), ENDED])])
    await woken.get()
    ((final, _),) = await stage.step([(state, [])])
    assert final.item.text == "good day"
    await stage.stop()


@pytest.mark.parametrize(("given", "reported"), [(None, 0), (12, 12)])
def test_it_reports_what_it_was_proved_to_carry(given, reported):
    settings = AsrSettings(asr_legs=given)
    stage = AsrStage(settings, StandIn(None), AsrMetrics.build(CollectorRegistry()))
    assert stage.load().legs == reported


ENDED = SpeechEntry(StreamId(16_000, 0), (Ended(1, 0, 16_000, 16_000, "silence"),))


class Dying(StandIn):
    """Dies at its first decode; isolated."""

    isolated = True
    in_clauses = False

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
    woken: asyncio.Queue[int] = asyncio.Queue()
    await stage.start()
    return stage, woken


def opened(stage, one, woken):
    return stage.open(one, FRESH, partial(woken.put_nowait, one.work.utterance))


def assignment(number, epoch=1):
    work = replace(WORK, utterance=number)
    return Assignment(f"s.0/{number}", Leg("s", 0), work, b"%d-0" % number, epoch)


async def test_a_mistake_over_one_utterance_costs_that_one_alone():
    stage, woken = await started(StandIn(None))
    bad, good = (opened(stage, assignment(number), woken) for number in (1, 2))
    resumed = SpeechEntry(StreamId(1, 0), (Resumed(1, 1),))
    audio = Chunk(16_000, bytes(32_000))
    assert await stage.step([(bad, [audio, resumed]), (good, [audio, resumed])]) == [[], []]
    ended = SpeechEntry(StreamId(2, 0), (Ended(1, 0, 16_000, 16_000, "flush"),))
    ((letter, final, done),) = await stage.step([(bad, [ended])])
    assert letter == DeadLetter("Misuse: resumed: the utterance at 0 is OPEN", bytes(32_000))
    assert (final.item.failed, final.item.reason) == (True, "flush")
    assert done == Done()
    await woken.get()
    for state in (bad, good):
        stage.close(state)
    await stage.stop()


@pytest.mark.parametrize(
    ("epoch", "seconds", "counted"), [(1, 1, 1), (3, 1, 0), (2, 1, 1), (1, 20, 0)]
)
async def test_finals_count_that_a_live_caller_waits_for(epoch, seconds, counted):
    """Not those of candidates, nor of recordings that are sent faster than they are spoken."""
    stage, woken = await started(StandIn(None))
    state = opened(stage, assignment(1, epoch), woken)
    state.utterance.candidate = epoch == 3
    audio = Chunk(16_000 * seconds, bytes(32_000 * seconds))
    await stage.step([(state, [audio, ENDED])])
    effects: list[object] = []
    while not effects:
        await woken.get()
        (effects,) = await stage.step([(state, [])])
    assert stage.load().ends == counted
    stage.close(state)
    await stage.stop()


async def test_a_final_that_another_worker_makes_is_not_awaited():
    stage, woken = await started(StandIn(None))
    state = opened(stage, assignment(1), woken)
    await stage.step([(state, [Chunk(16_000, bytes(32_000)), ENDED])])
    stage.close(state)
    assert (stage.load().ends, stage.load().overdue) == (0, 0)
    await stage.stop()


async def test_a_work_item_that_cannot_be_opened_has_a_failed_final():
    stage, _ = await started(StandIn(None))
    (final,) = stage.give_up(Assignment("s.0/7", Leg("s", 0), None, b"1-0", 3))
    assert (final.number, final.item.failed) == (7, True)
    await stage.stop()


async def test_the_end_of_the_engine_ends_the_worker_after_the_verdict():
    stage, woken = await started(Dying())
    candidate = opened(stage, assignment(1, epoch=3), woken)
    other = opened(stage, assignment(2), woken)
    audio = Chunk(16_000, bytes(32_000))
    assert await stage.step([(candidate, [audio, ENDED])]) == [[]]
    watching = asyncio.create_task(stage.watch())
    assert await woken.get() == 1
    # Whoever else is told of the end meanwhile does not forestall the verdict.
    assert await stage.step([(other, [audio])]) == [[]]
    assert await woken.get() == 2
    assert await stage.step([(other, [])]) == [[]]
    assert not watching.done()
    ((letter, final, done),) = await stage.step([(candidate, [])])
    assert letter == DeadLetter("decoded alone: gone", bytes(32_000))
    assert (final.item.failed, final.item.trouble) == (True, POISONED)
    assert done == Done()
    stage.close(candidate)
    with pytest.raises(EngineDead):
        await watching
    stage.close(other)
    await stage.stop()


async def test_the_end_of_the_engine_without_a_candidate_ends_the_worker_at_once():
    stage, woken = await started(Dying())
    state = opened(stage, assignment(1), woken)
    await stage.step([(state, [Chunk(16_000, bytes(32_000)), ENDED])])
    await woken.get()
    with pytest.raises(EngineDead):
        await stage.step([(state, [])])
    with pytest.raises(EngineDead):
        await stage.watch()
    stage.close(state)
    await stage.stop()


async def test_a_final_says_where_and_when_it_was_decoded():
    before = time.time()
    stage, woken = await started(StandIn(None))
    state = opened(stage, replace(assignment(1), owner="me"), woken)
    await stage.step([(state, [Chunk(16_000, bytes(32_000)), ENDED])])
    await woken.get()
    ((commit, _),) = await stage.step([(state, [])])
    decoding = commit.item.decoding
    assert decoding.worker == "me"
    assert before - 0.01 <= decoding.begun <= decoding.ended <= time.time() + 0.01
    stage.close(state)
    await stage.stop()


class Waiting(StandIn):
    """Answers with how many seconds it was given, once it may; `in_clauses` as it is told."""

    isolated = True

    def __init__(self, *, in_clauses):
        super().__init__(None)
        self.in_clauses = in_clauses
        self.may = asyncio.Event()

    async def decode(self, request):
        if request.utterance != "probe":
            await self.may.wait()
        return Hypothesis(str(len(request.audio) // 16_000), "English")


@pytest.mark.parametrize("isolated", [True, False])
async def test_an_engine_that_hangs_ends_the_worker_if_it_is_isolated(monkeypatch, isolated):
    """In this process it cannot hang apart; on a busy processor it would only seem to."""
    monkeypatch.setattr(watchdog, "_LOOK_S", 0.001)
    monkeypatch.setattr(watchdog, "_LEAST", 0.01)
    monkeypatch.setattr(watchdog, "_PER_SECOND", 0.01)
    engine = Waiting(in_clauses=False)
    engine.isolated = isolated
    stage, woken = await started(engine)
    state = opened(stage, assignment(1), woken)
    await stage.step([(state, [Chunk(16_000, bytes(32_000)), ENDED])])
    watching = asyncio.create_task(stage.watch())
    done, _ = await asyncio.wait({watching}, timeout=None if isolated else 0.1)
    assert bool(done) == isolated
    if isolated:
        assert isinstance(watching.exception(), EngineDead)
    watching.cancel()
    stage.close(state)
    await stage.stop()


def spoken_until(seconds):
    return Chunk(16_000 * seconds, bytes(32_000 * seconds))


def happened(event):
    return SpeechEntry(StreamId(event.at, 0), (event,))


LATE = happened(Ended(1, 0, 160_000, 160_000, "flush"))


@pytest.mark.parametrize(("in_clauses", "text"), [(True, "7 3"), (False, "10")])
async def test_an_engine_is_given_clauses_if_it_wants_them(in_clauses, text):
    engine = Waiting(in_clauses=in_clauses)
    engine.may.set()
    stage, woken = await started(engine)
    state = opened(stage, assignment(1), woken)
    pause = happened(Paused(1, 0, 112_000, 115_200))
    rest = [happened(Resumed(1, 120_000)), spoken_until(10)]
    await stage.step([(state, [spoken_until(8), pause])])
    await woken.get()
    await stage.step([(state, [*rest, LATE])])
    await woken.get()
    ((final, done),) = await stage.step([(state, [])])
    assert (final.item.text, done) == (text, Done())
    stage.close(state)
    await stage.stop()


async def test_a_clause_is_counted_as_urgent_as_it_became():
    engine = Waiting(in_clauses=True)
    registry = CollectorRegistry()
    stage = AsrStage(AsrSettings(), engine, AsrMetrics.build(registry))
    woken: asyncio.Queue[int] = asyncio.Queue()
    await stage.start()
    state = opened(stage, assignment(1), woken)
    pause = happened(Paused(1, 0, 112_000, 115_200))
    await stage.step([(state, [spoken_until(8), pause])])
    await asyncio.sleep(0)
    await stage.step([(state, [happened(Resumed(1, 120_000))])])
    engine.may.set()
    await woken.get()
    for name in ("callscribe_decode_seconds_count", "callscribe_decode_wait_seconds_count"):
        assert registry.get_sample_value(name, {"priority": "clause"}) == 1
    stage.close(state)
    await stage.stop()


@pytest.mark.parametrize("live", [True, False])
async def test_a_clause_is_live_if_all_before_its_end_came_as_it_was_spoken(live):
    engine = Waiting(in_clauses=True)
    stage, woken = await started(engine)
    state = opened(stage, assignment(1), woken)
    # 8 s were spoken so far: enough for the last clause of 10 s, too few for all of it.
    state.began = time.monotonic() - (10 if live else 8)
    pause = happened(Paused(1, 0, 112_000, 115_200))
    resumed = happened(Resumed(1, 120_000))
    await stage.step([(state, [spoken_until(8), pause, resumed, spoken_until(10), LATE])])
    await asyncio.sleep(0)
    assert stage._dispatcher._places.running[0].live
    engine.may.set()
    await woken.get()
    engine.may.clear()
    await stage.step([(state, [])])
    await asyncio.sleep(0)
    assert stage._dispatcher._places.running[0].live is live
    stage.close(state)
    await stage.stop()


async def test_a_decode_for_a_pause_that_was_none_lets_finals_pass():
    engine = Waiting(in_clauses=True)
    stage, woken = await started(engine)
    states = [opened(stage, assignment(number), woken) for number in (1, 2)]
    await stage.step([(states[0], [spoken_until(1), ENDED])])
    pause = happened(Paused(2, 0, 112_000, 115_200))
    await stage.step([(states[1], [spoken_until(8), pause])])
    await asyncio.sleep(0)
    assert stage._dispatcher.waiting == {Priority.FINAL: 1}
    await stage.step([(states[1], [happened(Resumed(2, 120_000))])])
    assert stage._dispatcher.waiting == {Priority.CLAUSE: 1}
    engine.may.set()
    for state in states:
        stage.close(state)
    await stage.stop()
