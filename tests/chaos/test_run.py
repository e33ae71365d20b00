"""The chaos suite in short: a few calls, a few faults, nothing lost, in sinks neither."""

import pytest

from tests.chaos.experiment import Setup, run
from tests.chaos.plan import RECEIVERS
from tests.chaos.report import report
from tests.chaos.scripts import NATIVE
from tests.chaos.sinks.receivers import missing


@pytest.mark.timeout(300)
async def test_nothing_is_lost_in_a_short_chaos():
    setup = Setup(
        faults=15,
        seed=7,
        calls=4,
        every=1.5,
        scripts=4,
        seconds=(6.0, 14.0),
        paces=(3.0,),
        denoise=False,
        patience=60.0,
        receivers=("archive", "webhook"),
    )
    await nothing_is_lost(setup)


@pytest.mark.timeout(400)
async def test_nothing_is_lost_while_numpy_and_torch_take_over_from_each_other():
    pytest.importorskip("torch", reason="the engine needs PyTorch: make test-vllm has it")
    setup = Setup(
        faults=12,
        seed=11,
        calls=4,
        scripts=4,
        seconds=(6.0, 14.0),
        protocols=NATIVE,
        only=("vad", "denoise"),
        paces=(3.0,),
        engine="torch",
        patience=60.0,
    )
    await nothing_is_lost(setup)


@pytest.mark.nightly
@pytest.mark.timeout(1800)
async def test_all_kinds_of_sinks_have_it_until_all_is_erased():
    lacking = missing()
    there = tuple(name for name in RECEIVERS if name not in lacking)
    await nothing_is_lost(Setup(faults=100, seed=7, calls=8, receivers=there, proofs=True))


async def nothing_is_lost(setup: Setup) -> None:
    results = await run(setup)
    print(*report(results), sep="\n")
    assert results.good
    assert len(results.history) == setup.faults
    assert len(results.calls) >= setup.calls
