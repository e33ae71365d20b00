"""A short recording of the real stack: its calls, and what a real Prometheus says of them."""

import shutil
from itertools import pairwise

import pytest
import uvloop

from bench.scaler import live, sites
from bench.scaler.load import ramp
from bench.scaler.traffic import Replay

LOAD = ramp(4, 12, rest_s=9, rise_s=6, top_s=6, fall_s=2, end_s=2)


@pytest.mark.skipif(shutil.which("prometheus") is None, reason="there is no Prometheus")
@pytest.mark.timeout(120)
def test_prometheus_sees_the_recorded_calls():
    made = uvloop.run(live.record(LOAD, sites.RECORDED, scrape_s=1, look_s=1, warm_up_s=6))
    assert made.seconds == LOAD.seconds - 6
    assert all(0 <= start <= end <= made.seconds for start, end in made.calls)
    assert made.peak >= 8

    for name in ("gateway units", "vad units", "asr units"):
        answers = [each for each in made.answers[name] if each is not None]
        assert len(answers) == len(made.answers[name]) >= made.seconds
        seen = max(answers) - made.buffers[name.split()[0]]
        assert 8 <= seen <= made.peak
        assert any(before < now for before, now in pairwise(answers))
    assert all((each or 0) > 0 for each in made.answers["vad lag"])
    first, *new = Replay(made).calls()
    assert len(first) + sum(map(len, new)) == len(made.calls)
