"""The decode queue: order, bound, cancellation, load, engine failure. The engine is a fake."""

import asyncio
from dataclasses import asdict
from functools import partial

import pytest

from asr_worker.api import (
    DecodeFailed,
    DecodeRequest,
    EngineDead,
    Hypothesis,
    Priority,
)
from asr_worker.dispatch import Dispatcher, Dropped
from asr_worker.moonshine.pieces import is_audible
from common.audio import SAMPLE_RATE
from common.errors import AtCapacity, Misuse
from tests.unit.asr_worker.gated import GatedEngine, request, until


async def test_finals_overtake_first_partials_overtake_refreshes(engine, dispatcher, submit):
    submit("running")
    await until(lambda: engine.began)
    submit("refresh 1")
    submit("final 1", Priority.FINAL)
    submit("first", Priority.FIRST_PARTIAL)
    submit("final 2", Priority.FINAL)
    await until(lambda: dispatcher.waiting.total() == 4)
    assert dispatcher.waiting[Priority.FINAL] == 2
    for _ in range(4):
        engine.finish(engine.began[-1])
        await until(lambda: engine.gates)
    assert engine.began == ["running", "final 1", "final 2", "first", "refresh 1"]


async def test_as_many_run_as_the_engine_can_use(clock):
    engine = GatedEngine(concurrency=3)
    dispatcher = Dispatcher(engine, bound=9, patience=0.5, clock=clock)
    tasks = [
        asyncio.create_task(dispatcher.decode(request(str(n), Priority.REFRESH))) for n in range(5)
    ]
    await until(lambda: len(engine.began) == 3 and dispatcher.waiting.total() == 2)
    assert dispatcher.in_flight == 3
    engine.finish("1")
    await until(lambda: engine.began == ["0", "1", "2", "3"])
    assert (await tasks[1]).hypothesis == Hypothesis("1")
    await dispatcher.close()
    assert {type(r) for r in await asyncio.gather(*tasks[2:], return_exceptions=True)} == {
        asyncio.CancelledError
    }
    with pytest.raises(Misuse):
        await dispatcher.decode(request("late", Priority.FINAL))


async def test_time_waited_and_time_decoding_are_told_apart(engine, dispatcher, submit, clock):
    submit("before")
    await until(lambda: engine.began)
    task = asyncio.create_task(dispatcher.decode(request("a", Priority.REFRESH)))
    await until(lambda: dispatcher.waiting.total() == 1)
    clock.now += 2.0
    engine.finish("before")
    await until(lambda: "a" in engine.gates)
    clock.now += 0.25
    engine.finish("a")
    decoded = await task
    assert (decoded.waited, decoded.took) == (2.0, 0.25)


async def test_beyond_the_bound_the_youngest_refresh_is_turned_away_and_counted(
    engine, dispatcher, submit
):
    submit("running")
    await until(lambda: engine.began)
    oldest, younger = submit("oldest"), submit("younger")
    await until(lambda: dispatcher.waiting.total() == 2)
    with pytest.raises(Dropped, match="refresh turned away"):
        await submit("youngest")
    first = submit("first", Priority.FIRST_PARTIAL)
    with pytest.raises(Dropped):
        await younger
    finals = [submit(f"final {n}", Priority.FINAL) for n in range(5)]
    await until(lambda: dispatcher.waiting.total() == 7)
    assert not any(task.done() for task in [oldest, first, *finals])
    assert dispatcher.dropped == {Priority.REFRESH: 2}


async def test_cancelling_while_waiting_leaves_the_queue(engine, dispatcher, submit):
    submit("running")
    await until(lambda: engine.began)
    waiting = submit("waiting")
    await until(lambda: dispatcher.waiting.total() == 1)
    waiting.cancel()
    await until(waiting.done)
    assert dispatcher.waiting.total() == 0
    assert dispatcher.in_flight == 1


async def test_cancelling_a_running_decode_gives_its_place_on(engine, dispatcher, submit):
    running, following = submit("running"), submit("following")
    await until(lambda: engine.began)
    running.cancel()
    await until(lambda: engine.began == ["running", "following"])
    engine.finish("following")
    assert await following == "following"


async def test_a_place_the_engine_holds_on_to_stays_taken(engine, dispatcher, submit):
    engine.linger.clear()
    running, following = submit("running"), submit("following")
    await until(lambda: engine.began)
    running.cancel()
    await until(running.done)
    assert dispatcher.in_flight == 1
    assert engine.began == ["running"]
    engine.linger.set()
    await until(lambda: engine.began == ["running", "following"])
    engine.finish("following")
    assert await following == "following"


async def test_a_failed_decode_concerns_its_utterance_only(engine, dispatcher, submit):
    failing, following = submit("failing"), submit("following")
    await until(lambda: "failing" in engine.gates)
    engine.gates["failing"].set_exception(DecodeFailed("no"))
    with pytest.raises(DecodeFailed):
        await failing
    await until(lambda: "following" in engine.gates)
    engine.finish("following")
    assert await following == "following"


async def test_a_dead_engine_is_dead_for_everyone(engine, dispatcher, submit):
    running, waiting = submit("running"), submit("waiting", Priority.FINAL)
    await until(lambda: engine.began)
    await until(lambda: dispatcher.waiting.total() == 1)
    engine.gates[engine.began[0]].set_exception(EngineDead("gone"))
    for task in (running, waiting, submit("later")):
        with pytest.raises(EngineDead):
            await task
    assert len(engine.began) == 1


async def test_load_follows_the_expected_wait_smoothly_and_recovers(
    engine, dispatcher, submit, clock
):
    assert dispatcher.load() == 1.0
    submit("a")
    await until(lambda: engine.began)
    clock.now += 0.25
    engine.finish("a")  # decodes take 0.25 s from now on
    await until(lambda: dispatcher.in_flight == 0)
    running = submit("b")
    await until(lambda: "b" in engine.gates)
    submit("c")
    await until(lambda: dispatcher.waiting.total() == 1)
    assert dispatcher.load() == 1.0  # a queue of no duration is no load
    clock.now += 1.0
    rising = dispatcher.load()
    clock.now += 60.0
    assert 1.0 < rising < dispatcher.load() == pytest.approx(3.0)  # 1 + 4 x 0.25 s of wait / 0.5 s
    running.cancel()
    await until(lambda: dispatcher.waiting.total() == 0)
    clock.now += 60.0
    assert dispatcher.load() == pytest.approx(1.0)


class FullEngine(GatedEngine):
    """Has no place for so many requests, then for all."""

    def __init__(self, refusals: int) -> None:
        super().__init__()
        self.refusals = refusals

    async def decode(self, request: DecodeRequest) -> Hypothesis:
        if self.refusals:
            self.refusals -= 1
            raise AtCapacity("queue full", reason="engine", retry_after=0.0)
        return Hypothesis(request.utterance)


async def test_a_partial_is_turned_away_when_the_engines_own_queue_is_full(clock):
    dispatcher = Dispatcher(FullEngine(refusals=1), bound=2, patience=0.5, clock=clock)
    with pytest.raises(Dropped, match="queue full"):
        await dispatcher.decode(request("partial", Priority.REFRESH))
    assert dispatcher.dropped[Priority.REFRESH] == 1
    await dispatcher.close()


async def test_a_final_waits_until_the_engine_takes_it(clock):
    dispatcher = Dispatcher(FullEngine(refusals=3), bound=2, patience=0.5, clock=clock)
    decoded = await dispatcher.decode(request("final", Priority.FINAL))
    assert decoded.hypothesis.text == "final"
    assert not dispatcher.dropped
    await dispatcher.close()


async def test_finals_of_live_calls_go_before_those_of_recordings(engine, dispatcher):
    tasks = [asyncio.create_task(dispatcher.decode(request("running", Priority.FINAL)))]
    await until(lambda: engine.began)
    waiting = [
        ("partial", Priority.FIRST_PARTIAL, True),
        ("recording", Priority.FINAL, False),
        ("live", Priority.FINAL, True),
    ]
    for name, priority, live in waiting:
        tasks.append(asyncio.create_task(dispatcher.decode(request(name, priority), live=live)))
    await until(lambda: dispatcher.waiting.total() == 3)
    for _ in range(4):
        engine.finish(engine.began[-1])
        await until(lambda: engine.gates or all(task.done() for task in tasks))
    assert engine.began == ["running", "live", "recording", "partial"]
    await asyncio.gather(*tasks)


async def test_a_short_final_passes_a_long_one_that_came_a_little_earlier(
    engine, dispatcher, submit, clock
):
    submit("running")
    await until(lambda: engine.began)
    submit("long", Priority.FINAL, seconds=25.0)
    await until(lambda: dispatcher.waiting.total() == 1)
    clock.now += 0.4
    submit("short", Priority.FINAL, seconds=2.0)
    await until(lambda: dispatcher.waiting.total() == 2)
    clock.now += 0.2
    submit("late", Priority.FINAL, seconds=2.0)
    await until(lambda: dispatcher.waiting.total() == 3)
    for _ in range(3):
        engine.finish(engine.began[-1])
        await until(lambda: engine.gates)
    assert engine.began == ["running", "short", "long", "late"]


async def test_what_nobody_waits_for_yet_lets_others_pass(engine, dispatcher, submit):
    submit("running")
    await until(lambda: engine.began)
    submit("tentative", Priority.FINAL, spare=0.4)
    await until(lambda: dispatcher.waiting.total() == 1)
    submit("final", Priority.FINAL)
    await until(lambda: dispatcher.waiting.total() == 2)
    for _ in range(2):
        engine.finish(engine.began[-1])
        await until(lambda: engine.gates)
    assert engine.began == ["running", "final", "tentative"]


async def test_what_becomes_urgent_while_it_waits_passes_others(engine, dispatcher, submit):
    submit("running")
    await until(lambda: engine.began)
    clause = request("clause", Priority.CLAUSE)
    waiting = asyncio.create_task(dispatcher.decode(clause))
    submit("final", Priority.FINAL, seconds=3)
    await until(lambda: dispatcher.waiting.total() == 2)
    dispatcher.prioritise(clause, Priority.FINAL)
    engine.finish("running")
    await until(lambda: len(engine.began) == 2)
    assert engine.began[-1] == "clause"
    engine.finish("clause")
    assert (await waiting).hypothesis.text == "clause"


async def test_a_clause_is_no_partial_that_could_be_turned_away(engine, dispatcher, submit):
    submit("running")
    await until(lambda: engine.began)
    clauses = [submit(f"clause {number}", Priority.CLAUSE) for number in range(4)]
    await until(lambda: dispatcher.waiting[Priority.CLAUSE] == 4)
    assert not any(clause.done() for clause in clauses)
    submit("refresh")
    submit("first", Priority.FIRST_PARTIAL)
    submit("final", Priority.FINAL)
    order = ["running", "final", "first", *(f"clause {n}" for n in range(4)), "refresh"]
    for begun, name in enumerate(order, start=1):
        await until(partial(engine.gates.__contains__, name))
        assert len(engine.began) == begun
        engine.finish(name)


async def test_what_is_not_needed_any_more_can_be_turned_away(engine, dispatcher, submit):
    submit("running")
    await until(lambda: engine.began)
    demoted = request("demoted", Priority.FINAL)
    waiting = asyncio.create_task(dispatcher.decode(demoted))
    submit("first")
    submit("second")
    await until(lambda: dispatcher.waiting.total() == 3)
    dispatcher.prioritise(demoted, Priority.REFRESH)
    assert dispatcher.waiting == {Priority.REFRESH: 2}
    assert dispatcher.dropped[Priority.REFRESH] == 1
    waiting.cancel()


async def test_the_report_counts_what_finals_need_and_of_partials_only_their_places(
    engine, dispatcher, submit, clock
):
    submit("partial")
    await until(lambda: engine.began)
    task = submit("final", Priority.FINAL)
    await until(lambda: dispatcher.waiting.total() == 1)
    clock.now += 2.0
    assert asdict(dispatcher.report()) == {
        **{"places": 1, "occupied": 2.0, "work": 0.0, "decode": 0.0},
        **{"ends": 0, "late": 0, "overdue": 0, "legs": 0, "voices": False},
    }
    engine.finish("partial")
    await until(lambda: "final" in engine.gates)
    clock.now += 0.5
    engine.finish("final")
    await task
    assert asdict(dispatcher.report()) == {
        **{"places": 1, "occupied": 2.5, "work": 0.5, "decode": 0.5},
        **{"ends": 0, "late": 0, "overdue": 0, "legs": 0, "voices": False},
    }


async def test_a_recordings_final_is_no_load_to_others(engine, dispatcher, clock):
    final = request("recording", Priority.FINAL)
    task = asyncio.create_task(dispatcher.decode(final, live=False))
    await until(lambda: engine.began)
    clock.now += 60.0
    engine.finish("recording")
    await task
    assert (dispatcher.report().work, dispatcher.report().occupied) == (0.0, 0.0)


async def test_a_final_that_is_given_up_was_work_all_the_same(engine, dispatcher, submit, clock):
    task = submit("final", Priority.FINAL)
    await until(lambda: engine.began)
    clock.now += 0.5
    task.cancel()
    await until(lambda: dispatcher.in_flight == 0)
    assert dispatcher.report().work == 0.5
    assert dispatcher.report().decode == 0.0


async def test_what_a_final_costs_is_known_before_the_first_call(engine, clock):
    dispatcher = Dispatcher(engine, bound=2, patience=0.5, clock=clock, speech=2.3)
    calibrating = asyncio.create_task(dispatcher.calibrate())
    for took in (0.75, 0.25, 0.5):
        await until(lambda: engine.gates)
        clock.now += took
        engine.finish("probe")
    await calibrating
    cost = dispatcher.report().decode
    assert cost == pytest.approx(2.3 * 0.25), "speech costs more than noise, and other work nothing"
    await dispatcher.close()


async def test_the_cost_is_measured_with_a_sound_that_is_heard(clock):
    class Listening(GatedEngine):
        async def decode(self, request):
            self.heard = request
            return Hypothesis("")

    engine = Listening()
    await Dispatcher(engine, bound=2, patience=0.5, clock=clock).calibrate()
    assert (len(engine.heard.audio), engine.heard.final) == (4 * SAMPLE_RATE, True)
    assert is_audible(engine.heard.audio)
    assert engine.heard.language == "en", "most finals need not find it"


async def test_an_answer_has_the_priority_that_its_decode_had_last(engine, dispatcher):
    clause = request("clause", Priority.CLAUSE)
    task = asyncio.create_task(dispatcher.decode(clause))
    await until(lambda: engine.began)
    dispatcher.prioritise(clause, Priority.FINAL)
    engine.finish("clause")
    assert (await task).priority is Priority.FINAL


async def test_a_drop_has_the_priority_that_its_decode_had_last(engine, dispatcher, submit):
    submit("running")
    await until(lambda: engine.began)
    waiting = request("tentative", Priority.FINAL)
    task = asyncio.create_task(dispatcher.decode(waiting))
    partials = [submit("partial", Priority.FIRST_PARTIAL) for _ in range(2)]
    await until(lambda: dispatcher.waiting.total() == 3)
    dispatcher.prioritise(waiting, Priority.REFRESH)
    with pytest.raises(Dropped) as dropped:
        await task
    assert dropped.value.priority is Priority.REFRESH
    assert dispatcher.dropped == {Priority.REFRESH: 1}
    assert not any(each.done() for each in partials)


async def test_an_engine_that_hears_nothing_in_silence_can_start(engine, dispatcher):
    calibrating = asyncio.create_task(dispatcher.calibrate())
    await until(lambda: engine.gates)
    engine.gates["probe"].set_exception(DecodeFailed("silence"))
    await calibrating
    assert dispatcher.report().decode == 0.0
