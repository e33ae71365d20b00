"""The decode queue before an engine for which several decodes together are cheaper."""

import asyncio
from collections.abc import Sequence

import numpy as np
import pytest

from asr_worker.api import DecodeRequest, EngineError, Hypothesis, LanguageUnsupported, Priority
from asr_worker.dispatch import Dispatcher, Dropped
from tests.unit.asr_worker.gated import GatedEngine, request, until


class TogetherEngine(GatedEngine):
    """Decodes up to three together; a shared place is a gate by the names joined with `+`."""

    together = 3

    async def decode_together(
        self, requests: Sequence[DecodeRequest]
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
        assert dispatcher.vitals()["work"] == pytest.approx(3.0)
