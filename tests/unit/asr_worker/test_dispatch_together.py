"""The decode queue before an engine for which several decodes together are cheaper."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from asr_worker.api import (
    Between,
    DecodeRequest,
    EngineDead,
    EngineError,
    Hypothesis,
    LanguageUnsupported,
    Priority,
)
from asr_worker.dispatch import Dispatcher, Dropped
from tests.unit.asr_worker.gated import GatedEngine, request, until


class TogetherEngine(GatedEngine):
    """Decodes up to three together; a shared place is a gate by the names joined with `+`."""

    together = 3

    def likeness(self, request: DecodeRequest) -> str:
        return request.context

    async def decode_together(
        self, requests: Sequence[DecodeRequest], between: Between | None = None
    ) -> Sequence[Hypothesis | EngineError]:
        utterance = "+".join(request.utterance for request in requests)
        await self.decode(DecodeRequest(utterance=utterance, audio=FEW, priority=Priority.FINAL))
        return [
            LanguageUnsupported("Klingon") if r.utterance == "bad" else Hypothesis(r.utterance)
            for r in requests
        ]


FEW = np.zeros(1, np.float32)


class TestTogether:
    """An engine for which decodes together are cheaper."""

    @pytest.fixture
    def engine(self) -> TogetherEngine:
        return TogetherEngine()

    async def test_what_waits_shares_a_place_finals_with_finals(self, engine, dispatcher, submit):
        submit("running")
        await until(lambda: engine.began)
        for number in range(2):
            submit(f"refresh {number}")
        for number in range(4):
            submit(f"final {number}", Priority.FINAL)
        await until(lambda: dispatcher.waiting.total() == 6)
        for _ in range(3):
            engine.finish(engine.began[-1])
            await until(lambda: engine.gates)
        assert engine.began[1:] == ["final 0+final 1+final 2", "final 3", "refresh 0+refresh 1"]
        assert dispatcher.in_flight == 1

    async def test_live_finals_share_with_none_of_recordings(self, engine, dispatcher, submit):
        submit("running")
        await until(lambda: engine.began)
        for name, live in (("recording", False), ("a", True), ("b", True)):
            final = request(name, Priority.FINAL)
            waiting = asyncio.create_task(dispatcher.decode(final, live=live))
            waiting.add_done_callback(lambda task: task.cancelled() or task.exception())
        await until(lambda: dispatcher.waiting.total() == 3)
        for _ in range(2):
            engine.finish(engine.began[-1])
            await until(lambda: engine.gates)
        assert engine.began[1:] == ["a+b", "recording"]

    async def test_nothing_shares_while_there_is_a_place_for_each(self, clock):
        engine = TogetherEngine(concurrency=2)
        dispatcher = Dispatcher(engine, bound=9, patience=0.5, clock=clock)
        tasks = [
            asyncio.create_task(dispatcher.decode(request(name, Priority.FINAL)))
            for name in ("a", "b")
        ]
        await until(lambda: len(engine.began) == 2)
        assert engine.began == ["a", "b"]
        await dispatcher.close()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def test_one_may_fail_and_one_be_given_up_without_the_others(
        self, engine, dispatcher, submit
    ):
        submit("running")
        await until(lambda: engine.began)
        bad, gone, good = (submit(name) for name in ("bad", "gone", "good"))
        await until(
            lambda: dispatcher.waiting.total() == 2
        )  # the youngest of three is beyond bound
        engine.finish("running")
        await until(lambda: engine.gates)
        gone.cancel()
        await until(gone.done)
        engine.finish("bad+gone")
        with pytest.raises(LanguageUnsupported):
            await bad
        with pytest.raises(Dropped):
            await good

    async def test_given_up_by_all_the_place_is_free(self, engine, dispatcher, submit):
        submit("running")
        await until(lambda: engine.began)
        pair = [submit(name) for name in ("a", "b")]
        await until(lambda: dispatcher.waiting.total() == 2)
        engine.finish("running")
        await until(lambda: engine.gates)
        for task in pair:
            task.cancel()
        await until(lambda: dispatcher.in_flight == 0)

    async def test_finals_together_are_one_places_work(self, engine, dispatcher, submit, clock):
        submit("running", Priority.FINAL)
        await until(lambda: engine.began)
        pair = [submit(name, Priority.FINAL) for name in ("a", "b")]
        await until(lambda: dispatcher.waiting.total() == 2)
        engine.finish("running")
        await until(lambda: engine.gates)
        clock.now += 3.0
        engine.finish("a+b")
        assert [await task for task in pair] == ["a", "b"]
        assert dispatcher.report().work == pytest.approx(3.0)

    async def test_only_what_is_alike_shares_a_place(self, engine, dispatcher, submit):
        submit("running")
        await until(lambda: engine.began)
        for number, likeness in enumerate(["short", "long", "short"]):
            submit(f"{number}", Priority.FINAL, likeness=likeness)
        await until(lambda: dispatcher.waiting.total() == 3)
        for _ in range(2):
            engine.finish(engine.began[-1])
            await until(lambda: engine.gates)
        assert engine.began[1:] == ["0+2", "1"]

    async def test_a_place_is_shared_for_half_a_minute_of_audio(self, engine, dispatcher, submit):
        submit("running")
        await until(lambda: engine.began)
        for number in range(3):
            submit(f"{number}", Priority.FINAL, seconds=14.0)
        await until(lambda: dispatcher.waiting.total() == 3)
        for _ in range(2):
            engine.finish(engine.began[-1])
            await until(lambda: engine.gates)
        assert engine.began[1:] == ["0+1", "2"]


class SteppedEngine(TogetherEngine):
    """Every decode has two steps, each a gate; the second one's name ends with a star."""

    together = 1

    async def decode_together(
        self, requests: Sequence[DecodeRequest], between: Between | None = None
    ) -> Sequence[Hypothesis | EngineError]:
        (first,) = requests
        assert between is not None
        await super().decode_together(requests)
        await between()
        await super().decode_together([replace(first, utterance=first.utterance + "*")])
        return [Hypothesis(first.utterance)]


async def begun(engine: GatedEngine, step: str) -> None:
    await until(lambda: step in engine.gates)


async def finish(engine: GatedEngine, *steps: str) -> None:
    """End each step once it has begun."""
    for step in steps:
        await begun(engine, step)
        engine.finish(step)


class TestSteps:
    """An engine that can let others pass between two steps."""

    @pytest.fixture
    def engine(self) -> SteppedEngine:
        return SteppedEngine()

    async def test_a_final_waits_for_a_step_of_a_partial_only(
        self, engine, dispatcher, submit, clock
    ):
        partial = submit("partial")
        await until(lambda: engine.began)
        final = submit("final", Priority.FINAL)
        await until(lambda: dispatcher.waiting.total() == 1)
        clock.now += 1.25
        await finish(engine, "partial")
        for step in ("final", "final*"):
            await begun(engine, step)
            assert dispatcher.in_flight == 1
            clock.now += 0.25
            engine.finish(step)
        assert await final == "final"
        await until(lambda: "partial*" in engine.gates)
        clock.now += 0.5
        engine.finish("partial*")
        assert await partial == "partial"
        assert engine.began == ["partial", "final", "final*", "partial*"]
        load = dispatcher.report()
        assert (load.occupied, load.work) == (2.25, 0.5)

    async def test_it_keeps_its_place_from_what_comes_after_it(self, engine, dispatcher, submit):
        first = submit("first", Priority.FINAL)
        await until(lambda: engine.began)
        submit("second", Priority.FINAL)
        await until(lambda: dispatcher.waiting.total() == 1)
        engine.finish("first")
        await until(lambda: engine.gates)
        engine.finish("first*")
        assert await first == "first"

    async def test_one_that_is_given_up_while_it_rests_never_goes_on(
        self, engine, dispatcher, submit
    ):
        partial, final = await self._rested(engine, dispatcher, submit)
        partial.cancel()
        await until(partial.done)
        await finish(engine, "final", "final*")
        assert await final == "final"
        await until(lambda: dispatcher.in_flight == 0)
        assert "partial*" not in engine.began

    async def test_closing_ends_what_rests(self, engine, dispatcher, submit):
        partial, final = await self._rested(engine, dispatcher, submit)
        await dispatcher.close()
        results = await asyncio.gather(partial, final, return_exceptions=True)
        assert [type(each) for each in results] == [asyncio.CancelledError] * 2

    async def test_a_dead_engine_is_dead_for_what_rests(self, engine, dispatcher, submit):
        partial, final = await self._rested(engine, dispatcher, submit)
        engine.gates["final"].set_exception(EngineDead("gone"))
        with pytest.raises(EngineDead):
            await final
        await until(lambda: "partial*" in engine.gates)
        engine.gates["partial*"].set_exception(EngineDead("gone"))
        with pytest.raises(EngineDead):
            await partial

    async def test_what_is_to_be_alone_waits_for_what_rests(self, engine, dispatcher, submit):
        partial, final = await self._rested(engine, dispatcher, submit)
        candidate = request("candidate", Priority.FINAL)
        alone = asyncio.create_task(dispatcher.decode(candidate, alone=60.0))
        await until(lambda: dispatcher.waiting.total() == 1)
        await finish(engine, "final", "final*", "partial*", "candidate", "candidate*")
        assert (await partial, await final) == ("partial", "final")
        assert (await alone).hypothesis.text == "candidate"

    async def _rested(self, engine, dispatcher, submit) -> "tuple[asyncio.Task[str], ...]":
        """Return a partial that gave its place back, and the final that has it."""
        partial = submit("partial")
        await until(lambda: engine.began)
        final = submit("final", Priority.FINAL)
        await until(lambda: dispatcher.waiting.total() == 1)
        engine.finish("partial")
        await until(lambda: "final" in engine.gates)
        return partial, final
