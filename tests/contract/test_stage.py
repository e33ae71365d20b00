"""What every stage must do so that cutting, batching and dying leave no trace in its output."""

import asyncio
import gc
import itertools
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
import pytest_asyncio

from common.bus import wire
from common.bus.wire import Control
from common.pipeline.record import pack
from common.pipeline.report import WORKER_REPORT, WorkerReport
from common.pipeline.streams import TEXT
from common.stage.api import (
    Recovery,
)
from tests.contract.stage_rigs import (
    AlignRig,
    AsrRig,
    DenoiseRig,
    Output,
    Rig,
    ToyRig,
    VadRig,
    effects_of,
    parts,
)

TORCH = find_spec("torch") is not None
TORCHED = ("vad, torch", "denoise, torch")
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rigs() -> AsyncIterator[Mapping[str, Rig]]:
    vad, denoise = VadRig(), DenoiseRig()
    await vad.start()
    await denoise.start()
    toy = ToyRig()
    await toy.start()
    others: dict[str, Rig] = {"vad, official": VadRig("official")}
    if TORCH:
        others |= {"vad, torch": VadRig("torch"), "denoise, torch": DenoiseRig("torch")}
    for rig in others.values():
        await rig.start()
    heard = await vad.reference()
    spoken = list(heard.offers)
    assert len(spoken) >= 2
    first, last = AsrRig(heard, spoken[0]), AsrRig(heard, spoken[-1])
    await first.start()
    await last.start()
    align = AlignRig(await last.reference())
    await align.start()
    rigs: dict[str, Rig] = {
        **{
            "vad": vad,
            "denoise": denoise,
            "asr": first,
            "asr, last": last,
            "align": align,
            "toy": toy,
        },
        **others,
    }
    yield rigs
    for rig in rigs.values():
        await rig.stage.stop()


NAMES = ("vad", "denoise", "asr", "asr, last", "align", "toy", "vad, official", *TORCHED)
ROUNDING = 2.0**-15
"""One step of a PCM16 sample: a matrix product of more rows may round otherwise."""


def cases(name: str, values: Sequence[Any]) -> pytest.MarkDecorator:
    """Every rig with every value."""
    pairs = [(rig, each) for rig in NAMES for each in values]
    return pytest.mark.parametrize(("rig", name), pairs, indirect=["rig"])


@pytest.fixture(params=NAMES)
def rig(request: pytest.FixtureRequest, rigs: Mapping[str, Rig]) -> Rig:
    return named(rigs, request.param)


def named(rigs: Mapping[str, Rig], name: str) -> Rig:
    """Return a rig; skip the test where its library is not installed."""
    if name in TORCHED and not TORCH:
        pytest.skip("the engine needs PyTorch: make test-vllm has it")
    return rigs[name]


async def test_a_work_item_runs_to_its_end(rig):
    output = await rig.reference()
    assert output.done
    assert output.events or output.audio or output.commits or output.attached


async def test_effects_are_repeatable(rig):
    once, again = await rig.reference(), await rig.run(0, most=5)
    assert once.content() == again.content()
    assert once.audio == again.audio


@cases("cut", [(0, 1), (2, 30), (3, 7), (4, 10_000)])
async def test_any_chunking_gives_the_same_output(rig, cut):
    seed, most = cut
    reference, output = await rig.reference(), await rig.run(seed, most=most)
    assert output.content() == reference.content()
    np.testing.assert_array_equal(output.samples, reference.samples)


async def test_work_items_in_one_step_do_not_touch_each_other(rig):
    reference = await rig.reference()
    dice = random.Random(5)
    states = [rig.open() for _ in range(3)]
    # Out of step: each leg brings another number of entries.
    plans = [
        list(parts(rig.unread(state, rig.log(seed)), dice, 3 + 9 * seed))
        for seed, state in enumerate(states)
    ]
    outputs = [Output() for _ in states]
    for turn in range(max(map(len, plans))):
        here = [i for i, plan in enumerate(plans) if turn < len(plan) and not outputs[i].done]
        work = [(states[i], [entry for _, _, entry in plans[i][turn]]) for i in here]
        for i, outcome in zip(here, await rig.stage.step(work), strict=True):
            effects = await rig.settled(states[i], effects_of(outcome))
            outputs[i].add(effects, rig.stage.spec.output is TEXT)
    for state, output in zip(states, outputs, strict=True):
        rig.stage.close(state)
        assert output.content() == reference.content()
        np.testing.assert_allclose(output.samples, reference.samples, rtol=0, atol=ROUNDING)


async def test_a_work_item_that_fails_harms_no_other_in_its_step(rig):
    if rig.unbearable is None:
        pytest.skip("tested where the stage sees to it")
    reference, output = await rig.reference(), Output()
    good, bad = rig.open(), rig.open()
    for turn, part in enumerate(parts(rig.unread(good, rig.log(0)), random.Random(0), 5)):
        work = [(good, [entry for _, _, entry in part])]
        work += [(bad, [rig.unbearable])] if turn == 1 else []
        outcome, *failed = await rig.stage.step(work)
        assert all(isinstance(each, Exception) for each in failed)
        output.add(effects_of(outcome), by_item=False)
    for state in (good, bad):
        rig.stage.close(state)
    assert output.content() == reference.content()
    np.testing.assert_allclose(output.samples, reference.samples, rtol=0, atol=ROUNDING)


@cases("seed", range(6))
async def test_a_take_over_from_any_snapshot_is_invisible(rig, seed):
    """The owner dies some steps after its last checkpoint, the next one as well."""
    reference = await rig.reference()
    dice = random.Random(100 + seed)
    log = rig.log(seed)
    output, saved = Output(), None
    for last in (False, False, True):
        state = rig.open(Recovery(saved, output.emitted))
        plan = list(parts(rig.unread(state, log), dice, 6))
        checkpoint = dice.randrange(len(plan) + 1)
        death = len(plan) if last else min(checkpoint + dice.randrange(8), len(plan))
        for turn, part in enumerate(plan[:death]):
            if turn == checkpoint:
                saved = checkpointed(rig, state, saved)
            if output.done:
                break
            output.add(await rig.step(state, part), rig.stage.spec.output is TEXT)
        rig.stage.close(state)
        if output.done:
            break
    assert output.content() == reference.content()
    np.testing.assert_array_equal(output.samples, reference.samples)


@pytest.mark.parametrize(
    "owners", [("vad", "vad, official"), ("vad", "vad, torch"), ("denoise", "denoise, torch")]
)
async def test_owners_with_other_engines_take_over_from_each_other(rigs, owners):
    engines = [named(rigs, name) for name in owners]
    reference = await engines[0].reference()
    log, dice = engines[0].log(3), random.Random(3)
    output, saved = Output(), None
    for rig in itertools.cycle(engines):
        state = rig.open(Recovery(saved, output.emitted))
        # What is done after the checkpoint is done again, by the other engine.
        for part in list(parts(rig.unread(state, log), dice, 6))[:9]:
            if output.done:
                break
            output.add(await rig.step(state, part), by_item=False)
            saved = checkpointed(rig, state, saved) if dice.random() < 0.6 else saved
        rig.stage.close(state)
        if output.done:
            break
    assert output.content() == reference.content()
    np.testing.assert_allclose(output.samples, reference.samples, rtol=0, atol=ROUNDING)


@cases("control", range(8))
async def test_a_take_over_right_at_a_control_neither_loses_nor_repeats_it(rig, control):
    """A checkpoint before each control and after it, and a death before and after it was read."""
    reference = await rig.reference()
    log = rig.log(0)
    here = [i for i, (_, _, entry) in enumerate(log) if isinstance(entry, Control)][control]
    cases = [(here, here + 1), (here + 1, here + 1), (here, here)]
    for checkpoint, death in cases:
        state, output, saved = rig.open(), Output(), None
        unread = rig.unread(state, log)
        for each in log[:death]:
            if each in unread and not output.done:
                output.add(await rig.step(state, [each]), rig.stage.spec.output is TEXT)
            if each is log[checkpoint - 1]:
                saved = checkpointed(rig, state, saved)
        rig.stage.close(state)
        if not output.done:
            state = rig.open(Recovery(saved, output.emitted))
            for each in rig.unread(state, log):
                if not output.done:
                    output.add(await rig.step(state, [each]), rig.stage.spec.output is TEXT)
            rig.stage.close(state)
        assert output.content() == reference.content()
        np.testing.assert_array_equal(output.samples, reference.samples)


def checkpointed(rig: Rig, state: Any, before: bytes | None) -> bytes | None:
    """Return the state as a new owner reads it; a stage without checkpoints keeps none."""
    rig.stage.collect([state])
    snapshot = rig.stage.snapshot(state)
    return before if snapshot is None else snapshot.state


async def test_a_snapshot_keeps_what_it_needs_and_lets_go_of_the_rest(rig):
    state, output = rig.open(), Output()
    unread = rig.unread(state, rig.log(0))
    floors = []
    for part in parts(unread, random.Random(0), 10):
        output.add(await rig.step(state, part), rig.stage.spec.output is TEXT)
        if output.done or (snapshot := rig.stage.snapshot(state)) is None:
            break
        floors.append(min([snapshot.floor, *snapshot.pins.values()]))
        (cursor,) = rig.stage.inputs(rig.open(Recovery(snapshot.state, output.emitted))).values()
        assert snapshot.floor <= wire.id_halves(cursor)[0]
        if snapshot.pins:
            rig.stage.committed(state, max(snapshot.pins))
            assert not rig.stage.snapshot(state).pins
    rig.stage.close(state)
    assert floors == sorted(floors), "what was given up is not asked for again"
    if floors:
        assert floors[-1] > 0


async def test_a_closed_work_item_is_freed(rig):
    def alive() -> int:
        gc.collect()
        return sum(type(each) is kind for each in gc.get_objects())

    state = rig.open()
    kind = type(state)
    before = alive()
    await rig.stage.step([(state, [entry for _, _, entry in rig.unread(state, rig.log(0))[:120]])])
    rig.stage.close(state)
    del state
    while alive() >= before:
        await asyncio.sleep(0.01)  # a decode that was cancelled lets go a little later


async def test_what_a_stage_says_of_its_load_fits_into_a_report(rig):
    before = rig.stage.load()
    await rig.reference()
    await rig.run(0, most=7)
    after = rig.stage.load()
    report = WorkerReport(at=1.0, slots=1, used=1, lag=0.0, load=after)
    assert WORKER_REPORT.unpack(pack(report)) == report
    # What has been done so far only grows: readers take the difference.
    for each in ("audio", "work"):
        assert not hasattr(after, each) or getattr(after, each) > getattr(before, each)
