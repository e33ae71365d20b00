"""The course of a proof on a machine whose limit is known."""

from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from callscribe.prove.objective import Objective
from tests.unit.callscribe.prove.conftest import PLAN, KnownMachine, asked, proof

SEARCH = {"ASR_LOAD": "0"}


async def test_two_runs_a_figure_and_more_calls_than_it(told):
    machine = KnownMachine(13, 14)
    outcome = await proof(machine, told).run()
    assert outcome.proved
    assert outcome.limits == [13, 14]
    assert outcome.figure == 11
    assert asked(machine, ASR_LEGS="11") == [11, 15]
    assert outcome.judged == told
    assert [each.phase for each in told][-2:] == ["figure", "surplus"]
    assert all(each.held for each in told[-2:])


async def test_the_first_load_hears_all_that_is_spoken_and_sets_the_word_errors(told):
    machine = KnownMachine(13, 13)
    outcome = await proof(machine, told).run()
    seconds = [each for _, _, each in machine.loads]
    assert seconds[:3] == [60.0, 30.0, 30.0]
    assert set(seconds[-2:]) == {600.0}
    assert outcome.base_wer == 0.05


async def test_a_figure_that_does_not_hold_for_long_is_lowered(told):
    machine = KnownMachine(20, 20, worn=4)
    outcome = await proof(machine, told).run()
    assert outcome.proved
    assert outcome.figure == 16
    assert asked(machine, ASR_LEGS="18") == [18]
    assert asked(machine, ASR_LEGS="16") == [16, 21]


async def test_after_three_figures_nothing_is_proved(told):
    outcome = await proof(KnownMachine(20, 20, worn=15), told).run()
    assert not outcome.proved
    assert [each.trial.calls for each in told if each.phase == "figure"] == [18, 17, 16]


async def test_runs_that_differ_prove_nothing_and_end_the_proof(told):
    outcome = await proof(KnownMachine(20, 12), told).run()
    assert outcome.limits == [20, 12]
    assert not outcome.proved
    assert {each.phase for each in told} == {"run 1", "run 2"}


async def test_only_the_first_load_sets_the_word_errors(told):
    class Unheard(KnownMachine):
        @asynccontextmanager
        async def started(self, **settings):
            async with super().started(**settings) as load:

                async def first_unheard(calls, seconds):
                    found = await load(calls, seconds)
                    wer = None if len(self.loads) == 1 else 0.3
                    return replace(found, measured=replace(found.measured, wer=wer))

                yield first_unheard

    machine = Unheard(13, 13)
    outcome = await proof(machine, told).run()
    assert outcome.base_wer is None
    assert [seconds for _, _, seconds in machine.loads][:2] == [60.0, 30.0]


@pytest.mark.parametrize(("carries", "capped"), [((600, 600), True), ((600, 480), False)])
async def test_a_limit_beyond_what_is_tried_is_not_known(told, carries, capped):
    outcome = await proof(KnownMachine(*carries), told).run()
    assert (outcome.proved, outcome.capped) == (True, capped)
    assert max(outcome.limits) == 500


async def test_a_machine_without_room_for_a_call_ends_the_proof(told):
    outcome = await proof(KnownMachine(0), told).run()
    assert (outcome.limits, outcome.figure, outcome.proved) == ([0], 0, False)


async def test_a_breach_that_may_be_chance_is_tried_again(told):
    for steep, times in ((1.2, 2), (4.0, 1)):
        machine = KnownMachine(3, steep=steep)
        await proof(machine, told, replace(PLAN, runs=1)).run()
        assert asked(machine, **SEARCH).count(4) == times


async def test_several_recognisers_share_the_figure_evenly(told):
    machine = KnownMachine(13, workers=2)
    outcome = await proof(machine, told, replace(PLAN, runs=1, workers=2)).run()
    assert asked(machine, ASR_LEGS="5") == [10, 13]
    assert outcome.figure == 10


async def test_calls_that_are_not_let_in_break_a_search(told):
    class Narrow(KnownMachine):
        def started(self, **settings):
            return super().started(**{"ASR_LEGS": "3"})

    machine = Narrow(100)
    outcome = await proof(machine, told, replace(PLAN, runs=1)).run()
    assert outcome.limits == [3]
    assert "3 of 4 calls up: asr_legs" in [each.text for judged in told for each in judged.breaches]


async def test_a_system_that_refuses_nobody_proves_nothing(told):
    class Open(KnownMachine):
        def started(self, **settings):
            return super().started(ASR_LOAD="0")

    outcome = await proof(Open(100), told, replace(PLAN, runs=1)).run()
    assert not outcome.figure
    surplus = [each for each in told if each.phase == "surplus"]
    assert surplus
    texts = {each.text for each in surplus[0].breaches}
    assert {"none refused", f"{surplus[0].trial.calls} calls let in"} <= texts


def test_the_objective_says_itself_in_words():
    text = str(Objective(final_ms=300, partial_ms=800, wer_points=1.5))
    assert "300 ms" in text
    assert "800 ms" in text
    assert "1.5 points" in text


@pytest.mark.parametrize("runs", [1, 3])
async def test_the_number_of_runs_is_as_asked(told, runs):
    outcome = await proof(KnownMachine(9), told, replace(PLAN, runs=runs)).run()
    assert outcome.limits == [9] * runs
