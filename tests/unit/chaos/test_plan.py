from collections import Counter
from itertools import pairwise

import pytest

from tests.chaos.plan import TROUBLES, plan, troubles


def test_the_seed_is_the_plan():
    assert plan(7, 50, every=1.5) == plan(7, 50, every=1.5)
    assert plan(7, 50, every=1.5) != plan(8, 50, every=1.5)


def test_a_longer_plan_begins_as_the_shorter():
    assert plan(7, 50, every=1.5)[:20] == plan(7, 20, every=1.5)


@pytest.mark.parametrize("seed", range(5))
def test_everything_happens_and_never_too_much_at_once(seed: int):
    faults = plan(seed, 500, every=1.0)
    assert Counter(fault.kind for fault in faults).keys() == TROUBLES.keys()
    assert all(a.at < b.at for a, b in pairwise(faults))
    for fault in faults:
        trouble = TROUBLES[fault.kind]
        assert trouble.least <= fault.lasts <= trouble.most
        unmended = [f for f in faults if f.at <= fault.at < f.mended]
        assert len(unmended) <= 3


def test_what_is_not_named_does_not_happen():
    faults = plan(7, 300, every=1.0, kinds=troubles("vad", "redis.kill"))
    assert {f.kind for f in faults} == {"vad.kill", "vad.end", "vad.pause", "redis.kill"}


def test_names_of_troubles():
    assert troubles() == list(TROUBLES)
    with pytest.raises(
        ValueError, match=r"redis\.flood: no such trouble; there are: .*redis\.full"
    ):
        troubles("redis.flood")
