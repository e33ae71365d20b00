"""The chaos suite in short: a few calls, a few faults, nothing lost."""

import pytest

from tests.chaos.experiment import Setup, run
from tests.chaos.report import report


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
    )
    results = await run(setup)
    print(*report(results), sep="\n")
    assert results.good
    assert len(results.history) == 15
    assert len(results.calls) >= 4
